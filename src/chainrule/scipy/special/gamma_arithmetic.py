"""The logarithm of the gamma function, and its derivatives, in plain arithmetic.

They are within 4 units in the last place, beside zeros too; between the poles, where
x < 0, within 4 units of the largest term of the reflection (DLMF 5.5.3, 5.5.4). Far
from 0 they are asymptotic series, made near-minimax polynomials (DLMF 5.11.1, 5.11.2,
5.15.8).
"""

from __future__ import annotations

import math

from chainrule.operations_grad.exponentials import SMALLEST_NORMAL, log_less
from chainrule.operations_grad.plain_arithmetic import ROUND, poly11, poly18, poly24

# x (log gamma(x) - (x - 1/2) log(x) + x - log(2 pi) / 2) for x >= 2.5, in 1 / x**2:
# the first coefficient, and the others.
BINET_FIRST = 0.08333333333333325
BINET = (
    -0.002777777777623419,
    0.0007936507466535246,
    -0.0005952323836025104,
    0.0008413836627094221,
    -0.0019031412413929255,
    0.006035234354704072,
    -0.022593560645490073,
    0.08129466384616944,
    -0.23176632972839445,
    0.43176800571851115,
    -0.3798798444577467,
)
# log gamma(2 + d) / d for d in -3/4..1/2, in d + 1/8.
NEAR_2 = (
    0.3813814831935064,
    0.3403312950724714,
    -0.07582367520153419,
    0.024776589243982163,
    -0.00951074800968156,
    0.003980163690649471,
    -0.0017552919378870876,
    0.0008012114490848581,
    -0.00037458125356940557,
    0.00017820402639899096,
    -8.590380026086386e-05,
    4.183805268815854e-05,
    -2.0544861306380935e-05,
    1.0157187787891099e-05,
    -5.051470573382581e-06,
    2.523671938815567e-06,
    -1.2603829935302118e-06,
    6.345298272484575e-07,
    -3.3563035496034145e-07,
    1.7010607451010694e-07,
    -6.070021715132807e-08,
    3.0797155243967274e-08,
    -4.0755255300178585e-08,
    2.0872345523855944e-08,
)
# x psi(x) / (x - x0) for 1 <= x <= 2.5, in x - 7/4.
OVER_ROOT_FIRST = 1.5018206299710242
OVER_ROOT = (
    0.2872376183571149,
    -0.05129442950203154,
    0.013120337229389063,
    -0.0038861910633869548,
    0.0012420695984430021,
    -0.00041492266729610457,
    0.00014246579939627643,
    -4.9794805381367206e-05,
    1.7612644204755834e-05,
    -6.280379219720049e-06,
    2.2514708388099234e-06,
    -8.105613996820616e-07,
    2.9440204815825774e-07,
    -1.065014140495323e-07,
    3.57045999900077e-08,
    -1.2945873030343205e-08,
    7.255687967354044e-09,
    -2.6351925960931216e-09,
)
# x**2 (log(x) - 1 / (2 x) - psi(x)) for x >= 2.5, in 1 / x**2.
PSI = (
    0.08333333333333333,
    -0.008333333333332364,
    0.003968253967591054,
    -0.004166666484452931,
    0.007575730748934813,
    -0.021090347629573476,
    0.0831818413343906,
    -0.4364985886280146,
    2.825398995779039,
    -20.337712426266787,
    145.33722353531192,
    -936.7751782368608,
    5069.774772462833,
    -21773.1400081141,
    70228.09440319742,
    -158478.16643361843,
    221950.78092595833,
    -144728.33157957063,
)
# x**3 (psi'(x) - 1 / x - 1 / (2 x**2)) for x >= 2, in 1 / x**2.
TRIGAMMA_FIRST = 0.16666666666666655
TRIGAMMA = (
    -0.03333333333294931,
    0.023809523621130008,
    -0.03333329599675978,
    0.07575358503305606,
    -0.252846726545239,
    1.1544234171698304,
    -6.679939459852164,
    44.198561442374796,
    -298.10801360243204,
    1861.0573632271085,
    -10052.567942573789,
    44879.392178481656,
    -159871.07488015396,
    439123.65347787726,
    -891517.0549304823,
    1255357.0687252404,
    -1092121.2875403264,
    441443.4349518989,
)

