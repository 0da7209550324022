"""One function: arguments, results, and the order of writes and checks."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.ops import CHECKS, group, has_trait, operand
from scancc.ir.parts import ScanView
from scancc.ir.slices import entries

from . import (  # noqa: F401  (register their converters)
    arrays,
    blocks,
    branches,
    eigenvalues,
    factor_gradients,
    lines,
    nests,
    reflections,
    scans,
    singular_values,
    solvers,
    sorting,
    updates,
)
from .context import Context, goes_to_target, is_counted
from .in_place import UPDATES, may_overwrite
from .nests import materialise
from .places import Places


def bufferize_function(func: Op, stage_outputs: bool, in_rows: bool, grow_rows: bool, in_registers: int,
                       product_parts: int) -> Op:
    """The function with buffers: inputs, then outputs; no results."""
    old, block = func.body, Block()
    c = Context(Builder(block, location=func.location, pool=block), Places(func))
    c.in_rows, c.grow_rows, c.in_registers, c.n_inputs = in_rows, grow_rows, in_registers, len(old.args)
    c.product_parts = product_parts
    for arg in old.args:
        _add_input(c, block, arg)
    returned = old.terminator.operands
    outputs = [_add_output(c, block, v, i) for i, v in enumerate(returned)]
    c.outputs.update(outputs)
    for arg in old.args:
        _bind_input(c, arg)
    staged = stage_outputs and fails_late(old)
    if not staged:
        _offer_outputs(c, old, returned, outputs)
    c.block(old)
    for value, output in zip(returned, outputs, strict=True):
        _write_output(c, c.get(value) if value in c.env else materialise(c, value), output)
    c.b.make("func.return")
    attrs = {"sym_name": func.attrs["sym_name"],
             "function_type": t.FunctionType(tuple(a.type for a in block.args), ()),
             "n_inputs": t.IntAttr(len(old.args) + c.n_guesses, t.i64)}
    if c.n_guesses:
        attrs["n_bounds"] = t.IntAttr(c.n_guesses, t.i64)
    return Op("func.func", attrs=attrs, regions=[Region([block])], location=func.location)


def fails_late(block: Block, begun: bool = False) -> bool:
    """True if a check can fail after an output was begun: inside a loop, or after one. A side of `scf.if` runs once.
    """
    for op in block.ops:
        if op.name == "scf.if":
            if any(fails_late(region.blocks[0], begun) for region in op.regions):
                return True
        elif any(_may_fail(inner) for inner in op.walk() if inner is not op):
            return True
        if _may_fail(op) and (begun or not has_trait(op, CHECKS)):  # what factors a matrix fails while it writes
            return True
        begun = begun or any(isinstance(r.type, t.TensorType) for r in op.results) and not _only_views(op)
    return False


def _may_fail(op: Op) -> bool:
    """A check, or what becomes loops with one: of a matrix that is singular, or not positive definite."""
    return (has_trait(op, CHECKS) or op.name == "scan.solve"
            or op.name == "scan.factor" and op.attrs["kind"] != "det")


def _only_views(op: Op) -> bool:
    """A slice that others read; one that is returned is copied into an output."""
    return op.name == "tensor.extract_slice" and all(user.name != "func.return" for user in op.results[0].uses)


def _memref(type: t.Type) -> t.MemRefType:
    if isinstance(type, t.TensorType):
        return t.MemRefType(type.shape, type.element)
    return t.MemRefType((), type)


def _add_input(c: Context, block: Block, arg: Value) -> None:
    c.env[arg] = block.add_arg(_memref(arg.type), arg.name)


def _bind_input(c: Context, arg: Value) -> None:
    """Sizes of an array argument; the value of a scalar one."""
    buffer = c.env[arg]
    if isinstance(arg.type, t.TensorType):
        c.dims[buffer] = _measure(c, buffer)
    else:
        c.env[arg] = c.load(buffer, [])
        c.env[arg].name = arg.name


def _measure(c: Context, buffer: Value) -> list[Value]:
    shape = buffer.type.shape  # type: ignore[attr-defined]
    return [c.b.index(n) if n is not None else c.b.op("memref.dim", [buffer, c.b.index(i)], [t.index])
            for i, n in enumerate(shape)]


def _add_output(c: Context, block: Block, value: Value, number: int) -> Value:
    return block.add_arg(_memref(value.type), value.name or f"result{number}")


def _offer_outputs(c: Context, old: Block, returned: list[Value], outputs: list[Value]) -> None:
    """Let the op that makes a returned array write it in place."""
    for value, output in zip(returned, outputs, strict=True):
        _offer(c, old, value, output)


def _offer(c: Context, block: Block, value: Value, output: Value) -> None:
    """Where an op changes an array that nobody else reads, all of it goes there; so do the rows of a scan over tiles
    that may stop, of which the first are returned, and an array that is returned in another shape."""
    value = _in_its_shape(_rows_of_tiles(value))
    while goes_to_target(value, block) and value not in c.dest:
        c.dest[value] = output
        made, source = value.op, _changed(c, value)
        if made is None or source is None or not may_overwrite(c.places.order, made, source):
            return
        value = source


def _in_its_shape(value: Value) -> Value:
    """The array that is `value` in the shape in which it is made, where its length is known before."""
    made = value
    while made.op is not None and made.op.name == "scan.reshape":
        made = operand(made.op, "source")
    scan = made.op if made.op is not None and made.op.name == "scan.scan" else None
    return value if scan is not None and ScanView(scan).until else made


def _changed(c: Context, value: Value) -> Value | None:
    """The array that an op changes, in parts or step by step, into `value`; None if it makes all of it."""
    made = value.op
    if made is None or made.name in UPDATES:
        return None if made is None else operand(made, "dest")
    if made.name != "scan.scan":
        return None
    return next((carry.init for carry in ScanView(made).carries
                 if carry.final is value and carry.arg in c.places.stays), None)


def _rows_of_tiles(value: Value) -> Value:
    """The array of which a value is the first rows, no more than it has; or the value."""
    op = value.op
    if op is None or op.name != "tensor.extract_slice":
        return value
    rows, (count, *_) = operand(op, "source"), entries(op, "sizes")
    made, least = rows.op, count.op if isinstance(count, Value) else None
    if made is None or "tile" not in made.attrs or rows.uses != {op: 1}:
        return value
    room = ScanView(made).init[rows.index].op
    if room is None or room.name != "tensor.empty" or least is None or least.name != "arith.minsi":
        return value
    _, most = least.operands
    return rows if group(room, "dims")[:1] == [most] else value


def _write_output(c: Context, place: Value, output: Value) -> None:
    if not isinstance(place.type, t.MemRefType):
        c.store(place, output, [])
        return
    sizes = c.sizes(place)
    if c.base.get(place, place) is not output:
        zero, one = c.b.index(0), c.b.index(1)
        rank = len(sizes)
        c.copy(place, c.first_part(output, sizes) if any(map(is_counted, sizes[1:])) else
               c.subview(output, [zero] * rank, sizes, [one] * rank, range(rank)))
    c.b.make("scan.output_dims", [output, *c.sizes(place)])
