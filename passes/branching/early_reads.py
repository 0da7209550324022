"""A read of one element in a branch as a branch of its own, before what writes over the array.

    %q = tensor.insert %x into %p[%i]             %in = %c and %k < n
    %r = scf.if %c {                              %y = scf.if %in { tensor.extract %p[%k] } else { 0 }
      check %k < n                           ->   %q = tensor.insert %x into %p[%i]
      %y = tensor.extract %p[%k]                  %r = scf.if %c {
      %z = tensor.insert %y into %q[%k]             check %k < n
                                                    %z = tensor.insert %y into %q[%k]

The branch as a whole has to come after the write. Its checks stay where they are, in their order.
"""

from __future__ import annotations

from collections.abc import Iterator

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.ops import NO_SPECULATION, PURE, group, has_trait, operand
from scancc.ir.parts import Branch
from scancc.ir.shapes import dims_of

from ..bufferizing.order import is_inside


def read_early(read: Op, branch: Op) -> Op | None:
    """The read as a branch before `branch`, in which it is; None where more than numbers is needed to make it."""
    needed = _needed(read, branch)
    if needed is None:
        return None
    block = branch.parent
    assert block is not None
    mapping: dict[Value, Value] = {}
    b = Builder(block, branch, read.location)
    for op in needed:
        clone_op(op, mapping, b.insert)
    condition = _condition(b, read, branch, mapping)
    then, otherwise = Block(), Block()
    with b.at(then):
        b.make("scf.yield", [clone_op(read, mapping, b.insert).result])
    with b.at(otherwise):
        b.make("scf.yield", [b.const(0, read.result.type)])
    made = b.make("scf.if", [condition], [read.result.type], None, [Region([then]), Region([otherwise])])
    read.replace_by(made.results)
    return made


def outside_values(read: Op, branch: Op) -> list[Value] | None:
    """What of the block around `branch` such a read rests on; None where it cannot be made."""
    needed = _needed(read, branch)
    if needed is None:
        return None
    return [v for op in (*needed, read) for v in op.operands if v.op not in needed] + [
        Branch(above).condition for above, _ in _around(read, branch)]


def _around(read: Op, branch: Op) -> Iterator[tuple[Op, bool]]:
    """The branches around a read out to `branch`, and whether it is where the condition holds."""
    block = read.parent
    while block is not None and (above := block.parent_op()) is not None and is_inside(above, branch):
        yield above, above.name == "scf.if" and Branch(above).sides[0] is block
        block = above.parent


def _needed(read: Op, branch: Op) -> list[Op] | None:
    """The ops inside `branch` that make the place and the conditions of a read, in order."""
    around = [above for above, _ in _around(read, branch)]
    if read.name != "tensor.extract" or any(above.name != "scf.if" for above in around):
        return None
    found: dict[Op, None] = {}
    pending = [operand(read, "source"), *group(read, "indices"), *(Branch(above).condition for above in around)]
    while pending:
        value = pending.pop()
        op = value.op
        if op is None or op is branch or not is_inside(op, branch) or op in found:
            if op is None and _is_argument_inside(value, branch):
                return None
            continue
        if not _is_number(op):
            return None
        found[op] = None
        pending += op.operands
    return [op for op in branch.walk() if op in found]


def _is_argument_inside(value: Value, branch: Op) -> bool:
    above = value.block.parent_op()
    return above is not None and is_inside(above, branch)


def _is_number(op: Op) -> bool:
    """Whether it only computes numbers of numbers, whatever they are."""
    return (has_trait(op, PURE) and not has_trait(op, NO_SPECULATION) and not op.regions
            and not any(isinstance(v.type, t.TensorType) for v in (*op.operands, *op.results)))


def _condition(b: Builder, read: Op, branch: Op, mapping: dict[Value, Value]) -> Value:
    """Whether the branches around are taken, and the place is in the array."""
    found = []
    for above, side in reversed(list(_around(read, branch))):
        condition = mapping.get(Branch(above).condition, Branch(above).condition)
        found.append(condition if side else b.opposite(condition))
    sizes = dims_of(b, operand(read, "source"))
    found += [b.cmpi("ult", mapping.get(index, index), size)
              for index, size in zip(group(read, "indices"), sizes, strict=True)]
    result = found[0]
    for one in found[1:]:
        result = b.binary("andi", result, one)
    return result
