"""Bounds of numbers hold: random arithmetic in a loop stays between what the start of the function says of it."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value, module
from scancc.ir.interpreter import run_function
from scancc.ir.verifier import verify
from scancc.passes.planning.bounds import LOWER, RULES, UPPER, Bounds
from scancc.passes.planning.start import Start

NUMBER = t.MemRefType((), t.i64)
ARRAY = t.MemRefType((None,), t.f64)


class Writer:
    """A function of two numbers and an array, with numbers made in a loop from those and its counter."""

    def __init__(self, seed: int) -> None:
        self.pick = random.Random(seed)
        self.block, self.body = Block([NUMBER, NUMBER, ARRAY]), Block([t.index])
        b = Builder(self.block)
        args = [b.index_cast(b.op("memref.load", [a], [t.i64]), t.index) for a in self.block.args[:2]]
        bounds = [b.index(-2), b.maxsi(args[0], b.index(0)), b.index(1)]
        b.make("scf.for", bounds, [], None, [Region([self.body])])
        b.make("func.return")
        self.b = Builder(self.body)
        self.made = [*args, self.body.args[0]]

    def function(self, ops: list[str]) -> Op:
        """Makes `ops`, holds each against its bounds, and ends the function."""
        for name in ops:
            self.made.append(MAKERS[name](self))
        type = t.FunctionType(tuple(a.type for a in self.block.args), ())
        func = Op("func.func", attrs={"sym_name": "f", "function_type": type, "n_inputs": t.IntAttr(3, t.i64)},
                  regions=[Region([self.block])])
        self.check(Bounds(Start(func)))
        self.b.make("scf.yield")
        return func

    def check(self, bounds: Bounds) -> None:
        for value in self.made:
            for side, order in ((LOWER, "sge"), (UPPER, "sle")):
                bound = bounds.of(value, side)
                if bound is not None:
                    self.b.make("scan.check", [self.b.cmpi(order, value, bound), value, bound], [], {
                        "error": "ValueError", "message": f"{value.op}: {{0}} against the {side.value} bound {{1}}"})

    def some(self) -> Value:
        return self.pick.choice(self.made)

    def binary(self, name: str) -> Value:
        return self.b.op(name, [self.some(), self.some()], [t.index])

    def difference(self) -> Value:
        """Of two numbers, or of the ends of a slice."""
        if self.pick.random() < 0.5:
            return self.binary("arith.subi")
        n = self.some()
        start = self.pick.choice([self.b.index(2), self.b.maxsi(self.some(), self.b.index(0))])
        return self.b.subi(self.b.binary("minsi", self.some(), n), self.b.binary("minsi", start, n))

    def condition(self) -> Value:
        return self.b.cmpi("slt", self.some(), self.some())

    def branch(self) -> Value:
        sides = []
        for _ in range(2):
            block = Block()
            Builder(block).make("scf.yield", [self.some()])
            sides.append(Region([block]))
        return self.b.make("scf.if", [self.condition()], [t.index], None, sides).result

    def loop(self) -> Value:
        """Counts up to a number."""
        test, step = Block([t.index]), Block([t.index])
        b = Builder(test)
        b.make("scf.condition", [b.cmpi("slt", test.args[0], self.some()), test.args[0]])
        b = Builder(step)
        b.make("scf.yield", [b.addi(step.args[0], b.index(1))])
        return self.b.make("scf.while", [self.b.index(0)], [t.index], None, [Region([test]), Region([step])]).result


MAKERS: dict[str, Callable[[Writer], Value]] = {
    "arith.constant": lambda w: w.b.index(w.pick.randint(-3, 3)),
    "arith.index_cast": lambda w: w.b.op("arith.index_cast", [
        w.b.op("arith.index_cast", [w.some()], [t.i64])], [t.index]),
    "memref.dim": lambda w: w.b.op("memref.dim", [w.block.args[2], w.b.index(0)], [t.index]),
    "arith.divsi": lambda w: w.b.op("arith.divsi", [w.some(), w.b.index(w.pick.randint(1, 3))], [t.index]),
    "arith.select": lambda w: w.b.op("arith.select", [w.condition(), w.some(), w.some()], [t.index]),
    "arith.subi": Writer.difference,
    "scf.if": Writer.branch,
    "scf.while": Writer.loop,
    **{name: lambda w, name=name: w.binary(name)  # type: ignore[misc]
       for name in ("arith.addi", "arith.muli", "arith.minsi", "arith.maxsi")},
}


@pytest.mark.parametrize("seed", range(12))
def test_numbers_stay_within_their_bounds(seed: int) -> None:
    pick = random.Random(seed)
    ops = [*MAKERS, *pick.choices(list(MAKERS), k=8)]
    pick.shuffle(ops)
    func = Writer(seed).function(ops)
    top = module([func])
    verify(top, "writing the function")
    for first in (-2, 0, 3):
        run_function(top, "f", [np.array(first), np.array(pick.randint(-4, 4)), np.zeros(2)])


def test_each_rule_is_held_against_numbers() -> None:
    assert set(RULES) == set(MAKERS)


def test_a_slice_is_no_longer_than_what_it_is_of() -> None:
    """Where nobody knows its ends before the program runs."""
    writer = Writer(0)
    n, unknown = writer.made[0], writer.b.op("memref.load", [writer.block.args[2], writer.made[2]], [t.f64])
    place = writer.b.op("arith.index_cast", [writer.b.op("arith.fptosi", [unknown], [t.i64])], [t.index])
    start = writer.b.binary("minsi", writer.b.maxsi(place, writer.b.index(0)), n)
    length = writer.b.subi(writer.b.binary("minsi", place, n), start)
    bounds = Bounds(Start(writer.function([])))
    assert bounds.of(length, UPPER) is not None and bounds.of(length, LOWER) is None


@pytest.mark.parametrize("name", MAKERS)
def test_each_rule_finds_bounds(name: str) -> None:
    writer = Writer(0)
    del writer.made[:-1]  # of the counter alone: what the start can compute needs no rule
    bounds = Bounds(Start(writer.function([name])))
    missing = {side for side in (LOWER, UPPER) if bounds.of(writer.made[-1], side) is None}
    assert missing == ({UPPER} if name == "scf.while" else set())
