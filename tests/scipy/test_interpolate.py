"""scipy.interpolate on nodes: SciPy's values, and derivatives in data and in points."""

import functools

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, MissingRuleError
from tests.helpers import as_tuple, assert_close

theirs = pytest.importorskip("scipy.interpolate")
ours = pytest.importorskip("chainrule.scipy.interpolate")
spsolve = pytest.importorskip("scipy.sparse.linalg").spsolve

X = np.array([0.0, 0.5, 1.3, 2.0, 2.6, 3.0])
Y = np.sin(2 * X) + X
TABLE = np.stack([Y, np.cos(X)])
INSIDE = np.array([[0.2, 0.1, 0.77], [1.35, 2.9, 2.7]])
AROUND = np.array([[-0.3, 0.1, 0.77], [1.3, 2.9, 3.4]])
RNG = np.random.default_rng(3)


def check(f, args, **more):
    """Hold derivatives to differences, and compiled gradients to plain ones."""
    gd.check_gradients(f, args, **{"order": 2, "rtol": 1e-4, **more})
    gradient = gd.grad(f, tuple(range(len(args))))
    fast = gd.compile(gradient)
    fast(*args)
    others = [args[0], *(0.95 * x for x in args[1:])]
    for one, other in zip(as_tuple(fast(*others)), gradient(*others), strict=True):
        assert_close(one, other, 1e-7)


def few(names, *these):
    """Return cases, of which only these are in the short run."""
    slow = pytest.mark.slow
    return [n if n in these else pytest.param(n, marks=slow) for n in names]


def same(make, *, values=Y, points=AROUND, exact=True, close=1e-10):
    """Hold an interpolant of nodes, and one at nodes, to SciPy's."""
    expected = make(theirs, X, values)(points)
    plain = make(ours, X, values)
    if exact:
        assert np.array_equal(plain(points), expected, equal_nan=True)
    found = make(ours, gd.node(X), gd.node(values))(points), plain(gd.node(points))
    for z in found:
        np.testing.assert_allclose(gd.value(z), expected, rtol=close, atol=close)


def cubic(module, x, y, **given):
    return module.CubicSpline(x, y, **given)


def pchip(module, x, y, **given):
    return module.PchipInterpolator(x, y, **given)


def akima(module, x, y, **given):
    return module.Akima1DInterpolator(x, y, **given)


def hermite(module, x, y, **given):
    return module.CubicHermiteSpline(x, y, 0.3 * y, **given)


def spline(module, x, y, **given):
    return module.make_interp_spline(x, y, **given)


def line(module, x, y, **given):
    return module.interp1d(x, y, **given)


ENDS = ([(1, 0.3), (2, 0.5)], None)
MAKERS = {
    "cubic": functools.partial(cubic),
    "natural": functools.partial(cubic, bc_type="natural", extrapolate=False),
    "clamped": functools.partial(cubic, bc_type="clamped"),
    "ends": functools.partial(cubic, bc_type=((1, 0.3), (2, -0.4))),
    "one end": functools.partial(cubic, bc_type=((2, 0.1), "not-a-knot")),
    "pchip": pchip,
    "akima": akima,
    "makima": functools.partial(akima, method="makima", extrapolate=True),
    "hermite": hermite,
    **{f"spline {k}": functools.partial(spline, k=k) for k in range(1, 6)},
    "natural spline": functools.partial(spline, bc_type="natural"),
    "spline with ends": functools.partial(spline, bc_type=ENDS),
}


@pytest.mark.parametrize("name", MAKERS)
def test_values_are_those_of_scipy(name):
    make = MAKERS[name]
    same(make)
    same(make, points=np.array(0.4))
    same(make, points=np.zeros((0,)))
    if "end" not in name:
        along = functools.partial(make, axis=1)
        same(along, values=np.stack([TABLE, TABLE**2], axis=2))
    for nu in (1, 2):
        theirs_there = make(theirs, X, Y)(INSIDE, nu)
        for data in (X, gd.node(X)):
            found = make(ours, data, Y)(gd.node(INSIDE), nu)
            np.testing.assert_allclose(gd.value(found), theirs_there, atol=1e-9)


