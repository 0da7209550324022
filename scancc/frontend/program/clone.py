"""Copies of a graph with parts replaced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

from scancc.errors import TypeMismatchError
from scancc.frontend.graph.constants import as_operand, strong
from scancc.frontend.graph.options import flag
from scancc.frontend.graph.shared import SharedVariable
from scancc.frontend.graph.site import Site, described, refitted
from scancc.frontend.graph.variables import Constant, Variable, ancestors, leaves, rebuild, user_location
from scancc.frontend.ops.lengths import specify_shape

Replace = Mapping[Variable, Any] | Iterable[tuple[Variable, Any]] | None


def replacements(replace: Replace, strict: bool, site: Site) -> dict[Variable, Variable]:
    """`replace` as a dict of variables, all put in place at once; `strict`: types must agree."""
    if replace is None:
        return {}
    if not isinstance(replace, Iterable) or isinstance(replace, Variable | str):
        raise TypeError(site.text(
            f"what to replace is {replace!r}", "give a dict or a list of pairs (variable, its replacement)"
        ))
    pairs = list(replace.items()) if isinstance(replace, Mapping) else [_pair(p, site) for p in replace]
    result: dict[Variable, Variable] = {}
    for old, new in pairs:
        if not isinstance(old, Variable):
            raise TypeError(site.text(
                f"{old} is to be replaced, but is not a symbolic variable",
                "give the variable itself as the key",
            ))
        if old in result:
            raise ValueError(site.text(f"{old} is replaced twice", "keep one of the two values"))
        result[old] = _fitting(old, new, strict, site)
    return result


def _pair(item: Any, site: Site) -> tuple[Any, Any]:
    if not isinstance(item, list | tuple) or len(item) != 2:
        raise ValueError(site.text(f"{item!r} is no replacement", "give a dict, or pairs (variable, value)"))
    return item[0], item[1]


def _fitting(old: Variable, new: Any, strict: bool, site: Site) -> Variable:
    """`new` as a variable that can stand for `old`, its lengths known where those of `old` are.

    Not `strict`: another known length will do, but where one of the two is 1, which broadcasts.
    """
    value = strong(site.told(f"the value of {old}", as_operand, new), old.dtype)
    if value.dtype != old.dtype or value.ndim != old.ndim:
        if not strict:
            return value
        raise TypeMismatchError(site.text(
            f"{described(old)} cannot be replaced by {described(value)}: dtype and number of dimensions must "
            "agree",
            refitted(value, old.dtype, old.ndim),
        ))
    for axis, (have, want) in enumerate(zip(value.type.shape, old.type.shape, strict=True)):
        if None not in (have, want) and have != want and (strict or 1 in (have, want)):
            raise TypeMismatchError(site.text(
                f"{described(old)} cannot be replaced by {described(value)}: axis {axis} is known to have length "
                f"{want} and {have}",
                "a length of 1 broadcasts; build the graph from the new value" if 1 in (have, want) else
                "say rebuild_strict=False (of `clone`: strict=False), or give the variable an unknown length, "
                "shape=(None, ...)",
            ))
    lengths = (have or want for have, want in zip(value.type.shape, old.type.shape, strict=True))
    return specify_shape(value, tuple(lengths))


@overload
def clone(output: Variable, replace: Replace = ..., strict: bool = ..., share_inputs: bool = ...) -> Variable: ...
@overload
def clone(output: Sequence[Variable], replace: Replace = ..., strict: bool = ...,
          share_inputs: bool = ...) -> list[Variable]: ...
def clone(output: Any, replace: Replace = None, strict: bool = True, share_inputs: bool = True) -> Any:
    """A copy of a variable, or of a list of them, with the keys of `replace` replaced by its values.

    `strict`: a replacement has the type of what it replaces. Else lengths that are known may be others, and what
    was computed from them is computed again; what Python counted, as in `for row in x`, stays as it was.
    `share_inputs=False`: inputs are copied too; the copy of a shared variable has one value with the original.

    >>> x = T.vector("x")
    >>> y = T.vector("y")
    >>> sc.clone(x**2, replace={x: y + 1}).eval({y: [1., 2.]})
    array([4., 9.])
    """
    site = Site(None, user_location(), "clone")
    replace_by = replacements(replace, flag("clone: strict", strict), site)
    outputs = list(output) if isinstance(output, list | tuple) else [output]
    for value in outputs:
        if not isinstance(value, Variable):
            raise TypeError(site.text(f"{value!r} is to be copied, but is no symbolic variable", "give a variable"))
    copies = rebuild(outputs, replace_by)
    if not flag("clone: share_inputs", share_inputs):
        copies = rebuild(copies, _copied_inputs(copies))
    return copies if isinstance(output, list | tuple) else copies[0]


def _copied_inputs(outputs: Sequence[Variable]) -> dict[Variable, Variable]:
    inputs = [v for v in leaves(outputs) if not isinstance(v, Constant)]
    return {v: v.clone() if isinstance(v, SharedVariable) else v.type(v.name) for v in inputs}


@overload
def clone_replace(output: Variable, replace: Replace = ..., **rebuild_options: Any) -> Variable: ...
@overload
def clone_replace(output: Sequence[Variable], replace: Replace = ..., **rebuild_options: Any) -> list[Variable]: ...
def clone_replace(output: Any, replace: Replace = None, **rebuild_options: Any) -> Any:
    """`clone` under its newer name; `rebuild_strict=False` lets a replacement have another type.

    >>> x = T.vector("x")
    >>> y = T.vector("y")
    >>> sc.clone_replace(x**2, {x: y + 1}).eval({y: [1., 2.]})
    array([4., 9.])
    """
    strict = rebuild_options.pop("rebuild_strict", True)
    share_inputs = rebuild_options.pop("copy_inputs_over", True)
    if rebuild_options:
        raise TypeError(f"clone_replace has no option {', '.join(rebuild_options)}")
    return clone(output, replace, strict, share_inputs)


@overload
def graph_replace(outputs: Variable, replace: Replace = ..., *, strict: bool = ...) -> Variable: ...
@overload
def graph_replace(outputs: Sequence[Variable], replace: Replace = ..., *, strict: bool = ...) -> list[Variable]: ...
def graph_replace(outputs: Any, replace: Replace = None, *, strict: bool = True) -> Any:
    """`clone` of the same inputs; `strict`: `outputs` must rest on every key of `replace`.

    >>> x = T.vector("x")
    >>> y = T.vector("y")
    >>> sc.graph_replace(x**2, {x: y + 1}).eval({y: [1., 2.]})
    array([4., 9.])
    """
    site = Site(None, user_location(), "graph_replace")
    replace_by = replacements(replace, strict=True, site=site)
    many = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
    found = set(ancestors(many, stop=replace_by))
    missing = [old for old in replace_by if old not in found]
    if flag("graph_replace: strict", strict) and missing:
        raise ValueError(site.text(
            f"{described(missing[0])} is to be replaced, but the outputs do not rest on it",
            "take it out of `replace`, or say strict=False",
        ))
    copies = rebuild(many, replace_by)
    return copies if isinstance(outputs, list | tuple) else copies[0]
