"""Which class each cycle of a step is of, and that what is not closed has none."""

from __future__ import annotations

import pytest

from scancc.ir.parser import parse
from scancc.ir.parts import ScanView
from scancc.passes.slice import class_of
from scancc.passes.slicing.steps import slice_of

# of a step: its states with their type, what it does (with %x a sequence's row, %c a truth, %a what never changes),
# the next states, and the classes of its cycles
STEPS = {
    "a sum": ("s: f64", "%n = addf %s, %x", "%n", "sum"),
    "a sum of differences": ("s: f64", "%n = subf %s, %x", "%n", "sum"),
    "a sum that wraps": ("s: i32", "%n = addi %s, %x", "%n", "sum"),
    "a product": ("s: f64", "%n = mulf %x, %s", "%n", "product"),
    "a maximum": ("s: f64", "%n = maximumf %s, %x", "%n", "max"),
    "a minimum of unsigned numbers": ("s: i8", "%n = minui %x, %s", "%n", "min"),
    "two extremes of a kind": ("s: f64", "%m = maximumf %s, %x\n%n = maximumf %m, %a", "%n", "max"),
    "extremes from both sides": ("s: f64", "%m = maximumf %s, %x\n%n = maximumf %a, %m", "%n", ""),
    "bits": ("s: i32", "%m = andi %s, %x\n%n = andi %a, %m", "%n", "and"),
    "parity": ("s: i1", "%n = xori %s, %x", "%n", "xor"),
    "any": ("s: i1", "%n = ori %s, %x", "%n", "or"),
    "affine": ("s: f64", "%p = mulf %a, %s\n%n = addf %p, %x", "%n", "affine"),
    "affine with a product that joined": ("s: f64", "%n = math.fma %x, %s, %a", "%n", "affine"),
    "an approach": ("s: f64", "%d = subf %x, %s\n%p = mulf %a, %d\n%n = addf %s, %p", "%n", "affine"),
    "affine and wraps": ("s: i32", "%p = muli %s, %a\n%n = addi %p, %x", "%n", "affine"),
    "two lags": ("s: f64, r: f64", "%p = mulf %a, %s\n%q = mulf %a, %r\n%d = subf %x, %p\n%n = subf %d, %q", "%n, %s",
                 "affine of order 2"),
    "a rotation": ("s: f64, r: f64", "%p = mulf %a, %s\n%q = mulf %x, %r\n%n = subf %p, %q\n%m = addf %p, %q",
                   "%n, %m", "affine in 2 states"),
    "an exchange": ("s: f64, r: f64", "", "%r, %s", ""),
    "a round of three": ("s: i32, r: i32, q: i32", "", "%r, %q, %s", ""),
    "an exchange with a negation": ("s: f64, r: f64", "%n = negf %r", "%n, %s", "affine of order 2"),
    "an exchange with two negations": ("s: f64, r: f64", "%n = negf %r\n%m = negf %s", "%n, %m",
                                       "affine in 2 states"),
    "a clamp": ("s: f64", "%p = addf %s, %x\n%q = maximumf %p, %a\n%n = minimumf %q, %x", "%n", "clamp"),
    "a sum above a bound": ("s: f64", "%p = addf %s, %x\n%n = maximumf %p, %a", "%n", "max-plus"),
    "a bound that is added to": ("s: i32", "%p = minsi %x, %s\n%n = addi %a, %p", "%n", "min-plus"),
    "a difference above a bound": ("s: i32", "%p = subi %s, %x\n%n = maxsi %p, %a", "%n", "max-plus"),
    "a difference from a bound": ("s: i32", "%p = maxsi %s, %x\n%n = subi %a, %p", "%n", ""),
    "bounds with and without a sign": ("s: i32", "%p = maxsi %s, %x\n%n = minui %p, %a", "%n", ""),
    "two sums between bounds": ("s: f64", "%p = maximumf %s, %x\n%q = addf %p, %a\n%r = minimumf %q, %x\n"
                                "%n = addf %r, %a", "%n", "clamp"),
    "a choice of factors": ("s: f64", "%f = select %c, %a, %x\n%p = mulf %f, %s\n%n = addf %p, %x", "%n", "affine"),
    "a replacement": ("s: f64", "%p = select %c, %s, %a\n%n = select %c, %x, %p", "%n", "replacement"),
    "a replacement that adds": ("s: f64", "%p = addf %s, %a\n%n = select %c, %x, %p", "%n", "affine with resets"),
    "a reset": ("s: f64", "%p = mulf %a, %s\n%n = select %c, %x, %p", "%n", "affine with resets"),
    "a square": ("s: f64", "%n = mulf %s, %s", "%n", ""),
    "a sum divided": ("s: f64", "%p = addf %s, %a\n%n = divf %p, %x", "%n", "affine"),
    "a continued fraction": ("s: f64", "%p = divf %a, %s\n%n = addf %p, %x", "%n", "moebius"),
    "a variance by its gain": ("s: f64", "%d = addf %s, %x\n%g = divf %s, %d\n%p = mulf %g, %s\n%m = subf %s, %p\n"
                               "%n = addf %m, %a", "%n", "moebius"),
    "a factor above and below": ("s: f64", "%p = divf %a, %s\n%q = addf %p, %x\n%n = divf %p, %q", "%n", "moebius"),
    "a sum of two quotients": ("s: f64", "%p = divf %a, %s\n%d = addf %s, %x\n%q = divf %x, %d\n%n = addf %p, %q",
                               "%n", ""),
    "a function": ("s: f64", "%p = mulf %a, %s\n%n = math.tanh %p", "%n", ""),
    "a choice by the state": ("s: f64", "%d = mulf %s, %s\n%n = minimumf %d, %s", "%n", ""),
    "a sum of what another is": ("s: f64, r: f64", "%n = mulf %s, %s\n%m = addf %r, %s", "%n, %m", " sum"),
    "a maximum that begins anew": ("s: f64", "%m = maximumf %s, %x\n%n = select %c, %a, %m", "%n", "max with resets"),
    "a minimum of what may be another": ("s: i32", "%m = select %c, %s, %a\n%n = minsi %x, %m", "%n",
                                         "min with resets"),
    "a maximum or a minimum": ("s: f64", "%m = maximumf %s, %x\n%p = minimumf %s, %x\n%n = select %c, %p, %m", "%n",
                               ""),
    "bounds that begin anew": ("s: f64", "%m = maximumf %s, %x\n%p = select %c, %a, %m\n%n = minimumf %p, %a", "%n",
                               ""),
    "a sum of one that begins anew": ("s: f64", "%m = maximumf %s, %x\n%p = select %c, %a, %m\n%n = addf %p, %a",
                                            "%n", ""),
    "a maximum or the state": ("s: f64", "%m = maximumf %s, %x\n%n = select %c, %s, %m", "%n", ""),
    "a maximum of a multiple": ("s: f64", "%p = mulf %a, %s\n%n = maximumf %p, %x", "%n", "affine with bounds"),
    "a multiple of a maximum": ("s: f64", "%p = maximumf %s, %x\n%n = mulf %a, %p", "%n", "affine with bounds"),
    "a multiple of a maximum of integers": ("s: i32", "%p = maxsi %s, %x\n%n = muli %a, %p", "%n", ""),
    "a maximum of a multiple of integers": ("s: i32", "%p = muli %s, %x\n%n = maxsi %a, %p", "%n", ""),
    "a maximum of squares": ("s: f64", "%p = mulf %s, %s\n%n = maximumf %p, %x", "%n", ""),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_cycle_has_the_class_of_its_step(name):
    states, ops, following, classes = STEPS[name]
    op = next(op for op in parse(_program(states, ops, following)).walk() if op.name == "scan.scan")
    assert ScanView(op).carries
    assert " ".join(map(class_of, slice_of(op).cycles)) == classes


def _program(states: str, ops: str, following: str) -> str:
    named = [part.split(": ") for part in states.split(", ")]
    kind, types = named[0][1], [type for _, type in named]
    args = "".join(f", %{name}: {type}" for name, type in named)
    lists = {n: ", ".join(types[:1] * n) for n in (1, 2, 3)}
    lines = []
    for line in ops.splitlines():
        result, op, *operands = line.replace("= ", "").replace(",", "").split()
        given = ["i1" if v == "%c" else kind for v in operands]
        name = op if "." in op else f"arith.{op}"
        lines.append(f'{result} = "{name}"({", ".join(operands)}) : ({", ".join(given)}) -> {kind}')
    step = "\n".join(lines)
    count = len(named)
    types = f"(index, tensor<?x{kind}>, tensor<?xi1>, {lists[count]}) -> ({lists[count]})"
    return f'''"func.func"() ({{
^bb0(%k: index, %xs: tensor<?x{kind}>, %cs: tensor<?xi1>, %a: {kind}):
  %last:{count} = "scan.scan"(%k, %xs, %cs{", %a" * count}) ({{
  ^bb0(%t: index, %x: {kind}, %c: i1{args}):
{step}
    "scan.yield"({following}) : ({lists[count]}) -> ()
  }}) {{depths = [{", ".join(["1 : i64"] * count)}], until = false,
        operandSegmentSizes = array<i32: 1, 2, {count}, 0, 0>}} : {types}
  "func.return"(%last#0) : ({kind}) -> ()
}}) {{sym_name = "f", function_type = (index, tensor<?x{kind}>, tensor<?xi1>, {kind}) -> {kind}}} : () -> ()'''
