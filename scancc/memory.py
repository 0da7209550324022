"""What memory a compiled function takes: every buffer of its workspace, its outputs and inputs, as formulas.

Read off loop IR that `plan-memory` has been over, when somebody asks; compiling pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np

from scancc.codegen.exports.signature import dim_names
from scancc.late_dataclasses import dataclass
from scancc.process import deep_recursion

from .artifact import Param
from .ir import types as t
from .ir.core import Block, Op, Region, Value, clone_op, functions, module
from .ir.formulas import Call, Formula, Formulas, chosen, name, number
from .ir.ops import operand
from .passes.planning.places import Lives
from .passes.planning.start import slice_of

WIDEST = 48  # letters of a cell of the table in whose column others are as wide


@dataclass(frozen=True)
class Area:
    """An input, an output or a place in the workspace; `nbytes` without rounding, `room` as it is laid out."""

    name: str
    nbytes: Formula
    room: Formula


@dataclass(frozen=True)
class BufferPlan:
    """A temporary: the user's name of it, the number of its place, the moments from which and until when it is
    used, the user's line. A place is as large as the largest of its buffers, which have no moment in common; a
    moment is a place in the program at which some buffer begins or ends. `in_step`: it lives so in each step of a
    loop."""

    name: str
    place: int
    first: int
    last: int
    in_step: bool
    location: str

    @property
    def life(self) -> str:
        return f"{self.first}..{self.last}{' of a step' if self.in_step else ''}"


@dataclass(frozen=True)
class MemoryPlan:
    """The memory of one function. Sizes stand by name: `x_n0` is `x.shape[0]`, a number given stands by its own name,
    and `bound_N` is the caller's guess of a size that only running tells.

    `workspace`: bytes, as the query answers them. `values`: the sizes for which numbers are asked, else None.
    `copied_nbytes`: of those of the arguments asked for that a call copies, as they have another dtype or layout.
    """

    function: str
    workspace: Formula
    places: tuple[Area, ...]
    buffers: tuple[BufferPlan, ...]
    inputs: tuple[Area, ...]
    outputs: tuple[Area, ...]
    values: Mapping[str, int] | None = None
    copied_nbytes: int = 0

    @property
    def names(self) -> list[str]:
        """The sizes and numbers that the formulas speak of."""
        formulas = [self.workspace, *(a.room for a in (*self.places, *self.inputs, *self.outputs))]
        return sorted(set().union(*(f.names for f in formulas)))

    @property
    def peak(self) -> Formula:
        """What a call holds at most beside its inputs: the workspace, which is one block, the outputs, and copies."""
        return sum((o.room for o in self.outputs), self.workspace) + number(self.copied_nbytes)

    @property
    def workspace_nbytes(self) -> int | None:
        return self._number(self.workspace)

    @property
    def output_nbytes(self) -> int | None:
        return self._number(sum((o.room for o in self.outputs), Formula()))

    @property
    def input_nbytes(self) -> int | None:
        return self._number(sum((i.room for i in self.inputs), Formula()))

    @property
    def peak_nbytes(self) -> int | None:
        return self._number(self.peak)

    def at(self, values: Mapping[str, int]) -> MemoryPlan:
        """The plan with numbers; ValueError where a size that its formulas speak of has no value."""
        return replace(self, values=chosen(self.names, values, self.function, ", or arguments as for a call"))

    def _number(self, formula: Formula) -> int | None:
        return None if self.values is None else formula.at(self.values)

    def line(self, longest: int | None = None) -> str:
        """The plan in one line; a formula of more than `longest` characters is left to the plan itself."""
        n, m = len(self.buffers), len(self.places)
        what = f" for {n} buffer{'s' * (n != 1)} in {m} place{'s' * (m != 1)}" if n else ""
        outputs = sum((o.nbytes for o in self.outputs), Formula())
        workspace = str(self.workspace.unrounded())
        if longest is not None and len(workspace) > longest:
            return f"workspace{what}, bytes by a long formula (see memory_plan()); outputs {outputs} bytes"
        return f"workspace {workspace} bytes{what}; outputs {outputs} bytes"

    def to_json(self) -> dict[str, object]:
        return {
            "workspace": str(self.workspace.unrounded()), "peak": str(self.peak.unrounded()), "sizes": self.names,
            "places": [str(p.nbytes) for p in self.places],
            "buffers": [{"name": b.name, "nbytes": str(self.places[b.place].nbytes), "place": b.place,
                         "life": [b.first, b.last], "in_step": b.in_step, "location": b.location}
                        for b in self.buffers],
            "inputs": {a.name: str(a.nbytes) for a in self.inputs},
            "outputs": {a.name: str(a.nbytes) for a in self.outputs},
        }

    def __str__(self) -> str:
        rows = [self._row(b.name, self.places[b.place], f"place {b.place}", b.life, b.location) for b in self.buffers]
        rows += [self._row(a.name, a, "input") for a in self.inputs]
        rows += [self._row(a.name, a, "output") for a in self.outputs]
        total = Area("", self.workspace.unrounded(), self.workspace)
        peak = Area("", self.peak.unrounded(), self.peak)
        copies = number(self.copied_nbytes)
        rows += [self._row("other dtype or layout", Area("", copies, copies), "copies")] if self.copied_nbytes else []
        rows += [self._row("all together", total, "workspace"), self._row("a call", peak, "peak")]
        head = ("what", "bytes", "", *(("number",) if self.values is not None else ()), "lives", "made at")
        return f"memory of {self.function}\n{_table([head, *rows])}{self._legend()}"

    def _row(self, what: str, area: Area, kind: str, life: str = "", where: str = "") -> tuple[str, ...]:
        numbers = () if self.values is None else (f"{area.room.at(self.values):,}",)
        return (what, str(area.nbytes), kind, *numbers, life, where)

    def _legend(self) -> str:
        inputs = [a.name for a in self.inputs if any(n.startswith(f"{a.name}_n") for n in self.names)]
        lengths = [f"{name}_n0 is the length of {name} along axis 0; " for name in inputs[:1]]
        lines = ["".join([*lengths, "places are multiples of 64 bytes"])]
        lines += [f"{n} is guessed, and grows where it is too small" for n in self.names if n.startswith("bound_")]
        lines += [f"{n} is computed from the inputs' values" for n in self.names if n.startswith("computed_")]
        return "".join(f"{line}\n" for line in lines)


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns as wide as what is in them, but for long formulas, which move what stands behind them in their line."""
    columns = [[len(cell) for cell in column if len(cell) <= WIDEST] for column in zip(*rows, strict=True)]
    widths = [max(column, default=0) for column in columns]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


