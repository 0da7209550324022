"""What a type checker tells of programs, right and wrong ones; nothing here runs.

No override in `pyproject.toml` names what these import: a user's checker has none.
"""

from __future__ import annotations

from typing import Any, assert_type

import numpy as np

import scancc as sc
import scancc.tensor as T
from scancc.gradient import jacobian
from scancc.ifelse import ifelse
from scancc.printing import Print
from scancc.scan import scan, until
from scancc.tensor.shared_randomstreams import RandomStreams


def of_results(x: sc.Variable, s: sc.SharedVariable) -> None:
    assert_type(x[0] + 1, sc.Variable)
    assert_type(2.0 * T.exp(x) @ x, sc.Variable)
    assert_type(x.mean(axis=0).reshape(2, 3).T, sc.Variable)
    assert_type(T.dvector("x"), sc.Variable)
    assert_type(T.imatrices("a", "b"), list[sc.Variable])
    assert_type(sc.grad(x.sum(), x), sc.Variable)
    assert_type(T.grad(x.sum(), x), sc.Variable)
    assert_type(sc.ifelse(x[0] > 0, x, 1 - x), sc.Variable)
    assert_type(sc.ifelse(x[0] > 0, [x, s], [s, x]), list[sc.Variable])
    assert_type(T.linalg.svd(x), list[sc.Variable])
    assert_type(T.linalg.svd(x, compute_uv=False), sc.Variable)
    assert_type(T.linalg.qr(x), list[sc.Variable])
    assert_type(np.ones(3) * x, sc.Variable)
    assert_type(list(x), list[sc.Variable])
    np.exp(x)
    np.concatenate([x, x])
    assert_type(sc.grad(x.sum(), [x, s]), list[sc.Variable])
    assert_type(sc.function([x], x), sc.Function)
    assert_type(sc.function([x], x)([1.0]), Any)


def of_derivatives(x: sc.Variable, s: sc.SharedVariable) -> None:
    assert_type(sc.value_and_grad(x.sum(), x), list[sc.Variable])
    assert_type(sc.Rop(x, s, s), sc.Variable)
    assert_type(sc.Rop([x], x, x), list[sc.Variable])
    assert_type(sc.Lop(x, s, x), sc.Variable)
    assert_type(sc.Lop([x, s], [x], [x, s]), list[sc.Variable])
    assert_type(T.jacobian(x, s, disconnected_inputs="ignore"), sc.Variable)
    assert_type(T.jacobian(x, [s, s], mode="forward"), list[sc.Variable])
    assert_type(T.hessian(x.sum(), x), sc.Variable)
    assert_type(sc.gradient.hessian_vector_product(x.sum(), [x], [x]), list[sc.Variable])
    assert_type(sc.gradient.pushforward(x, x, x), sc.Variable)
    assert_type(sc.gradient.pullback(x, [x], x), list[sc.Variable])


def of_copies(x: sc.Variable) -> None:
    assert_type(sc.clone(x, {x: x}), sc.Variable)
    assert_type(sc.clone_replace([x, x], {x: x}), list[sc.Variable])
    assert_type(sc.graph_replace(x, {x: x}), sc.Variable)
    assert_type(sc.vectorize_graph([x], {x: x}), list[sc.Variable])
    assert_type(sc.vmap(T.exp)(x), sc.Variable)


def of_places(x: sc.Variable) -> None:
    assert_type(T.where(x > 0, x, 0), sc.Variable)
    assert_type(T.where(x > 0), tuple[sc.Variable, ...])
    assert_type(x.nonzero(), tuple[sc.Variable, ...])
    assert_type(T.nonzero(x, return_matrix=True), sc.Variable)


def of_scans(x: sc.Variable) -> None:
    def one(row: sc.Variable) -> sc.Variable:
        return row + 1

    def two(row: sc.Variable, state: sc.Variable) -> tuple[sc.Variable, sc.Variable]:
        return row + state, row

    assert_type(sc.scan(one, x), tuple[sc.Variable, sc.OrderedUpdates])
    assert_type(sc.scan(two, x, [0.0, None], name="two"), tuple[list[sc.Variable], sc.OrderedUpdates])
    assert_type(sc.map(one, x, truncate_gradient=3), tuple[sc.Variable, sc.OrderedUpdates])
    assert_type(sc.reduce(two, x, [0.0, 0.0]), tuple[list[sc.Variable], sc.OrderedUpdates])
    assert_type(sc.foldl(one, x, 0.0), tuple[sc.Variable, sc.OrderedUpdates])
    assert_type(sc.foldr(one, x, 0.0, name="right"), tuple[sc.Variable, sc.OrderedUpdates])


def of_older_paths(x: sc.Variable) -> None:
    assert_type(ifelse(x[0] > 0, x, 1 - x), sc.Variable)
    assert_type(Print("x")(x), sc.Variable)
    assert_type(until(x[0] > 0), sc.until)
    scan(lambda v: v, x)
    jacobian(x, x)
    RandomStreams(3).normal()


def of_mistakes(x: sc.Variable) -> None:
    sc.scan(x, x)  # type: ignore[call-overload]
    sc.scan(lambda v: v, x, n_steps=2.5)  # type: ignore[call-overload]
    sc.scan(lambda v: v, x, nsteps=2)  # type: ignore[call-overload]
    sc.function(x, x)  # type: ignore[arg-type]
    sc.function([x], x, mode=3)  # type: ignore[arg-type]
    sc.function([x], x, update={})  # type: ignore[call-arg]
    T.exp(x, x)  # type: ignore[call-arg]
    x.summ()  # type: ignore[attr-defined]
    T.expp(x)  # type: ignore[attr-defined]
