"""What the pass `tile` says of products with matrices: which become maps, and why others stay in the step."""

from __future__ import annotations

from collections.abc import Iterable

from scancc.ir.core import Op, Value
from scancc.ir.parts import ScanView
from scancc.ir.remarks import remark
from scancc.ir.wording import called

from ..slicing.steps import CYCLE
from .outer_sums import outer_sums
from .products import SMALL, is_fixed, is_product
from .stages import Stages


def named_products(stages: Stages) -> str:
    """The products that become maps, in words."""
    found = [op for op in stages.scan.op.body.ops if op in stages.arrays.products]
    said = [f"products with {_each([_named(op, stages) or 'a matrix' for op in found])}"] if found else []
    if stages.sums:
        said.append(f"outer products that {_each(_state(arg, stages.scan) for arg in stages.sums)} adds")
    return " and ".join(said)


def _each(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _state(arg: Value, scan: ScanView) -> str:
    """A state by its name, else by what makes it."""
    return called(arg if arg.name else next(carry.next for carry in scan.carries if carry.arg is arg))


def say_order(stages: Stages) -> None:
    """Say which sums of outer products stay in the step, because they would be added in another order."""
    for arg in outer_sums(stages.slice, SMALL):
        if arg not in stages.sums:
            remark("tile", stages.scan.op, False, f"{_state(arg, stages.scan)} adds outer products step by step: one "
                   "product a tile adds in another order", "allow it by fast_math='reassociate'")


def say_kept(stages: Stages) -> None:
    """Say which products with a matrix stay in the step, and why."""
    found = stages.slice
    for op in stages.scan.op.body.ops:
        if op.name == "linalg.generic" and len(op.results) == 1 and op not in stages.arrays.products and (
                is_product(op, found, 0)):
            if found.kind[op] == CYCLE:
                states = (_state(carry.arg, stages.scan) for carry in found.cycles[found.number[op]].carries)
                why = f"it waits for {_each(states)} of the step before"
            else:
                small = is_product(op, found, SMALL)
                why = "what it reads or makes has other sizes in each step" if small else "it stays in registers"
            remark("tile", op, False, f"{_matrix(op, stages)} stays in the step: {why}")


def _matrix(op: Op, stages: Stages) -> str:
    """A product by its matrix, in words."""
    name = _named(op, stages)
    return f"the product with {name}" if name else "a product with a matrix"


def _named(op: Op, stages: Stages) -> str:
    """The name of a product's matrix, quoted, where it has one."""
    return next((f"'{v.name}'" for v in op.operands if is_fixed(v, stages.slice) and v.name), "")