@pytest.mark.parametrize("name", few(MAKERS, "cubic", "pchip", "spline 2"))
def test_interpolants_are_differentiated_in_data_and_points(name):
    make = MAKERS[name]
    weights = np.arange(1.0, 7.0).reshape(2, 3)
    check(lambda x, y, at: np.sum(make(ours, x, y)(at) * weights), (X, Y, INSIDE))


@pytest.mark.parametrize("name", ["cubic", "pchip", "spline 3"])
def test_derivatives_and_integrals_of_interpolants(name):
    make = MAKERS[name]
    for change in (
        lambda s: s.derivative(),
        lambda s: s.derivative(2),
        lambda s: s.antiderivative(),
        lambda s: s.antiderivative(2),
    ):
        same(lambda m, x, y, change=change: change(make(m, x, y)), points=INSIDE)
    s, t = make(ours, gd.node(X), Y), make(theirs, X, Y)
    for a, b in ((0.2, 2.2), (2.7, 0.1), (-1.0, 3.5)):
        assert_close(s.integrate(a, b).value, t.integrate(a, b), 1e-11)
        assert make(ours, X, Y).integrate(a, b) == t.integrate(a, b)
    check(lambda x, y, b: make(ours, x, y).integrate(0.3, b), (X, Y, 2.2))


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("bc", ["not-a-knot", "natural", "periodic"])
def test_cubic_splines_of_few_points(bc, count):
    x, y = X[:count], np.append(Y[1:count], Y[1])
    s = ours.CubicSpline(gd.node(x), gd.node(y), bc_type=bc)
    t = theirs.CubicSpline(x, y, bc_type=bc)
    assert_close(s(AROUND).value, t(AROUND), 1e-11)


@pytest.mark.parametrize("k", few([2, 3, 4, 5], 3))
def test_periodic_splines(k):
    y = np.append(Y[:-1], Y[0])
    makers = [functools.partial(spline, k=k, bc_type="periodic")]
    if k == 3:
        makers.append(functools.partial(cubic, bc_type="periodic"))
    for make in makers:
        s, t = make(ours, gd.node(X), gd.node(y)), make(theirs, X, y)
        assert_close(s(AROUND).value, t(AROUND), 1e-10)
        for ends in ((0.1, 2.2), (-4.0, 7.0), (5.0, -2.0)):
            assert_close(s.integrate(*ends).value, t.integrate(*ends), 1e-10)

    def f(x, y, at):
        closed = np.concatenate([y, y[:1]])
        return np.sum(makers[-1](ours, x, closed)(at) ** 2)

    check(f, (X, Y[:-1], AROUND))


def test_piecewise_polynomials():
    c, x = RNG.normal(size=(3, 2, 2)), np.array([3.0, 2.0, 0.0])
    for extrapolate in (None, False):
        s, t = (m.PPoly(c, x, extrapolate) for m in (ours, theirs))
        at = np.array([2.5, 0.1, 3.5])
        for z in (s(gd.node(at)), ours.PPoly(gd.node(c), x, extrapolate)(at)):
            np.testing.assert_allclose(z.value, t(at), rtol=1e-12)
    check(lambda x, c: np.sum(ours.PPoly(c, x)([2.5, 0.1]) ** 2), (x, c))
    moved = np.moveaxis(c, 2, 0)
    s, t = (m.PPoly(v, x, axis=1) for m, v in ((ours, gd.node(moved)), (theirs, moved)))
    assert_close(s([0.3, 2.5]).value, t([0.3, 2.5]), 1e-13)
    assert s(np.zeros((2, 3)), 4).value.shape == t(np.zeros((2, 3)), 4).shape
    for refused in (s.roots, s.solve, lambda: s.extend(c, x)):
        with pytest.raises(MissingRuleError, match="has no derivative"):
            refused()
    plain = ours.PPoly(c, x)
    assert isinstance(plain, theirs.PPoly)
    plain.c = 2 * c
    assert_close(plain(gd.node(0.3)).value, theirs.PPoly(2 * c, x)(0.3), 1e-13)
    plain.c = gd.node(c)
    assert_close(plain(0.3).value, theirs.PPoly(c, x)(0.3), 1e-13)


