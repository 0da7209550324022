"""What an op does with rows of arrays, whichever scan they are of."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.ops import ELEMENTWISE, OPS, group, has_trait, operand
from scancc.ir.slices import entries

from .chains import behind

ANY_ORDER = ("max", "min", "maxu", "minu", "all", "any")  # the same bits in any order, of floats too
OF_INTEGERS = ("sum", "prod")
FEW = 16  # elements that are no work for a vector loop: exp of rows of 4 takes 1.9 times as long in the step

# ---- rows ----


def is_array_of_arrays(rows: Value) -> bool:
    """Whether a row is an array."""
    return isinstance(rows.type, t.TensorType) and len(rows.type.shape) > 1


def row_elements(rows: Value) -> float:
    """How many elements a row has; infinitely many where only running tells."""
    return t.n_elements(t.row_type(rows.type)) if is_array_of_arrays(rows) else 1


def is_repeated(op: Op) -> bool:
    """Whether rows are made of nothing but their number: the same ones again and again, or a range."""
    return op.name in ("tensor.splat", "scan.iota") or op.name == "scan.broadcast" and (
        0 not in op.attrs["axes"].values or repeats_a_row(op))


def repeats_a_row(broadcast: Op) -> bool:
    """Whether the one row of an array is each row of a larger one."""
    source, axes = broadcast.operands[0].type, broadcast.attrs["axes"].values
    return isinstance(source, t.TensorType) and axes[:1] == (0,) and source.shape[0] == 1


def keeps_rows(broadcast: Op) -> bool:
    """Whether row t is made of row t."""
    source, axes = broadcast.operands[0].type, broadcast.attrs["axes"].values
    return isinstance(source, t.TensorType) and bool(axes) and axes[0] == 0 and source.shape[0] != 1


def told_of_rows(op: Op) -> list[Value]:
    """The operands of an op that makes rows of nothing, but for their number."""
    told = [value for name in OPS[op.name].groups if name != "dims" for value in group(op, name)]
    return [*told, *row_sizes(op)]


def row_sizes(op: Op) -> list[Value]:
    """The run-time sizes that an op is told of its rows."""
    return group(op, "dims")[int(op.result.type.shape[0] is None):]  # type: ignore[attr-defined]


# ---- what is taken of rows, and put between others ----


def takes_of_each(op: Op) -> bool:
    """Whether an op takes a number of row 0, one of row 1, and so on."""
    if op.name != "scan.gather":
        return False
    numbers, *places = group(op, "indices")
    return (bool(places) and len(op.result.type.shape) == 1  # type: ignore[attr-defined]
            and op.attrs["axes"].values == tuple(range(1 + len(places))) and _counts(numbers))


def _counts(value: Value) -> bool:
    """Whether a vector is 0, 1, 2, ..."""
    op = value.op
    return (op is not None and op.name == "scan.iota" and not t.is_float(t.element(value.type))
            and constant_of(operand(op, "start")) == 0 and constant_of(operand(op, "step")) == 1)


def steps_apart(part: Op) -> int:
    """How many steps are between the rows that an op takes; 0 where that is not told."""
    stride = 0 if part.name == "scan.gather" else entries(part, "strides")[0]
    assert isinstance(stride, int)
    return stride


def joins_along_rows(op: Op) -> bool:
    """Whether an op makes each row of a row of each of several arrays."""
    return op.name == "scan.concat" and op.attrs["axis"].value != 0


def is_of_joined(rows: Value) -> bool:
    """Whether elementwise ops at most make rows of what is joined: they are no larger than those it is joined of."""
    made = rows.op
    while made is not None and has_trait(made, ELEMENTWISE):
        made = next((v.op for v in made.operands if is_array_of_arrays(v)), None)
    return made is not None and joins_along_rows(made)


def is_written(user: Op) -> bool:
    """Whether what an op makes is a result alone, or joined with other rows to one, and has its place there."""
    return all(reader.name == "func.return" or _joins_rows_behind_others(reader) and is_written(reader)
               for reader in user.result.uses)


def _joins_rows_behind_others(op: Op) -> bool:
    return op.name == "scan.concat" and op.attrs["axis"].value == 0


def inserts(reader: Op, user: Op) -> bool:
    """Whether a reader puts what an op makes between other rows, where the step can write each."""
    return reader.name == "tensor.insert_slice" and operand(reader, "source") is user.result


# ---- reductions of rows ----


def is_exact(reduction: Op) -> bool:
    """Whether a reduction gives the same bits in any order."""
    kind, element = str(reduction.attrs["kind"]), t.element(reduction.operands[0].type)
    if t.is_complex(element):
        return False
    return kind in ANY_ORDER or kind in OF_INTEGERS and not t.is_float(element)


def adds_numbers(user: Op) -> bool:
    """Whether a reader is a sum of a vector of floats."""
    rows = user.operands[0]
    return (user.name == "scan.reduce" and str(user.attrs["kind"]) == "sum" and not is_array_of_arrays(rows)
            and t.is_float(t.element(rows.type)))


def adds_all(user: Op) -> bool:
    """Whether a reader is a sum of all elements."""
    return user.name == "scan.reduce" and not isinstance(user.result.type, t.TensorType)


def is_summed(rows: Value) -> bool:
    """Whether all that reads rows adds all of their elements, which tiles do."""
    ends = behind(rows.uses, lambda op: op.name not in ("scan.reduce", "scan.argreduce") and len(op.results) == 1)
    return all(adds_all(end) and not is_exact(end) for end in ends)
