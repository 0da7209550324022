"""Values, ops and sizes in the words of the user's program, for remarks and cards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import inf, prod

from . import types as t
from .builder import constant_of, measured
from .core import Op, Value
from .parts import Nest, ScanView, Stack
from .shapes import dims_of, scratch

_SIGNS = {"arith.addi": "+", "arith.subi": "-"}
_CASTS = ("arith.index_cast", "arith.extsi", "arith.extui")
_KINDS = {
    "linalg.generic": "a loop over arrays", "scan.concat": "a concatenate", "tensor.insert": "a write of an element",
    "tensor.insert_slice": "a write of a slice", "scan.scatter": "a write at indices",
    "tensor.extract": "a read of an element", "tensor.extract_slice": "a read of a slice", "scan.scan": "a scan",
    "scan.gather": "a read at indices", "scf.if": "a branch", "scan.dot": "a product", "scan.batch_dot": "a product",
    "scan.reduce": "a reduction", "scan.argreduce": "a search for an extreme", "scan.reshape": "a reshape",
    "scan.transpose": "a transpose", "scan.factor": "a factorization",
    "scan.cholesky_gradient": "the gradient of a Cholesky factor", "scan.solve": "a solve",
    "arith.addf": "a sum", "arith.subf": "a difference", "arith.mulf": "an elementwise product",
    "arith.addi": "a sum", "arith.subi": "a difference", "arith.muli": "an elementwise product",
    "math.fma": "a multiply-add", "math.absf": "an absolute value", "math.exp": "an exponential",
    "math.log": "a logarithm", "math.sqrt": "a square root", "math.tanh": "a hyperbolic tangent",
    "arith.cmpf": "a comparison", "arith.cmpi": "a comparison", "tensor.splat": "a number for each element",
    "arith.divf": "a quotient", "arith.negf": "a negation", "arith.select": "a choice",
    **dict.fromkeys(("arith.maximumf", "arith.maxsi", "arith.maxui"), "a maximum"),
    **dict.fromkeys(("arith.minimumf", "arith.minsi", "arith.minui"), "a minimum"),
    **dict.fromkeys(("arith.sitofp", "arith.uitofp", "arith.fptosi", "arith.extf", "arith.truncf", "arith.extsi",
                     "arith.extui", "arith.trunci", "arith.index_cast"), "a conversion"),
    "tensor.cast": "a view of another type",
    "scan.yield": "the end of the step", "scf.yield": "the end of a branch", "func.return": "the result",
}


def said(value: Value) -> str:
    """A size in words of the program: a number, an axis, sums of these, or its name."""
    known, at, op = constant_of(value), measured(value), value.op
    if known is not None:
        return str(known)
    if at is not None and at[0].op is None:
        return f"{at[0].name}_n{at[1]}"
    if op is not None and op.name in _CASTS:
        return said(op.operands[0])
    if op is not None and op.name in _SIGNS:
        left, right = map(said, op.operands)
        return f"{left} {_SIGNS[op.name]} {right}"
    return value.name or "a number that is computed"


def bytes_said(value: Value) -> str:
    """What an array takes: `8*x_n0 B`, `72 B`; nothing where a size has no name."""
    assert isinstance(value.type, t.TensorType)
    with scratch() as b:
        sizes = dims_of(b, value)
        known = [n for n in map(constant_of, sizes) if n is not None]
        others = [said(size) for size in sizes if constant_of(size) is None]
    if any("computed" in text for text in others):
        return ""
    number = t.nbytes(value.type.element) * prod(known)
    return "*".join([str(number), *(f"({text})" if " " in text else text for text in others)]) + " B"


def what(op: Op) -> str:
    """An op, and the user's line."""
    return _at(_KINDS.get(op.name) or op.name.partition(".")[2], op)


def _at(kind: str, op: Op) -> str:
    return kind if op.location is None else f"{kind} (line {op.location[1]})"


def what_makes(value: Value) -> str:
    """What makes a value, and the line: of a result of a loop over arrays, what that does for each element."""
    op = value.op
    assert op is not None
    if op.name != "linalg.generic":
        return what(op)
    nest = Nest(op)
    if nest.reduced:
        return _at("a reduction", op)
    element = nest.elements[value.index].op
    return what(op) if element is None else what(element)


def listed(texts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; how often where some are alike."""
    count = Counter(texts)
    each = [f"{n} times {text}" if n > 1 else text for text, n in count.items()]
    return " and ".join(filter(None, [", ".join(each[:-1]), each[-1]]))


def called(value: Value) -> str:
    """The user's name of a value, or of the state that it will be, else what makes it."""
    name = value.name or _state_of(value)
    if name:
        return f"'{name}'"
    if value.op is not None:
        return f"what {what_makes(value)} gives"
    around = value.block.parent_op()
    if around is None or around.name != "scan.scan":
        return "an unnamed value"
    scan = ScanView(around)
    found = [f"a row of {called(read.xs)}" for read in scan.reads if read.arg is value]
    found += [f"{called(carry.next)} a step before" for carry in scan.carries
              if carry.arg is value and carry.next is not value]
    return found[0] if found else "an unnamed value"


def _state_of(value: Value) -> str | None:
    """The name of the state whose next value this is."""
    scans = (user.parent_op() for user in value.uses if user.name == "scan.yield")
    carries = (carry for op in scans if op is not None for carry in ScanView(op).carries)
    return next((carry.arg.name for carry in carries if carry.next is value and carry.arg.name), None)


def rows_called(rows: Value, row: Value) -> str:
    """What a scan keeps: by the name of a row, else of the rows, else by what makes a row."""
    return f"'{rows.name}'" if rows.name and not row.name else called(row)


def most_nbytes(stack: Stack) -> float:
    """The bytes of the rows of a stack at most; infinite where a size is not known."""
    type, steps = stack.result.type, constant_of(stack.rows)
    assert isinstance(type, t.TensorType)
    if steps is None or None in type.shape[1:]:
        return inf
    return float(t.nbytes(type.element) * steps * prod(n for n in type.shape[1:] if n is not None))


def rows_size(stack: Stack, steps_a_row: int = 1) -> str:
    """What the rows of a stack take, as far as it is known: `, 8 B a step`."""
    type, steps = stack.result.type, constant_of(stack.rows)
    assert isinstance(type, t.TensorType)
    if None in type.shape[1:]:
        return ""
    row = t.nbytes(type.element) * prod(n for n in type.shape[1:] if n is not None)
    return f", {row / steps_a_row:.6g} B a step" if steps is None else f", {row * steps} B"
