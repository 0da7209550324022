"""A graph over a batch: inputs get leading axes, and so does what rests on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

from scancc.errors import TypeMismatchError, UnsupportedError
from scancc.frontend.graph.constants import as_tensor_variable
from scancc.frontend.graph.dims import dim, dims
from scancc.frontend.graph.shared import SharedVariable
from scancc.frontend.graph.site import NUMBER, Site, described
from scancc.frontend.graph.variables import TensorType, Variable, ancestors, leaves, rebuild, user_location
from scancc.frontend.loops.scan import scan
from scancc.frontend.ops.axes import moveaxis
from scancc.frontend.ops.control import check
from scancc.frontend.ops.lengths import specify_shape
from scancc.frontend.ops.making import alloc
from scancc.frontend.ops.scalars import eq
from scancc.frontend.program.clone import Replace, replacements

Given = TypeVar("Given")  # what a function of rows gives: a variable, a list or a tuple of them


@overload
def vectorize_graph(outputs: Variable, replace: Replace) -> Variable: ...
@overload
def vectorize_graph(outputs: Sequence[Variable], replace: Replace) -> list[Variable]: ...
def vectorize_graph(outputs: Any, replace: Replace) -> Any:
    """Copies of a variable, or of a list of them, over a batch.

    The values of `replace` have leading axes that its keys have not; results that rest on a key get
    those axes too, and others stay as they are. Values with fewer leading axes than others serve all
    rows of those. Random draws that rest on a key are refused; other draws are one for all rows.

    >>> x = T.vector("x")
    >>> many = T.matrix("many")
    >>> sc.vectorize_graph(x.sum(), {x: many}).eval({many: [[1., 2.], [3., 4.]]})
    array([3., 7.])
    """
    site = Site(None, user_location(), "vectorize_graph")
    many = [site.told(f"output {i}", as_tensor_variable, v)
            for i, v in enumerate(outputs if isinstance(outputs, list | tuple) else [outputs])]
    batched = replacements(replace, strict=False, site=site)
    for old, new in batched.items():
        _check_fits(old, new, site)
        batched[old] = specify_shape(new, (None,) * (new.ndim - old.ndim) + old.type.shape)
    dependent = _dependent(many, batched)
    _check_fixed(dependent, batched, site)
    held = {v: v for v in _fed_in(dependent) if v.owner is not None}
    moved = [v for v in many if v in dependent]
    results = dict(zip(moved, _over(moved, {**batched, **held}, site), strict=True))
    copies = [results.get(v, v) for v in many]
    return copies if isinstance(outputs, list | tuple) else copies[0]


def vmap(fn: Callable[..., Given], in_axes: int | Sequence[int | None] | None = 0) -> Callable[..., Given]:
    """`fn` over a batch: a function of variables that have one axis more than those which `fn` is written for.

    `in_axes` says which axis of each operand that is, for all of them or for one after the other; None: the operand
    is one for all rows. Each result has the batch's axis in front: [n, *shape of what `fn` gives]. The rows are
    steps of a scan that rest on nothing but their own row. ValueError where batches have different lengths, when it
    runs; random draws that rest on a row are refused.

    >>> x, ys = T.vector("x"), T.matrix("ys")
    >>> distances = sc.vmap(lambda a, b: T.sqrt(T.sum((a - b) ** 2)), in_axes=(None, 0))
    >>> sc.function([x, ys], distances(x, ys))([0., 0.], [[3., 4.], [6., 8.]])
    array([ 5., 10.])
    """
    if not callable(fn):
        raise TypeError(Site(None, user_location(), "vmap").text(
            f"{fn!r} cannot be called", "give a function of variables, and call what vmap gives: sc.vmap(fn)(x)"))

    def batched(*operands: Any) -> Any:
        site = Site(None, user_location(), "vmap")
        variables = [site.told(f"operand {i}", as_tensor_variable, v) for i, v in enumerate(operands)]
        axes = _batch_axes(in_axes, variables, site)
        rows = {v: _row(v, axis) for v, axis in zip(variables, axes, strict=True) if axis is not None}
        given = [v if axis is None else rows[v] for v, axis in zip(variables, axes, strict=True)]
        stacks = {rows[v]: moveaxis(v, axis, 0) for v, axis in zip(variables, axes, strict=True) if axis is not None}
        count = dim(next(iter(stacks.values())), 0)
        outputs: Any = fn(*given)
        several = isinstance(outputs, list | tuple)
        results = enumerate(outputs if several else [outputs])
        inner = [site.told(f"result {i}", as_tensor_variable, v) for i, v in results]
        found = [_for_all(v, old, count) for v, old in zip(vectorize_graph(inner, stacks), inner, strict=True)]
        return type(outputs)(found) if several else found[0]

    return batched


def _batch_axes(in_axes: Any, variables: Sequence[Variable], site: Site) -> list[int | None]:
    """The axis of the batch in each operand."""
    axes = list(in_axes) if isinstance(in_axes, list | tuple) else [in_axes] * len(variables)
    if len(axes) != len(variables):
        raise ValueError(site.text(f"in_axes has {len(axes)} entries for {len(variables)} operands",
                                   "give an axis or None for each operand"))
    if all(axis is None for axis in axes):
        raise ValueError(site.text("no operand has a batch", "give at least one operand with an axis"))
    for variable, axis in zip(variables, axes, strict=True):
        if axis is not None and not -variable.ndim <= axis < variable.ndim:
            raise ValueError(site.text(
                f"the batch is axis {axis} of {described(variable)}, which has {variable.ndim} dimensions",
                "say with in_axes where it is; None for an operand without one",
            ))
    return axes


def _row(stack: Variable, axis: int) -> Variable:
    """What `fn` gets of a stack."""
    shape = list(stack.type.shape)
    del shape[axis]
    return TensorType(stack.dtype, tuple(shape))(stack.name)


def _for_all(result: Variable, single: Variable, count: Variable) -> Variable:
    """A result with the batch's axis, also where it rests on no row."""
    return result if result.ndim > single.ndim else alloc(result, count, *dims(result))


