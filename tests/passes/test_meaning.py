"""Passes keep what programs mean: the same bits from the interpreter before and after, on the example
programs and on random arithmetic with the numbers at which rules go wrong."""

from __future__ import annotations

import inspect
import random

import numpy as np
import pytest

from scancc import pipeline
from scancc.frontend.program.program import make_program
from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value, clone_op, functions, module
from scancc.ir.dialects.arith import CMPF, CMPI
from scancc.ir.interpreter import compile_function, run_function
from scancc.ir.parser import parse
from scancc.ir.slices import COLUMNS, Entry, slice_parts
from scancc.stages import lower
from tests.programs import masks, seed, tutorial
from tests.programs.case import Case

PROGRAMS = {f"{source.__name__.rsplit('.', 1)[1]}.{name}": make
            for source in (seed, tutorial, masks)
            for name, make in inspect.getmembers(source, inspect.isfunction)
            if make.__module__ == source.__name__ and not name.startswith("_")}


def same_bits(first: np.ndarray, second: np.ndarray) -> bool:
    """Equal shape, type and bits; any NaN equals any."""
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    return bool(np.all((first == second) & (np.signbit(first) == np.signbit(second))
                       if first.dtype.kind == "f" else first == second)
                or np.array_equal(first, second, equal_nan=first.dtype.kind in "fc")
                and np.array_equal(np.signbit(first[~np.isnan(first)]), np.signbit(second[~np.isnan(second)])))


# ---- programs ----


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_give_the_same_bits_after_each_pass(name: str) -> None:
    case = PROGRAMS[name]()
    assert isinstance(case, Case)
    program = make_program(case.inputs, case.outputs, case.updates)
    top = lower(program)
    args = [np.asarray(a, i.variable.dtype) for a, i in zip(case.args, program.inputs, strict=True)]
    args += [np.asarray(s.get_value()) for s in program.shared]
    (func,) = functions(top)
    expected = run_function(clone_op(top, {}), func.attrs["sym_name"], args)

    def compare(done: pipeline.PassRun, ir: Op) -> None:
        found = run_function(clone_op(ir, {}), func.attrs["sym_name"], args)
        assert all(map(same_bits, map(np.asarray, found), map(np.asarray, expected))), f"after {done.step}"

    pipeline.run(top, "canonicalize,cse,licm,canonicalize,cse,dce", on_pass=compare)


# ---- random arithmetic ----

FLOATS = [0.0, -0.0, 1.0, -1.0, 2.0, -4.0, 0.5, 3.0, 0.1, 1e308, 5e-324, -2.2e-308, 2.0**-1022, 2.0**1023,
          float("inf"), float("-inf"), float("nan")]
INTEGERS = [0, 1, -1, 2, 3, 7, -8, 127, -128, 2**31 - 1, -2**31, 2**63 - 1, -2**63]
KINDS = [t.f64, t.f32, t.i1, t.i8, t.i32, t.i64, t.index]
OF_FLOATS = ["addf", "subf", "mulf", "divf", "maximumf", "minimumf"]
UNARY = ["arith.negf", "arith.negf", "math.absf", "math.floor", "math.sqrt"]
OF_INTEGERS = ["addi", "subi", "muli", "andi", "ori", "xori", "maxsi", "minsi", "maxui", "minui"]
CASTS: dict[str, tuple[tuple[t.Type, ...], tuple[t.Type, ...]]] = {
    "extf": ((t.f32,), (t.f64,)), "truncf": ((t.f64,), (t.f32,)),
    "extsi": ((t.i1, t.i8, t.i32), (t.i64,)), "extui": ((t.i1, t.i8, t.i32), (t.i64,)),
    "trunci": ((t.i64,), (t.i1, t.i8, t.i32)), "sitofp": ((t.i8, t.i32, t.i64), (t.f64, t.f32)),
    "uitofp": ((t.i1, t.i8, t.i32, t.i64), (t.f64, t.f32)),
    "index_cast": ((t.i8, t.i32, t.i64, t.index), (t.i8, t.i32, t.i64, t.index)),
}


