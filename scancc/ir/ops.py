"""The op table: what each op is, declared once.

Printer, parser, verifier, CSE and DCE name no op: they ask this table. A dialect module under
`ir/dialects` declares its ops with `define`; `OPS[name]` finds a declaration. Operands that come in
groups are read by the names declared there: `group(op, "xs")`; `ir/parts.py` has views with more names.

Meaning of arithmetic: floats are IEEE 754, round to nearest, no flush of subnormals, evaluated in
the order written (no reassociation, no contraction that is not an explicit `math.fma`); integers
wrap modulo 2**width; an integer division by zero is never executed (lowering guards it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import Any

import numpy as np

from scancc.late_dataclasses import dataclass

from .constraints import split_kinds
from .core import Block, Op, Value
from .reading.phrases import CALL, Phrase
from .types import DenseArray, MemRefType, i32

# Traits.
PURE = "pure"                # no effect on memory, no failure: may be removed, merged, moved
ELEMENTWISE = "elementwise"  # same meaning on scalars, vectors and tensors of equal shape
COMMUTATIVE = "commutative"
TERMINATOR = "terminator"
READS = "reads"              # reads memory
WRITES = "writes"            # writes memory
CHECKS = "checks"            # may end the program with a status; must not be removed
ISOLATED = "isolated"        # regions use no value from outside
LOOP = "loop"                # its region runs once a round, of which there may be none
NO_SPECULATION = "no-speculation"  # pure, but may trap: not moved to where it did not run
VIEW = "view"                # the result has the elements of its `source`, and may lie in its memory
PLACED = "placed"            # works on a part of its `source` or `dest`, which must be inside
LITERAL = "literal"          # of constants and sizes it is read as a literal, wherever it is used

# How an op reads: a template (`reading/phrases.py`), or a function of the op and the printer (`reading/printer.py`)
# that gives a text, or, of an op with regions, texts and blocks in turn.
Parts = Sequence[str | Block]
Reading = str | Callable[..., str | Phrase | Parts]


@dataclass(frozen=True)
class OpDef:
    """One op: operand groups ('x' one, 'x?' at most one, 'x*' any number), result count, traits,
    attribute names, number of regions, NumPy meaning, checks and how it reads. Kinds are words of
    `constraints`."""

    name: str
    operands: tuple[str, ...] = ()
    results: str = "1"  # "0", "1", "*"
    traits: frozenset[str] = frozenset()
    attrs: tuple[str, ...] = ()
    regions: int = 0
    written: str = ""  # the operand that is memory it writes
    numpy: Callable[..., Any] | None = None  # of the operands; call it through `evaluate`
    takes_op: bool = False   # `numpy` gets the op first: its attributes or result type matter
    same_types: bool = False  # operands and result all have one type
    verify: Callable[[Op], str | None] | None = None  # the broken rule, or None
    reading: Reading | None = None  # how people read it
    kinds: tuple[str, ...] = ()         # of each operand group; '' is any
    gives: str = ""                     # the kind of the results
    attr_kinds: tuple[str, ...] = ()    # of each of `attrs`
    marks: tuple[tuple[str, str], ...] = ()  # attributes that may be there, and their kinds
    parents: tuple[str, ...] = ()       # the ops in whose regions it may stand; none: any
    ends: tuple[str, ...] = ()          # the terminator of each region
    hint: str = ""  # a template that names an unnamed result in the reading form
    doc: str = ""

    @cached_property
    def groups(self) -> dict[str, int]:
        """The names of the operand groups, and the place of each."""
        return {o.rstrip("*?"): place for place, o in enumerate(self.operands)}

    @cached_property
    def segmented(self) -> bool:
        """True where operand groups cannot be told apart without their sizes."""
        return sum(1 for o in self.operands if o[-1] in "*?") > 1

    @cached_property
    def only_computes_or_reads(self) -> bool:
        return WRITES not in self.traits and not self.traits.isdisjoint((PURE, READS))

    @cached_property
    def places(self) -> dict[str, int]:
        """Which operand each group of one is, where no sizes are needed."""
        return {} if self.segmented else {name: span.start for name, span in self.spans.items()
                                          if self.operands[self.groups[name]][-1] not in "*?"}

    @cached_property
    def place_of_whole(self) -> int | None:
        """Which operand is the array of a placed op, where no sizes are needed."""
        return self.places.get("dest" if "dest" in self.groups else "source")

    @cached_property
    def spans(self) -> dict[str, slice]:
        """Which operands each group is, where no sizes are needed: after the one that varies, from the end."""
        varies = [o[-1] in "*?" for o in self.operands]
        spans = {}
        for name, place in self.groups.items():
            last = place + 1 - len(varies)  # 0 for the end
            spans[name] = slice(place if not any(varies[:place]) else last - 1,
                                place + 1 if not any(varies[:place + 1]) else last or None)
        return spans


OPS: dict[str, OpDef] = {}


@dataclass
class Dialect:
    """Declares ops under one prefix."""

    prefix: str
    names: list[str] = field(default_factory=list)

    def define(self, name: str, operands: str = "", results: str = "1", traits: Sequence[str] = (),
               doc: str = "", attrs: Sequence[str] = (), marks: Sequence[str] = (), **rest: Any) -> None:
        """`operands`, `attrs` and `marks` may say a kind behind a colon: `source:tensor indices*:index`."""
        full = f"{self.prefix}.{name}"
        groups, kinds = split_kinds(operands.split())
        names, attr_kinds = split_kinds(attrs)
        OPS[full] = OpDef(full, groups, results, frozenset(traits), names, doc=doc, kinds=kinds,
                          attr_kinds=attr_kinds, marks=tuple(zip(*split_kinds(marks), strict=True)), **rest)
        self.names.append(full)

    def elementwise(self, name: str, operands: str, numpy: Callable[..., Any], doc: str,
                    traits: Sequence[str] = (), reading: Reading = CALL, **rest: Any) -> None:
        self.define(name, operands, "1", (PURE, ELEMENTWISE, *traits), doc, numpy=numpy, reading=reading, **rest)


def lookup(op: Op) -> OpDef:
    """The declaration of an op; an error names an op that is not declared."""
    try:
        return OPS[op.name]
    except KeyError:
        raise KeyError(f"op '{op.name}' is declared in no dialect under ir/dialects") from None


def has_trait(op: Op, trait: str) -> bool:
    definition = OPS.get(op.name) or lookup(op)
    return trait in definition.traits


def is_pure(op: Op) -> bool:
    """No effect and no failure, in itself and in everything inside it."""
    return _all_inside(op, _computes)


def is_repeated(op: Op) -> bool:
    """No effect but that it may fail: an op behind an equal one does nothing that is new."""
    return _all_inside(op, lambda inner: _computes(inner) or CHECKS in lookup(inner).traits)


def is_removable(op: Op) -> bool:
    """Whether nothing is lost with an op whose results are unused: all inside it computes or reads."""
    return _all_inside(op, _computes_or_reads) if op.regions else _computes_or_reads(op)


def is_dead(op: Op) -> bool:
    """Whether nobody uses what an op gives, and nothing else is lost with it."""
    for value in op.results:
        if value.uses:
            return False
    return is_removable(op)


def _all_inside(op: Op, holds: Callable[[Op], bool]) -> bool:
    """Whether something holds for an op and all inside it but terminators."""
    if not holds(op):
        return False
    for region in op.regions:
        for block in region.blocks:
            for inner in block.ops:
                if not (_all_inside(inner, holds) or has_trait(inner, TERMINATOR)):
                    return False
    return True


def _computes(op: Op) -> bool:
    return PURE in lookup(op).traits and not _fills_buffers(op)


def _computes_or_reads(op: Op) -> bool:
    return lookup(op).only_computes_or_reads and not _fills_buffers(op)


def _fills_buffers(op: Op) -> bool:
    """True for an op that has no result but writes its output operands: linalg.generic on buffers."""
    return not op.results and any(isinstance(v.type, MemRefType) for v in op.operands)


# ---- operands by the names of their declaration ----


def group(op: Op, name: str) -> list[Value]:
    """The operands of the group called `name`."""
    definition = OPS[op.name]
    return op.group(definition.groups[name]) if definition.segmented else op.operands[definition.spans[name]]


def operand(op: Op, name: str) -> Value:
    """The only operand of the group called `name`."""
    place = OPS[op.name].places.get(name)
    if place is not None:
        return op.operands[place]
    (value,) = group(op, name)
    return value


def whole(op: Op) -> Value:
    """The array of which a placed op reads or writes a part."""
    place = OPS[op.name].place_of_whole
    return op.operands[place] if place is not None else operand(op, name_of_whole(op))


def written_by(op: Op) -> Value | None:
    """The buffer that an op by itself, without those inside, writes, if it says so."""
    definition = OPS[op.name]
    return operand(op, definition.written) if WRITES in definition.traits and definition.written else None


def memory_of(value: Value) -> Value:
    """The array or buffer that `value` is, or is a part or another shape of."""
    op = value.op
    while op is not None and VIEW in OPS[op.name].traits:
        value = operand(op, "source")
        op = value.op
    return value


def name_of_whole(op: Op) -> str:
    return "dest" if "dest" in OPS[op.name].groups else "source"


def set_operands(op: Op, **groups: Sequence[Value]) -> None:
    """Put new operands in the place of those called by name; other groups stay."""
    definition = OPS[op.name]
    operands, sizes = grouped_operands(op.name, {
        name: groups[name] if name in groups else group(op, name) for name in definition.groups} | groups)
    if definition.segmented:
        op.attrs["operandSegmentSizes"] = sizes
    op.operands = operands


def grouped_operands(name: str, groups: Mapping[str, Sequence[Value]]) -> tuple[list[Value], DenseArray]:
    """All operands of an op called `name`, and the sizes of its groups; one not given is empty."""
    known = OPS[name].groups
    assert groups.keys() <= known.keys(), f"{name} has no operands {set(groups).difference(known)}"
    parts = [groups.get(part, ()) for part in known]
    return [value for part in parts for value in part], DenseArray(i32, tuple(map(len, parts)))


def evaluate(op: Op, *values: Any) -> Any:
    """The NumPy meaning of an elementwise op on scalars or arrays of one shape.

    The caller gives the answer the dtype of the result's type: a few meanings leave a wider one.
    """
    definition = lookup(op)
    assert definition.numpy is not None, f"{op.name} has no NumPy meaning"
    return definition.numpy(op, *values) if definition.takes_op else definition.numpy(*values)


def int_attr(op: Op, name: str, default: int | None = None) -> int:
    value = op.attrs.get(name)
    if value is None:
        assert default is not None, f"{op.name} lacks the attribute {name}"
        return default
    return int(value.value)


def quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` without NumPy's warnings: IEEE results are the meaning."""
    def call(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args)
    return call
