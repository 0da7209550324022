"""LLVM emitters of sums in blocks, which are joined in pairs, and the functions that join them."""

from __future__ import annotations

from functools import cache

from ...ir import types as t
from ...ir.core import Op
from ...ir.ops import int_attr, operand
from ..math import MathFunction
from .emitter import Emitted, FunctionEmitter, Mem, emits, llvm_type, width_of


@emits("memref.alloca")
def alloca(e: FunctionEmitter, op: Op) -> None:
    """Stack memory, which sums that are not inside each other share."""
    type = op.result.type
    assert isinstance(type, t.MemRefType)
    dims = tuple(map(str, type.shape))
    e.env[op.result] = Mem(e.stack_memory(type), dims, e.contiguous(dims), type.element)


@emits("scan.join")
def join(e: FunctionEmitter, op: Op) -> None:
    """A call where there is more than one block: joining is rare, and one function serves all sums of a module."""
    value = operand(op, "value")
    one, types = e.flatten(e.env[value]), e.flat_types(value.type)
    before, several, done = e.label, e.new_label("several"), e.new_label("joined")
    _branch_on_blocks(e, op, several, done)
    e.start(several)
    total = e.flatten(_join_number(e, op) if isinstance(value.type, t.FloatType) else _join_vector(e, op))
    end = e.label
    e.line(f"br label %{done}")
    e.start(done)
    e.env[op.result] = e.unflatten(e.env[value], e.phis(types, [(one, before), (total, end)]))


@emits("scan.running")
def running(e: FunctionEmitter, op: Op) -> None:
    """Of a sum in order, which goes on from the number itself."""
    e.env[op.result] = e.env[operand(op, "value")]


