"""Random programs that read and write arrays, and a reference that changes none.

A program is Python text, drawn statement by statement while it runs on plain arrays. On
``Cells`` the same text is its functional rewriting: a memory is a vector that is never
changed, an array is a memory with the places of its entries there, and a write makes
the memory anew with ``np.where``.
"""

from __future__ import annotations

import numpy as np

import chainrule as gd

SHAPES = [(4,), (2, 3), (2, 1, 2)]
CONSTANTS = [0.3, 0.7, -0.4, 1.1]
BASIC = ["[1:]", "[:-1]", "[::-1]", "[::2]", "[0]", "[-1]", "[...]", "[None]", "[:]"]
BASIC += ["[..., 0]", "[0, ...]", "[..., None]", "[:, ::-1]", "[1:, 1:]", "[()]"]
BASIC += ["[-1:, ..., None]", "[0:0]", "[:, 0]", "[2]", "[..., ::2, :]"]
PICKED = ["[[0, 1]]", "[[1, 0, 1]]", "[np.array([-1, 0])]", "[[[0], [1]]]"]
PICKED += ["[[0, 1], ..., 0]", "[:, [0, 0]]", "[[1], 1:]", "[[0, 1], [1, 0]]", "[[]]"]
PICKED += ["[..., [0]]", "[None, [1, 0]]", "[np.array([True, False, True, False])]"]
PICKED += ["[np.array([True, False])]", "[{0} > 0.6]", "[{0} <= 0.6]", "[True]"]
MASKS = ["[{0} > 0.6]", "[np.abs({0}) < 0.5]"]
VIEWS = [".T", ".reshape(-1)", ".ravel()", ".reshape(2, -1)", ".swapaxes(0, -1)"]
VIEWS += [".squeeze()", ".transpose()"]
OPERATORS = ["+=", "-=", "*="]


class Drawing:
    """A program that is being drawn: its text, and its variables on plain arrays.

    ``choose(n)`` returns a number below ``n``.
    """

    def __init__(self, shape, choose, start):
        """Start with ``x``, and an array computed of it."""
        self.choose, self.lines = choose, []
        self.names = names_for(np, np.zeros) | {"x": start.copy(), "total": 0.0}
        self.held = ["x"]
        self.new("x * 0.8 + 0.1")

    def pick(self, options):
        """Return one of some options."""
        return options[self.choose(len(options))]

    def new(self, text):
        """Add a statement that names a new array, if it is one of a bearable size."""
        name = f"a{len(self.held)}"
        if self.add(f"{name} = {text}"):
            value = self.names.get(name)
            if isinstance(value, np.ndarray) and value.size <= 24:
                self.held.append(name)

    def add(self, text):
        """Add a statement; one that NumPy refuses has to be refused everywhere."""
        try:
            with np.errstate(all="ignore"):
                exec(text, self.names)
        except (ValueError, IndexError, TypeError) as error:
            if self.choose(4) == 0 or "scaled" in text or "for " in text:
                inside = text.replace("\n", "\n    ")
                self.lines.append(f"try:\n    {inside}")
                self.lines.append("except (ValueError, IndexError, TypeError):")
                self.lines.append(f"    note({type(error).__name__!r})")
                self.lines.append(f"else:\n    note({text!r} + ' was not refused')")
            return False
        self.lines.append(text)
        self.lines += [f"note({a})" for a in self.held]
        return True

    def part(self, name):
        """Return an array, or a part of it."""
        kind = self.choose(5)
        if kind == 0:
            return name
        if kind == 1:
            return name + self.pick(VIEWS)
        return name + self.pick(BASIC if kind < 4 else PICKED).format(name)

    def operand(self):
        """Return the text of something that is written."""
        kind, name = self.choose(7), self.pick(self.held)
        if kind == 0:
            return str(self.pick(CONSTANTS))
        if kind == 1:
            return f"np.sum({name}) * 0.1"
        if kind == 2:
            return f"np.sin({self.part(name)})"
        if kind == 3:
            return f"{self.part(name)} * 0.6 + {self.part(self.pick(self.held))} * 0.2"
        part = self.part(name)
        return f"{part} * {self.pick(CONSTANTS)}" if kind < 6 else part

    def read(self):
        """Add a read, a view, a view of a view, a copy or another name."""
        kind, name = self.choose(8), self.pick(self.held)
        if kind < 3:
            self.new(name + self.pick(BASIC))
        elif kind < 5:
            self.new(name + self.pick(VIEWS))
        elif kind == 5:
            self.new(self.pick([f"{name}.copy()", f"np.zeros_like({name})", name]))
        elif kind == 6:
            self.new(name + self.pick(PICKED).format(name))
        else:
            shape = np.shape(self.names[name])
            self.new(self.pick([f"zeros({shape})", f"np.exp({name} * 0.2)"]))

    def use(self):
        """Add a use of a state, which stays what it was."""
        name = self.pick(self.held)
        self.add(f"total = total + np.sum({name} * {name}) * 0.1")

    def write(self):
        """Add a write."""
        name = self.pick(self.held)
        kind, index = self.choose(12), self.pick(BASIC + PICKED).format(name)
        if kind < 3:
            # NumPy reads what a mask has overwritten already.
            copied = " * 1.0" if "0.6]" in index else ""
            self.add(f"{name}{index} = {self.operand()}{copied}")
        elif kind < 5:
            self.add(f"{name}{index} {self.pick(OPERATORS)} {self.operand()}")
        elif kind == 5:
            self.add(f"{name} {self.pick(OPERATORS)} {self.operand()}")
        elif kind == 6:
            ufunc = self.pick(["np.multiply", "np.add"])
            self.add(f"{ufunc}({self.operand()}, 0.7, out={self.part(name)})")
        elif kind == 7:
            added = self.pick(self.held)
            if np.ndim(self.names[added]) <= np.ndim(self.names[name]):
                # NumPy 2.4 may crash where what is added has more axes.
                self.add(f"np.add.at({name}, np.s_{index}, 0.3 * {added})")
        elif kind == 8:
            self.add(
                f"for i in range(1, len({name})):\n"
                f"    {name}[i] = {name}[i - 1] * 0.4 + {name}[i] * 0.5"
            )
        elif kind == 9 and self.names[name].ndim > 1:
            self.add(f"for r in {name}:\n    r *= 0.9")
        elif kind == 9:
            first, last = f"{name}[0]", f"{name}[-1]"
            self.add(f"{first}, {last} = {last} * 1.0, {first} * 1.0")
        elif kind == 10:
            self.add(f"total = total + scaled({self.part(name)}, {self.operand()})")
        else:
            mask = self.pick(MASKS).format(name)
            self.add(f"{name}{mask} {self.pick(['=', *OPERATORS])} 0.25")

    def text(self):
        """Return the program: a function ``f`` of ``x``."""
        sums = [f"np.sum({a} ** 2) * {0.3 + 0.1 * i}" for i, a in enumerate(self.held)]
        lines = [*self.lines, "return total + " + " + ".join(sums)]
        body = "\n".join(lines).replace("\n", "\n    ")
        return f"def f(x):\n    total = 0.0\n    {body}\n"


