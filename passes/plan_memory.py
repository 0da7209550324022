"""Place all temporaries in one workspace, and make the function that says how large it is.

    func @f(%x, %r) {                      func @f(%x, %r, %workspace: memref<?xi8>) {
      %a = memref.alloc(%n)                  %a = memref.view(%workspace)[0](%n)
      ... last use of %a ...          ->     ... last use of %a ...
      %b = memref.alloc(%n)                  %b = memref.view(%workspace)[0](%n)
    }                                      }
                                           func @f__query(%x, %r, %workspace) { return dims, nbytes }

Buffers whose lives do not meet share space: in order of their first use each takes the slot freed
last among those of the same size, else a new one; slots are 64-byte aligned and lie one after the
other, with sizes computed at the start from the sizes of the inputs. A buffer made inside a loop is
made once, before it, with a size that no step exceeds.
The bytes of a buffer that no check has found possible are cut off, so that no sum of them wraps: the query
then answers more than there is. A bound that is computed with numbers of any size may itself wrap; a check
where the real size is made then compares the two.
Where nothing bounds a size before the program runs, the caller guesses it: the function gets one more
input, `%bound_0: memref<i64>`, and a check that the size stays within it; who calls it calls again with a
larger bound where that check fails. With `guess-sizes=false` such a size is an error.
Conservative: a buffer used anywhere inside a loop lives as long as the whole loop.
Cost: linear in ops, times the slots. Runs after `bufferize`.
Source: linear-scan allocation (Poletto and Sarkar, 1999), on symbolic sizes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from scancc.artifact import BOUND_EXCEEDED, MOST_ELEMENTS, MOST_NBYTES
from scancc.errors import UnsupportedError
from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, clone_op, functions
from scancc.ir.extents import Extents, require
from scancc.ir.ops import CHECKS, PURE, has_trait, is_pure
from scancc.ir.remarks import remark

ALIGN_BYTES = 64


def plan_memory(module: Op, guess_sizes: bool = True) -> None:
    """Plan every function that has no workspace yet, and add its query."""
    for func in functions(module):
        if "return_slots" not in func.attrs and "planned" not in func.attrs:
            sizes = Bounds(func, guess_sizes and "n_inputs" in func.attrs)
            workspace = func.body.add_arg(t.MemRefType((None,), t.i8), "workspace")
            wanted = _output_sizes(func, sizes)
            total = _plan(func, sizes, workspace)
            func.attrs["function_type"] = t.FunctionType(tuple(a.type for a in func.body.args), ())
            func.attrs["planned"] = t.IntAttr(1, t.i64)
            module.body.append(_query(func, wanted, total))


@dataclass
class _Buffer:
    """A temporary: the op that makes it, its life as positions in the function's block, its bytes."""

    op: Op
    start: int
    end: int
    nbytes: Value


@dataclass
class _Slot:
    """A part of the workspace."""

    nbytes: Value
    free_from: int
    buffers: list[_Buffer] = field(default_factory=list)


def _plan(func: Op, sizes: Bounds, workspace: Value) -> Value:
    """Put the buffers in their places; the bytes that they take together."""
    buffers = _buffers(func, sizes)
    slots = _assign(buffers)
    b = sizes.builder()
    offsets = [b.index(0)]
    for slot in slots:
        offsets.append(b.addi(offsets[-1], slot.nbytes))
    for slot, offset in zip(slots, offsets, strict=False):
        for buffer in slot.buffers:
            _place(buffer.op, workspace, offset)
    if buffers:
        remark("plan-memory", func, True, f"{len(buffers)} temporaries share {len(slots)} places")
    return offsets[-1]


def _place(op: Op, workspace: Value, offset: Value) -> None:
    parent = op.parent
    assert parent is not None
    view = Op("memref.view", [workspace, offset, *op.operands], [op.result.type], location=op.location)
    view.result.name = op.result.name
    parent.insert_before(op, view)
    op.replace_by([view.result])


def _buffers(func: Op, sizes: Bounds) -> list[_Buffer]:
    position = {op: i for i, op in enumerate(func.body.ops)}
    made = [op for op in func.walk() if op.name == "memref.alloc"]
    lives = [(op, *_life(op, func, position)) for op in made]
    return [_Buffer(op, start, end, sizes.nbytes(op)) for op, start, end in lives]


def _life(op: Op, func: Op, position: dict[Op, int]) -> tuple[int, int]:
    """First and last position in the function's block at which a buffer or an alias of it is used."""
    places = {position[_top(op, func)]}
    seen: set[Value] = set()
    stack = [op.result]
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        for user in value.uses:
            places.add(position[_top(user, func)])
            stack.extend(_aliases(user, value))
    return min(places), max(places)


