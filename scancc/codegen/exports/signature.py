"""The C signature of what the compiler made, with what its IR knows beyond dtypes and ranks.

Read from the query, which holds every check made before the program runs: axes that a check compares
are one dimension, and C passes it once; an output's size that is an input's dimension is said to be it.
Read from the function itself: outputs whose rows a loop counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from scancc.artifact import Check, Param
from scancc.calling import Calling
from scancc.ir.builder import measured
from scancc.ir.core import Op, Value
from scancc.ir.equalities import compares
from scancc.ir.ops import group, operand
from scancc.printed import Prints, values_of

from ..cpu_features import required
from ..llvm import Parts
from ..target import Target
from .entry import Entry, Shown

Axis = tuple[int, int]  # an input's index, and one of its axes


class Compiled(Protocol):
    """What the compiler hands over: LLVM IR with NAME__run and NAME__query, and the signature."""

    @property
    def name(self) -> str: ...
    @property
    def llvm_text(self) -> str: ...
    @property
    def parts(self) -> Parts | None: ...
    @property
    def module(self) -> Op | None: ...
    @property
    def inputs(self) -> tuple[Param, ...]: ...
    @property
    def outputs(self) -> tuple[Param, ...]: ...
    @property
    def checks(self) -> tuple[Check, ...]: ...
    @property
    def dims(self) -> tuple[tuple[str, ...], ...]: ...
    @property
    def target(self) -> Target: ...
    @property
    def fast_math(self) -> str: ...
    @property
    def fast_math_used(self) -> tuple[str, ...]: ...
    @property
    def memory(self) -> dict[str, object]: ...
    @property
    def calling(self) -> Calling: ...
    @property
    def threads(self) -> bool: ...
    @property
    def loops(self) -> Callable[[], Op] | None: ...
    @property
    def printing(self) -> Compiled | None: ...
    @property
    def prints(self) -> tuple[Prints, ...]: ...
    def libraries(self) -> tuple[bytes, ...]: ...


def entry_of(compiled: Compiled, prefix: str = "") -> Entry:
    """The C signature of what the compiler made."""
    query = _function(compiled.module, f"{compiled.name}__query")
    axes = {} if query is None else _axes(query)
    names = dim_names(query, compiled.inputs, compiled.dims)
    return Entry(
        prefix + compiled.name,
        compiled.inputs,
        compiled.outputs,
        compiled.checks,
        names,
        _early_of_all(compiled),
        _reads(compiled, query),
        _output_dims(compiled, query, axes, names),
        compiled.fast_math,
        compiled.fast_math_used,
        compiled.memory,
        required(compiled.target),
        compiled.calling,
        compiled.threads,
        prints=_shown(compiled),
    )


def _shown(compiled: Compiled) -> tuple[Shown, ...]:
    """What a caller may have printed."""
    if compiled.printing is None:
        return ()
    outputs = compiled.printing.outputs
    return tuple(Shown(v.text, v.name, v.attributes, outputs[v.output].dtype, outputs[v.output].rank - len(scans),
                       scans) for v, scans in values_of(compiled.prints))


def _function(module: Op | None, name: str) -> Op | None:
    if module is None:
        return None
    return next((f for f in module.body.ops if f.attrs.get("sym_name") == name), None)


def dim_names(
    query: Op | None, inputs: Sequence[Param], dims: Sequence[Sequence[str]] = ()
) -> tuple[tuple[str, ...], ...]:
    """For each input a name for each axis, of `dims` where it has one; axes that the query finds equal have the
    first one's."""
    shared = {} if query is None else _equal_axes(query, _axes(query))

    def name(index: int, axis: int) -> str:
        index, axis = shared.get((index, axis), (index, axis))
        if index < len(dims) and axis < len(dims[index]):
            return dims[index][axis]
        return f"{inputs[index].name}_n{axis}"

    return tuple(tuple(name(n, axis) for axis in range(p.rank)) for n, p in enumerate(inputs))


