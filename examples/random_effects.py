"""A regression with a random intercept per group, of a table of pandas'.

Changed: ``scipy.optimize`` and ``scipy.stats``.
"""

import numpy as np
import pandas as pd

from chainrule.scipy.optimize import minimize
from chainrule.scipy.stats import norm


def negative_log_posterior(p, frame):
    groups = frame["group"].to_numpy()
    mean = frame[["a", "b"]] @ p["slopes"] + p["intercepts"][groups]
    noise, spread = np.exp(p["log_noise"]), np.exp(p["log_spread"])
    return -(
        np.sum(norm.logpdf(frame["y"], mean, noise))
        + np.sum(norm.logpdf(p["intercepts"], 0.0, spread))
        + norm.logpdf(p["log_spread"], 0.0, 1.0)
    )


def problem():
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(6), 20)
    frame = pd.DataFrame(rng.normal(size=(120, 2)), columns=["a", "b"])
    frame["group"] = groups
    true = rng.normal(0.0, 0.7, 6)
    noise = 0.3 * rng.normal(size=120)
    frame["y"] = 1.5 * frame["a"] - 0.5 * frame["b"] + true[groups] + noise
    start = {
        "slopes": np.zeros(2), "intercepts": np.zeros(6),
        "log_noise": 0.0, "log_spread": 0.0,
    }  # fmt: skip
    return lambda p: negative_log_posterior(p, frame), start


def main():
    found = minimize(*problem(), method="BFGS")
    print(
        f"slopes {found.x['slopes'].round(3)}, noise {np.exp(found.x['log_noise']):.3f}"
    )
    return found


if __name__ == "__main__":
    main()
