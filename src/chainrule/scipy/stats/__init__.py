"""``scipy.stats`` on nodes: distributions, density estimates, functions of samples.

Each distribution is a class of formulas for the standard one; a file is a family. Where
no argument is a node or a traced value, all results are SciPy's own, bit for bit, and
so is every name that has no derivative.

In: SciPy's arguments, nodes among them. Out: what SciPy returns, as nodes.

>>> import chainrule as gd, numpy as np
>>> from chainrule.scipy import stats
>>> data = np.array([0.5, 1.5, 4.0])
>>> gd.grad(lambda mu, s: stats.norm.logpdf(data, mu, s).sum(), (0, 1))(2.0, 1.0)
(0.0, 3.5)
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import scipy.stats

from chainrule.numpy import mirror
from chainrule.scipy.stats import descriptive as descriptive
from chainrule.scipy.stats import power_transforms as power_transforms
from chainrule.scipy.stats import significance as significance
from chainrule.scipy.stats import spreads as spreads
from chainrule.scipy.stats.beta_family import arcsine as arcsine
from chainrule.scipy.stats.beta_family import beta as beta
from chainrule.scipy.stats.beta_family import betaprime as betaprime
from chainrule.scipy.stats.beta_family import f as f
from chainrule.scipy.stats.beta_family import powerlaw as powerlaw
from chainrule.scipy.stats.beta_family import rdist as rdist
from chainrule.scipy.stats.beta_family import semicircular as semicircular
from chainrule.scipy.stats.beta_family import t as t
from chainrule.scipy.stats.bounded import bradford as bradford
from chainrule.scipy.stats.bounded import irwinhall as irwinhall
from chainrule.scipy.stats.bounded import loguniform as loguniform
from chainrule.scipy.stats.bounded import reciprocal as reciprocal
from chainrule.scipy.stats.bounded import trapezoid as trapezoid
from chainrule.scipy.stats.bounded import triang as triang
from chainrule.scipy.stats.bounded import truncexpon as truncexpon
from chainrule.scipy.stats.bounded import truncpareto as truncpareto
from chainrule.scipy.stats.bounded import truncweibull_min as truncweibull_min
from chainrule.scipy.stats.bounded import uniform as uniform
from chainrule.scipy.stats.circular import anglit as anglit
from chainrule.scipy.stats.circular import cosine as cosine
from chainrule.scipy.stats.circular import ncx2 as ncx2
from chainrule.scipy.stats.circular import rice as rice
from chainrule.scipy.stats.circular import vonmises as vonmises
from chainrule.scipy.stats.circular import vonmises_line as vonmises_line
from chainrule.scipy.stats.circular import wrapcauchy as wrapcauchy
from chainrule.scipy.stats.continuous import continuous
from chainrule.scipy.stats.counting import COUNTS
from chainrule.scipy.stats.counting import bernoulli as bernoulli
from chainrule.scipy.stats.counting import betabinom as betabinom
from chainrule.scipy.stats.counting import betanbinom as betanbinom
from chainrule.scipy.stats.counting import binom as binom
from chainrule.scipy.stats.counting import geom as geom
from chainrule.scipy.stats.counting import nbinom as nbinom
from chainrule.scipy.stats.counting import nchypergeom_fisher as nchypergeom_fisher
from chainrule.scipy.stats.counting import poisson as poisson
from chainrule.scipy.stats.counting import skellam as skellam
from chainrule.scipy.stats.density_estimates import gaussian_kde as gaussian_kde
from chainrule.scipy.stats.discrete import discrete
from chainrule.scipy.stats.exponential_family import expon as expon
from chainrule.scipy.stats.exponential_family import genexpon as genexpon
from chainrule.scipy.stats.exponential_family import gompertz as gompertz
from chainrule.scipy.stats.exponential_family import laplace as laplace
from chainrule.scipy.stats.exponential_family import (
    laplace_asymmetric as laplace_asymmetric,
)
from chainrule.scipy.stats.exponential_family import loglaplace as loglaplace
from chainrule.scipy.stats.extreme_values import genextreme as genextreme
from chainrule.scipy.stats.extreme_values import genhalflogistic as genhalflogistic
from chainrule.scipy.stats.extreme_values import genlogistic as genlogistic
from chainrule.scipy.stats.extreme_values import genpareto as genpareto
from chainrule.scipy.stats.extreme_values import gumbel_l as gumbel_l
from chainrule.scipy.stats.extreme_values import gumbel_r as gumbel_r
from chainrule.scipy.stats.extreme_values import halflogistic as halflogistic
from chainrule.scipy.stats.extreme_values import hypsecant as hypsecant
from chainrule.scipy.stats.extreme_values import invweibull as invweibull
from chainrule.scipy.stats.extreme_values import logistic as logistic
from chainrule.scipy.stats.first_passages import alpha as alpha
from chainrule.scipy.stats.first_passages import invgauss as invgauss
from chainrule.scipy.stats.first_passages import levy as levy
from chainrule.scipy.stats.first_passages import levy_l as levy_l
from chainrule.scipy.stats.first_passages import recipinvgauss as recipinvgauss
from chainrule.scipy.stats.first_passages import wald as wald
from chainrule.scipy.stats.flexible import dpareto_lognorm as dpareto_lognorm
from chainrule.scipy.stats.flexible import kappa4 as kappa4
from chainrule.scipy.stats.flexible import ncf as ncf
from chainrule.scipy.stats.flexible import nct as nct
from chainrule.scipy.stats.flexible import pearson3 as pearson3
from chainrule.scipy.stats.flexible import rel_breitwigner as rel_breitwigner
from chainrule.scipy.stats.flexible import tukeylambda as tukeylambda
from chainrule.scipy.stats.gamma_family import chi as chi
from chainrule.scipy.stats.gamma_family import chi2 as chi2
from chainrule.scipy.stats.gamma_family import erlang as erlang
from chainrule.scipy.stats.gamma_family import gamma as gamma
from chainrule.scipy.stats.gamma_family import gengamma as gengamma
from chainrule.scipy.stats.gamma_family import invgamma as invgamma
from chainrule.scipy.stats.gamma_family import loggamma as loggamma
from chainrule.scipy.stats.gamma_family import maxwell as maxwell
from chainrule.scipy.stats.gamma_family import nakagami as nakagami
from chainrule.scipy.stats.gamma_family import rayleigh as rayleigh
from chainrule.scipy.stats.gamma_relatives import argus as argus
from chainrule.scipy.stats.gamma_relatives import dgamma as dgamma
from chainrule.scipy.stats.gamma_relatives import gennorm as gennorm
from chainrule.scipy.stats.gamma_relatives import halfgennorm as halfgennorm
from chainrule.scipy.stats.heavy_tails import burr as burr
from chainrule.scipy.stats.heavy_tails import burr12 as burr12
from chainrule.scipy.stats.heavy_tails import cauchy as cauchy
from chainrule.scipy.stats.heavy_tails import fisk as fisk
from chainrule.scipy.stats.heavy_tails import foldcauchy as foldcauchy
from chainrule.scipy.stats.heavy_tails import halfcauchy as halfcauchy
from chainrule.scipy.stats.heavy_tails import kappa3 as kappa3
from chainrule.scipy.stats.heavy_tails import lomax as lomax
from chainrule.scipy.stats.heavy_tails import mielke as mielke
from chainrule.scipy.stats.heavy_tails import pareto as pareto
from chainrule.scipy.stats.heavy_tails import skewcauchy as skewcauchy
from chainrule.scipy.stats.hyperbolic import gausshyper as gausshyper
from chainrule.scipy.stats.hyperbolic import genhyperbolic as genhyperbolic
from chainrule.scipy.stats.hyperbolic import geninvgauss as geninvgauss
from chainrule.scipy.stats.hyperbolic import jf_skew_t as jf_skew_t
from chainrule.scipy.stats.hyperbolic import norminvgauss as norminvgauss
from chainrule.scipy.stats.kolmogorov_smirnov import ksone as ksone
from chainrule.scipy.stats.kolmogorov_smirnov import kstwobign as kstwobign
from chainrule.scipy.stats.matrices import invwishart as invwishart
from chainrule.scipy.stats.matrices import matrix_normal as matrix_normal
from chainrule.scipy.stats.matrices import wishart as wishart
from chainrule.scipy.stats.normal_family import foldnorm as foldnorm
from chainrule.scipy.stats.normal_family import gibrat as gibrat
from chainrule.scipy.stats.normal_family import halfnorm as halfnorm
from chainrule.scipy.stats.normal_family import lognorm as lognorm
from chainrule.scipy.stats.normal_family import norm as norm
from chainrule.scipy.stats.normal_family import powerlognorm as powerlognorm
from chainrule.scipy.stats.normal_family import powernorm as powernorm
from chainrule.scipy.stats.normal_family import skewnorm as skewnorm
from chainrule.scipy.stats.normal_family import truncnorm as truncnorm
from chainrule.scipy.stats.normal_transforms import crystalball as crystalball
from chainrule.scipy.stats.normal_transforms import exponnorm as exponnorm
from chainrule.scipy.stats.normal_transforms import fatiguelife as fatiguelife
from chainrule.scipy.stats.normal_transforms import johnsonsb as johnsonsb
from chainrule.scipy.stats.normal_transforms import johnsonsu as johnsonsu
from chainrule.scipy.stats.normal_transforms import moyal as moyal
from chainrule.scipy.stats.ranks import boltzmann as boltzmann
from chainrule.scipy.stats.ranks import dlaplace as dlaplace
from chainrule.scipy.stats.ranks import logser as logser
from chainrule.scipy.stats.ranks import planck as planck
from chainrule.scipy.stats.ranks import yulesimon as yulesimon
from chainrule.scipy.stats.ranks import zipf as zipf
from chainrule.scipy.stats.ranks import zipfian as zipfian
from chainrule.scipy.stats.vectors import dirichlet as dirichlet
from chainrule.scipy.stats.vectors import dirichlet_multinomial as dirichlet_multinomial
from chainrule.scipy.stats.vectors import multinomial as multinomial
from chainrule.scipy.stats.vectors import multivariate_normal as multivariate_normal
from chainrule.scipy.stats.vectors import multivariate_t as multivariate_t
from chainrule.scipy.stats.weibull_family import dweibull as dweibull
from chainrule.scipy.stats.weibull_family import exponpow as exponpow
from chainrule.scipy.stats.weibull_family import exponweib as exponweib
from chainrule.scipy.stats.weibull_family import weibull_max as weibull_max
from chainrule.scipy.stats.weibull_family import weibull_min as weibull_min

__dir__: mirror.Listing
_mirrored, __dir__ = mirror.mirror_of(scipy.stats)


def __getattr__(name: str) -> Any:
    """Find what is SciPy's own; its other distributions refuse nodes."""
    found = getattr(scipy.stats, name, None)
    if isinstance(found, scipy.stats.rv_continuous | scipy.stats.rv_discrete):
        return _without_formulas(name)
    return _mirrored(name)


@cache
def _without_formulas(name: str) -> Any:
    """Return a distribution that is SciPy's, and takes nodes in loc and scale alone."""
    smooth = isinstance(getattr(scipy.stats, name), scipy.stats.rv_continuous)
    counted = name in ("hypergeom", "nhypergeom", "randint")
    formulas = only_counts if counted else no_formulas
    return (continuous if smooth else discrete)(formulas, name)


class no_formulas:
    """A distribution of which no formula is declared"""


class only_counts(no_formulas):
    """A distribution all of whose parameters are whole numbers"""

    refused: Mapping[str, str] = dict.fromkeys(
        ("M", "n", "N", "r", "low", "high"), COUNTS
    )