def _axes(func: Op) -> dict[Value, Axis]:
    """The values that are a dimension of an argument."""
    arguments = {value: n for n, value in enumerate(func.body.args)}
    found = {}
    for op in func.body.ops:
        for value in op.results:
            array, axis = measured(value) or (None, 0)
            if array in arguments:
                found[value] = arguments[array], axis
    return found


def _equal_axes(func: Op, axes: dict[Value, Axis]) -> dict[Axis, Axis]:
    """Each axis that a check finds equal to an earlier one, with the first such axis."""
    first: dict[Axis, Axis] = {}

    def root(axis: Axis) -> Axis:
        while axis in first:
            axis = first[axis]
        return axis

    for op in func.body.ops:
        compared = operand(op, "condition").op if op.name == "scan.check" else None
        if compared is None or not compares(compared, "eq"):
            continue
        if all(value in axes for value in compared.operands):
            low, high = sorted(root(axes[value]) for value in compared.operands)
            if low != high:
                first[high] = low
    return {axis: root(axis) for axis in first}


def _output_dims(
    compiled: Compiled, query: Op | None, axes: dict[Value, Axis], names: Sequence[Sequence[str]]
) -> tuple[tuple[str | None, ...], ...]:
    """For each output and axis the dimension that it has, None where it is computed."""
    slot = sum(p.n_slots for p in compiled.inputs)
    sizes = {} if query is None else _returned(query)
    found = []
    for param in compiled.outputs:
        values = [sizes.get(slot + 1 + axis) for axis in range(param.rank)]
        known = [axes.get(v) if v is not None else None for v in values]
        found.append(tuple(names[at[0]][at[1]] if at and at[0] < len(names) else None for at in known))
        slot += param.n_slots
    return tuple(found)


def _returned(query: Op) -> dict[int, Value]:
    """The values that a query returns, by slot."""
    slots = [int(n) for n in query.attrs["return_slots"]]
    return dict(zip(slots, query.body.ops[-1].operands, strict=True))


def _early_of_all(compiled: Compiled) -> tuple[tuple[int, ...], ...]:
    """The axes that may be shorter in the code without what is printed, or in that with it."""
    early = _early(compiled)
    if compiled.printing is None:
        return early
    printed = {value.output for value, _ in values_of(compiled.prints)}
    theirs = (axes for n, axes in enumerate(_early(compiled.printing)) if n not in printed)
    return tuple(tuple(sorted({*a, *b})) for a, b in zip(early, theirs, strict=True))


def _early(compiled: Compiled) -> tuple[tuple[int, ...], ...]:
    """The axes along which outputs may be shorter than the query says: a loop counts the elements."""
    func = _function(compiled.module, compiled.name)
    early: list[tuple[int, ...]] = [()] * len(compiled.outputs)
    for op in func.walk() if func is not None else ():
        if op.name == "scan.output_dims":
            number = func.body.args.index(operand(op, "output")) - len(compiled.inputs)  # type: ignore[union-attr]
            early[number] = tuple(a for a, n in enumerate(group(op, "dims")) if _comes_from_loop(n, set()))
    return tuple(early)


def _comes_from_loop(value: Value, seen: set[Value]) -> bool:
    """Whether a value comes, through any arithmetic, out of a loop or out of memory that a loop wrote."""
    op = value.op
    if op is None or value in seen:
        return False
    seen.add(value)
    if op.regions or (op.name == "memref.load" and operand(op, "source").op is not None):
        return True
    return any(_comes_from_loop(v, seen) for v in op.operands)


def _reads(compiled: Compiled, query: Op | None) -> tuple[bool, ...]:
    """Which tensors' values decide sizes: those that the query loads from."""
    read = set()
    for op in query.walk() if query is not None else ():
        if op.name == "memref.load":
            read.add(operand(op, "source"))
    args = query.body.args if query is not None else ()
    return tuple(p.rank > 0 and value in read for p, value in zip(compiled.inputs, args, strict=False))
