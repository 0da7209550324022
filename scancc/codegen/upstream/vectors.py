"""Vectors made, reduced and taken apart: by way of memory, which all versions of upstream's ops have alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...ir import types as t
from ...ir.core import Op
from .writer import Ref, Writer, exports, stored


def lanes(w: Writer, vector: Ref) -> list[Ref]:
    """The numbers of a vector."""
    assert isinstance(vector.type, t.VectorType)
    kind, (count,) = vector.type.element, vector.type.shape
    room = w.stack_memory((count,), kind)
    w.emit("vector.store", [as_stored(w, vector), room, w.index(0)])
    return [as_used(w, w.make("memref.load", [room, w.index(n)], stored(kind)), kind) for n in range(count)]


def vector_of(w: Writer, numbers: Sequence[Ref], type: t.Type) -> Ref:
    """The vector of these numbers."""
    assert isinstance(type, t.VectorType)
    room = w.stack_memory(type.shape, type.element)
    for n, number in enumerate(numbers):
        w.emit("memref.store", [as_stored(w, number), room, w.index(n)])
    kind = stored(type.element)
    return as_used(w, w.make("vector.load", [room, w.index(0)], t.VectorType(type.shape, kind)), type)


def as_stored(w: Writer, value: Ref) -> Ref:
    """A number or vector as it is in memory."""
    if t.element(value.type) != t.i1:
        return value
    return w.make("arith.extui", [value], t.shaped(t.i8, value.type))


def as_used(w: Writer, value: Ref, type: t.Type) -> Ref:
    return value if t.element(type) != t.i1 else w.make("arith.trunci", [value], t.shaped(t.i1, value.type))


def lane_by_lane(w: Writer, operands: Sequence[Ref], type: t.Type, function: Callable[[list[Ref]], Ref]) -> Ref:
    """A function of numbers for each lane."""
    if not isinstance(type, t.VectorType):
        return function(list(operands))
    columns = zip(*(lanes(w, r) for r in operands), strict=True)
    return vector_of(w, [function(list(column)) for column in columns], type)


_WORDS = {"add": ("arith.addf", "arith.addi"), "mul": ("arith.mulf", "arith.muli")}


@exports("vector.reduction", "scan.fold_lanes")
def reduction(w: Writer, op: Op) -> None:
    """Halves combined with halves, the tree that upstream's own op does not promise."""
    kind = str(op.attrs["kind"]).removeprefix("#vector.kind<").removesuffix(">")
    numbers = lanes(w, w.ref(op.operands[0]))
    left = op.result.type.shape[0] if isinstance(op.result.type, t.VectorType) else 1
    while len(numbers) > left:
        half = len(numbers) // 2
        numbers = [_combined(w, kind, x, y) for x, y in zip(numbers[:half], numbers[half:], strict=True)]
    is_vector = isinstance(op.result.type, t.VectorType)
    w.names[op.result] = vector_of(w, numbers, op.result.type) if is_vector else numbers[0]


def _combined(w: Writer, kind: str, x: Ref, y: Ref) -> Ref:
    if isinstance(x.type, t.FloatType) and kind not in _WORDS:
        better = w.compare("ogt" if kind == "maximumf" else "olt", x, y)
        nan = w.compare("uno", x, x)
        return w.select(w.binary("arith.ori", better, nan), x, y)
    if kind in _WORDS:
        return w.binary(_WORDS[kind][not isinstance(x.type, t.FloatType)], x, y)
    return w.binary(f"arith.{kind}" if kind[:3] in ("max", "min") else f"arith.{kind}i", x, y)


@exports("vector.step")
def step(w: Writer, op: Op) -> None:
    assert isinstance(op.result.type, t.VectorType)
    listed = ", ".join(map(str, range(op.result.type.shape[0])))
    w.names[op.result] = w.make("arith.constant", [], op.result.type, f"value = dense<[{listed}]> : {op.result.type}")


@exports("vector.extract")
def extract(w: Writer, op: Op) -> None:
    w.names[op.result] = lanes(w, w.ref(op.operands[0]))[op.attrs["static_position"].values[0]]


@exports("vector.from_elements")
def from_elements(w: Writer, op: Op) -> None:
    w.names[op.result] = vector_of(w, w.refs(op.operands), op.result.type)


@exports("vector.shuffle")
def shuffle(w: Writer, op: Op) -> None:
    both = [lane for r in w.refs(op.operands) for lane in lanes(w, r)]
    w.names[op.result] = vector_of(w, [both[n] for n in op.attrs["mask"].values], op.result.type)
