"""``scipy.spatial.transform`` on nodes: Rotation and Slerp."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import scipy.spatial.transform
from numpy.typing import ArrayLike

from chainrule.numpy import mirror
from chainrule.scipy.moving import (
    array_of,
    example,
    floats_of,
    moves,
    plain_only,
    refused,
    root,
)
from chainrule.scipy.spatial import quaternions
from chainrule.scipy.spatial.leading import leading
from chainrule.values.types import Array

_scipy: Any = scipy.spatial.transform
_np: Any = np


class Rotation(_scipy.Rotation):
    """One rotation or several, as ``scipy.spatial.transform.Rotation``.

    It is differentiable in what it is made of and in what it is applied to, and smooth
    at the rotation by 0. Without a node all of it is SciPy's.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.spatial.transform import Rotation
    >>> def height(v):
    ...     return Rotation.from_rotvec(v).apply([0.0, 1.0, 0.0])[2]
    >>> gd.grad(height)(np.zeros(3))
    array([1., 0., 0.])
    """

    _moving: Any = None
    """The quaternions, where they hold nodes or traced values."""

    @classmethod
    def _of(cls, quat: Array) -> Self:
        """Return the rotations of quaternions of length one."""
        made = cls(example(quat), normalize=False)
        if moves(quat):
            made._moving = quat
        return made

    @classmethod
    def _ours(cls, plain: Any) -> Any:
        """Return a plain rotation of SciPy's as one of ours."""
        return cls(plain.as_quat(), normalize=False)

    @property
    def _quaternions(self) -> Any:
        return _scipy.Rotation.as_quat(self) if self._moving is None else self._moving

    # ------------------------------------------------------------------ made of what

    @classmethod
    def from_quat(cls, quat: ArrayLike, *, scalar_first: bool = False) -> Any:
        """Return the rotations of quaternions, brought to length one."""
        if not moves(quat):
            plain = _scipy.Rotation.from_quat(quat, scalar_first=scalar_first)
            return cls._ours(plain)
        q = floats_of(quat)
        _scipy.Rotation.from_quat(example(q), scalar_first=scalar_first)
        q = _np.roll(q, -1, axis=-1) if scalar_first else q
        return cls._of(quaternions.normalized(q))

    @classmethod
    def from_matrix(cls, matrix: ArrayLike, *, assume_valid: bool = False) -> Any:
        """Return the rotations of matrices, those nearest to them."""
        if not moves(matrix):
            known = {"assume_valid": True} if assume_valid else {}
            return cls._ours(_scipy.Rotation.from_matrix(matrix, **known))
        m = floats_of(matrix)
        _scipy.Rotation.from_matrix(example(m))
        return cls._of(quaternions.of_matrix(m, project=not assume_valid))

    @classmethod
    def from_rotvec(cls, rotvec: ArrayLike, degrees: bool = False) -> Any:
        """Return the rotations by the lengths of vectors, about them."""
        if not moves(rotvec):
            return cls._ours(_scipy.Rotation.from_rotvec(rotvec, degrees))
        v = floats_of(rotvec)
        _scipy.Rotation.from_rotvec(example(v), degrees)
        return cls._of(quaternions.of_vector(_np.radians(v) if degrees else v))

    @classmethod
    def from_euler(cls, seq: str, angles: ArrayLike, degrees: bool = False) -> Any:
        """Return the rotations by angles about up to three axes."""
        plain = _scipy.Rotation.from_euler(seq, example(angles), degrees)
        if not moves(angles):
            return cls._ours(plain)
        a = floats_of(angles)
        a = _np.reshape(a, (1,)) if a.ndim == 0 else a
        q = quaternions.of_angles(seq, _np.radians(a) if degrees else a)
        return cls._of(_np.reshape(q, np.shape(plain.as_quat())))

    @classmethod
    def from_davenport(
        cls, axes: ArrayLike, order: str, angles: ArrayLike, degrees: bool = False
    ) -> Any:
        """Return the rotations by angles about up to three axes, which are given."""
        plain = _scipy.Rotation.from_davenport(
            example(axes), order, example(angles), degrees
        )
        if not moves(axes, angles):
            return cls._ours(plain)
        v, a = _np.atleast_2d(floats_of(axes)), floats_of(angles)
        a = _np.radians(a) if degrees else a
        a = _np.reshape(a, (1,)) if a.ndim == 0 else a
        v = v / _np.sqrt(_np.sum(v * v, axis=-1, keepdims=True))
        count = v.shape[0]
        turns = [cls.from_rotvec(a[..., i, None] * v[i]) for i in range(count)]
        whole = turns[0]
        for turn in turns[1:]:
            whole = turn * whole if order in ("e", "extrinsic") else whole * turn
        q = _np.reshape(whole._quaternions, np.shape(plain.as_quat()))
        return cls._of(q)

    @classmethod
    def from_mrp(cls, mrp: ArrayLike) -> Any:
        """Return the rotations of modified Rodrigues parameters."""
        if not moves(mrp):
            return cls._ours(_scipy.Rotation.from_mrp(mrp))
        m = floats_of(mrp)
        _scipy.Rotation.from_mrp(example(m))
        square = _np.sum(m * m, axis=-1, keepdims=True)
        return cls._of(_np.concatenate([2 * m, 1 - square], axis=-1) / (1 + square))

    @classmethod
    def concatenate(cls, rotations: Any) -> Any:
        """Return the rotations of several objects in one."""
        if isinstance(rotations, _scipy.Rotation):
            return cls._of(_quat(rotations))
        parts = list(rotations)
        if not any(_is_moving(r) for r in parts):
            return cls._ours(_scipy.Rotation.concatenate(parts))
        quats = [_np.reshape(_quat(r), (-1, 4)) for r in parts]
        return cls._of(_np.concatenate(quats))

    @classmethod
    def identity(cls, *args: Any, **keywords: Any) -> Any:
        """Return the rotation by 0, as SciPy."""
        return cls._ours(_scipy.Rotation.identity(*args, **keywords))

    @classmethod
    def random(cls, *args: Any, **keywords: Any) -> Any:
        """Return random rotations, as SciPy."""
        return cls._ours(_scipy.Rotation.random(*args, **keywords))

    # ------------------------------------------------------------------ shown as what

    def as_quat(self, canonical: bool = False, *, scalar_first: bool = False) -> Any:
        """Return the quaternions; canonical ones have a w that is not negative."""
        if self._moving is None:
            return _scipy.Rotation.as_quat(self, canonical, scalar_first=scalar_first)
        q = quaternions.canonical(self._moving) if canonical else self._moving
        return _np.roll(q, 1, axis=-1) if scalar_first else q

    def as_matrix(self) -> Any:
        """Return the matrices."""
        if self._moving is None:
            return _scipy.Rotation.as_matrix(self)
        return quaternions.matrix_of(self._moving)

    def as_rotvec(self, degrees: bool = False) -> Any:
        """Return the angles times the axes."""
        if self._moving is None:
            return _scipy.Rotation.as_rotvec(self, degrees)
        v = quaternions.vector_of(self._moving)
        return _np.degrees(v) if degrees else v

    def as_euler(self, seq: str, degrees: bool = False, **options: Any) -> Any:
        """Return the angles about three axes."""
        plain = _scipy.Rotation.as_euler(self, seq, degrees, **options)
        if self._moving is None:
            return plain
        angles = quaternions.angles_of(self._moving, seq)
        return _np.degrees(angles) if degrees else angles

    def as_mrp(self) -> Any:
        """Return modified Rodrigues parameters."""
        if self._moving is None:
            return _scipy.Rotation.as_mrp(self)
        q = quaternions.canonical(self._moving)
        return q[..., :3] / (1.0 + q[..., 3:])

    def magnitude(self) -> Any:
        """Return the angles."""
        if self._moving is None:
            return _scipy.Rotation.magnitude(self)
        return quaternions.magnitude(self._moving)

    # --------------------------------------------------------------- computed with it

    def apply(self, vectors: ArrayLike, inverse: bool = False) -> Any:
        """Return the rotated vectors."""
        if self._moving is None and not moves(vectors):
            return _scipy.Rotation.apply(self, vectors, inverse)
        _scipy.Rotation.apply(self, example(vectors), inverse)  # it checks shapes
        matrix = quaternions.matrix_of(self._quaternions)
        if inverse:
            matrix = _np.swapaxes(matrix, -1, -2)
        return _np.matmul(matrix, floats_of(vectors)[..., None])[..., 0]

    def __mul__(self, other: Any) -> Any:
        """Return the rotation by ``other`` and then by this."""
        if not isinstance(other, _scipy.Rotation):
            return NotImplemented
        if self._moving is None and not _is_moving(other):
            return self._ours(_scipy.Rotation.__mul__(self, other))
        q = quaternions.product(self._quaternions, _quat(other))
        return self._of(quaternions.normalized(q))

    def __rmul__(self, other: Any) -> Any:
        """Return the rotation by this and then by a plain one."""
        if not isinstance(other, _scipy.Rotation):
            return NotImplemented
        return self._ours(other) * self

    def __pow__(self, n: Any, modulus: None = None) -> Any:
        """Return the rotation ``n`` times over."""
        if self._moving is None and not moves(n):
            return self._ours(_scipy.Rotation.__pow__(self, n, modulus))
        power = array_of(n)
        turned = power * quaternions.vector_of(self._quaternions)
        return self._of(quaternions.of_vector(turned))

    def inv(self) -> Any:
        """Return the rotation back."""
        if self._moving is None:
            return self._ours(_scipy.Rotation.inv(self))
        return self._of(quaternions.inverse(self._moving))

    def mean(self, weights: ArrayLike | None = None, **options: Any) -> Any:
        """Return the mean, the leading eigenvector of the mean outer product."""
        plain = None if weights is None else example(weights)
        found = _scipy.Rotation.mean(self, plain, **options)
        if self._moving is None and not moves(weights):
            return self._ours(found)
        if options.get("axis") is not None:
            raise refused("The mean of rotations with axis=", "Take it of each part.")
        q = _np.reshape(self._quaternions, (-1, 4))
        if weights is None:
            weighted = q
        else:
            weighted = q * _np.reshape(floats_of(weights), (-1, 1))
        return self._of(leading(_np.matmul(_np.transpose(weighted), q)))

    def __getitem__(self, index: Any) -> Any:
        """Return some of the rotations."""
        plain = _scipy.Rotation.__getitem__(self, index)
        if self._moving is None:
            return self._ours(plain)
        return self._of(self._moving[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        """Exchange plain rotations, as SciPy."""
        if self._moving is not None or _is_moving(value):
            raise refused(
                "Exchanging some of the rotations", "Join them: Rotation.concatenate."
            )
        _scipy.Rotation.__setitem__(self, index, value)

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the rotations."""
        return (self[i] for i in range(len(self)))

    def reduce(self, *args: Any, **keywords: Any) -> Any:
        """Reduce plain rotations by groups, as SciPy."""
        if self._moving is not None:
            raise refused("Rotation.reduce", "Reduce plain rotations.")
        return _scipy.Rotation.reduce(self, *args, **keywords)

    @classmethod
    def align_vectors(
        cls,
        a: ArrayLike,
        b: ArrayLike,
        weights: ArrayLike | None = None,
        return_sensitivity: bool = False,
    ) -> Any:
        """Return the rotation that brings vectors b closest to a, and what is left.

        Its quaternion q has the largest ``q.T K q``, the weighted sum of a . R(q) b.
        """
        plain = example(a), example(b), None if weights is None else example(weights)
        found = _scipy.Rotation.align_vectors(*plain, return_sensitivity)
        if not moves(a, b, weights):
            return cls._ours(found[0]), *found[1:]
        x, y = (_np.reshape(floats_of(v), (-1, 3)) for v in (a, b))
        w = np.ones(x.shape[0]) if weights is None else floats_of(weights)
        if return_sensitivity or x.shape[0] == 1 or not np.all(np.isfinite(example(w))):
            raise refused(
                "Rotation.align_vectors of one vector, with an infinite weight, or its "
                "sensitivity",
                "Give two or more vectors, and large weights.",
            )
        w = w[:, None]
        outer = _np.transpose(w * x) @ y
        trace = _np.trace(outer)
        turned = _np.sum(w * _np.cross(y, x), axis=0)[:, None]
        upper = outer + _np.transpose(outer) - trace * np.eye(3)
        lower = _np.concatenate([turned, _np.reshape(trace, (1, 1))])
        upper = _np.concatenate([upper, _np.transpose(turned)])
        matrix = _np.concatenate([upper, lower], axis=1)
        q = leading(matrix)
        left = _np.sum(w * (x**2 + y**2)) - 2.0 * _np.sum(q * (matrix @ q))
        return cls._of(q), root(_np.maximum(left, 0.0))

    def as_davenport(self, axes: ArrayLike, *args: Any, **keywords: Any) -> Any:
        """Return plain angles about given axes, as SciPy."""
        if self._moving is not None or moves(axes):
            raise refused("Rotation.as_davenport", "Write as_euler.")
        return _scipy.Rotation.as_davenport(self, axes, *args, **keywords)


def _is_moving(r: Any) -> bool:
    return getattr(r, "_moving", None) is not None


def _quat(r: Any) -> Any:
    """Return the quaternions of a rotation, ours or SciPy's."""
    return r._moving if _is_moving(r) else r.as_quat()


class Slerp(_scipy.Slerp):
    """Interpolation between rotations at a constant rate, as SciPy's ``Slerp``.

    It is differentiable in times, rotations and the times at which it is called.
    """

    times: plain_only = plain_only()
    timedelta: plain_only = plain_only()
    rotations: plain_only = plain_only()
    rotvecs: plain_only = plain_only()

    def __init__(self, times: ArrayLike, rotations: Any) -> None:
        """Keep times and the rotations at them."""
        quats = _quat(rotations)
        plain = _scipy.Rotation(example(quats), normalize=False)
        _scipy.Slerp.__init__(self, example(times), plain)
        self._plain: Any = _scipy.Slerp(example(times), plain)
        self._moving: bool = moves(times, quats)
        self._given = floats_of(times), quats

    def __call__(self, times: ArrayLike) -> Any:
        """Return the rotations at times."""
        if not self._moving and not moves(times):
            return Rotation._ours(_scipy.Slerp.__call__(self, times))
        self._plain(example(times))  # it checks the range
        knots, quats = self._given
        at = floats_of(times)
        place = _np.searchsorted(knots[1:-1], at, side="left")
        low, high = _np.take(knots, place), _np.take(knots, place + 1)
        steps = quaternions.product(quaternions.inverse(quats[:-1]), quats[1:])
        turns = _np.take(quaternions.vector_of(steps), place, axis=0)
        share = ((at - low) / (high - low))[..., None]
        start = _np.take(quats, place, axis=0)
        q = quaternions.product(start, quaternions.of_vector(turns * share))
        return Rotation._of(quaternions.normalized(q))


class RotationSpline(_scipy.RotationSpline):
    """SciPy's spline of plain rotations; it takes no nodes."""

    def __init__(self, times: ArrayLike, rotations: Any) -> None:
        """Keep plain times and rotations."""
        if moves(times) or _is_moving(rotations):
            raise refused("RotationSpline", "Write Slerp(times, rotations).")
        _scipy.RotationSpline.__init__(self, times, rotations)

    def __call__(self, times: ArrayLike, order: int = 0) -> Any:
        """Return rotations, or rates of them, at plain times."""
        if moves(times):
            raise refused("RotationSpline", "Write Slerp(times, rotations).")
        return _scipy.RotationSpline.__call__(self, times, order)


__getattr__: mirror.Lookup
__dir__: mirror.Listing
__getattr__, __dir__ = mirror.mirror_of(scipy.spatial.transform)
