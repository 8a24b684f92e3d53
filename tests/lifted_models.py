"""Classes and functions as they are found in programs, for the tests of ``gd.lift``."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from math import atan2

import numpy as np
from numpy.random import RandomState

WEIGHTS = np.array([0.5, 1.5])


class Filter:
    """Keeps a state that it fills and changes."""

    size = 2

    def __init__(self, gain):
        self.gain = gain
        self.x = np.zeros(self.size)
        self.P = np.eye(self.size)

    @property
    def spread(self):
        return self.P[0, 0] + self._extra()

    @staticmethod
    def half(x):
        y = np.ones(2) / 2.0
        y *= x
        return y

    @classmethod
    def of(cls, gain):
        return cls(gain)

    def _extra(self):
        return np.trace(self.P)

    def update(self, z):
        self.x[0] += self.gain * z
        self.x[1:] = self.half(z)[1:]
        self.P *= self.gain
        return self


class Damped(Filter):
    """Calls what it overrides."""

    def update(self, z):
        super().update(z)
        self.x -= 0.1 * self.gain
        return self

    @cached_property
    def rate(self):
        y = np.empty(1)
        y[0] = self.gain**2
        return y[0]


class Shape(ABC):
    """A class that cannot be made."""

    @abstractmethod
    def area(self): ...

    def twice(self):
        y = np.zeros(2)
        y[:] = self.area()
        return np.sum(y)


@dataclass
class Circle(Shape):
    """Has fields, of which one is made by NumPy."""

    radius: object
    weights: np.ndarray = field(default_factory=lambda: np.ones(2))

    def area(self):
        self.weights[0] = self.radius
        return math.pi * self.radius**2 * np.sum(self.weights)


def squared(x):
    y = np.zeros(1)
    y[0] = x * x
    return y[0]


WAYS = {"squared": squared, "shape": Circle, "plain": 2.0}


def by_a_table(x):
    return WAYS["squared"](x) * WAYS["plain"] + WAYS["shape"](x).twice()


def filtered(x):
    f = Damped.of(x).update(2.0)
    assert isinstance(f, Filter)
    assert isinstance(f.x[0], float)
    return np.sum(f.x) + f.spread * f.rate


def by_kinds(x):
    y = np.array([x, 2.0 * x])
    if not isinstance(x, (int, float)) or isinstance(x, np.ndarray):
        raise TypeError("x is no number")
    if not isinstance(y, np.ndarray) or isinstance(y, float):
        raise TypeError("y is no array")
    return np.sum(y**2)


def of_shapes(x):
    return sum(s.twice() for s in [Circle(x), Circle(2.0 * x)])


def by_arithmetic(x):
    grid = np.linspace(0.0, 1.0, 4)
    y = 2.0 * grid + WEIGHTS.sum()
    y += x * grid
    z = np.meshgrid(grid, grid)[0]
    z *= x
    w = np.r_[grid, 1.0]
    w[-1] = x
    noise = np.random.RandomState(0).normal(size=4) + grid
    noise += RandomState(1).normal(size=4) * x
    drawn = np.random.default_rng(2).standard_normal(4)
    drawn *= x
    noise += drawn + RandomState(1).rand(4)
    return np.sum(y**2) + np.sum(z**2) + np.sum(w**2) + np.sum(noise**2)


def by_pythons_math(x):
    y = math.sin(x) * math.exp(-x) + math.log(x, 2.0) + math.hypot(x, 1.0, 2.0)
    y += atan2(x, 2.0) * math.floor(3.7) + math.pow(x, 2) + math.gamma(x)
    y += math.degrees(x) + math.fabs(x) + math.fsum([x, x]) + math.prod([x, x])
    y += math.erf(x) + math.isnan(x) + math.dist([x, 1.0], [0.0, x]) + math.radians(x)
    row = np.array([[x, float(x * x)]], dtype=float)
    return y + float(row[0, 1]) + float(np.dot(row, row.T)[0, 0]) + row[0].item(0)


def by_an_argument(x, model, weights):
    total = np.sum(model.update(x).x)
    return total + np.sum(weights * model.half(x))


class Rod:
    """A class whose heirs name themselves in ``super``, as Python 2 wanted it."""

    def __init__(self, length):
        self.ends = np.zeros(2)
        self.ends[1] = length

    def length(self):
        return self.ends[1] - self.ends[0]


class Spring(Rod):
    """Its energy is that of its strain."""

    def __init__(self, length, rest):
        super(Spring, self).__init__(length)  # noqa: UP008
        self.rest = np.zeros(1)
        self.rest[0] = rest

    def energy(self):
        return 0.5 * (super(Spring, self).length() - self.rest[0]) ** 2  # noqa: UP008


class Loaded(Spring):
    """One that asks for what its parents have in every other way."""

    def __new__(cls, *given):
        return super().__new__(cls)

    def __init__(self, length, rest):
        super().__init__(length, rest * 2.0)

    def energy(self):
        factors = [lambda: self.ends[1], super().energy]
        return factors[0]() * factors[1]()

    @property
    def doubled(self):
        return super().energy() * 2.0


def energy_of_loaded(length):
    """Return numbers of three methods, each of which asks its parent."""
    spring = Loaded(length, 0.3 * length**2)
    return spring.energy() + spring.doubled + spring.length()


class Fluid:
    """A class that keeps a list of its heirs."""

    heirs = []  # noqa: RUF012

    def __init_subclass__(cls):
        cls.number = len(Fluid.heirs)
        Fluid.heirs.append(cls.__name__)

    def density(self, temperature):
        parts = np.zeros(2)
        parts[0] = temperature**2
        return np.sum(parts) + self.number


class Water(Fluid):
    def density(self, temperature):
        return super(Water, self).density(temperature) * math.sqrt(temperature)  # noqa: UP008


class Brine(Water):
    def __init_subclass__(cls):
        super().__init_subclass__()
        cls.number = 7


class Dense(Brine):
    def density(self, temperature):
        return super().density(temperature) + self.number * temperature


def density(temperature):
    """Return what an heir of classes computes that look at their heirs."""
    return Dense().density(temperature)
