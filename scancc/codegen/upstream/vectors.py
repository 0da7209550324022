"""Vectors made, reduced and taken apart: by way of memory, which all versions of upstream's ops have alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...ir import types as t
from ...ir.core import Op
from ...ir.ops import OPS
from .writer import Ref, Writer, attributes, exports, shown, stored


def lanes(w: Writer, vector: Ref) -> list[Ref]:
    """The numbers of a vector."""
    assert isinstance(vector.type, t.VectorType)
    kind, (count,) = t.part(vector.type), shown(vector.type).shape  # type: ignore[attr-defined]
    room = w.stack_memory((count,), kind)
    w.emit("vector.store", [as_stored(w, vector), room, w.index(0)])
    parts = [as_used(w, w.make("memref.load", [room, w.index(n)], stored(kind)), kind) for n in range(count)]
    if not t.is_complex(vector.type):
        return parts
    return [w.make("complex.create", list(pair), vector.type.element)
            for pair in zip(parts[::2], parts[1::2], strict=True)]


def vector_of(w: Writer, numbers: Sequence[Ref], type: t.Type) -> Ref:
    """The vector of these numbers."""
    assert isinstance(type, t.VectorType)
    room = w.stack_memory(shown(type).shape, t.part(type))  # type: ignore[attr-defined]
    for n, part in enumerate(part for number in numbers for part in _parts(w, number)):
        w.emit("memref.store", [as_stored(w, part), room, w.index(n)])
    kind = stored(type.element)
    return as_used(w, w.make("vector.load", [room, w.index(0)], t.VectorType(type.shape, kind)), type)


def _parts(w: Writer, number: Ref) -> list[Ref]:
    if not t.is_complex(number.type):
        return [number]
    return [w.make(f"complex.{name}", [number], t.part(number.type)) for name in ("re", "im")]


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


@exports("arith.select", "vector.broadcast", *(name for name in OPS if name.startswith("complex.")))
def in_lanes(w: Writer, op: Op) -> None:
    """Upstream's own op, but lane by lane where vectors are of complex numbers."""
    values, type = [*op.operands, *op.results], op.result.type
    if not any(isinstance(v.type, t.VectorType) and t.is_complex(v.type) for v in values):
        w.copy(op)
    elif op.name == "vector.broadcast":
        w.names[op.result] = vector_of(w, w.refs(op.operands) * type.shape[0], type)  # type: ignore[attr-defined]
    else:
        w.names[op.result] = lane_by_lane(
            w, w.refs(op.operands), type, lambda numbers: w.make(op.name, numbers, t.element(type), attributes(op)))


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
    if t.is_complex(x.type):
        return w.binary(f"complex.{kind}", x, y)
    if isinstance(x.type, t.FloatType) and kind not in _WORDS:
        better = w.compare("ogt" if kind == "maximumf" else "olt", x, y)
        nan = w.compare("uno", x, x)
        return w.select(w.binary("arith.ori", better, nan), x, y)
    if kind in _WORDS:
        return w.binary(_WORDS[kind][not isinstance(x.type, t.FloatType)], x, y)
    return w.binary(f"arith.{kind}" if kind[:3] in ("max", "min") else f"arith.{kind}i", x, y)


@exports("scan.first_lane")
def first_lane(w: Writer, op: Op) -> None:
    truths = lanes(w, w.ref(op.operands[0]))
    first = w.index(len(truths))
    for n, truth in reversed(list(enumerate(truths))):
        first = w.select(truth, w.index(n), first)
    w.names[op.result] = first


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