def test_splines_of_knots_and_coefficients():
    t, c = np.array([0.0, 0, 0, 0, 1.1, 1.9, 3, 3, 3, 3]), np.cos(np.arange(6.0))
    for extrapolate in (True, False, "periodic"):
        plain = theirs.BSpline(t, c, 3, extrapolate)
        mine = ours.BSpline(gd.node(t), gd.node(c), 3, extrapolate)
        for nu in range(5):
            found = gd.value(mine(AROUND, nu))
            np.testing.assert_allclose(found, plain(AROUND, nu), rtol=1e-9, atol=1e-11)
        for ends in ((0.2, 2.2), (-1.0, 4.0)):
            assert_close(mine.integrate(*ends).value, plain.integrate(*ends), 1e-11)

    def f(inner, c, at):
        knots = np.concatenate([np.zeros(4), inner, np.full(4, 3.0)])
        return np.sum(ours.BSpline(knots, c, 3)(at) ** 2)

    check(f, (np.array([1.1, 1.9]), c, INSIDE))
    with pytest.raises(MissingRuleError, match="insert_knot"):
        ours.BSpline(gd.node(t), c, 3).insert_knot(0.5)


def test_splines_near_values():
    x, w = np.linspace(0.0, 3.0, 14), np.linspace(1.0, 2.0, 14)
    y, t = np.sin(2 * x), np.array([0.0, 0, 0, 0, 1.1, 1.9, 3, 3, 3, 3])
    at = np.array([0.3, 1.7, 2.2])
    expected = theirs.make_lsq_spline(x, y, t, w=w)(at)
    assert np.array_equal(ours.make_lsq_spline(x, y, t, w=w)(at), expected)
    found = ours.make_lsq_spline(x, gd.node(y), t, w=w)(at)
    assert_close(found.value, expected, 1e-11)

    def f(inner, y, w):
        knots = np.concatenate([np.zeros(4), inner, np.full(4, 3.0)])
        return np.sum(ours.make_lsq_spline(x, y, knots, w=w)(at) ** 2)

    check(f, (np.array([1.1, 1.9]), y, w))


def test_fitpack_names():
    for k in (1, 3, 5):
        mine, plain = ours.splrep(gd.node(X), gd.node(Y), k=k), theirs.splrep(X, Y, k=k)
        assert_close(mine[0].value, plain[0], 1e-12)
        assert_close(mine[1].value, plain[1], 1e-9)
    t, c, k = theirs.splrep(X, Y)
    for ext in (0, 1, 3):
        found = ours.splev(AROUND, (t, gd.node(c), k), ext=ext)
        assert_close(found.value, theirs.splev(AROUND, (t, c, k), ext=ext), 1e-11)
        slopes = ours.splev(gd.node(INSIDE), (t, c, k), 1, ext)
        assert_close(slopes.value, theirs.splev(INSIDE, (t, c, k), 1, ext), 1e-11)
    with pytest.raises(ValueError, match="Invalid"):
        ours.splev(gd.node(AROUND), (t, c, k), ext=2)
    with pytest.raises(MissingRuleError, match="make_lsq_spline"):
        ours.splrep(X, gd.node(Y), s=0.5)
    assert all(map(np.array_equal, ours.splrep(X, Y)[:2], (t, c)))


KINDS = ["linear", "nearest", "nearest-up", "zero", "slinear", "quadratic", "cubic",
         "previous", "next", 4]  # fmt: skip


