"""Names that a program asks for and that are not there: the nearest one that is, in the text of the error."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

# Words of other systems, and those of ours that may be meant; the first that a function takes is.
_OTHER_WORDS: dict[str, tuple[str, ...]] = {
    "axes": ("axis",), "dim": ("axis", "ndim"), "dims": ("axis", "shape"), "reduction_indices": ("axis",),
    "keepdim": ("keepdims",), "keep_dims": ("keepdims",), "shape": ("size", "newshape"), "loc": ("avg",),
    "mu": ("avg",), "mean": ("avg",), "stddev": ("std",), "sigma": ("std",), "minval": ("low",), "maxval": ("high",),
    "prob": ("p",),
    "init": ("outputs_info", "initial"), "initial": ("outputs_info",), "initial_state": ("outputs_info",),
    "initializer": ("outputs_info",), "carry": ("outputs_info",), "states": ("outputs_info",), "xs": ("sequences",),
    "elems": ("sequences",), "inputs": ("sequences",), "input": ("inputs", "sequences"), "output": ("outputs",),
    "length": ("n_steps",), "steps": ("n_steps",), "num_steps": ("n_steps",), "max_iter": ("n_steps",),
    "reverse": ("go_backwards",), "backwards": ("go_backwards",), "f": ("fn",), "func": ("fn",), "function": ("fn",),
    "body": ("fn",), "step": ("fn",), "args": ("non_sequences",), "constants": ("non_sequences", "consider_constant"),
    "params": ("non_sequences", "wrt"), "argnums": ("wrt",), "variables": ("wrt",), "x": ("wrt",), "loss": ("cost",),
    "y": ("cost",), "replace": ("givens",), "feed_dict": ("givens",), "substitutions": ("givens",), "low": ("lower",),
    "min": ("lower",), "max": ("upper",), "a_min": ("lower",), "a_max": ("upper",), "n": ("n_splits",),
}


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The name most like `name`, upper and lower case and underscores aside."""
    import difflib  # rarely needed

    asked, plain = name.lower().replace("_", ""), {k.lower().replace("_", ""): k for k in sorted(known)}
    found = [k for k in plain if sorted(k) == sorted(asked)]  # two letters that changed places
    found += difflib.get_close_matches(asked, plain, n=1, cutoff=0.7)
    return plain[found[0]] if found else None


def checked_keywords(function: F) -> F:
    """`function`, whose error of an unknown keyword names the one that was meant."""
    return cast("F", _checked(function))


@functools.cache
def _checked(function: Callable[..., Any]) -> Callable[..., Any]:
    known: list[str] = []

    @functools.wraps(function)
    def checked(*args: Any, **keywords: Any) -> Any:
        if keywords:
            if not known:
                known.extend(_keywords(function) or ["*"])
            for key in keywords:
                if key not in known and known != ["*"]:
                    raise TypeError(_no_such_keyword(function.__qualname__.removesuffix(".__init__"), key, known))
        return function(*args, **keywords)

    return checked


def _keywords(function: Callable[..., Any]) -> list[str]:
    """The keywords of `function`; none where it takes any."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)] or [""]


def _no_such_keyword(function: str, key: str, known: list[str]) -> str:
    meant = next((w for w in _OTHER_WORDS.get(key, ()) if w in known), None) or nearest(key, known)
    names = [k for k in known if k not in ("", "self")]
    hint = f"did you mean {meant}=? " if meant else ""
    if key == "out" and not meant:
        hint = "a result is a new variable: y = f(x). "
    takes = f"its keywords are {', '.join(names)}" if names else "it takes its operands by position only"
    return f"{function}() got an unexpected keyword argument {key!r}.\n  {hint}{takes[0].upper()}{takes[1:]}."


def checked_class(kind: Any) -> Any:
    """`kind`, whose constructor checks its keywords."""
    kind.__init__ = checked_keywords(kind.__init__)
    return kind


def check_keywords_of(namespace: dict[str, Any], names: Iterable[str]) -> None:
    """Let the functions of a module, under all of their `names`, check their keywords."""
    for name in names:
        function = namespace.get(name)
        if isinstance(function, FunctionType) and not hasattr(function, "__wrapped__"):
            namespace[name] = checked = checked_keywords(function)
            if checked.__module__ == function.__module__:
                checked.__module__ = namespace["__name__"]  # where pickle finds it


def no_such_name(owner: str, name: str, known: Iterable[str], elsewhere: Mapping[str, str],
                 prefix: str) -> AttributeError:
    """The error of a name that `owner` does not have: where it is, or what was meant."""
    text = f"{owner} has no attribute {name!r}"
    if name.startswith("_"):  # tools ask every object for private names; people do not misspell them
        return AttributeError(text)
    near = nearest(name, known)
    hint = elsewhere.get(name) or (f"did you mean {prefix}{near}?" if near else None)
    return AttributeError(f"{text}.\n  {hint[0].upper()}{hint[1:]}" if hint else text)