@emits("scan.join_row")
def join_row(e: FunctionEmitter, op: Op) -> None:
    """A call, which goes along the row; a complex number is two of its elements."""
    row, several, done = e.mem(operand(op, "row")), e.new_label("several"), e.new_label("joined")
    _branch_on_blocks(e, op, several, done)
    e.start(several)
    part = t.part(row.element)
    _call_join_row(e, op, part, row.pointer, e.imul(row.dims[0], str(t.nbytes(row.element) // t.nbytes(part))))
    e.line(f"br label %{done}")
    e.start(done)


def free_stack(e: FunctionEmitter, op: Op, loop: Op) -> None:
    """The sum is made: another one, not inside it, may use the memory. One that goes on in the next round of a loop
    around keeps it."""
    stack = operand(op, "stack")
    if stack.op is not None and stack.op.name == "memref.alloca" and stack.op.parent is loop.parent:
        e.free_stack_memory(stack.type, e.mem(stack).pointer)


def _branch_on_blocks(e: FunctionEmitter, op: Op, several: str, one: str) -> None:
    is_long = e.emit(f"icmp sgt i64 {e.value(operand(op, 'end'))}, {int_attr(op, 'size')}")
    e.line(f"br i1 {is_long}, label %{several}, label %{one}")


def _join_number(e: FunctionEmitter, op: Op) -> str:
    value = operand(op, "value")
    kind = llvm_type(value.type)
    symbol = _shared(e, "join", value.type, _JOIN)
    return e.emit(f"call {kind} @{symbol}({kind} {e.value(value)}, {_blocks(e, op)})")


def _join_vector(e: FunctionEmitter, op: Op) -> Emitted:
    """A vector or a complex number is a row, by way of memory."""
    value = operand(op, "value")
    part = t.part(value.type)
    count = width_of(value.type) * t.nbytes(t.element(value.type)) // t.nbytes(part)
    room = t.MemRefType((count,), part)
    place = e.stack_memory(room)
    e.store(e.env[value], place, value.type)
    _call_join_row(e, op, part, place, str(count))
    e.free_stack_memory(room, place)
    return e.load(place, value.type)


def _call_join_row(e: FunctionEmitter, op: Op, part: t.Type, row: str, width: str) -> None:
    symbol = _shared(e, "join_row", part, _JOIN_ROW)
    e.line(f"call void @{symbol}(ptr {row}, i64 {width}, {_blocks(e, op)})")


def _blocks(e: FunctionEmitter, op: Op) -> str:
    """The stack, the bytes from one of its rows to the next, and which terms they are."""
    stack, first, end = e.mem(operand(op, "stack")), e.value(operand(op, "first")), e.value(operand(op, "end"))
    step = e.imul(stack.strides[0], str(t.nbytes(stack.element)))
    return f"ptr {stack.pointer}, i64 {step}, i64 {first}, i64 {end}, i64 {int_attr(op, 'size').bit_length() - 1}"


def _shared(e: FunctionEmitter, name: str, part: t.Type, template: str) -> str:
    """The name of a function for numbers of type `part`."""
    return e.out.needed(_joining(name, llvm_type(part), t.nbytes(part), template))


def join_row_function(kind: str, nbytes: int) -> MathFunction:
    """`join_row` of rows of numbers."""
    return _joining("join_row", kind, nbytes, _JOIN_ROW)


@cache
def _joining(name: str, kind: str, align: int, template: str) -> MathFunction:
    symbol, vector = f"scancc.{name}.{kind}", f"<{JOIN_LANES} x {kind}>"
    pairs = [_PAIRS.format(kind=k, n=n, align=align) for k, n in ((kind, 1), (vector, JOIN_LANES))]
    text = template.format(symbol=symbol, kind=kind, vector=vector, align=align, n=JOIN_LANES, number=_NUMBER,
                           pairs=pairs[0], pairs_of_lanes=pairs[1])
    return MathFunction(symbol, text, (), is_shared=True)


JOIN_LANES = 8

_NUMBER = """%number = lshr i64 %first, %shift
  %before = sub i64 %end, 1
  %final = lshr i64 %before, %shift
  %last = icmp eq i64 %number, %final"""

# The sums of 1, 2, 4, ... blocks are added while the bits of the block's number are ones, in the last block all.
_PAIRS = """level{n}:
  %place{n} = phi ptr [ %sums, %start{n} ], [ %above{n}, %up{n} ]
  %bits{n} = phi i64 [ %number, %start{n} ], [ %rest{n}, %up{n} ]
  %sum{n} = phi {kind} [ %value{n}, %start{n} ], [ %more{n}, %up{n} ]
  %full{n} = trunc i64 %bits{n} to i1
  br i1 %full{n}, label %pair{n}, label %gap{n}
pair{n}:
  %old{n} = load {kind}, ptr %place{n}, align {align}
  %both{n} = fadd {kind} %old{n}, %sum{n}
  br label %up{n}
gap{n}:
  %higher{n} = icmp ne i64 %bits{n}, 0
  %on{n} = and i1 %higher{n}, %last
  br i1 %on{n}, label %up{n}, label %stop{n}
up{n}:
  %more{n} = phi {kind} [ %both{n}, %pair{n} ], [ %sum{n}, %gap{n} ]
  %rest{n} = lshr i64 %bits{n}, 1
  %above{n} = getelementptr i8, ptr %place{n}, i64 %step
  br label %level{n}"""

_JOIN = """define internal {kind} @{symbol}({kind} %value1, ptr %sums, i64 %step, i64 %first, i64 %end, i64 %shift)
    noinline nounwind {{
start1:
  {number}
  br label %level1
{pairs}
stop1:
  br i1 %last, label %done, label %keep
keep:
  store {kind} %sum1, ptr %place1, align {align}
  br label %done
done:
  ret {kind} %sum1
}}"""

# The sums go to the stack, and the row starts anew; in the last block they go to the row.
_JOIN_ROW = """define internal void @{symbol}(ptr %row, i64 %width, ptr %stack, i64 %step, i64 %first, i64 %end,
    i64 %shift) noinline nounwind {{
entry:
  {number}
  br label %next
next:
  %j = phi i64 [ 0, %entry ], [ %after{n}, %stop{n} ], [ %after1, %stop1 ]
  %values = getelementptr {kind}, ptr %row, i64 %j
  %sums = getelementptr {kind}, ptr %stack, i64 %j
  %left = sub i64 %width, %j
  %enough{n} = icmp sge i64 %left, {n}
  br i1 %enough{n}, label %start{n}, label %few
start{n}:
  %value{n} = load {vector}, ptr %values, align {align}
  br label %level{n}
{pairs_of_lanes}
stop{n}:
  %to{n} = select i1 %last, ptr %values, ptr %place{n}
  store {vector} splat ({kind} -0.0), ptr %values, align {align}
  store {vector} %sum{n}, ptr %to{n}, align {align}
  %after{n} = add i64 %j, {n}
  br label %next
few:
  %enough1 = icmp sge i64 %left, 1
  br i1 %enough1, label %start1, label %done
start1:
  %value1 = load {kind}, ptr %values, align {align}
  br label %level1
{pairs}
stop1:
  %to1 = select i1 %last, ptr %values, ptr %place1
  store {kind} -0.0, ptr %values, align {align}
  store {kind} %sum1, ptr %to1, align {align}
  %after1 = add i64 %j, 1
  br label %next
done:
  ret void
}}"""
