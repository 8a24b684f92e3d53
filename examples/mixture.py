"""A mixture of two normal distributions, fitted by gradient and Hessian.

Changed: ``scipy.special`` (``logsumexp``), ``scipy.stats`` and ``scipy.optimize``.
"""

import numpy as np

from chainrule.scipy.optimize import minimize
from chainrule.scipy.special import logsumexp
from chainrule.scipy.stats import norm


def negative_log_likelihood(p, x):
    logits = np.stack([p["logit"], 0.0 * p["logit"]])
    weights = logits - logsumexp(logits)
    parts = norm.logpdf(x[:, None], p["means"], np.exp(p["log_scales"]))
    return -np.sum(logsumexp(weights + parts, axis=1))


def problem():
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.normal(-1.0, 0.5, 120), rng.normal(2.0, 1.0, 80)])
    start = {"logit": 0.0, "means": np.array([-0.5, 0.5]), "log_scales": np.zeros(2)}
    return lambda p: negative_log_likelihood(p, x), start


def main():
    found = minimize(*problem(), method="trust-exact")
    share = 1.0 / (1.0 + np.exp(-found.x["logit"]))
    print(f"share {share:.3f}, means {found.x['means'].round(3)}")
    return found


if __name__ == "__main__":
    main()