# ---- reading it ----


@deep_recursion()
def memory_plan(top: Op, function: str, inputs: Sequence[Param], outputs: Sequence[Param]) -> MemoryPlan:
    """The memory of `function` of a module that `plan-memory` has been over."""
    return _Reader(top, function, inputs, outputs).plan()


@deep_recursion()
def memory_plan_for(top: Op, function: str, inputs: Sequence[Param], outputs: Sequence[Param],
                    arguments: Sequence[np.ndarray]) -> MemoryPlan:
    """The same, with numbers for these inputs."""
    reader = _Reader(top, function, inputs, outputs)
    return reader.plan().at(reader.values(arguments))


class _Reader:
    """Reads a plan off the function and the query of one module."""

    def __init__(self, top: Op, function: str, inputs: Sequence[Param], outputs: Sequence[Param]) -> None:
        self.inputs, self.outputs, self.name = inputs, outputs, function
        found = {f.attrs["sym_name"]: f for f in functions(top)}
        self.func, self.query = found[function], found[f"{function}__query"]
        self.dims = dim_names(self.query, inputs)
        sizes = {(i, axis): text for i, axes in enumerate(self.dims) for axis, text in enumerate(axes)}
        self.formulas, self.asked = Formulas(self.func, sizes), Formulas(self.query, sizes)

    def plan(self) -> MemoryPlan:
        views = [op for op in self.func.body.args[-1].uses if op.name == "memref.view"]
        offsets = self._offsets(views)
        ends = self._ends(offsets)
        places = [Area(str(i), (b - a).unrounded(), b - a) for i, (a, b) in enumerate(pairwise(ends))]
        inputs = [_area(p, [name(text) for text in axes])
                  for p, axes in zip(self.inputs, self.dims, strict=True)]
        return MemoryPlan(self.name, ends[-1], tuple(places), tuple(self._buffers(views, offsets, ends)),
                          tuple(inputs), tuple(self._outputs()))

    def _offsets(self, views: Sequence[Op]) -> dict[Op, Formula]:
        return {op: self.formulas.of(operand(op, "offset")) for op in views}

    def _ends(self, offsets: Mapping[Op, Formula]) -> list[Formula]:
        """Where places start, in order, then where the last one ends."""
        return [*_in_memory(set(offsets.values())), self.asked.of(self.query.body.ops[-1].operands[-1])]

    def _buffers(self, views: Sequence[Op], offsets: Mapping[Op, Formula],
                 ends: Sequence[Formula]) -> list[BufferPlan]:
        lives = Lives(self.func)
        found = {op: lives.of(op.result) for op in views}
        moments = {at: i for i, at in enumerate(sorted({at for life in found.values() for at in life}))}
        numbers = {start: i for i, start in enumerate(ends[:-1])}
        order = sorted(views, key=lambda op: found[op])
        return [BufferPlan(_called(op), numbers[offsets[op]], moments[found[op][0]], moments[found[op][1]],
                           _is_in_loop(op), "{}:{}".format(*op.location) if op.location else "")
                for op in order]

    def _outputs(self) -> list[Area]:
        slots = [int(n) for n in self.query.attrs["return_slots"]]
        sizes = dict(zip(slots, self.query.body.ops[-1].operands, strict=True))
        slot, found = sum(p.n_slots for p in self.inputs), []
        for param in self.outputs:
            known = [number(n) if n is not None else self.asked.of(sizes[slot + 1 + axis])
                     for axis, n in enumerate(param.shape)]
            found.append(_area(param, known))
            slot += param.n_slots
        return found

    # ---- numbers ----

    def values(self, arguments: Sequence[np.ndarray]) -> dict[str, int]:
        """The values of all names, for these inputs."""
        found: dict[str, int] = {}
        for param, axes, array in zip(self.inputs, self.dims, arguments, strict=True):
            found.update(zip(axes, array.shape, strict=True))
            if array.ndim == 0 and array.dtype.kind in "iub":
                found[param.name] = int(array)
        for formulas in (self.formulas, self.asked):
            found |= self._computed(formulas, arguments)
        return found

    def _computed(self, formulas: Formulas, arguments: Sequence[np.ndarray]) -> dict[str, int]:
        """What the program computes of the values it is given before it makes anything."""
        if not formulas.computed:
            return {}
        from .ir.interpreter import run_program  # seldom needed, and slow to load

        func = _function_of(formulas.func, list(formulas.computed.values()), len(self.inputs))
        numbers = run_program(module([func]), "computed", arguments)
        return {key: int(n) for key, n in zip(formulas.computed, numbers, strict=True)}


