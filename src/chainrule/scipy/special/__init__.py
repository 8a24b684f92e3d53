"""``scipy.special`` on nodes: rules of its ufuncs, and functions composed of these.

The rules are declared when a node first meets a function of ``scipy.special``. Each
file is a family; the docstring of a rule names the section of the Digital Library of
Mathematical Functions (DLMF) where its derivative stands.
"""

import scipy.special

from chainrule.numpy import mirror
from chainrule.scipy.special import airy_functions as airy_functions
from chainrule.scipy.special import bessel_derivatives as bessel_derivatives
from chainrule.scipy.special import bessel_functions as bessel_functions
from chainrule.scipy.special import binomial_distributions as binomial_distributions
from chainrule.scipy.special import carlson as carlson
from chainrule.scipy.special import cylinder_functions as cylinder_functions
from chainrule.scipy.special import elementary as elementary
from chainrule.scipy.special import elliptic as elliptic
from chainrule.scipy.special import entropies as entropies
from chainrule.scipy.special import error_functions as error_functions
from chainrule.scipy.special import exponential_integrals as exponential_integrals
from chainrule.scipy.special import gamma_distribution as gamma_distribution
from chainrule.scipy.special import gamma_functions as gamma_functions
from chainrule.scipy.special import hypergeometric as hypergeometric
from chainrule.scipy.special import incomplete_beta as incomplete_beta
from chainrule.scipy.special import incomplete_gamma as incomplete_gamma
from chainrule.scipy.special import kelvin_functions as kelvin_functions
from chainrule.scipy.special import kolmogorov_smirnov as kolmogorov_smirnov
from chainrule.scipy.special import legendre_functions as legendre_functions
from chainrule.scipy.special import logistic as logistic
from chainrule.scipy.special import mathieu_functions as mathieu_functions
from chainrule.scipy.special import noncentral_ratios as noncentral_ratios
from chainrule.scipy.special import normal_distribution as normal_distribution
from chainrule.scipy.special import other_distributions as other_distributions
from chainrule.scipy.special import parabolic_cylinder as parabolic_cylinder
from chainrule.scipy.special import polygamma_functions as polygamma_functions
from chainrule.scipy.special import polynomials as polynomials
from chainrule.scipy.special import scaled_bessel_functions as scaled_bessel_functions
from chainrule.scipy.special import spheroidal as spheroidal
from chainrule.scipy.special import struve_functions as struve_functions
from chainrule.scipy.special import student_and_fisher as student_and_fisher
from chainrule.scipy.special import zeta_functions as zeta_functions

__getattr__: mirror.Lookup
__dir__: mirror.Listing
__getattr__, __dir__ = mirror.mirror_of(scipy.special)
