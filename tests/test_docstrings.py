"""What `help` shows: operands by name, what each public function does, an example that gives what it says."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.tensor import prefixed

NAMESPACES = {
    "sc": sc, "sc.gradient": sc.gradient, "sc.runtime": sc.runtime, "T": T, "T.nnet": T.nnet, "T.linalg": T.linalg,
    "T.slinalg": T.slinalg, "T.nlinalg": T.nlinalg, "T.special": T.special, "T.extra_ops": T.extra_ops,
    "T.signal": T.signal, "T.opt": T.opt,
}


def public() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Each function, under the first of its names."""
    seen = set()
    for place, namespace in NAMESPACES.items():
        for name in namespace.__all__:
            found = getattr(namespace, name)
            if inspect.isroutine(found) and name not in vars(prefixed) and id(found) not in seen:
                seen.add(id(found))
                yield f"{place}.{name}", found


PUBLIC = dict(public())


@pytest.mark.parametrize("name", PUBLIC)
def test_a_function_says_what_it_does(name: str) -> None:
    function = PUBLIC[name]
    text = inspect.getdoc(function) or ""
    assert text.partition(">>>")[0].rstrip().endswith("."), text
    assert next(iter(inspect.signature(function).parameters), "") != "operands"
    check_examples(name, function)


def check_examples(name: str, documented: object) -> None:
    text = inspect.getdoc(documented) or ""
    example = doctest.DocTestParser().get_doctest(text, {"sc": sc, "T": T, "np": np}, name, None, None)
    assert example.examples, "its docstring has no example"
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize(("name", "needed", "function"), [
    ("native", "numpy", "pointer"), ("scipy", "scipy", "low_level_callable"), ("torch", "torch", "function"),
    ("jax", "jax", "function")])  # fmt: skip
def test_a_bridge_says_what_it_does(name: str, needed: str, function: str) -> None:
    pytest.importorskip(needed, reason=f"{needed} is not installed; the extra of that name has it")
    check_examples(f"bridges.{name}", getattr(import_module(f"scancc.bridges.{name}"), function))


@pytest.mark.parametrize("kind", [sc.In, sc.Out, sc.until, sc.change_flags, sc.Function, sc.RandomStream])
def test_a_class_says_what_it_is(kind: type) -> None:
    check_examples(kind.__name__, kind)