@pytest.mark.parametrize("kind", few(KINDS, "linear", "previous", "quadratic"))
def test_lines(kind):
    order = np.array([2, 0, 1, 5, 4, 3])
    for fill in (np.nan, (-1.0, 2.0), "extrapolate"):
        for table in (Y, TABLE):

            def make(module, x, y, fill=fill):
                given = {"kind": kind, "bounds_error": False, "fill_value": fill}
                return module.interp1d(x[order], y[..., order], **given)

            same(make, values=table)
    f = lambda x, y, at: np.sum(ours.interp1d(x, y, kind)(at) ** 2)  # noqa: E731
    check(f, (X, Y, INSIDE))
    for bad in (X, gd.node(X)):
        with pytest.raises(ValueError, match="interpolation range"):
            ours.interp1d(bad, Y, kind)(gd.node(AROUND))


def test_fill_values_have_derivatives():
    def f(y, low):
        made = ours.interp1d(X, y, fill_value=(low, 0.0), bounds_error=False)
        return np.sum(made([-1.0, 0.2, 4.0]))

    assert gd.grad(f, 1)(Y, 2.0) == 1.0


A = np.array([0.0, 0.7, 1.5, 2.1, 3.0, 3.3])
B = np.array([5.0, 4.0, 3.2, 2.0, 1.5, 1.0])
GRID = 0.3 + np.sin(0.2 + A)[:, None] * np.cos(B) + 0.1 * B
AT = np.array([[0.3, 1.7], [1.55, 4.1], [3.2, 2.2]])
BEYOND = np.array([[-0.3, 1.7], [1.5, 4.1], [np.nan, 2.0]])


METHODS = ["linear", "nearest", "slinear", "cubic", "quintic", "pchip"]


@pytest.mark.parametrize("method", few(METHODS, "linear", "cubic"))
def test_grids(method):
    solved = method in ("slinear", "cubic", "quintic")
    more = {"solver": spsolve} if solved else {}
    for table in (GRID, np.stack([GRID, GRID**2], axis=-1)):
        for bounds, fill, at in (
            (True, np.nan, AT),
            (False, None, BEYOND),
            (False, 7.0, BEYOND),
        ):
            given = (method, bounds, fill)
            expected = theirs.RegularGridInterpolator((A, B), table, *given, **more)(at)
            plain = ours.RegularGridInterpolator((A, B), table, *given, **more)
            assert np.array_equal(plain(at), expected, equal_nan=True)
            mine = ours.RegularGridInterpolator(
                (gd.node(A), B), gd.node(table), *given, **more
            )
            for z in (mine(at), plain(gd.node(at))):
                np.testing.assert_allclose(gd.value(z), expected, rtol=1e-8)

    def f(a, b, table, at):
        made = ours.RegularGridInterpolator((a, b), table, method, **more)
        return np.sum(made(at) ** 2)

    check(f, (A, B, GRID, AT), step=2e-5)
    if solved:
        f = ours.RegularGridInterpolator((A, B), GRID, method, **more)
        nu = (1, 0)
        assert_close(f(gd.node(AT), nu=nu).value, f(AT, nu=nu), 1e-8)
    with pytest.raises(ValueError, match="out of bounds"):
        ours.RegularGridInterpolator((A, B), gd.node(GRID), method)([[9.0, 9.0]])


@pytest.mark.parametrize("method", ["linear", "nearest", "pchip"])
def test_interpolation_on_grids_of_any_dimension(method):
    table = RNG.normal(size=(4, 5, 6))
    grid = [np.arange(4.0) * 1.1, np.arange(5.0), np.arange(6.0)]
    at = np.array([[1.2, 3.3, 4.4], [0.1, 0.2, 0.3]])
    found = ours.interpn(grid, gd.node(table), at, method)
    assert_close(found.value, theirs.interpn(grid, table, at, method), 1e-11)
    pair = (0.3, np.array([2.0, 3.0]))
    found = ours.interpn((A, B[::-1]), gd.node(GRID), pair, method)
    assert_close(found.value, theirs.interpn((A, B[::-1]), GRID, pair, method), 1e-11)
    if method != "pchip":
        found = ours.interpn((A,), gd.node(np.sin(A)), [0.3, 0.4], method)
        expected = theirs.interpn((A,), np.sin(A), [0.3, 0.4], method)
        assert_close(found.value, expected, 1e-12)
    with pytest.raises(MissingRuleError, match="method='cubic'"):
        ours.interpn((A, B), gd.node(GRID), AT, "splinef2d")