def _aliases(user: Op, value: Value) -> list[Value]:
    """Values through which the memory of `value` is reached after `user`."""
    buffers = [r for r in user.results if isinstance(r.type, t.MemRefType)]
    inner = [a for region in user.regions for block in region.blocks for a in block.args
             if isinstance(a.type, t.MemRefType)]
    if user.name in ("scf.yield", "scf.condition"):
        parent = user.parent_op()
        assert parent is not None
        return _aliases(parent, value)
    return buffers + inner


def _top(op: Op, func: Op) -> Op:
    """The op of the function's own block that holds `op`."""
    while op.parent is not func.body:
        parent = op.parent_op()
        assert parent is not None
        op = parent
    return op


def _assign(buffers: list[_Buffer]) -> list[_Slot]:
    slots: dict[Any, list[_Slot]] = {}  # by size
    order: list[_Slot] = []
    known: dict[Value, Any] = {}
    for buffer in sorted(buffers, key=lambda x: x.start):
        alike = slots.setdefault(_size_key(buffer.nbytes, known), [])
        free = [s for s in alike if s.free_from < buffer.start]
        if free:
            slot = max(free, key=lambda s: s.free_from)
        else:
            slot = _Slot(buffer.nbytes, 0)
            alike.append(slot)
            order.append(slot)
        slot.buffers.append(buffer)
        slot.free_from = buffer.end
    return order


def _size_key(size: Value, known: dict[Value, Any]) -> Any:
    """What equal sizes have in common: the same number, or the same arithmetic on the same values."""
    if size not in known:
        number, op = constant_of(size), size.op
        if number is not None:
            known[size] = number
        elif op is None or not op.operands or not op.name.startswith(("arith.", "scan.can_exist")) or op.attrs:
            known[size] = size
        else:
            known[size] = (op.name, *(_size_key(v, known) for v in op.operands))
    return known[size]


