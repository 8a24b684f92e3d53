"""The Greeks of European options, by the price formula alone.

Changed: ``from scipy.stats import norm``.
"""

import numpy as np

import chainrule as gd
from chainrule.scipy.stats import norm


def call(spot, strike, years, rate, volatility):
    d1 = np.log(spot / strike) + (rate + volatility**2 / 2) * years
    d1 = d1 / (volatility * np.sqrt(years))
    d2 = d1 - volatility * np.sqrt(years)
    return spot * norm.cdf(d1) - strike * np.exp(-rate * years) * norm.cdf(d2)


TERMS = (100.0, 105.0, 0.5, 0.02, 0.25)


def problem():
    return lambda terms: call(*terms), np.array(TERMS)


def main():
    price, slopes = gd.value_and_grad(call, (0, 2, 3, 4))(*TERMS)
    gamma = gd.grad(gd.grad(call))(*TERMS)
    print(f"price {price:.4f}")
    for name, slope in zip(("delta", "theta", "rho", "vega"), slopes, strict=True):
        print(f"{name:5} {slope:.4f}")
    print(f"gamma {gamma:.5f}")
    return price, slopes, gamma


if __name__ == "__main__":
    main()
