"""Rates of an epidemic, from counts of the ill, through SciPy's ODE solver.

Changed: ``scipy.integrate`` and ``scipy.optimize``. The fit is made twice, by the exact
derivative of the solver's steps and by the adjoint equation.
"""

import numpy as np

from chainrule.scipy.integrate import solve_ivp
from chainrule.scipy.optimize import least_squares


def spread(t, y, p):
    infection, recovery, waning = p
    well, ill = y
    new = infection * well * ill
    return [waning * (1.0 - well - ill) - new, new - recovery * ill]


DAYS = np.linspace(2.0, 60.0, 30)
TRUE = np.array([0.6, 0.2, 0.02])


def simulated(p, derivative="steps"):
    found = solve_ivp(
        spread,
        (0.0, 60.0),
        [0.99, 0.01],
        t_eval=DAYS,
        args=(p,),
        rtol=1e-6,
        atol=1e-9,
        derivative=derivative,
    )
    return found.y[1]


def observed():
    rng = np.random.default_rng(7)
    return simulated(TRUE) * (1.0 + 0.02 * rng.normal(size=DAYS.size))


def main():
    seen, start = observed(), np.array([0.4, 0.1, 0.01])
    found = {}
    for derivative in ("steps", "adjoint"):

        def residuals(p, derivative=derivative):
            return simulated(p, derivative) / seen - 1.0

        fit = least_squares(residuals, start, bounds=(0.0, 2.0))
        errors = fit.standard_errors()
        print(f"{derivative}: rates {fit.x.round(4)} +- {errors.round(4)} of {TRUE}")
        found[derivative] = fit
    return found


if __name__ == "__main__":
    main()