class Bounds:
    """Computes sizes at the start of a function: exact where they can be, else an upper bound."""

    def __init__(self, func: Op, guess: bool) -> None:
        self.func = func
        self.guess = guess
        self.block = func.body
        self.memo: dict[Value, Value] = {}
        self.compared: set[Value] = set()  # sizes that a check holds against their bound
        self.extents = _known_extents(func)
        self.n_guesses = 0
        self.anchor = next((op for op in self.block.ops if not _is_setup(op)), None)

    def builder(self) -> Builder:
        return Builder(self.block, self.anchor, self.func.location)

    def nbytes(self, op: Op) -> Value:
        """Aligned bytes of the buffer that an alloc makes."""
        type = op.result.type
        assert isinstance(type, t.MemRefType)
        b = self.builder()
        known = t.nbytes(type)
        for n in type.shape:
            known *= n if n is not None else 1
        if all(n is not None for n in type.shape):
            return b.index(-(-known // ALIGN_BYTES) * ALIGN_BYTES)
        total, sizes = b.index(known), [self.bounded(size, op.result.name or "a temporary") for size in op.operands]
        b = self.builder()
        for size in sizes:
            total = b.muli(total, size)
        rounded = b.binary("andi", b.addi(total, b.index(ALIGN_BYTES - 1)), b.index(-ALIGN_BYTES))
        fixed = [b.index(n) for n in type.shape if n not in (None, 0, 1)]
        if self.extents.hold([*op.operands, *fixed]) or self.extents.hold([*sizes, *fixed]):
            return rounded
        possible = b.op("scan.can_exist", [*sizes, *fixed], [t.i1])
        return b.select(possible, rounded, b.index(MOST_NBYTES))

    def capacity(self, sizes: list[Value], what: str) -> list[Value]:
        """Bounds of the sizes of an output, with a check that an array may have them."""
        bounds = [self.bounded(size, what) for size in sizes]
        if not (self.extents.hold(sizes) or self.extents.hold(bounds)):
            require(self.builder(), what, bounds)
            self.extents.trust(bounds)
        return bounds

    def bounded(self, size: Value, what: str) -> Value:
        """A value available at the start that is at least `size` and at least 0 (where `size` is never made, a
        bound may be below): if nothing else, the caller's guess."""
        found = self.upper(size)
        if found is not None and not _is_natural(found):
            b = self.builder()
            found = self.memo[size] = b.maxsi(found, b.index(0))
        if found is not None and _may_wrap(size) and slice_of(size, self.block) is None:
            self._compare(size, found, what)
        if found is None and self.guess and _stops_early(size):
            # rows are written before they are counted
            found = self.memo[size] = self.bounded(size.op.operands[1], what)  # type: ignore[union-attr]
        if found is None and self.guess:
            found = self.memo[size] = self._guessed(size, what)
        if found is None:
            raise UnsupportedError(
                f"the size of '{what}' depends on values that the program computes, so its memory cannot be "
                "planned before it runs; give it a size that follows from the inputs' sizes, or use "
                "mode='reference'")
        return found

    def _guessed(self, size: Value, what: str) -> Value:
        """A new input, and a check where `size` is made that it is large enough."""
        self.compared.add(size)
        n_inputs, number = self.func.attrs["n_inputs"].value, self.n_guesses
        self.n_guesses += 1
        guess = self.block.insert_arg(n_inputs, t.MemRefType((), t.i64), f"bound_{number}")
        self.func.attrs["n_inputs"] = t.IntAttr(n_inputs + 1, t.i64)
        self.func.attrs["n_bounds"] = t.IntAttr(self.n_guesses, t.i64)
        b = self.builder()
        bound = b.maxsi(b.index_cast(b.op("memref.load", [guess], [t.i64]), t.index), b.index(0))
        inside = self._after(size)
        inside.make("scan.check", [inside.cmpi("sle", size, bound), size, inside.index(number)], [], {
            "error": BOUND_EXCEEDED,
            "message": f"bound_{number} is too small for a size that the program computes: {{0}} is needed"})
        remark("plan-memory", self.func, True, f"nothing bounds the size of {what} before it is computed: the caller "
               f"guesses it as bound_{number}")
        return bound

    def _after(self, size: Value) -> Builder:
        """Builds where `size` is made."""
        ops = size.block.ops
        return Builder(size.block, ops[0] if size.op is None else ops[ops.index(size.op) + 1], self.func.location)

    def _compare(self, size: Value, bound: Value, what: str) -> None:
        """A check that `size` is within a bound that may have wrapped."""
        if size not in self.compared:
            self.compared.add(size)
            inside = self._after(size)
            inside.make("scan.check", [inside.cmpi("sle", size, bound), size], [], {
                "error": "MemoryError",
                "message": f"the size of {what} is {{0}}, beyond what was computed for it; the numbers that bound it "
                           "before the program runs are too large"})

    def upper(self, value: Value) -> Value | None:
        """A value available at the start that is at least `value`."""
        if value not in self.memo:
            found = self._copy(value)
            if found is None:
                found = self._bound(value)
            if found is not None:
                self.memo[value] = found
        return self.memo.get(value)

    def _copy(self, value: Value) -> Value | None:
        """`value` itself, computed at the start; None if it depends on what the program does."""
        ops = slice_of(value, self.block)
        if ops is None:
            return None
        early = set(takewhile(lambda op: op is not self.anchor, self.block.ops))
        mapping: dict[Value, Value] = {}
        b = self.builder()
        for op in ops:
            if op not in early:
                clone_op(op, mapping, b.insert)
        return mapping.get(value, value)

    def _bound(self, value: Value) -> Value | None:
        op = value.op
        b = self.builder()
        if op is None:
            return self._counter_bound(value)
        known_value = constant_of(value)
        if known_value is not None:
            return b.const(known_value, value.type)
        if op.name == "arith.index_cast":
            inner = self.upper(op.operands[0])
            return None if inner is None else b.index_cast(inner, value.type)
        if op.name == "memref.dim" and op.operands[0] in self.block.args:
            return self._argument_size(op)
        if op.name == "arith.minsi":
            known = [v for v in map(self.upper, op.operands) if v is not None]
            return b.minsi(*known) if len(known) == 2 else (known[0] if known else None)
        if op.name in ("arith.addi", "arith.maxsi", "arith.select"):
            pair = [self.upper(v) for v in op.operands[-2:]]
            name = "maxsi" if op.name == "arith.select" else op.name[6:]
            return None if None in pair else b.binary(name, *pair)  # type: ignore[arg-type]
        if op.name == "arith.muli":
            pair = [self._magnitude(v) for v in op.operands]
            return None if None in pair else b.muli(*pair)  # type: ignore[arg-type]
        if op.name == "scf.if":
            sides = [self.upper(region.blocks[0].terminator.operands[value.index]) for region in op.regions]
            return None if None in sides else b.maxsi(*sides)  # type: ignore[arg-type]
        if op.name == "arith.subi":
            low = self._lower(op.operands[1])
            high = self.upper(op.operands[0])
            return None if high is None or low is None else b.subi(high, low)
        if op.name == "arith.divsi":
            divisor = constant_of(op.operands[1])
            high = self.upper(op.operands[0])
            if high is None or not isinstance(divisor, int) or divisor <= 0:
                return None
            return b.maxsi(high, b.const(0, value.type))
        return None

    def _magnitude(self, value: Value) -> Value | None:
        """A value available at the start that is at least `value` and at least its negative."""
        low, high = self._lower(value), self.upper(value)
        if low is None or high is None:
            return None
        b = self.builder()
        return b.maxsi(high, b.subi(b.const(0, value.type), low))

    def _argument_size(self, dim: Op) -> Value | None:
        """A size of an argument that is asked for inside a loop."""
        axis = constant_of(dim.operands[1])
        b = self.builder()
        return None if axis is None else b.op("memref.dim", [dim.operands[0], b.index(axis)], [dim.result.type])

    def _counter_bound(self, value: Value) -> Value | None:
        """A loop's counter stays below the loop's end."""
        loop = value.block.parent_op()
        if loop is None or loop.name != "scf.for" or value.index != 0:
            return None
        return self.upper(loop.operands[1])

    def _lower(self, value: Value) -> Value | None:
        """A value available at the start that is at most `value`."""
        exact = self._copy(value)
        if exact is not None:
            return exact
        op = value.op
        b = self.builder()
        if op is None:
            loop = value.block.parent_op()
            return b.index(0) if loop is not None and loop.name == "scf.for" and value.index == 0 else None
        if op.name == "arith.maxsi":
            known = [v for v in map(self._lower, op.operands) if v is not None]
            return known[0] if known else None
        if op.name in ("arith.minsi", "arith.addi", "arith.select"):
            pair = [self._lower(v) for v in op.operands[-2:]]
            name = "minsi" if op.name == "arith.select" else op.name[6:]
            return b.binary(name, *pair) if None not in pair else None  # type: ignore[arg-type]
        if op.name == "arith.subi":
            low, high = self._lower(op.operands[0]), self.upper(op.operands[1])
            return None if low is None or high is None else b.subi(low, high)
        if op.name == "arith.index_cast":
            inner = self._lower(op.operands[0])
            return None if inner is None else b.index_cast(inner, value.type)
        if op.name == "arith.divsi":
            low, divisor = self._lower(op.operands[0]), constant_of(op.operands[1])
            if low is None or not isinstance(divisor, int) or divisor <= 0:
                return None
            return b.op("arith.divsi", [low, b.const(divisor, value.type)], [value.type])
        return b.index(0) if op.name == "scf.while" and value.index == 0 else None


def _stops_early(size: Value) -> bool:
    """Whether a size is how many steps of at most so many an `until` let run."""
    op = size.op
    return (op is not None and op.name == "arith.minsi" and op.operands[0].op is not None
            and op.operands[0].op.name == "scf.while")


def _is_setup(op: Op) -> bool:
    """Constants, sizes and scalar inputs at the start of a function, and arithmetic on them."""
    if op.name == "scan.check":
        return True
    if op.name == "memref.load":
        return not op.operands[1:]
    return is_pure(op) and not op.regions and not isinstance(op.results[0].type, t.MemRefType)


def _is_natural(value: Value) -> bool:
    """Whether a number is plainly 0 or more."""
    known, op = constant_of(value), value.op
    if known is not None:
        return bool(known >= 0)
    if op is None or op.name == "memref.dim":
        return op is not None
    if op.name == "arith.maxsi":
        return any(map(_is_natural, op.operands))
    rises = op.name in ("arith.minsi", "arith.addi", "arith.muli", "arith.divsi")
    return rises and all(map(_is_natural, op.operands))


def _may_wrap(value: Value, depth: int = 0) -> bool:
    """Whether arithmetic that leads to `value` may pass the range of numbers: unless all of it is on sizes."""
    op = value.op
    if op is None or depth > 8:
        return depth > 8
    if op.name in ("arith.addi", "arith.subi", "arith.muli"):
        return not _is_small(value)
    follows = op.name.startswith("arith.") and op.name not in ("arith.constant", "arith.remsi")
    return follows and any(_may_wrap(v, depth + 1) for v in op.operands)


def _is_small(value: Value, depth: int = 0) -> bool:
    """Whether a number is plainly far from the end of its range: a size, or sums of a few."""
    known, op = constant_of(value), value.op
    if known is not None:
        return bool(abs(known) <= MOST_ELEMENTS)
    if op is None or depth > 8:
        return False
    if op.name == "memref.dim":
        return True
    if op.name == "arith.minsi" and all(map(_is_natural, op.operands)):
        return any(_is_small(v, depth + 1) for v in op.operands)
    keeps = op.name in ("arith.addi", "arith.subi", "arith.maxsi", "arith.minsi", "arith.select", "arith.divsi")
    return keeps and all(_is_small(v, depth + 1) for v in op.operands[-2:])


def _known_extents(func: Op) -> Extents:
    """The sizes of arguments, and those that checks at the function's own level find possible."""
    extents = Extents()
    extents.trust_arguments(func.body)
    for op in func.body.ops:
        if op.name == "scan.check" and all(slice_of(v, func.body) is not None for v in op.operands):
            extents.trust_check(op)
    return extents


def slice_of(value: Value, block: Block) -> list[Op] | None:
    """The ops of `block` that compute `value` from the function's arguments, in order.

    None if some of it happens inside a loop, or reads memory other than scalar inputs.
    """
    needed: set[Op] = set()
    stack = [value]
    while stack:
        current = stack.pop()
        op = current.op
        if op is None:
            if current.block is not block:
                return None
            continue
        if op.parent is not block or not _can_repeat(op, block):
            return None
        if op not in needed:
            needed.add(op)
            stack.extend(v for inner in op.walk() for v in inner.operands
                         if v.op is None or v.op.parent is block if _outside(v, op))
    return [op for op in block.ops if op in needed] if len(needed) > 1 else list(needed)


def _outside(value: Value, op: Op) -> bool:
    """True if `value` is not defined inside `op`."""
    block: Block | None = value.block
    while block is not None:
        parent = block.parent_op()
        if parent is op:
            return False
        block = parent.parent if parent is not None else None
    return True


def _can_repeat(op: Op, block: Block) -> bool:
    """Pure, or reading inputs of the function only."""
    for inner in op.walk():
        if inner.name == "memref.load":
            if not _is_input(inner.operands[0], block):
                return False
        elif inner.name in ("scf.yield", "scf.condition"):
            continue
        elif not has_trait(inner, PURE):
            return False
    return True


def _is_input(buffer: Value, block: Block) -> bool:
    """True for an argument of the function that it does not write."""
    func = block.parent_op()
    assert func is not None
    n_inputs = func.attrs["n_inputs"].value if "n_inputs" in func.attrs else len(block.args)
    return buffer.owner is block and buffer.index < n_inputs


def _query(func: Op, output_sizes: list[tuple[Value, int, Value]], total: Value) -> Op:
    """A function of the same arguments that returns the outputs' sizes and the workspace's bytes."""
    wanted = [size for _, _, size in output_sizes] + [total]
    ops: dict[Op, None] = {}
    for value in wanted:
        found = slice_of(value, func.body)
        assert found is not None, "sizes are computed at the start"
        ops.update(dict.fromkeys(found))
    checks = [op for op in func.body.ops if has_trait(op, CHECKS)]
    for check in checks:
        parts = [slice_of(v, func.body) for v in check.operands]
        if all(p is not None for p in parts):
            ops.update(dict.fromkeys([*(o for p in parts if p for o in p), check]))
    block, mapping = Block(a.type for a in func.body.args), {}
    for old, new in zip(func.body.args, block.args, strict=True):
        mapping[old] = new
        new.name = old.name
    for op in func.body.ops:
        if op in ops:
            clone_op(op, mapping, block.append)
    b = Builder(block, location=func.location)
    b.make("func.return", [mapping[v] for v in wanted])
    results = tuple(v.type for v in wanted)
    attrs = {"sym_name": func.attrs["sym_name"] + "__query",
             "function_type": t.FunctionType(tuple(a.type for a in block.args), results),
             "return_slots": t.DenseArray(t.i64, tuple(_slots(func, output_sizes)))}
    return Op("func.func", attrs=attrs, regions=[Region([block])], location=func.location)


def _output_sizes(func: Op, sizes: Bounds) -> list[tuple[Value, int, Value]]:
    """Capacities of the outputs: the output, an axis, its size."""
    found = []
    for op in [op for op in func.body.ops if op.name == "scan.output_dims"]:
        output, *dims = op.operands
        capacity = sizes.capacity(dims, output.name or "an output")
        found += [(output, axis, size) for axis, size in enumerate(capacity)]
    return found


def _slots(func: Op, output_sizes: list[tuple[Value, int, Value]]) -> list[int]:
    """Where in the packed ABI the capacities go, and the bytes of the workspace, which is the last argument."""
    first, slot = {}, 0
    for arg in func.body.args:
        first[arg] = slot
        slot += 1 + len(arg.type.shape)  # type: ignore[attr-defined]
    return [*(first[output] + 1 + axis for output, axis, _ in output_sizes), first[func.body.args[-1]] + 1]