def _check_fits(old: Variable, new: Variable, site: Site) -> None:
    if new.dtype != old.dtype or new.ndim < old.ndim:
        raise TypeMismatchError(site.text(
            f"{described(old)} cannot be replaced by {described(new)}: the dtype must be the same and the number "
            "of dimensions the same or larger",
            "add the batch's axes in front, and cast where the dtype differs",
        ))


def _dependent(outputs: Sequence[Variable], roots: dict[Variable, Variable]) -> dict[Variable, None]:
    """What rests on `roots`, with them, in an order that can be run."""
    found: dict[Variable, None] = {}
    for var in ancestors(outputs, stop=roots):
        if var in roots or (var.owner is not None and any(v in found for v in var.owner.inputs)):
            found[var] = None
    return found


def _fed_in(dependent: dict[Variable, None]) -> list[Variable]:
    operands = [v for var in dependent if var.owner is not None for v in var.owner.inputs]
    return [v for v in dict.fromkeys(operands) if v not in dependent]


def _check_fixed(dependent: dict[Variable, None], roots: dict[Variable, Variable], site: Site) -> None:
    """A shared variable with a default update is read outside the batch, and its update rests on nothing in it."""
    fed_in = set(_fed_in(dependent))
    for shared in leaves(dependent):
        rule = shared.default_update if isinstance(shared, SharedVariable) else None
        if rule is not None and (shared in fed_in or _dependent([rule], roots)):
            raise UnsupportedError(site.text(
                f"{described(shared)} has a default update, and what it is read for gets a batch: the rule does not "
                "say which row moves it",
                "draw or read it outside, with the batch's shape, and replace that too",
            ))


def _over(outputs: Sequence[Variable], replace: dict[Variable, Variable], site: Site) -> list[Variable]:
    """`outputs` with their replacements: a scan over the outermost axis, and within it over the others."""
    extra = {old: new.ndim - old.ndim for old, new in replace.items()}
    depth = max(extra.values(), default=0)
    if not depth or not outputs:
        return rebuild(outputs, replace)
    deep = [old for old in replace if extra[old] == depth]
    shared = [old for old in replace if extra[old] < depth]

    def row(*args: Variable) -> list[Variable]:
        return _over(outputs, dict(zip([*deep, *shared], args, strict=True)), site)

    rows = _of_one_length([replace[old] for old in deep], site)
    results, _ = scan(row, rows, None, [replace[old] for old in shared], return_list=True)
    return list(results)


def _of_one_length(rows: list[Variable], site: Site) -> list[Variable]:
    """The rows, checked to be equally many when they are run."""
    message = site.template(f"batches have {NUMBER} and {NUMBER} rows", "give equally many rows")
    count = dim(rows[0], 0)
    return [rows[0], *(check(ValueError, message, v, eq(dim(v, 0), count), dim(v, 0), count) for v in rows[1:])]