class Arithmetic:
    """A function of straight arithmetic that returns all its values, made from a seed."""

    def __init__(self, number: int, n_ops: int) -> None:
        self.pick = random.Random(number)
        self.block = Block(KINDS)
        self.b = Builder(self.block)
        self.values: list[Value] = list(self.block.args)
        for _ in range(n_ops):
            self.values.append(self.step())

    def module(self) -> Op:
        results = self.values[len(KINDS):]
        self.b.make("func.return", results)
        signature = t.FunctionType(tuple(KINDS), tuple(v.type for v in results))
        attrs = {"sym_name": "f", "function_type": signature}
        return module([Op("func.func", attrs=attrs, regions=[Region([self.block])])])

    def number(self, kind: t.Type) -> np.ndarray:
        value = self.pick.choice(FLOATS if t.is_float(kind) else INTEGERS)
        with np.errstate(all="ignore"):
            return np.asarray(bool(int(value) & 1) if kind == t.i1 else value).astype(t.numpy_dtype(kind))

    def operands(self) -> tuple[Value, Value]:
        """Two values of one type: often of the last ones, often a constant."""
        x = self.pick.choice(self.values[-4:] if self.pick.random() < 0.6 else self.values)
        y = self.pick.choice([v for v in self.values if v.type == x.type])
        if self.pick.random() < 0.5:
            y = self.b.const(self.number(x.type)[()], x.type)
        return (y, x) if self.pick.random() < 0.3 else (x, y)

    def step(self) -> Value:
        what = self.pick.choice([self.binary, self.binary, self.unary, self.compare, self.select, self.cast])
        return what(*self.operands())

    def binary(self, x: Value, y: Value) -> Value:
        names = OF_FLOATS if t.is_float(x.type) else OF_INTEGERS
        return self.b.op(f"arith.{self.pick.choice(names)}", [x, y], [x.type])

    def unary(self, x: Value, y: Value) -> Value:
        if t.is_float(x.type):
            return self.b.op(self.pick.choice(UNARY), [x], [x.type])
        return self.b.op("arith.xori", [x, self.b.const(-1 if x.type != t.i1 else 1, x.type)], [x.type])

    def compare(self, x: Value, y: Value) -> Value:
        name, predicates = ("arith.cmpf", CMPF) if t.is_float(x.type) else ("arith.cmpi", CMPI)
        predicate = t.IntAttr(self.pick.randrange(len(predicates)), t.i64)
        return self.b.op(name, [x, y], [t.i1], {"predicate": predicate})

    def select(self, x: Value, y: Value) -> Value:
        condition = self.pick.choice([v for v in self.values if v.type == t.i1])
        return self.b.op("arith.select", [condition, x, y], [x.type])

    def cast(self, x: Value, y: Value) -> Value:
        possible = [(name, to) for name, (sources, targets) in CASTS.items() if x.type in sources for to in targets
                    if to != x.type and (name != "index_cast" or t.index in (to, x.type))]
        name, to = self.pick.choice(possible)
        return self.b.op(f"arith.{name}", [x], [to])


@pytest.mark.long
@pytest.mark.parametrize("number", range(40))
def test_random_arithmetic_gives_the_same_bits(number: int) -> None:
    made = Arithmetic(number, n_ops=120)
    top = made.module()
    calls = [[made.number(kind) for kind in KINDS] for _ in range(12)]
    before = compile_function(clone_op(top, {}), "f")
    pipeline.run(top, "canonicalize,cse")
    after = compile_function(top, "f")
    for args in calls:
        with np.errstate(all="ignore"):
            expected, found = before(*args), after(*args)
        for place, (x, y) in enumerate(zip(found, expected, strict=True)):
            assert same_bits(np.asarray(x), np.asarray(y)), f"{args}: result {place} is {x!r}, was {y!r}"


# ---- random views ----


