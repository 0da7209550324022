"""Join a product and the sum it goes into: `a * b + c` becomes `math.fma`, where that shortens the chain.

    %p = arith.mulf(%a, %h)                %q = arith.mulf(%b, %x)
    %q = arith.mulf(%b, %x)          ->    %s = math.fma(%a, %h, %q)
    %s = arith.addf(%p, %q)

Why: the latency from a state to the next is the speed limit of a sequential scan: 4 cycles instead of
6 for `a*h + b*x`. Of two products the one on the chain is joined; a sum whose other side is later on
the chain (`acc + a*x`) stays as it is, because its addition alone is shorter.
What may be joined by default: `a * b + c`, where the sum is then rounded once in place of twice. Not a difference,
which can cancel to the rounding error of a product that alone is not rounded: `a*a - b*b` of equal numbers, or
`m2 - m*m` of a constant series, would be that error instead of 0, and their root NaN. Of a sum of two products,
which cancels in the same way, only the one on the chain, where that shortens it (the sum's own chain: `a*p + b*q` for
the next q, where p is another state's next, waits for `b*q`); of differences there only `c - a*h`
and `a*h - c` of a state h, or an older tap, where c is no product, and no step changes a, as filters are written, or
c, as Newton's `x*x - c` and maps like `1 - a*x*x` are; there the step may not ask whether it is 0 or take its root.
Always in a product with a matrix, as every BLAS does it (half the operations), and where a step makes that one's sum.
Everything where `fast_math='contract'` is allowed; nothing where a sum is marked `exact` (`fast_math=False`).
Conservative: only a product with one use, in the same block. No other rewriting of floats is done.
Off on targets without a fused multiply-add.
Cost: linear. Runs after `fuse`, when the step's arithmetic is scalar.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Block, Op, Value, defined_in
from scancc.ir.dialects.arith import CMPF
from scancc.ir.fast_math import allowed, is_exact, takes_product
from scancc.ir.parts import Nest, ScanView
from scancc.ir.remarks import remark

from .slicing.steps import Slice, newest, row_read, slice_of

MUL_CYCLES, ADD_CYCLES, FMA_CYCLES = 3, 3, 4  # Zen 4; other current cores have equal or closer numbers
OFF_CYCLE = -1000  # a value that does not wait for the state
_SENSITIVE = {"math.sqrt", "math.rsqrt", "math.log", "math.log2", "math.log10", "math.powf", "math.fpowi"}
_EQUALITIES = {CMPF.index(predicate) for predicate in ("oeq", "one", "ueq", "une")}


def contract(module: Op) -> None:
    """Contract in every block that computes scalars."""
    waiting: dict[Op, set[Value]] = {}  # a scan -> the values of its step that wait for a state
    for op in list(module.walk()):
        if op.name == "scan.scan":
            waiting[op] = _waiting(op)
            _contract_block(op.body, dict.fromkeys(newest(ScanView(op).carries), 0), _Fixed(op), slice_of(op))
        elif op.name == "linalg.generic":
            _contract_block(op.body, _waiting_args(Nest(op), waiting), _Fixed(op.parent_op(), Nest(op)))
        elif op.name == "func.func":
            _contract_block(op.body, {}, _Fixed(op))


def _waiting(scan: Op) -> set[Value]:
    """The states of a scan, and what its step makes of them; not older rows of windows, which were there before."""
    found, depths = set(ScanView(scan).carry_args), {carry.arg: carry.depth for carry in ScanView(scan).carries}
    for op in scan.body.ops:
        if any(v in found for inner in op.walk() for v in inner.operands) and not _reads_older_row(op, depths):
            found.update(op.results)
    return found


def _reads_older_row(op: Op, depths: dict[Value, int]) -> bool:
    depth = next((depths[v] for v in op.operands if v in depths), 1)
    row = row_read(op) if depth > 1 else None
    return row is not None and row < depth - 1


def _waiting_args(nest: Nest, waiting: dict[Op, set[Value]]) -> dict[Value, int]:
    """Elements of values that wait for a state of the enclosing scan. In a reduction that is a running sum, and as
    late as that all that a step makes: a product's terms are many, and two operations a term take longer than a
    chain of one."""
    scan, ready = nest.op.parent_op(), {}
    if scan is not None and scan in waiting:
        ready = {access.arg: 0 for access in [*nest.reads, *nest.writes] if access.value in waiting[scan] or (
            nest.reduced and defined_in(access.value, scan.body))}
    if nest.reduced:
        ready.update(dict.fromkeys(nest.running, 0))
    if _is_matrix_product(nest):
        ready.update((read.arg, 0) for read in nest.reads)
    return ready


class _Fixed:
    """What no step of a scan changes: what comes from outside, and elements of it in a nest of the step.
    `older`: what states were before the last step."""

    def __init__(self, outer: Op | None, nest: Nest | None = None) -> None:
        self.step = outer.body if outer is not None and outer.name == "scan.scan" else None
        self.outside = {read.arg: read.value for read in nest.reads} if nest is not None else {}
        carries = ScanView(outer).carries if outer is not None and self.step is not None else []
        self.older = {carry.arg for carry in carries}.difference(newest(carries))
        self.depths = {carry.arg: carry.depth for carry in carries}
        self.older.update(
            arg for arg, row in self.outside.items() if row.op and _reads_older_row(row.op, self.depths))

    def __contains__(self, value: Value) -> bool:
        value = self.outside.get(value, value)
        return self.step is not None and (not defined_in(value, self.step) or constant_of(value) is not None)


def _is_matrix_product(nest: Nest) -> bool:
    """Whether a nest adds up products of two factors, of which one is used again for other results."""
    if not nest.reduced or len(nest.reads) != 2 or len(nest.op.body.ops) != 3:
        return False
    return any(dim not in read.dims for read in nest.reads for dim in nest.identity if dim not in nest.reduced)


def _contract_block(block: Block, ready: dict[Value, int], fixed: _Fixed, found: Slice | None = None) -> None:
    """Walk in order, with the time at which each value is ready, counted from the state's. On a cycle nothing waits
    for what another one makes: that may be steps ahead."""
    cycles = [] if found is None else found.cycles
    numbers = {op: number for number, cycle in enumerate(cycles) for op in cycle.ops}
    own = [dict.fromkeys(newest(cycle.carries), 0) for cycle in cycles]
    for op in list(block.ops):
        number = numbers.get(op)
        times = ready if number is None else own[number]
        wide = bool(op.results) and isinstance(op.results[0].type, t.FloatType) and op.results[0].type != t.f16
        if op.name == "arith.addf" and takes_product(op) and wide:
            made = [_sum_of_products(op, times)]
        elif op.name in ("arith.addf", "arith.subf") and wide and not is_exact(op):  # float16 is computed in float32
            made = [_contract_sum(op, times, fixed)]
        else:
            wait = max((times.get(v, OFF_CYCLE) for v in op.operands), default=OFF_CYCLE)
            if _reads_older_row(op, fixed.depths):
                wait = OFF_CYCLE
            takes = MUL_CYCLES if op.name == "arith.mulf" else ADD_CYCLES
            made = [(result, wait + takes if wait > OFF_CYCLE else OFF_CYCLE) for result in op.results]
        ready.update(made)
        if number is not None:
            own[number].update(made)


def _contract_sum(op: Op, ready: dict[Value, int], fixed: _Fixed) -> tuple[Value, int]:
    """The sum, with its product where that may be, and when it is ready."""
    def at(value: Value) -> int:
        return ready.get(value, OFF_CYCLE)

    separate = max(map(at, op.operands)) + ADD_CYCLES
    best, choice = separate, None
    for side in (0, 1):
        product = op.operands[side].op
        if product is None or not _is_joinable(op, product):
            continue
        joined = max(*map(at, product.operands), at(op.operands[1 - side])) + FMA_CYCLES
        if joined < best or (choice is None and (joined == best or best < 0)):
            best, choice = joined, side
    if choice is None or not _may_join(op, choice, fixed, shorter=0 <= best < separate):
        return op.result, separate if separate >= 0 else OFF_CYCLE
    return _join(op, choice), best if best >= 0 else OFF_CYCLE


def _sum_of_products(op: Op, ready: dict[Value, int]) -> tuple[Value, int]:
    """The sum of a product with a matrix that a step makes, with its term, whoever reads that too."""
    side = next((i for i, v in enumerate(op.operands) if v.op is not None and v.op.name == "arith.mulf"
                 and takes_product(v.op)), None)
    waits = max(ready.get(v, OFF_CYCLE) for v in op.operands)
    return (op.result if side is None else _join(op, side)), waits + FMA_CYCLES if waits > OFF_CYCLE else OFF_CYCLE


def _is_joinable(op: Op, product: Op) -> bool:
    return product.name == "arith.mulf" and product.parent is op.parent and sum(product.result.uses.values()) == 1


def _may_join(op: Op, side: int, fixed: _Fixed, shorter: bool) -> bool:
    """Whether the product on a `side` of a sum may go unrounded; says so in a remark. `shorter`: that shortens
    the chain from a state to the next."""
    product, other = (op.operands[i].op for i in (side, 1 - side))
    assert product is not None
    two = other is not None and other.name == "arith.mulf"
    cancels = op.name == "arith.subf" or any(v.op is not None and v.op.name == "arith.negf" for v in product.operands)
    waits = shorter or any(v in fixed.older for v in product.operands)
    if cancels and waits and not two:
        cancels = not any(v in fixed for v in product.operands) and (
            op.operands[1 - side] not in fixed or _is_sensitive(op))
    if not (cancels or (two and not shorter)) or allowed(op).allows("contract"):
        remark("contract", op, True, "the sum and its product are rounded once", part="contract")
        return True
    kind = "a difference" if cancels else "a sum of two products"
    remark("contract", op, False, f"{kind} may cancel to the rounding error of the product that is rounded",
           "fast_math='contract' allows it")
    return False


def _is_sensitive(difference: Op) -> bool:
    """Whether a step takes a root, logarithm or power of what it makes of a difference, or asks whether that equals
    something: where 0 and a rounding error are not the same."""
    left, seen = [difference], {difference}
    while left:
        for user in left.pop().result.uses:
            equality = user.name == "arith.cmpf" and user.attrs["predicate"].value in _EQUALITIES
            if user.parent is not difference.parent or user.name in _SENSITIVE or equality:
                return True
            if len(user.results) == 1 and user not in seen:
                seen.add(user)
                left.append(user)
    return False


def _join(op: Op, side: int) -> Value:
    """The fused op that takes the place of sum `op` and the product on its `side`."""
    block, product = op.parent, op.operands[side].op
    assert block is not None and product is not None
    a, b = product.operands
    c = op.operands[1 - side]
    if op.name == "arith.subf":
        if side == 0:
            c = _negated(block, op, c)
        else:
            a = _negated(block, op, a)
    fused = block.insert_before(op, Op("math.fma", [a, b, c], [op.result.type], location=op.location))
    fused.result.name = op.result.name
    op.replace_by([fused.result])
    if not product.result.uses:
        product.erase()
    return fused.result


def _negated(block: Block, anchor: Op, value: Value) -> Value:
    return block.insert_before(
        anchor, Op("arith.negf", [value], [value.type], location=anchor.location)).result