def scaled(y, v):
    """Write into an argument: its caller sees it."""
    y *= 0.5
    y += v
    return np.sum(y) * 0.2


def names_for(xp, zeros, note=None):
    """Return what the text of a program knows by name."""
    note = note or (lambda value: None)
    return {"np": xp, "zeros": zeros, "note": note, "scaled": scaled}


class Program:
    """A program by its text, to be run on arrays of any kind."""

    def __init__(self, text, zeros=gd.zeros):
        """Make arrays that are filled by ``zeros``."""
        self.noted, self.is_noting = [], False
        names = names_for(np, zeros, self.note)
        exec(text, names)
        self.f = names["f"]

    def note(self, value):
        """Note a value, or an error, where it is asked for."""
        if self.is_noting:
            value = shown(value)
            self.noted.append(value if isinstance(value, str) else np.array(value))

    def run(self, x):
        """Return the result and what was noted on the way."""
        self.noted, self.is_noting = [], True
        value = self.f(x)
        self.is_noting = False
        return value, self.noted


def shown(value):
    """Return the numbers of an array of any kind."""
    return gd.value(value.entries() if isinstance(value, Cells) else value)


class Memory:
    """Where a vector is, the entries of arrays that share it."""

    def __init__(self, vector):
        """Hold a vector."""
        self.vector = vector


