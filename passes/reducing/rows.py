"""Sums of rows times a vector, several rows at a time.

    scf.for %i = 0 to %n {parallel} {            %m = %n - %n mod 4
      %s = scf.for %j = 0 to %k iter(%a) {       scf.for %i = 0 to %m step 4 {parallel} {
        %a + w[%i, %j] * x[%j] }                   %s0 = scf.for %j = 0 to %k iter(%a) { %a + w[%i, %j] * x[%j] }
      y[%i] = %s }                           ->    %s1 = scf.for %j = 0 to %k iter(%a) { %a + w[%i + 1, %j] * x[%j] }
                                                   ...
                                                   y[%i], ... = %s0, ... }
                                                 scf.for %i = %m to %n {parallel} { ... as before ... }

A sum in lanes waits for its additions, and a product with a vector reads that anew for each row. `beside.py` makes
one loop of the sums, where each keeps its tree (64 to 512 terms: 0.65 to 0.9 of the time). Functions of the terms
have work enough in one row.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, clone_op, defined_in
from scancc.ir.ops import VIEW, has_trait, is_pure, operand
from scancc.ir.parts import Loop
from scancc.ir.remarks import remark

from ..vectorizing.lanes import is_heavy
from .kinds import SUMS


def several_rows(loop: Op, n_rows: int) -> list[Op]:
    """Take `n_rows` rows at a time in the loop around a sum in lanes, which does little else: the copies of the sum,
    which stays for the rows that are left."""
    rows = loop.parent_op()
    if n_rows < 2 or rows is None or rows.parent is None or not (_counts(rows, n_rows) and _holds_alone(rows, loop)):
        return []
    around, old = Builder(rows.parent, rows, rows.location), Loop(rows)
    step = around.index(n_rows)
    whole = around.subi(old.upper, around.op("arith.remsi", [old.upper, step], [t.index]))
    body = Block([t.index])
    inner, counter = Builder(body, location=rows.location), body.args[0]
    counter.name = old.counter.name
    places = [inner.addi(counter, inner.index(row)) if row else counter for row in range(n_rows)]
    maps: list[dict[Value, Value]] = [{old.counter: place} for place in places]
    copies = [clone_op(op, known, body.append) for op in rows.body.ops[:-1] for known in maps]
    inner.make("scf.yield", [])
    around.make("scf.for", [old.lower, whole, step], [], dict(rows.attrs), [Region([body])])
    rows.replace_operand(old.lower, whole)
    remark("reductions", loop, True, f"{n_rows} rows at a time")
    return [op for op in copies if op.name == "scf.for"]


def _counts(rows: Op, n_rows: int) -> bool:
    """Whether a loop goes over rows, as many as are taken at a time, or so many as only running tells."""
    lower, upper, step = map(constant_of, Loop(rows).bounds) if rows.name == "scf.for" else (None, None, None)
    return "parallel" in rows.attrs and not Loop(rows).init and (lower, step) == (0, 1) and (
        upper is None or upper >= n_rows)


def _holds_alone(rows: Op, loop: Op) -> bool:
    """Whether a row has one sum, of terms that other rows read too, and reads and writes besides."""
    combine = Loop(loop).next[0].op
    if not any(op.name == "memref.load" and _is_shared(op, rows) for op in loop.body.ops):
        return False
    if combine is None or combine.name not in SUMS or is_heavy([op for op in loop.body.ops if op.name != "math.fma"]):
        return False
    return all(op is loop or op.name in ("memref.load", "memref.store") or not op.regions and (
        is_pure(op) or has_trait(op, VIEW)) for op in rows.body.ops[:-1])


def _is_shared(load: Op, rows: Op) -> bool:
    """Whether all rows read the same elements."""
    return not defined_in(operand(load, "source"), rows.body) and Loop(rows).counter not in load.operands