ROOT, ROOT_REST = 1.4616321449683622, 9.549995429965697e-17  # psi(ROOT) is 0
HALF_LOG_TAU_LESS_HALF = 0.4189385332046727  # (log(2 pi) - 1) / 2


def gammaln_of(x: float) -> float:
    """Return log |gamma(x)|; where x < 0 by the C library.

    Below 2.5 the logarithm of x (x + 1), of x or of 1 is taken from log gamma(2 + d).
    """
    is_far = x >= 2.5
    d = x - (0.0 if x < 0.5 else 1.0 if x < 1.25 else 2.0)
    product = x * (x + 1.0) if x < 0.5 else x if x < 1.25 else 1.0
    q = x if is_far else product
    tiny = q < SMALLEST_NORMAL
    y = q * 18014398509481984.0 if tiny else q  # 2**54
    log = log_less(y, 1077.0 if tiny else 1023.0, 1.0 if is_far else 0.0, 0.0)
    near = d * poly24(NEAR_2, d + 0.125) - log
    v = 1.0 / x
    w = v * v
    rest = v * (BINET_FIRST + w * poly11(BINET, w))
    far = (x - 0.5) * log + (HALF_LOG_TAU_LESS_HALF + rest)
    usual = far if is_far else near
    usual = math.inf if x == 0.0 else usual
    left = math.lgamma(x) if x < 0.0 else usual
    return x if x == -math.inf else left


def digamma_of(x: float) -> float:
    """Return psi(x), by reflection where x < 0; psi(x0) = 0 for x0 = 1.46163..."""
    y = 1.0 - x if x < 0.0 else x
    below = y < 1.0
    b = y + 1.0 if below else y
    d = b - 1.75
    near = ((b - ROOT) - ROOT_REST) * (OVER_ROOT_FIRST + d * poly18(OVER_ROOT, d))
    near = near * y - b if below else near
    is_far = y >= 2.5
    v = (1.0 if is_far else near) / (y if is_far else b * y if below else b)
    w = v * v
    far = log_less(y, 1023.0, 0.0, 0.5 * v + w * poly18(PSI, w))
    far = far if y < math.inf else y
    usual = far if is_far else v
    r = beside_whole(x)
    left = usual - cotangent(r, math.tan(angle(r))) if x < 0.0 else usual
    return math.nan if x < 0.0 and r == 0.0 else left


def trigamma_of(x: float) -> float:
    """Return the derivative of psi at x, by reflection where x < 0."""
    y = 1.0 - x if x < 0.0 else x
    is_near = y < 2.0
    v = 1.0 / (y + 2.0 if is_near else y)
    w = v * v
    far = v + w * (0.5 + v * (TRIGAMMA_FIRST + w * poly18(TRIGAMMA, w)))
    first = 1.0 / y
    second = 1.0 / (y + 1.0)
    usual = first * first + (second * second + far) if is_near else far
    r = beside_whole(x)
    c = cotangent(r, math.tan(angle(r))) if x < 0.0 else 0.0
    left = cosecant_square(c) - usual if x < 0.0 else usual
    return math.inf if x < 0.0 and r == 0.0 else left


def beside_whole(x: float) -> float:
    """Return x less the nearest whole number; 0 beyond ROUND."""
    return x - ((x + ROUND) - ROUND) if abs(x) < ROUND else 0.0


def angle(r: float) -> float:
    """Return pi abs(r) for abs(r) < 1/4, and pi / 2 less it up to 1/2."""
    y = abs(r)
    return math.pi * (y if y < 0.25 else 0.5 - y)


def cotangent(r: float, tangent: float) -> float:
    """Return pi / tan(pi r) by the tangent of its angle, 0 at 1/2."""
    size = 1.0 / tangent if abs(r) < 0.25 else tangent
    return math.copysign(math.pi * size, r)


def cosecant_square(c: float) -> float:
    """Return (pi / sin(pi r))**2 by c = pi / tan(pi r)."""
    return math.pi * math.pi + c * c
