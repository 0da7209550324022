"""Sizes as formulas: what the start of a function computes from the sizes and numbers it is given, for people.

    arith.muli(arith.muli(%T, 8), arith.addi(%n, 1))   ->   8*T*(n + 1)

A formula is a polynomial with whole coefficients; its atoms are names, and functions of formulas that are none
(`min`, `max`, a quotient, rounding up to whole cache lines). Equal formulas are equal objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain
from math import gcd

from scancc.process import kept_property

from .builder import constant_of, measured
from .core import Op, Value
from .ops import group, operand

LINE_NBYTES = 64  # what workspace is given out in


@dataclass(frozen=True, order=True)
class Name:
    """A size or number by its name; `natural`: never below 0."""

    text: str
    natural: bool = True

    def __str__(self) -> str:
        return self.text

    def at(self, values: Mapping[str, int], known: dict[Call, int]) -> int:
        return values[self.text]

    @property
    def names(self) -> frozenset[str]:
        return frozenset((self.text,))

    @property
    def is_exact(self) -> bool:
        return True

    def exact(self) -> Formula:
        return _once(self)


@dataclass(frozen=True)
class Call:
    """A function of formulas. Formulas share parts: what is asked of one again and again is kept."""

    function: str
    operands: tuple[Formula, ...]

    def __hash__(self) -> int:
        return self._hash

    @kept_property
    def _hash(self) -> int:
        return hash((self.function, self.operands))

    def __str__(self) -> str:
        return self._text

    @kept_property
    def _text(self) -> str:
        if self.function == "lines":
            return f"({self.operands[0]})"
        if self.function in ("//", "%"):
            return f" {self.function} ".join(map(_factor_text, self.operands)).join("()")
        return f"{self.function}({', '.join(map(str, self.operands))})"

    def at(self, values: Mapping[str, int], known: dict[Call, int]) -> int:
        if self not in known:
            known[self] = _MEANINGS[self.function](*(x.at(values, known) for x in self.operands))
        return known[self]

    @kept_property
    def names(self) -> frozenset[str]:
        return frozenset().union(*(x.names for x in self.operands))

    @kept_property
    def natural(self) -> bool:
        natural = [x.is_natural for x in self.operands]
        return any(natural) if self.function == "max" else all(natural)

    @kept_property
    def is_exact(self) -> bool:
        """Whether nothing in it is rounded up to lines."""
        return self.function != "lines" and all(x.is_exact for x in self.operands)

    def exact(self) -> Formula:
        """The same without rounding up to lines."""
        operands = [x.unrounded() for x in self.operands]
        return operands[0] if self.function == "lines" else call(self.function, *operands)


Atom = Name | Call
Product = frozenset[tuple[Atom, int]]  # atoms with their powers

_MEANINGS: dict[str, Callable[..., int]] = {
    "min": min, "max": max,
    "lines": lambda n: -(-n // LINE_NBYTES) * LINE_NBYTES,
    "//": lambda a, b: abs(a) // abs(b) * (1 if a * b >= 0 else -1) if b else 0,  # towards 0, as the machine divides
    "%": lambda a, b: a - b * _MEANINGS["//"](a, b),
}


@dataclass(frozen=True)
class Formula:
    """A sum of products, each with its coefficient, which is not 0. Only texts have an order."""

    terms: Mapping[Product, int] = field(default_factory=dict)

    def __hash__(self) -> int:
        return self._hash

    @kept_property
    def _hash(self) -> int:
        return hash(frozenset(self.terms.items()))

    def __add__(self, other: Formula) -> Formula:
        return self._plus(other, 1)

    def __sub__(self, other: Formula) -> Formula:
        return self._plus(other, -1)

    def _plus(self, other: Formula, factor: int) -> Formula:
        found = dict(self.terms)
        for product, n in other.terms.items():
            found[product] = found.get(product, 0) + factor * n
        return Formula({product: n for product, n in found.items() if n})

    def __mul__(self, other: Formula) -> Formula:
        found: dict[Product, int] = {}
        for left, n in self.terms.items():
            for right, m in other.terms.items():
                product = _times(left, right)
                found[product] = found.get(product, 0) + n * m
        return Formula({product: n for product, n in found.items() if n})

    def at(self, values: Mapping[str, int], known: dict[Call, int] | None = None) -> int:
        """Its number where names have these values; KeyError where one has none. `known`: what parts are for them,
        which it adds to."""
        known = {} if known is None else known
        total = 0
        for product, n in self.terms.items():
            for atom, power in product:
                n *= atom.at(values, known) ** power
            total += n
        return total

    @kept_property
    def names(self) -> frozenset[str]:
        return frozenset(name for product in self.terms for atom, _ in product for name in atom.names)

    @property
    def constant(self) -> int | None:
        """The number that it is, where it is one."""
        return self.at({}) if not self.names else None

    @kept_property
    def is_natural(self) -> bool:
        """Whether it is plainly 0 or more."""
        return all(n >= 0 and all(atom.natural for atom, _ in product) for product, n in self.terms.items())

    @kept_property
    def is_exact(self) -> bool:
        return all(atom.is_exact for product in self.terms for atom, _ in product)

    def unrounded(self) -> Formula:
        """The same without rounding up to cache lines, which people need not read."""
        return self if self.is_exact else self._unrounded

    @kept_property
    def _unrounded(self) -> Formula:
        total = Formula()
        for product, n in self.terms.items():
            part = number(n)
            for atom, power in product:
                part = reduce(lambda a, b: a * b, [atom.exact()] * power, part)
            total = total + part
        return total

    def __str__(self) -> str:
        return self._text

    @kept_property
    def _text(self) -> str:
        common, factor = self._common()
        rest = Formula({_without(product, common): n // factor for product, n in self.terms.items()})
        if len(rest.terms) < 2:
            return _sum_text(self)
        head = _product_text(_in_order(common), factor)
        return f"{head}*({_sum_text(rest)})" if head != "1" else _sum_text(rest)

    def _common(self) -> tuple[Product, int]:
        """The product that divides all terms, and the number that does."""
        if not self.terms:
            return frozenset(), 1
        shared = reduce(lambda a, b: a & b, (Counter(dict(product)) for product in self.terms))
        return frozenset(shared.items()), gcd(*self.terms.values()) or 1

    def in_order(self) -> list[tuple[Sequence[tuple[Atom, int]], int]]:
        """The terms as texts have them: those of more atoms first, atoms and equally long ones by their texts."""
        terms = [(_in_order(product), n) for product, n in self.terms.items()]
        return sorted(terms, key=lambda term: (-sum(power for _, power in term[0]), _product_text(*term)))


def chosen(names: Sequence[str], values: Mapping[str, int], function: str, more: str = "") -> dict[str, int]:
    """The values of these names; ValueError where one has none, which says `more` that may be given."""
    missing = [name for name in names if name not in values]
    if missing:
        raise ValueError(f"{function}: no value is given for {', '.join(missing)}; give each size that the formulas "
                         f"speak of by its name{more}")
    return {name: values[name] for name in names}


def number(value: int) -> Formula:
    return Formula({frozenset(): value} if value else {})


def name(text: str, natural: bool = True) -> Formula:
    return Name(text, natural).exact()


def call(function: str, *operands: Formula) -> Formula:
    """A function of formulas, or the formula that it plainly is."""
    if all(x.constant is not None for x in operands):
        return number(Call(function, operands).at({}, {}))
    return _extreme(function, operands) if function in ("min", "max") else _called(function, operands)


def _called(function: str, operands: tuple[Formula, ...]) -> Formula:
    return _once(Call(function, operands))


def _once(atom: Atom) -> Formula:
    return Formula({frozenset(((atom, 1),)): 1})


def _extreme(function: str, operands: tuple[Formula, ...]) -> Formula:
    """`min` or `max` of those operands, and of operands of operands, that may be it."""
    kept: list[Formula] = []
    for x in chain.from_iterable(_parts(function, given) for given in operands):
        if not any(_surely_is(function, other, x) for other in kept):
            kept = [other for other in kept if not _surely_is(function, x, other)] + [x]
    return kept[0] if len(kept) == 1 else _called(function, tuple(kept))


def _surely_is(function: str, x: Formula, other: Formula) -> bool:
    """Whether `x` is plainly the extreme of the two."""
    return (x - other if function == "max" else other - x).is_natural


def _parts(function: str, x: Formula) -> tuple[Formula, ...]:
    """What `x` is the extreme of, where it is one."""
    for product, n in x.terms.items():
        if len(x.terms) == n == len(product) == 1:
            (atom, power), = product
            if power == 1 and isinstance(atom, Call) and atom.function == function:
                return atom.operands
    return (x,)


def _times(left: Product, right: Product) -> Product:
    if not left or not right:
        return left or right
    return frozenset((Counter(dict(left)) + Counter(dict(right))).items())


def _without(product: Product, common: Product) -> Product:
    return frozenset((Counter(dict(product)) - Counter(dict(common))).items()) if common else product


def _in_order(product: Product) -> list[tuple[Atom, int]]:
    return sorted(product, key=lambda pair: str(pair[0]))


def _product_text(product: Sequence[tuple[Atom, int]], factor: int) -> str:
    parts = [str(factor)] * (factor != 1 or not product)
    return "*".join([*parts, *(str(atom) for atom, power in product for _ in range(power))])


def _factor_text(x: Formula) -> str:
    return f"({x})" if len(x.terms) > 1 else str(x)


def _sum_text(x: Formula) -> str:
    text = ""
    for product, n in x.in_order():
        sign = (" - " if n < 0 else " + ") if text else ("-" if n < 0 else "")
        text += sign + _product_text(product, abs(n))
    return text or "0"


# ---- reading formulas off the IR ----


@dataclass
class Formulas:
    """The formulas of one function's sizes. `sizes`: names of axes, by argument and axis; what is neither a size, a
    number given nor arithmetic on them gets a name, by which `computed` has the value."""

    func: Op
    sizes: Mapping[tuple[int, int], str]
    computed: dict[str, Value] = field(default_factory=dict)
    _known: dict[Value, Formula] = field(default_factory=dict)

    def of(self, value: Value) -> Formula:
        if value not in self._known:
            self._known[value] = self._read(value)
        return self._known[value]

    def _read(self, value: Value) -> Formula:
        known, op, at = constant_of(value), value.op, measured(value)
        if known is not None:
            return number(int(known))
        if at is not None and at[0].owner is self.func.body:
            return name(self.sizes.get((at[0].index, at[1]), f"{at[0].name}_n{at[1]}"))
        if op is not None and op.name == "memref.load" and not group(op, "indices"):
            source = operand(op, "source")
            if source.owner is self.func.body:
                return name(source.name or "number", natural=False)
        if op is not None and op.name in _READ:
            return _READ[op.name](self, op)
        return self._unknown(value)

    def _unknown(self, value: Value) -> Formula:
        text = f"computed_{len(self.computed)}"
        self.computed[text] = value
        return name(text)


def _of_two(combine: Callable[[Formula, Formula], Formula]) -> Callable[[Formulas, Op], Formula]:
    return lambda formulas, op: combine(*map(formulas.of, op.operands))


def _masked(formulas: Formulas, op: Op) -> Formula:
    """Up to whole lines: `(x + 63) & -64`."""
    value, mask = op.operands
    if constant_of(mask) != -LINE_NBYTES:
        return formulas._unknown(op.result)
    return call("lines", formulas.of(value) - number(LINE_NBYTES - 1))


def _chosen(formulas: Formulas, op: Op) -> Formula:
    """A size where an array of it can exist; where not, nothing is made."""
    condition = operand(op, "condition").op
    if condition is None or condition.name != "scan.can_exist":
        return formulas._unknown(op.result)
    return formulas.of(operand(op, "true_value"))


_READ: dict[str, Callable[[Formulas, Op], Formula]] = {
    "arith.addi": _of_two(lambda a, b: a + b),
    "arith.subi": _of_two(lambda a, b: a - b),
    "arith.muli": _of_two(lambda a, b: a * b),
    "arith.minsi": _of_two(lambda a, b: call("min", a, b)),
    "arith.maxsi": _of_two(lambda a, b: call("max", a, b)),
    "arith.divsi": _of_two(lambda a, b: call("//", a, b)),
    "arith.remsi": _of_two(lambda a, b: call("%", a, b)),
    "arith.andi": _masked,
    "arith.select": _chosen,
    "arith.index_cast": lambda formulas, op: formulas.of(op.operands[0]),
}