def test_bivariate_splines():
    b = B[::-1].copy()
    xs, ys = np.array([0.3, 1.0, 3.5]), np.array([0.2, 1.6, 2.7])
    plain = theirs.RectBivariateSpline(A, b, GRID)
    mine = ours.RectBivariateSpline(A, b, GRID)
    assert np.array_equal(mine(xs, ys), plain(xs, ys))
    assert_close(mine(gd.node(xs), ys, 1, 1).value, plain(xs, ys, 1, 1), 1e-9)
    assert_close(mine.ev(gd.node(xs), ys).value, plain.ev(xs, ys), 1e-10)
    smooth = [m.RectBivariateSpline(A, b, GRID, s=0.1) for m in (ours, theirs)]
    assert_close(smooth[0].ev(gd.node(xs), ys).value, smooth[1].ev(xs, ys), 1e-10)
    recorded = ours.RectBivariateSpline(gd.node(A), b, GRID)
    assert_close(recorded(xs, ys).value, plain(xs, ys), 1e-10)

    def f(x, y, z, at):
        return np.sum(ours.RectBivariateSpline(x, y, z).ev(at, at) ** 2)

    check(f, (A, b, GRID, np.array([1.2, 2.7])))
    with pytest.raises(MissingRuleError, match="s > 0"):
        ours.RectBivariateSpline(A, b, gd.node(GRID), s=0.1)


PLACES = np.random.default_rng(1).uniform(size=(9, 2))
THERE = np.sin(3 * PLACES[:, 0]) + PLACES[:, 1] ** 2
MIDDLE = 0.4 + 0.2 * np.random.default_rng(2).uniform(size=(4, 2))
KERNELS = ["thin_plate_spline", "linear", "cubic", "quintic", "multiquadric",
           "inverse_multiquadric", "inverse_quadratic", "gaussian"]  # fmt: skip


@pytest.mark.parametrize("kernel", few(KERNELS, "thin_plate_spline", "gaussian"))
def test_radial_functions(kernel):
    given = {"kernel": kernel, "epsilon": 1.3, "smoothing": 0.1}
    for degree, values in ((None, THERE), (2, np.stack([THERE, THERE**2], axis=1))):
        m, t = (
            m.RBFInterpolator(PLACES, values, degree=degree, **given)
            for m in (ours, theirs)
        )
        expected = t(MIDDLE)
        assert np.array_equal(m(MIDDLE), expected)
        assert_close(m(gd.node(MIDDLE)).value, expected, 1e-8)
        m = ours.RBFInterpolator(gd.node(PLACES), values, degree=degree, **given)
        assert_close(m(MIDDLE).value, expected, 1e-8)

    def f(places, values, smoothing, epsilon, at):
        options = {"smoothing": smoothing, "kernel": kernel, "epsilon": epsilon}
        return np.sum(ours.RBFInterpolator(places, values, **options)(at) ** 2)

    check(f, (PLACES, THERE, np.full(9, 0.1), 1.3, MIDDLE))
    near = gd.grad(lambda x: ours.RBFInterpolator(PLACES, THERE, **given)(x)[0])
    assert np.all(np.isfinite(near(PLACES[:1])))


def test_neighbours_are_for_plain_data():
    assert ours.RBFInterpolator(PLACES, THERE, neighbors=5)(MIDDLE).shape == (4,)
    with pytest.raises(MissingRuleError, match="neighbors="):
        ours.RBFInterpolator(PLACES, gd.node(THERE), neighbors=5)


