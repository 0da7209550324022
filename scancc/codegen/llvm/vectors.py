"""LLVM emitters of vectors made, reduced and taken apart."""

from __future__ import annotations

from ...ir import types as t
from ...ir.builder import constant_of
from ...ir.core import Op
from .arithmetic import integer_extremum
from .emitter import FunctionEmitter, emits, llvm_type, width_of


@emits("vector.broadcast")
def vector_broadcast(e: FunctionEmitter, op: Op) -> None:
    kind, scalar = llvm_type(op.result.type), op.operands[0]
    if constant_of(scalar) == 0.0 and isinstance(scalar.type, t.FloatType):  # of either sign: no load, in any block
        e.env[op.result] = f"splat ({llvm_type(scalar.type)} {e.value(scalar)})"
        return
    one = e.emit(f"insertelement {kind} poison, {llvm_type(scalar.type)} {e.value(scalar)}, i64 0")
    count = op.result.type.shape[0]  # type: ignore[attr-defined]
    e.env[op.result] = e.emit(
        f"shufflevector {kind} {one}, {kind} poison, <{count} x i32> zeroinitializer")


@emits("vector.step")
def vector_step(e: FunctionEmitter, op: Op) -> None:
    count = op.result.type.shape[0]  # type: ignore[attr-defined]
    e.env[op.result] = "<" + ", ".join(f"i64 {i}" for i in range(count)) + ">"


@emits("vector.reduction", "scan.fold_lanes")
def vector_reduction(e: FunctionEmitter, op: Op) -> None:
    """Halves combined with halves: the same tree on every target."""
    vector = op.operands[0]
    kind = str(op.attrs["kind"]).removeprefix("#vector.kind<").removesuffix(">")
    count, left = width_of(vector.type), width_of(op.result.type)
    element = t.element(vector.type)
    current = e.value(vector)
    while count > left:
        count //= 2
        wide, narrow = (f"<{n} x {llvm_type(element)}>" for n in (2 * count, count))
        low, high = (e.emit(f"shufflevector {wide} {current}, {wide} poison, <{count} x i32> <"
                            + ", ".join(f"i32 {start + i}" for i in range(count)) + ">")
                     for start in (0, count))
        current = _combine(e, kind, element, narrow, low, high, count)
    if not isinstance(op.result.type, t.VectorType):
        current = e.emit(f"extractelement <1 x {llvm_type(element)}> {current}, i64 0")
    e.env[op.result] = current


def _combine(e: FunctionEmitter, kind: str, element: t.Type, type: str, x: str, y: str, n: int) -> str:
    if isinstance(element, t.FloatType):
        if kind in ("add", "mul"):
            return e.emit(f"f{kind} {type} {x}, {y}")
        bits = f"<{n} x i1>"
        better = e.emit(f"fcmp {'ogt' if kind == 'maximumf' else 'olt'} {type} {x}, {y}")
        nan = e.emit(f"fcmp uno {type} {x}, {x}")
        take = e.emit(f"or {bits} {better}, {nan}")
        return e.emit(f"select {bits} {take}, {type} {x}, {type} {y}")
    if kind in ("add", "mul", "and", "or", "xor"):
        return e.emit(f"{kind} {type} {x}, {y}")
    return integer_extremum(e, kind, t.VectorType((n,), element), x, y)


@emits("vector.extract")
def vector_extract(e: FunctionEmitter, op: Op) -> None:
    vector = op.operands[0]
    position = op.attrs["static_position"].values[0]
    e.env[op.result] = e.emit(f"extractelement {llvm_type(vector.type)} {e.value(vector)}, i64 {position}")


@emits("vector.from_elements")
def vector_from_elements(e: FunctionEmitter, op: Op) -> None:
    kind, made = llvm_type(op.result.type), "poison"
    for lane, value in enumerate(op.operands):
        made = e.emit(f"insertelement {kind} {made}, {llvm_type(value.type)} {e.value(value)}, i64 {lane}")
    e.env[op.result] = made


@emits("vector.shuffle")
def vector_shuffle(e: FunctionEmitter, op: Op) -> None:
    first, second = (f"{llvm_type(v.type)} {e.value(v)}" for v in op.operands)
    mask = op.attrs["mask"].values
    e.env[op.result] = e.emit(f"shufflevector {first}, {second}, <{len(mask)} x i32> <"
                              + ", ".join(f"i32 {lane}" for lane in mask) + ">")