def _in_memory(offsets: Collection[Formula]) -> list[Formula]:
    """Offsets in order: of two one is never less, whatever the sizes, so that it is less for equal ones. It has more
    terms where what lies between takes nothing for equal sizes (`x[len(y):]`)."""
    names = frozenset[str]().union(*(offset.names for offset in offsets))
    points = [(dict.fromkeys(names, n), dict[Call, int]()) for n in (1, 30, 1000)]
    return sorted(offsets, key=lambda offset: (sum(offset.at(values, known) for values, known in points),
                                               sum(offset.terms.values())))


def _is_in_loop(op: Op) -> bool:
    around = op.parent_op()
    while around is not None and around.name not in ("scf.for", "scf.while"):
        around = around.parent_op()
    return around is not None


def _called(op: Op) -> str:
    """The user's name of what a buffer holds, else of what kind it is."""
    kind = op.result.type
    assert isinstance(kind, t.MemRefType)
    return op.result.name or f"{_contents(op)}{kind.element} of rank {len(kind.shape)}"


def _contents(op: Op) -> str:
    """The elementary function that is written into a buffer, in a word: `exp, `."""
    for user in op.result.uses:
        made = operand(user, "value").op if user.name == "memref.store" else None
        if made is not None and made.name.startswith("math.") and made.name != "math.fma":
            return f"{made.name.partition('.')[2]}, "
    return ""


def _area(param: Param, sizes: Sequence[Formula]) -> Area:
    nbytes = number(np.dtype(param.dtype).itemsize)
    for size in sizes:
        nbytes = nbytes * size
    return Area(param.name, nbytes.unrounded(), nbytes)


def _function_of(func: Op, values: Sequence[Value], n_inputs: int) -> Op:
    """A function of the inputs of `func` that returns `values`, which its start computes."""
    parts = [slice_of(v, func.body) for v in values]
    needed = {op for part in parts if part is not None for op in part}
    args = list(islice(func.body.args, n_inputs))
    block = Block(a.type for a in args)
    mapping: dict[Value, Value] = dict(zip(args, block.args, strict=True))
    for op in func.body.ops:
        if op in needed:
            clone_op(op, mapping, block.append)
    block.append(Op("func.return", [mapping[v] for v in values]))
    kind = t.FunctionType(tuple(a.type for a in args), tuple(v.type for v in values))
    return Op("func.func", attrs={"sym_name": "computed", "function_type": kind}, regions=[Region([block])])