@pytest.mark.parametrize("rescale", [False, True])
@pytest.mark.parametrize("method", ["linear", "nearest"])
def test_scattered_values(method, rescale):
    at = np.array([[0.5, 0.5], [3.0, 3.0]])
    for values in (THERE, np.stack([THERE, THERE**2], axis=1)):
        for points in (at, (at[:, 0], at[:, 1])):
            args = (PLACES, values, points, method, -1.0, rescale)
            expected = theirs.griddata(*args)
            assert np.array_equal(ours.griddata(*args), expected)
            found = ours.griddata(PLACES, gd.node(values), *args[2:])
            assert_close(found.value, expected, 1e-12)
    f = lambda p, v, x: np.sum(  # noqa: E731
        ours.griddata(p, v, x, method, rescale=rescale) ** 2
    )
    if method == "linear":
        check(f, (PLACES, THERE, MIDDLE))
    else:
        check(lambda v: f(PLACES, v, MIDDLE), (THERE,))
        assert not np.any(gd.grad(f)(PLACES, THERE, MIDDLE))
    mapped = gd.vmap(gd.grad(f, 1), in_axes=(None, 0, None))
    several = mapped(PLACES, np.stack([THERE, 2 * THERE]), MIDDLE)
    assert_close(several[1], gd.grad(f, 1)(PLACES, 2 * THERE, MIDDLE), 1e-10)


def test_scattered_values_along_a_line():
    for method in ("linear", "nearest", "cubic"):
        args = (PLACES[:, 0], THERE, [0.3, 0.5, 9.0], method)
        found = ours.griddata(args[0], gd.node(THERE), *args[2:])
        np.testing.assert_allclose(gd.value(found), theirs.griddata(*args), rtol=1e-9)
    with pytest.raises(MissingRuleError, match="RBFInterpolator"):
        ours.griddata(PLACES, gd.node(THERE), MIDDLE, "cubic")


@pytest.mark.parametrize("name", ["barycentric_interpolate", "krogh_interpolate"])
def test_polynomials_through_values(name):
    f, plain = getattr(ours, name), getattr(theirs, name)
    at = np.append(X[:2], [0.9, 1.5]).reshape(2, 2)
    assert_close(f(X, Y, at), plain(X, Y, at), 1e-13)
    assert_close(f(gd.node(X), Y, at).value, plain(X, Y, at), 1e-10)
    found = f(X, gd.node(TABLE), at, axis=1)
    assert_close(found.value, plain(X, TABLE, at, axis=1), 1e-10)
    check(lambda x, y, at: np.sum(f(x, y, at) ** 2), (X[:4], Y[:4], at))
    with pytest.raises(ArgumentError, match="der="):
        f(X, gd.node(Y), at, der=1)


def test_polynomials_of_high_degree_are_stable():
    x = np.cos(np.pi * np.arange(80) / 79)
    at = np.linspace(-1.0, 1.0, 50)
    found = ours.barycentric_interpolate(x, gd.node(np.exp(x)), at)
    assert_close(found.value, np.exp(at), 1e-12)


def test_what_makes_plain_coefficients_is_refused():
    assert ours.lagrange(X[:3], Y[:3]).order == 2
    with pytest.raises(MissingRuleError, match="barycentric_interpolate"):
        ours.lagrange(X, gd.node(Y))
    found = ours.pchip_interpolate(X, gd.node(Y), INSIDE, der=[0, 1])
    expected = theirs.pchip_interpolate(X, Y, INSIDE, der=[0, 1])
    assert_close([z.value for z in found], expected, 1e-11)
    assert ours.BPoly is theirs.BPoly


