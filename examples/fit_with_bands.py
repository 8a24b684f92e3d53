"""Enzyme kinetics: a curve is fitted, and drawn with the bands of what is not known.

Changed: ``from scipy.optimize import curve_fit``.
"""

import numpy as np

import chainrule as gd
from chainrule.scipy.optimize import confidence_band, curve_fit


def velocity(substrate, fastest, half):
    """Michaelis and Menten's law."""
    return fastest * substrate / (half + substrate)


def drawn(path, substrate, seen, points, bands):
    """Draw the data, the curve and its bands to a file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    labels = "a new observation", "the curve"
    for band, label, shade in zip(bands, labels, (0.15, 0.35), strict=True):
        axes.fill_between(
            points, band.lower, band.upper, color="C0", alpha=shade, lw=0, label=label
        )
    axes.plot(points, bands[0].curve, color="C0")
    axes.plot(substrate, seen, "k.", label="data")
    axes.set(xlabel="substrate", ylabel="velocity", title="95 % bands")
    axes.legend(frameon=False)
    figure.savefig(path)


def main(picture=None):
    rng = np.random.default_rng(2)
    substrate = np.repeat([0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0], 3)
    seen = velocity(substrate, 2.0, 0.7) + 0.08 * rng.normal(size=substrate.size)
    freedom = seen.size - 2
    for kind in ("jacobian", "hessian", "sandwich"):
        best, covariance = curve_fit(velocity, substrate, seen, covariance=kind)
        errors = np.sqrt(np.diag(covariance))
        print(f"{kind:9} fastest {best[0]:.3f} +- {errors[0]:.3f}, ", end="")
        print(f"half {best[1]:.3f} +- {errors[1]:.3f}")

    best, covariance = curve_fit(velocity, substrate, seen, covariance="hessian")
    scatter = np.sqrt(np.sum((seen - velocity(substrate, *best)) ** 2) / freedom)
    points = np.linspace(0.05, 8.0, 100)
    bands = [
        confidence_band(
            velocity, points, best, covariance, freedom=freedom, sigma=sigma
        )
        for sigma in (scatter, None)
    ]
    slope = gd.propagate(lambda p: p[0] / p[1], best, covariance, order=2)
    error = slope.standard_errors()
    print(f"slope at no substrate {slope.value:.2f} +- {error:.2f}, ", end="")
    print(f"expected {slope.mean:.2f}")
    if picture is not None:
        drawn(picture, substrate, seen, points, bands)
        print(f"drawn to {picture}")
    return best, bands


if __name__ == "__main__":
    main("fit_with_bands.png")