class Views:
    """A function that takes parts of tensors, turns, repeats and reshapes them, and reads elements.

    `shapes` are the sizes at run time; what the types say of them is chosen at random.
    """

    def __init__(self, number: int, n_ops: int) -> None:
        self.pick = random.Random(number)
        self.shapes: dict[Value, tuple[int, ...]] = {}
        starts = [(4, 5), (3,), (1, 6), (2, 1, 3)]
        self.block = Block([self.type(shape) for shape in starts])
        self.shapes |= dict(zip(self.block.args, starts, strict=True))
        self.b = Builder(self.block)
        self.args = [np.random.default_rng(number).normal(size=shape) for shape in starts]
        self.results: list[Value] = []
        for _ in range(n_ops):
            self.results.append(self.step())

    def module(self) -> Op:
        self.b.make("func.return", self.results)
        inputs, results = (tuple(v.type for v in vs) for vs in (self.block.args, self.results))
        attrs = {"sym_name": "f", "function_type": t.FunctionType(inputs, results)}
        return module([Op("func.func", attrs=attrs, regions=[Region([self.block])])])

    def type(self, shape: tuple[int, ...]) -> t.TensorType:
        return t.TensorType(tuple(None if self.pick.random() < 0.4 else n for n in shape), t.f64)

    def step(self) -> Value:
        recent = list(self.shapes)[-3:] if self.pick.random() < 0.7 else list(self.shapes)
        source = self.pick.choice(recent)
        what = self.pick.choice([self.slice, self.slice, self.slice, self.insert, self.transpose, self.broadcast,
                                 self.reshape, self.splat, self.dim, self.element, self.element, self.double])
        return what(source, self.shapes[source])

    def tensor(self, name: str, operands: list[Value], shape: tuple[int, ...], type: t.TensorType,
               attrs: dict[str, object], dims: bool = True) -> Value:
        sizes = [self.b.index(n) for n, known in zip(shape, type.shape, strict=True) if known is None]
        made = self.b.op(name, [*operands, *(sizes if dims else [])], [type], attrs)
        self.shapes[made] = shape
        return made

    def range(self, extent: int) -> tuple[int, int, int]:
        """Offset, size and stride within an axis; now and then all of it, or nothing."""
        kind = self.pick.random()
        if kind < 0.3:
            return 0, extent, 1
        stride = self.pick.choice([1, 1, 2])
        offset = self.pick.randrange(extent + 1)
        return offset, self.pick.randint(0, max(0, (extent - offset + stride - 1) // stride)), stride

    def slice(self, source: Value, shape: tuple[int, ...]) -> Value:
        ranges = [self.range(n) for n in shape]
        kept = [self.type((size,)).shape[0] for _, size, _ in ranges]
        drop = [axis for axis, (_, size, _) in enumerate(ranges) if size == 1][:self.pick.randint(0, len(shape) - 1)]
        for axis in drop:
            kept[axis] = 1
        drop = [axis for axis, n in enumerate(kept) if n == 1][:len(drop)]  # the first ones go, by rule
        result = tuple(size for axis, (_, size, _) in enumerate(ranges) if axis not in drop)
        if not result:
            return self.dim(source, shape)
        type = t.TensorType(tuple(n for axis, n in enumerate(kept) if axis not in drop), t.f64)
        made = self.sliced("tensor.extract_slice", {"source": [source]}, ranges, kept, type)
        self.shapes[made] = result
        return made

    def sliced(self, name: str, groups: dict[str, list[Value]], ranges: list[tuple[int, int, int]],
               sizes: list[int | None], type: t.Type) -> Value:
        columns: list[list[Entry]] = []
        for place, part in enumerate(COLUMNS):
            column = [r[place] for r in ranges]
            known = sizes if part == "sizes" else [n if self.pick.random() < 0.6 else None for n in column]
            columns.append([self.b.index(n) if k is None else k for n, k in zip(column, known, strict=True)])
        parts, attrs = slice_parts(*columns)
        return self.b.grouped(name, {**groups, **parts}, [type], attrs).result

    def insert(self, dest: Value, shape: tuple[int, ...]) -> Value:
        ranges = [self.range(n) for n in shape]
        sizes = tuple(size for _, size, _ in ranges)
        type = self.type(sizes)
        source = self.tensor("tensor.splat", [self.b.const(self.pick.random(), t.f64)], sizes, type, {})
        made = self.sliced("tensor.insert_slice", {"source": [source], "dest": [dest]}, ranges, list(type.shape),
                           dest.type)
        self.shapes[made] = shape
        return made

    def transpose(self, source: Value, shape: tuple[int, ...]) -> Value:
        order = self.pick.sample(range(len(shape)), len(shape))
        known = source.type.shape  # type: ignore[attr-defined]
        type = t.TensorType(tuple(known[axis] for axis in order), t.f64)
        attrs: dict[str, object] = {"permutation": t.DenseArray(t.i64, tuple(order))}
        return self.tensor("scan.transpose", [source], tuple(shape[axis] for axis in order), type, attrs, dims=False)

    def broadcast(self, source: Value, shape: tuple[int, ...]) -> Value:
        if len(shape) > 2:
            return self.dim(source, shape)
        rank = self.pick.randint(len(shape), 3)
        axes = self.pick.sample(range(rank), len(shape))
        result = [self.pick.randint(0, 3) for _ in range(rank)]
        known: list[int | None] = list(self.type(tuple(result)).shape)
        for axis, n, static in zip(axes, shape, source.type.shape, strict=True):  # type: ignore[attr-defined]
            if static != 1:
                result[axis], known[axis] = n, static
        attrs: dict[str, object] = {"axes": t.DenseArray(t.i64, tuple(axes))}
        return self.tensor("scan.broadcast", [source], tuple(result), t.TensorType(tuple(known), t.f64), attrs)

    def reshape(self, source: Value, shape: tuple[int, ...]) -> Value:
        size = int(np.prod(shape))
        result = self.pick.choice([(size,), (1, size), (size, 1), shape])
        return self.tensor("scan.reshape", [source], result, self.type(result), {})

    def splat(self, source: Value, shape: tuple[int, ...]) -> Value:
        return self.tensor("tensor.splat", [self.b.const(self.pick.random(), t.f64)], shape, self.type(shape), {})

    def double(self, source: Value, shape: tuple[int, ...]) -> Value:
        made = self.b.op("arith.addf", [source, source], [source.type])
        self.shapes[made] = shape
        return made

    def dim(self, source: Value, shape: tuple[int, ...]) -> Value:
        return self.b.op("tensor.dim", [source, self.b.index(self.pick.randrange(len(shape)))], [t.index])

    def element(self, source: Value, shape: tuple[int, ...]) -> Value:
        if 0 in shape:
            return self.dim(source, shape)
        return self.b.op("tensor.extract", [source, *(self.b.index(self.pick.randrange(n)) for n in shape)], [t.f64])


@pytest.mark.parametrize("number", range(40))
def test_random_views_give_the_same_bits(number: int) -> None:
    made = Views(number, n_ops=40)
    top = made.module()
    expected = run_function(clone_op(top, {}), "f", made.args)
    pipeline.run(top, "canonicalize,cse,canonicalize")
    found = run_function(top, "f", made.args)
    for place, (x, y) in enumerate(zip(found, expected, strict=True)):
        assert same_bits(np.asarray(x), np.asarray(y)), f"result {place} is {x!r}, was {y!r}"


# ---- halves of integers ----

FAR = '''"func.func"() ({
^bb0(%a: memref<?x8xf32>, %r: memref<8xi64>):
  %0 = "arith.constant"() {value = 0 : index} : () -> index
  %1 = "arith.constant"() {value = 1 : index} : () -> index
  %low = "arith.constant"() {value = 12884901887 : index} : () -> index
  %high = "arith.constant"() {value = 12884901890 : index} : () -> index
  %none = "arith.constant"() {value = -7 : i64} : () -> i64
  %least = "arith.constant"() {value = 0xFF800000 : f32} : () -> f32
  %p = "vector.broadcast"(%none) : (i64) -> vector<8xi64>
  %m = "vector.broadcast"(%least) : (f32) -> vector<8xf32>
  %place, %most = "scf.for"(%low, %high, %1, %p, %m) ({
  ^bb0(%j: index, %q: vector<8xi64>, %b: vector<8xf32>):
    %row = "arith.subi"(%j, %low) : (index, index) -> index
    %x = "vector.load"(%a, %row, %0) : (memref<?x8xf32>, index, index) -> vector<8xf32>
    %more = "arith.cmpf"(%x, %b) {predicate = 2 : i64} : (vector<8xf32>, vector<8xf32>) -> vector<8xi1>
    %here = "arith.index_cast"(%j) : (index) -> i64
    %all = "vector.broadcast"(%here) : (i64) -> vector<8xi64>
    %s = "arith.select"(%more, %all, %q) : (vector<8xi1>, vector<8xi64>, vector<8xi64>) -> vector<8xi64>
    %t = "arith.maximumf"(%b, %x) : (vector<8xf32>, vector<8xf32>) -> vector<8xf32>
    "scf.yield"(%s, %t) : (vector<8xi64>, vector<8xf32>) -> ()
  }) : (index, index, index, vector<8xi64>, vector<8xf32>) -> (vector<8xi64>, vector<8xf32>)
  "vector.store"(%place, %r, %0) : (vector<8xi64>, memref<8xi64>, index) -> ()
  "func.return"() : () -> ()
}) {sym_name = "f", function_type = (memref<?x8xf32>, memref<8xi64>) -> ()} : () -> ()'''


def test_places_beyond_32_bits_keep_both_halves() -> None:
    a = np.random.default_rng(3).standard_normal((3, 8)).astype("float32")
    a[:, 0] = -np.inf
    expected = np.where(a.max(axis=0) == -np.inf, -7, 12884901887 + a.argmax(axis=0))
    assert len(set(expected // 2**32)) > 2
    for passes in ("", "expand-integers"):
        top, found = parse(FAR), np.zeros(8, np.int64)
        pipeline.run(top, passes)
        run_function(top, "f", [a, found])
        np.testing.assert_array_equal(found, expected)
