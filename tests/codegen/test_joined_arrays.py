"""Arrays that are joined of what scans and loops make: in one buffer, with the numbers of parts that are copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

X, W, N = T.dmatrix("x"), T.dvector("w"), T.iscalar("n")


def ahead(x: Any = X, w: Any = W) -> Any:
    return sc.scan(lambda x_t, h: T.tanh(x_t + w * h), x, T.zeros_like(x[0]))[0]


def behind(x: Any = X, w: Any = W) -> Any:
    return sc.scan(lambda x_t, h: T.tanh(x_t - w * h), x, T.zeros_like(x[0]), go_backwards=True)[0]


def stopped() -> Any:
    return sc.scan(lambda x_t, h: (x_t + w_of(h), sc.until(T.abs(h).sum() > 3)), X, T.zeros_like(X[0]))[0]


def w_of(h: Any) -> Any:
    return W * h


def products() -> Any:
    return sc.scan(lambda x_t, h: T.tanh(x_t + T.dot(h, T.outer(W, W))), X, W)[0]


def in_a_step() -> Any:
    def step(x_t: Any, total: Any) -> Any:
        inner, _ = sc.scan(lambda h: h * 0.5 + x_t, outputs_info=W, n_steps=3)
        other, _ = sc.scan(lambda h: h * 0.25 - x_t, outputs_info=W, n_steps=3)
        return total + T.concatenate([inner, other[::-1]], axis=1)
    return sc.scan(step, X, T.zeros((3, 2 * W.shape[0])))[0]


MAKES: dict[str, Callable[[], Any]] = {
    "both ways, side by side": lambda: T.concatenate([ahead(), behind()[::-1]], axis=1),
    "both ways, one behind the other": lambda: T.concatenate([ahead(), behind()[::-1]], axis=0),
    "with a product": lambda: T.concatenate([products(), ahead()], axis=1),
    "beside an argument": lambda: T.concatenate([X, ahead(), X * 2], axis=1),
    "twice": lambda: T.concatenate([ahead(), behind(), ahead()], axis=1),
    "returned, too": lambda: [T.concatenate([ahead(), behind()], axis=1), ahead()],
    "joined twice": lambda: [T.concatenate([ahead(), behind()], axis=1), T.concatenate([behind(), ahead()], axis=0)],
    "read elsewhere": lambda: [T.concatenate([ahead(), behind()], axis=1), (ahead() * behind()).sum(0)],
    "written into": lambda: T.set_subtensor(T.concatenate([ahead(), behind()], axis=1)[:, 0], 7.0),
    "stopped": lambda: T.concatenate([stopped(), stopped() * 2], axis=1),
    "stopped, last": lambda: T.concatenate([X, stopped()], axis=0),
    "stacks": lambda: [T.stack([ahead(), behind()]), T.stack([ahead(), behind()], axis=1)],
    "in a step": in_a_step,
    "a gradient": lambda: sc.grad(T.sqr(T.concatenate([ahead(), behind()[::-1]], axis=1)).sum(), [X, W]),
}


@pytest.mark.parametrize("name", MAKES)
def test_the_numbers_are_those_of_copied_parts(name: str) -> None:
    outputs = MAKES[name]()
    f, reference = sc.function([X, W], outputs), sc.function([X, W], outputs, mode="reference")
    rng = np.random.default_rng(5)
    for shape in (1, 1), (2, 3), (7, 9), (40, 1), (70, 17):
        args = rng.normal(size=shape), rng.normal(size=shape[1])
        found, want = f(*args), reference(*args)
        for one, other in zip(*(v if isinstance(v, list) else [v] for v in (found, want)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12, err_msg=str(shape))


@pytest.mark.parametrize("name", ["both ways, side by side", "both ways, one behind the other", "with a product"])
def test_no_part_is_copied(name: str) -> None:
    f = sc.function([X, W], MAKES[name]())
    assert "copy" not in f.dump("loop")
    assert f.memory_plan(x_n0=1000, x_n1=50, w_n0=50).workspace_nbytes <= 8 * 50 * 64