class Cells:
    """An array as the places of its entries in a memory; ``places`` are integers.

    ``layout`` are the places as NumPy's views of one array lie, to see what is a view.
    """

    is_number = False

    def __init__(self, memory, places):
        """Show places of a memory."""
        self.memory, self.places = memory, places

    @classmethod
    def of(cls, value, like=None):
        """Return a new array of some entries, in memory as those of ``like``."""
        shape = np.shape(gd.value(value))
        example = np.empty(shape) if like is None else np.asarray(like)
        places = np.empty_like(example, dtype=int)
        places[...] = np.arange(places.size).reshape(shape)
        return cls(Memory(np.reshape(value, (-1,))), places)

    @classmethod
    def result(cls, value, like=None):
        """Return what a function returns: of no axes, it is a number and no array."""
        z = cls.of(value, like)
        z.is_number = not z.places.ndim
        return z

    def entries(self):
        """Return the entries: numbers, or a node."""
        return np.reshape(self.memory.vector[self.places.ravel()], self.places.shape)

    def shows(self, places):
        """Return a view, or a copy, or a number, as NumPy returns for the places."""
        if not isinstance(places, np.ndarray):
            return Cells.result(self.memory.vector[places])
        z = Cells(self.memory, places)
        is_view = np.may_share_memory(places, self.places) or not places.size
        return z if is_view else Cells.of(z.entries(), places)

    def set(self, places, value):
        """Write into places; of several writes to one the last one stays."""
        places = np.asarray(places)
        source = np.full(np.shape(self.memory.vector), -1)
        source[places.ravel()] = np.arange(places.size)
        value = value.entries() if isinstance(value, Cells) else value
        if places.size:
            shape = np.shape(gd.value(value))
            extra = max(len(shape) - places.ndim, 0)
            value = np.reshape(value, shape[extra:])
            values = np.reshape(np.broadcast_to(value, places.shape), (-1,))
            vector = self.memory.vector
            written = values[np.maximum(source, 0)]
            self.memory.vector = np.where(source >= 0, written, vector)

    def __getitem__(self, index):
        """Read as NumPy does."""
        return self.shows(self.places[index])

    def __setitem__(self, index, value):
        """Write as NumPy does; what ``y[index] += v`` has written is there already."""
        np.empty_like(self.places, dtype=float)[index] = shown(value)  # may refuse
        self.set(self.places[index], value)

    def __len__(self):
        """Return the length of the first axis."""
        return len(self.places)

    def __iter__(self):
        """Iterate over views."""
        return iter([self[i] for i in range(len(self))])

    def __getattr__(self, name):
        """Return a view by a method of the places."""
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "T":
            return self.shows(self.places.T)
        if name == "copy":
            return lambda: Cells.of(self.entries(), self.places.copy())
        return lambda *args: self.shows(getattr(self.places, name)(*args))

    def __array_ufunc__(self, ufunc, method, *inputs, out=(None,), **given):
        """Call a ufunc, and write its result."""
        plain = [x.entries() if isinstance(x, Cells) else x for x in inputs]
        if method == "at":
            return self._add_at(inputs[0], inputs[1], plain[2])
        z = ufunc(*plain)
        examples = [x.places if isinstance(x, Cells) else gd.value(x) for x in inputs]
        if isinstance(z, np.ndarray | np.bool_) and z.dtype == bool:
            return z
        if out[0] is None:
            like = sum(map(np.asarray, examples), 0)
            return Cells.result(z, like)
        if isinstance(out[0], Cells):
            ufunc(*map(shown, inputs), out=np.empty(out[0].places.shape))
            out[0].set(out[0].places, z)
        return out[0]

    @staticmethod
    def _add_at(y, index, values):
        places = y.places[index]
        values = np.reshape(np.broadcast_to(values, np.shape(places)), (-1,))
        for i, place in enumerate(np.ravel(places)):
            y.set(place, y.memory.vector[place] + values[i])

    def __array_function__(self, function, types, args, given):
        """Call any other function on the entries."""
        if function is np.zeros_like:
            return Cells.of(np.zeros(self.places.shape), np.zeros_like(self.places))
        return Cells.result(function(self.entries(), *args[1:], **given))


def _operator(ufunc):
    def call(self, other):
        return ufunc(self, other)

    return call


def _reflected(ufunc):
    def call(self, other):
        return ufunc(other, self)

    return call


def _in_place(ufunc):
    def call(self, other):
        return ufunc(self, other, out=None if self.is_number else self)

    return call


for _name, _ufunc in {"add": np.add, "sub": np.subtract, "mul": np.multiply}.items():
    setattr(Cells, f"__{_name}__", _operator(_ufunc))
    setattr(Cells, f"__r{_name}__", _reflected(_ufunc))
    setattr(Cells, f"__i{_name}__", _in_place(_ufunc))
for _name, _ufunc in {
    "pow": np.power,
    "gt": np.greater,
    "le": np.less_equal,
    "lt": np.less,
}.items():
    setattr(Cells, f"__{_name}__", _operator(_ufunc))


def functional(text):
    """Return a program as a function that changes no array."""
    program = Program(text, zeros=lambda shape: Cells.of(np.zeros(shape)))

    def run(x):
        return program.f(Cells.of(x * 1.0)).entries()

    return run
