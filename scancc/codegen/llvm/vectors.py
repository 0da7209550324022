"""LLVM emitters of vectors made, reduced and taken apart."""

from __future__ import annotations

from collections.abc import Callable

from ...ir import types as t
from ...ir.builder import constant_of
from ...ir.core import Op, Value
from .arithmetic import integer_extremum, pair_product, pair_sum
from .emitter import Emitted, FunctionEmitter, Pair, emits, llvm_type, mask, width_of


@emits("vector.broadcast")
def vector_broadcast(e: FunctionEmitter, op: Op) -> None:
    type, scalar = t.parts(op.result.type), op.operands[0]
    if constant_of(scalar) == 0.0 and isinstance(scalar.type, t.FloatType):  # of either sign: no load, in any block
        e.env[op.result] = f"splat ({llvm_type(scalar.type)} {e.value(scalar)})"
        return
    _by_parts(e, op, lambda number: _broadcast(e, type, number))


def _by_parts(e: FunctionEmitter, op: Op, make: Callable[..., str]) -> None:
    """Bind an op's result to what `make` makes of its operands; of complex ones, to that of each of the parts."""
    made = [make(*parts) for parts in zip(*(e.flatten(e.env[v]) for v in op.operands), strict=True)]
    e.env[op.result] = Pair(*made) if t.is_complex(op.result.type) else made[0]


def _broadcast(e: FunctionEmitter, type: t.Type, number: str) -> str:
    kind = llvm_type(type)
    one = e.emit(f"insertelement {kind} poison, {llvm_type(t.element(type))} {number}, i64 0")
    return e.emit(f"shufflevector {kind} {one}, {kind} poison, <{width_of(type)} x i32> zeroinitializer")


@emits("vector.step")
def vector_step(e: FunctionEmitter, op: Op) -> None:
    count = op.result.type.shape[0]  # type: ignore[attr-defined]
    e.env[op.result] = "<" + ", ".join(f"i64 {i}" for i in range(count)) + ">"


@emits("scan.first_lane")
def first_lane(e: FunctionEmitter, op: Op) -> None:
    """The lowest bit that is set; one behind the lanes stops the count where none is."""
    lanes, word = _bits(e, op.operands[0])
    wide = max(64, 1 << (lanes - 1).bit_length())  # of 64 lanes or more that fill it, `cttz` itself counts all
    if lanes < wide:
        word = e.emit(f"zext i{lanes} {word} to i{wide}")
        word = e.emit(f"or i{wide} {word}, {1 << lanes}")
    count = e.out.intrinsic(f"llvm.cttz.i{wide}", f"i{wide}", f"i{wide}", "i1")
    first = e.emit(f"call i{wide} @{count}(i{wide} {word}, i1 {'true' if lanes < wide else 'false'})")
    e.env[op.result] = first if wide == 64 else e.emit(f"trunc i{wide} {first} to i64")


def _bits(e: FunctionEmitter, truths: Value) -> tuple[int, str]:
    """The number of lanes, and the word that has a bit for each."""
    lanes = width_of(truths.type)
    return lanes, e.emit(f"bitcast <{lanes} x i1> {e.value(truths)} to i{lanes}")


@emits("vector.reduction", "scan.fold_lanes")
def vector_reduction(e: FunctionEmitter, op: Op) -> None:
    """Halves combined with halves: the same tree on every target."""
    vector = op.operands[0]
    kind = str(op.attrs["kind"]).removeprefix("#vector.kind<").removesuffix(">")
    if op.result.type == t.i1 and kind in ("and", "or"):
        lanes, word = _bits(e, vector)
        compared = "eq i{} {}, -1" if kind == "and" else "ne i{} {}, 0"
        e.env[op.result] = e.emit(f"icmp {compared.format(lanes, word)}")
        return
    count, left = width_of(vector.type), width_of(op.result.type)
    part, current = llvm_type(t.part(vector.type)), e.env[vector]
    while count > left:
        count //= 2
        halves = [[e.emit(f"shufflevector <{2 * count} x {part}> {lanes}, <{2 * count} x {part}> poison, "
                          f"{mask(range(start, start + count))}") for lanes in e.flatten(current)]
                  for start in (0, count)]
        low, high = (e.unflatten(current, half) for half in halves)
        current = _combine(e, kind, t.VectorType((count,), t.element(vector.type)), low, high)
    if not isinstance(op.result.type, t.VectorType):
        current = e.unflatten(current, [e.emit(f"extractelement <1 x {part}> {lanes}, i64 0")
                                        for lanes in e.flatten(current)])
    e.env[op.result] = current


def _combine(e: FunctionEmitter, kind: str, type: t.VectorType, x: Emitted, y: Emitted) -> Emitted:
    if isinstance(x, Pair) and isinstance(y, Pair):
        parts = llvm_type(t.parts(type))
        return pair_product(e, parts, x, y) if kind == "mul" else pair_sum(e, "fadd", parts, x, y)
    assert isinstance(x, str) and isinstance(y, str)
    if isinstance(type.element, t.FloatType):
        return _combined_floats(e, kind, type, x, y)
    if kind in ("add", "mul", "and", "or", "xor"):
        return e.emit(f"{kind} {llvm_type(type)} {x}, {y}")
    return integer_extremum(e, kind, type, x, y)


def _combined_floats(e: FunctionEmitter, kind: str, type: t.VectorType, x: str, y: str) -> str:
    lanes, bits = llvm_type(type), f"<{width_of(type)} x i1>"
    if kind in ("add", "mul"):
        return e.emit(f"f{kind} {lanes} {x}, {y}")
    better = e.emit(f"fcmp {'ogt' if kind == 'maximumf' else 'olt'} {lanes} {x}, {y}")
    nan = e.emit(f"fcmp uno {lanes} {x}, {x}")
    take = e.emit(f"or {bits} {better}, {nan}")
    return e.emit(f"select {bits} {take}, {lanes} {x}, {lanes} {y}")


@emits("vector.extract")
def vector_extract(e: FunctionEmitter, op: Op) -> None:
    kind, position = llvm_type(t.parts(op.operands[0].type)), op.attrs["static_position"].values[0]
    _by_parts(e, op, lambda lanes: e.emit(f"extractelement {kind} {lanes}, i64 {position}"))


@emits("vector.from_elements")
def vector_from_elements(e: FunctionEmitter, op: Op) -> None:
    type = t.parts(op.result.type)
    kind, number = llvm_type(type), llvm_type(t.element(type))
    made = ["poison"] * len(e.flat_types(op.result.type))
    for lane, value in enumerate(op.operands):
        made = [e.emit(f"insertelement {kind} {lanes}, {number} {part}, i64 {lane}")
                for lanes, part in zip(made, e.flatten(e.env[value]), strict=True)]
    e.env[op.result] = Pair(*made) if t.is_complex(op.result.type) else made[0]


@emits("vector.shuffle")
def vector_shuffle(e: FunctionEmitter, op: Op) -> None:
    kinds = [llvm_type(t.parts(v.type)) for v in op.operands]
    taken = mask(op.attrs["mask"].values)
    _by_parts(e, op, lambda v1, v2: e.emit(f"shufflevector {kinds[0]} {v1}, {kinds[1]} {v2}, {taken}"))
