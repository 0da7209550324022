"""Copies of graphs for inputs of other known lengths."""

from functools import partial

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.frontend.program.clone import clone_replace


def _scanned(x):
    return sc.scan(lambda h: T.tanh(h) * 0.5 + x / x.shape[0] + h.mean(), None, x, n_steps=x.shape[0] + 1)[0]


OF_A_KNOWN_LENGTH = [
    T.mean, T.var, lambda x: x * x.size, lambda x: x.reshape((x.shape[0] * x.shape[1],)), T.zeros_like,
    lambda x: T.arange(0, x.shape[0] + 1, 2) + 0 * x.size, lambda x: T.concatenate([x, x[1:]]), T.softmax, T.median,
    lambda x: T.alloc(x, 2, *x.shape), lambda x: T.set_subtensor(x[-1], 0.0), lambda x: T.eye(x.shape[1]),
    lambda x: T.grad(T.var(x), x), lambda x: T.jacobian(T.mean(x, axis=0), x), _scanned,
    lambda x: T.grad(_scanned(x)[-1].sum(), x), lambda x: sc.scan(lambda v, h: h + v.mean(), x, T.constant(0.0))[0],
    lambda x: sc.scan(lambda a, b: a - b / b.size, {"input": x, "taps": [-1, 0]})[0],
    lambda x: sc.scan(lambda i: sc.scan(lambda v, h: h + v.sum() * i, x, T.constant(0.0))[0][-1], T.arange(2))[0],
    lambda x: sc.ifelse(x.sum() > 0, x * x.shape[0], x), lambda x: x[x > 0] / x.shape[1],
]


@pytest.mark.long
@pytest.mark.parametrize("mode", ["reference", "native"])
@pytest.mark.parametrize("build", OF_A_KNOWN_LENGTH)
@pytest.mark.parametrize("lengths", [(4, 2), (2, 4)])
def test_clone_for_another_known_length(build, lengths, mode):
    """What was computed from the old length when the graph was built is computed from the new one."""
    old, new = T.tensor("old", shape=(3, 3), dtype="float64"), T.tensor("new", shape=lengths, dtype="float64")
    given = np.linspace(-1, 2, 8).reshape(lengths)
    build_function = partial(sc.function, [new], on_unused_input="ignore", mode=mode)
    wanted = build_function(build(new))(given)
    copy = clone_replace(build(old), {old: new}, rebuild_strict=False)
    np.testing.assert_allclose(build_function(copy)(given), wanted, rtol=1e-12)
    told = build_function(build(old), givens={old: new}, rebuild_strict=False)
    np.testing.assert_allclose(told(given), wanted, rtol=1e-12)