@pytest.mark.parametrize("ext", [0, 1, "const"])
def test_univariate_splines(ext):
    w = np.ones(6)
    makers = [
        lambda m, x, y: m.UnivariateSpline(x, y, s=0, ext=ext),
        lambda m, x, y: m.InterpolatedUnivariateSpline(x, y, k=5, ext=ext),
    ]
    for make in makers:
        same(make)
        same(lambda m, x, y, f=make: lambda at: f(m, x, y)(at, 1), points=INSIDE)
    plain = [
        lambda m: m.UnivariateSpline(X, Y, w, s=0.1, ext=ext),
        lambda m: m.LSQUnivariateSpline(X, Y, [1.5], ext=ext),
        lambda m: makers[0](m, X, Y).derivative(),
        lambda m: makers[0](m, X, Y).antiderivative(),
    ]
    for make in plain:
        expected = make(theirs)(AROUND)
        assert np.array_equal(make(ours)(AROUND), expected)
        assert_close(make(ours)(gd.node(AROUND)).value, expected, 1e-10)
    spline = makers[0](ours, X, Y)
    assert_close(
        spline.integral(0.2, gd.node(2.2)).value, spline.integral(0.2, 2.2), 1e-10
    )
    check(lambda x, y, at: np.sum(makers[1](ours, x, y)(at) ** 2), (X, Y, INSIDE))
    moving = makers[0](ours, X, gd.node(Y))
    for n in (1, 2):
        for of in ("derivative", "antiderivative"):
            expected = getattr(makers[0](theirs, X, Y), of)(n)(AROUND)
            assert_close(getattr(moving, of)(n)(AROUND).value, expected, 1e-10)
    for ends in [(0.2, 2.2), (-1.0, 1.0), (0.5, 9.0), (2.0, 0.5)]:
        expected = makers[0](theirs, X, Y).integral(*ends)
        assert_close(moving.integral(*ends).value, expected, 1e-12)
        assert_close(spline.integral(gd.node(ends[0]), ends[1]).value, expected, 1e-12)
    check(
        lambda x, y: (
            np.sum(makers[0](ours, x, y).derivative()(INSIDE) ** 2)
            + makers[0](ours, x, y).integral(0.2, 2.2)
        ),
        (X, Y),
    )
    for refused in (
        moving.roots,
        lambda: ours.UnivariateSpline(X, gd.node(Y)),
        lambda: ours.LSQUnivariateSpline(X, gd.node(Y), [1.5]),
    ):
        with pytest.raises(MissingRuleError, match="has no derivative"):
            refused()


@pytest.mark.parametrize("name", ["BarycentricInterpolator", "KroghInterpolator"])
def test_polynomials_as_objects(name):
    same(lambda m, x, y: getattr(m, name)(x, y), exact=False)
    along = {"axis": 1}
    same(lambda m, x, y: getattr(m, name)(x, y, **along), values=TABLE, exact=False)
    make = getattr(ours, name)
    check(lambda x, y, at: np.sum(make(x, y)(at) ** 2), (X[:4], Y[:4], INSIDE))
    refused = {
        "KroghInterpolator": lambda: make([0.0, 0.0, 1.0], Y[:3])(gd.node(0.3)),
        "BarycentricInterpolator": lambda: make(X, Y).add_xi([4.0], gd.node([1.0])),
    }
    with pytest.raises(MissingRuleError, match="has no derivative"):
        refused[name]()


def test_an_interpolant_keeps_its_data():
    x, y = X.copy(), Y.copy()
    made = [ours.interp1d(x, y), ours.RegularGridInterpolator((x,), y)]
    expected = [gd.value(f(gd.node(np.array([0.3])))) for f in made]
    x[:], y[:] = 0.0, 0.0
    for f, z in zip(made, expected, strict=True):
        assert_close(f(gd.node(np.array([0.3]))).value, z, 1e-14)


