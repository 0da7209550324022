"""linalg.generic: on whole arrays where its region allows, point by point otherwise.

Parallel dimensions become array axes and the region runs once for all their points; reduction
dimensions are walked in order, so sums round as the loop nest would. A long reduction that only
combines with its running element (`acc + f(...)`) is done by `ufunc.accumulate`, which keeps that
order too. Beside a reduction, an output that has every dimension gets an element a point.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import types as t
from ..core import Op
from ..ops import ELEMENTWISE, has_trait
from ..parts import Nest
from .arrays import element_dtype, to_scalar
from .machine import Code, Env, Machine, Step, step_rule

_LANE_OPS = ("arith.constant", "linalg.index", "tensor.extract", "tensor.dim", "memref.load", "memref.dim")
_COMBINERS: dict[str, np.ufunc] = {
    "arith.addf": np.add, "arith.mulf": np.multiply, "arith.maximumf": np.maximum,
    "arith.minimumf": np.minimum, "arith.addi": np.add, "arith.muli": np.multiply,
    "arith.maxsi": np.maximum, "arith.minsi": np.minimum, "arith.andi": np.bitwise_and,
    "arith.ori": np.bitwise_or, "complex.add": np.add, "complex.mul": np.multiply,
}
_ONLY_BITS = ("arith.andi", "arith.ori")
_LONG_REDUCTION = 16  # from here on a step of Python costs more than an array of all terms,
_FEW_LANES = 1024     # up to here
_MOST_POINTS = 1 << 24


@step_rule("linalg.index")
def loop_counter(op: Op, machine: Machine) -> Step:
    nest, dim, result = _nest_of(op), op.attrs["dim"].value, op.result

    def step(env: Env) -> None:
        env[result] = env[nest][dim]
    return step


def _nest_of(op: Op) -> Op:
    outer = op.parent_op()
    while outer is not None and outer.name != "linalg.generic":
        outer = outer.parent_op()
    if outer is None:
        raise ValueError("linalg.index outside a linalg.generic")
    return outer


@step_rule("linalg.generic")
def generic(op: Op, machine: Machine) -> Step:
    in_lanes = all(has_trait(o, ELEMENTWISE) or o.name in _LANE_OPS for o in op.body.ops[:-1])
    run = _LaneRun(op, machine.with_lanes()) if in_lanes else _PointRun(op, machine)
    outputs = Nest(op).outputs

    def step(env: Env) -> None:
        answers = run.run(env, [np.asarray(env[v]) for v in op.operands])
        if not op.results:  # on buffers
            for output, answer in zip(outputs, answers, strict=True):
                env[output][...] = answer
        for result, answer in zip(op.results, answers, strict=False):
            env[result] = answer
    return step


class _Run:
    """What both ways of running a nest share: the maps, and the sizes of the loops."""

    def __init__(self, op: Op) -> None:
        nest = Nest(op)
        self.op = op
        self.maps = nest.maps
        self.n_in = len(nest.inputs)
        self.n_dims = len(nest.kinds)
        self.dtypes = [element_dtype(v.type) for v in nest.outputs]

    def run(self, env: Env, arrays: list[np.ndarray]) -> list[np.ndarray]:
        raise NotImplementedError

    def sizes(self, arrays: list[np.ndarray]) -> list[int]:
        """The extent of each loop, which all operands must agree on."""
        found: dict[int, int] = {}
        for number, (array, map) in enumerate(zip(arrays, self.maps, strict=True)):
            for axis, (dim, size) in enumerate(zip(map.results, array.shape, strict=True)):
                expected = 1 if dim is None else found.setdefault(dim, size)
                if size != expected:
                    loop = "the constant 0" if dim is None else f"d{dim}"
                    raise ValueError(f"axis {axis} of operand {number} follows {loop}: "
                                     f"its size is {size}, expected {expected}")
        return [found[dim] for dim in range(self.n_dims)]


class _PointRun(_Run):
    """For regions that hold loops or branches."""

    def __init__(self, op: Op, machine: Machine) -> None:
        super().__init__(op)
        self.code = machine.block(op.body)
        self.convert = [to_scalar(t.element(v.type)) for v in op.operands]

    def run(self, env: Env, arrays: list[np.ndarray]) -> list[np.ndarray]:
        sizes = self.sizes(arrays)
        arrays = arrays[:self.n_in] + [array.copy() for array in arrays[self.n_in:]]
        for point in np.ndindex(*sizes):
            env[self.op] = point
            keys = [tuple(0 if d is None else point[d] for d in map.results) for map in self.maps]
            answers = self.code.run(env, [convert(array[key]) for convert, array, key in zip(
                self.convert, arrays, keys, strict=True)])
            for array, key, answer in zip(arrays[self.n_in:], keys[self.n_in:], answers, strict=True):
                array[key] = answer
        return arrays[self.n_in:]


class _LaneRun(_Run):
    """For straight-line regions."""

    def __init__(self, op: Op, machine: Machine) -> None:
        super().__init__(op)
        self.reduced = Nest(op).reduced
        self.parallel = [d for d in range(self.n_dims) if d not in self.reduced]
        self.whole = [n for n, write in enumerate(Nest(op).writes) if self.reduced and Nest(op).is_whole(write)]
        self.code = machine.block(op.body)
        self.combiners = _combiners(op) if self.reduced else None
        self.terms = _terms(op, machine) if self.combiners else None

    def run(self, env: Env, arrays: list[np.ndarray]) -> list[np.ndarray]:
        sizes = self.sizes(arrays)
        aligned = [_align(array, map) for array, map in zip(arrays, self.maps, strict=True)]
        if self.terms and self._accumulates(sizes):
            totals = self.accumulate(env, aligned, sizes)
        else:
            totals = self.walk(env, aligned, sizes)
        return [self.place(total, map, dtype, sizes, self.reduced if n in self.whole else []) for n, (
            total, map, dtype) in enumerate(zip(totals, self.maps[self.n_in:], self.dtypes, strict=True))]

    def _accumulates(self, sizes: list[int]) -> bool:
        return (math.prod(sizes[d] for d in self.reduced) > _LONG_REDUCTION
                and math.prod(sizes[d] for d in self.parallel) <= _FEW_LANES
                and math.prod(sizes) <= _MOST_POINTS)

    def walk(self, env: Env, aligned: list[np.ndarray], sizes: list[int]) -> list[Any]:
        """The reduction dimensions as loops, everything else as lanes."""
        extents = [sizes[d] for d in self.reduced]
        moved = [a.transpose(self.reduced + self.parallel) for a in aligned]
        inputs = [np.broadcast_to(a, (*extents, *a.shape[len(extents):])) for a in moved[:self.n_in]]
        totals: list[Any] = [a[(0,) * len(extents)] if n not in self.whole else None  # which no round reads
                             for n, a in enumerate(moved[self.n_in:])]
        made = {n: np.empty([*extents, *(sizes[d] for d in self.parallel)], self.dtypes[n]) for n in self.whole}
        counters: list[Any] = [0] * self.n_dims
        for position, dim in enumerate(self.parallel):
            counters[dim] = _counter(sizes[dim], position, len(self.parallel))
        for point in np.ndindex(*extents):
            for dim, i in zip(self.reduced, point, strict=True):
                counters[dim] = i
            env[self.op] = counters
            totals = self.code.run(env, [*(a[point] for a in inputs), *totals])
            for n, array in made.items():
                array[point] = totals[n]
        return [made.get(n, total) for n, total in enumerate(totals)]

    def accumulate(self, env: Env, aligned: list[np.ndarray], sizes: list[int]) -> list[Any]:
        """All terms at once, then combined in order."""
        assert self.terms is not None and self.combiners is not None
        env[self.op] = [_counter(size, dim, self.n_dims) for dim, size in enumerate(sizes)]
        terms = self.terms.run(env, aligned[:self.n_in])
        lanes = [sizes[d] for d in self.parallel]
        n_terms = math.prod(sizes[d] for d in self.reduced)
        totals = []
        for term, start, combine, dtype in zip(
                terms, aligned[self.n_in:], self.combiners, self.dtypes, strict=True):
            rows = np.broadcast_to(term, sizes).transpose(self.parallel + self.reduced)
            first = start.transpose(self.parallel + self.reduced).reshape(*lanes, 1)
            chain = np.concatenate([first, rows.reshape(*lanes, n_terms)], axis=-1)
            totals.append(combine.accumulate(chain, axis=-1, dtype=dtype)[..., -1])
        return totals

    def place(self, total: Any, map: t.AffineMap, dtype: np.dtype, sizes: list[int],
              reduced: list[int]) -> np.ndarray:
        """Lanes brought into the axis order of an output, which has these of the reduced dimensions."""
        order = [*reduced, *self.parallel]
        full = np.broadcast_to(total, [sizes[d] for d in order])
        axes = [order.index(d) for d in map.results if d is not None]
        key = tuple(np.newaxis if d is None else slice(None) for d in map.results)
        return np.array(full.transpose(axes)[key], dtype, order="C")


def _counter(size: int, position: int, rank: int) -> np.ndarray:
    """0, 1, 2, ... along one of `rank` axes."""
    return np.arange(size).reshape([-1 if axis == position else 1 for axis in range(rank)])


def _align(array: np.ndarray, map: t.AffineMap) -> np.ndarray:
    """A view with one axis a loop dimension, of size 1 where the operand does not follow it."""
    array = array[tuple(0 if d is None else slice(None) for d in map.results)]
    dims = [d for d in map.results if d is not None]
    order = sorted(set(dims))
    if len(order) < len(dims):  # a diagonal
        array = np.einsum(array, dims, order)
    else:
        array = array.transpose(np.argsort(dims))
    return array[tuple(slice(None) if d in order else np.newaxis for d in range(map.n_dims))]


# ---- reductions of the form acc = combine(acc, term) ----


def _combiners(op: Op) -> list[np.ufunc] | None:
    """The ufunc that combines each output, or None unless all outputs are of that form."""
    found = []
    nest = Nest(op)
    for acc, new in zip(nest.running, nest.elements, strict=True):
        last = new.op
        if (last is None or last.parent is not op.body or last.name not in _COMBINERS
                or len(acc.uses) != 1 or last.operands.count(acc) != 1 or len(new.uses) != 1):
            return None
        if acc.type == t.i1 and last.name not in _ONLY_BITS:
            return None
        found.append(_COMBINERS[last.name])
    return found


def _terms(op: Op, machine: Machine) -> Code:
    """The region without its last, combining ops: yields the terms."""
    nest = Nest(op)
    last = [new.op for new in nest.elements]
    terms = [next(v for v in combine.operands if v is not acc)
             for acc, combine in zip(nest.running, last, strict=True) if combine is not None]
    ops = [o for o in op.body.ops[:-1] if o not in last]
    return machine.code(nest.input_args, ops, terms)