def test_compiled_interpolants_look_at_each_calls_knots():
    def spline_at(x):
        return ours.CubicSpline(x, Y)(0.4)

    def grid_at(x):
        return ours.RegularGridInterpolator((x,), Y)(np.array([[0.4]]))[0]

    for f in (spline_at, grid_at):
        fast = gd.compile(f)
        fast(X)
        assert fast(1.1 * X) == pytest.approx(f(1.1 * X))
        with pytest.raises(ValueError, match=r"increasing|ascending|sorted"):
            fast(X[[0, 2, 1, 3, 4, 5]])
    fast = gd.compile(grid_at)
    assert fast(X) == pytest.approx(grid_at(X))
    assert fast(3.0 - X) == pytest.approx(grid_at(3.0 - X))


def test_compiled_maps_take_grids_of_both_directions():
    rising = np.array([0.0, 0.7, 1.5, 2.2])

    def f(x, q):
        values = np.outer(np.sin(x), x)
        at = np.stack([q, q[::-1]], axis=1)
        return np.sum(ours.RegularGridInterpolator((x, x), values)(at))

    args = np.stack([rising, rising[::-1]]), np.array([[0.3, 1.2], [0.4, 2.0]])
    slopes = gd.vmap(gd.grad(f, (0, 1)))
    for one, other in zip(gd.compile(slopes)(*args), slopes(*args), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


KEEPERS = {
    "KroghInterpolator": (lambda i, y: i.KroghInterpolator(SITES, y), "yi"),
    "BarycentricInterpolator": (lambda i, y: i.BarycentricInterpolator(SITES, y), "yi"),
    "UnivariateSpline": (
        lambda i, y: i.UnivariateSpline(SITES, y, s=0),
        "get_residual",
    ),
    "RectBivariateSpline": (
        lambda i, y: i.RectBivariateSpline(SITES, SITES, np.outer(y, y)),
        "get_coeffs",
    ),
    "RegularGridInterpolator": (
        lambda i, y: i.RegularGridInterpolator((SITES,), y),
        "values",
    ),
    "interp1d": (lambda i, y: i.interp1d(SITES, y), "y"),
    "RBFInterpolator": (lambda i, y: i.RBFInterpolator(SITES[:, None], y), "d"),
    "NearestNDInterpolator": (
        lambda i, y: i.NearestNDInterpolator(np.stack([SITES, SITES**2], 1), y),
        "values",
    ),
}
SITES = np.arange(5.0)


@pytest.mark.parametrize("name", KEEPERS)
def test_plain_copies_of_what_moves_are_not_handed_out(name):
    make, attribute = KEEPERS[name]
    y = np.sin(SITES)
    known, wanted = (getattr(make(of, y), attribute) for of in (ours, theirs))
    if callable(wanted):
        known, wanted = known(), wanted()
    np.testing.assert_array_equal(known, wanted)
    with pytest.raises(MissingRuleError, match=rf"{name}\.{attribute} of nodes"):
        getattr(make(ours, gd.node(y)), attribute)


@pytest.mark.parametrize(
    "kind", ["KroghInterpolator", "BarycentricInterpolator"], ids=str
)
def test_derivatives_of_polynomials_through_nodes_are_refused(kind):
    of_nodes = getattr(ours, kind)(SITES, gd.node(np.sin(SITES)))
    for method in ("derivative", "derivatives"):
        with pytest.raises(MissingRuleError, match="elementwise_grad"):
            getattr(of_nodes, method)(0.7)
    plain = getattr(ours, kind)(SITES, np.sin(SITES))
    known = getattr(theirs, kind)(SITES, np.sin(SITES))
    assert plain.derivative(0.7) == known.derivative(0.7)


def test_what_splines_of_nodes_tell():
    def f(y, x):
        spline = ours.UnivariateSpline(SITES, y, s=0)
        return [spline.derivatives(x), spline.get_coeffs(), spline.get_knots()]

    y = np.sin(SITES)
    gd.check_gradients(f, (y, 1.3))
    for found, plain in zip(f(gd.node(y), gd.node(1.3)), f(y, 1.3), strict=True):
        np.testing.assert_allclose(gd.value(found), plain, rtol=1e-9, atol=1e-12)
