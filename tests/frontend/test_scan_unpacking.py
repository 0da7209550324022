"""A scan's result, (outputs, updates), used without unpacking: what to write."""

import copy
import pickle

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

USES = {
    "output": lambda x, r: sc.function([x], r), "last": lambda x, r: sc.function([x], r[-1]),
    "in a list": lambda x, r: sc.function([x], [r]), "times": lambda x, r: r * 2, "times right": lambda x, r: 2 * r,
    "plus": lambda x, r: r + x, "plus right": lambda x, r: x + r, "array": lambda x, r: np.ones(3) * r,
    "number": lambda x, r: np.float64(2) - r, "last times": lambda x, r: r[-1] * 2,
    "x times last": lambda x, r: x * r[-1], "last minus": lambda x, r: r[-1] - 1, "last plus": lambda x, r: r[-1] + 1,
    "plus last": lambda x, r: 1 + r[-1], "negative": lambda x, r: -r, "power": lambda x, r: r ** 2,
    "dot": lambda x, r: r @ x, "float": lambda x, r: float(r), "less": lambda x, r: r < 0,
    "exp": lambda x, r: T.exp(r), "np.exp": lambda x, r: np.exp(r), "exp of last": lambda x, r: T.exp(r[-1]),
    "sum of": lambda x, r: T.sum(r), "np.sum": lambda x, r: np.sum(r),
    "concatenate": lambda x, r: T.concatenate([x, r]), "stack": lambda x, r: T.stack(r),
    "grad": lambda x, r: T.grad(r, x), "grad of last": lambda x, r: T.grad(r[-1], x),
    "jacobian": lambda x, r: T.jacobian(r, x), "Rop": lambda x, r: sc.Rop(r, x, x),
    "Lop": lambda x, r: sc.Lop(r, x, x), "column": lambda x, r: r[:, 0], "rows": lambda x, r: r[1:] * 2,
    "new axis": lambda x, r: r[None], "by a variable": lambda x, r: r[x.shape[0] - 1],
    "sequence": lambda x, r: sc.scan(lambda v: v, r), "states": lambda x, r: sc.scan(lambda v: v, x, r),
    "constant": lambda x, r: sc.scan(lambda v, c: v, x, non_sequences=r),
    "updates": lambda x, r: sc.function([x], x, updates=r),
    "given": lambda x, r: sc.function([x], x * 2, givens={x: r}), "switch": lambda x, r: T.switch(x > 0, r, x),
    "variable": lambda x, r: T.as_tensor_variable(r), "array of": lambda x, r: np.asarray(r),
}


def result():
    x = T.vector("x")
    return x, sc.scan(lambda v, a: a + v, sequences=x, outputs_info=T.constant(0.0))


@pytest.mark.parametrize("use", USES)
def test_used_as_a_tensor(use):
    with pytest.raises(TypeError, match=r"outputs, updates = sc.scan\(...\)"):
        USES[use](*result())


@pytest.mark.parametrize("use", [lambda r: r.sum(), lambda r: r.T, lambda r: r[-1].shape, lambda r: r[-1].sum()])
def test_asked_for_what_a_tensor_has(use):
    with pytest.raises(AttributeError, match=r"outputs, updates = sc.scan\(...\)"):
        use(result()[1])


@pytest.mark.parametrize("use", [lambda r: r[2], lambda r: r[-3]])
def test_a_row_that_a_pair_does_not_have(use):
    with pytest.raises(IndexError, match=r"outputs, updates = sc.scan\(...\)"):
        use(result()[1])


def test_a_row_of_the_updates():
    with pytest.raises(KeyError, match=r"outputs, updates = sc.scan\(...\)"):
        result()[1][1][-1]


def test_views_give_such_a_pair_too():
    x = T.vector("x")
    for pair in (sc.map(lambda v: v, x), sc.reduce(lambda v, a: a + v, x, 0.0), sc.foldl(lambda v, a: a + v, x, 0.0)):
        with pytest.raises(TypeError, match=r"outputs, updates = sc.scan\(...\)"):
            pair * 2


def test_it_is_still_a_tuple():
    x, r = result()
    outputs, updates = r
    assert isinstance(r, tuple) and len(r) == 2 and r[0] is outputs and r[-1] is updates and r[1] is updates
    assert list(r) == [outputs, updates] and bool(r) and r == (outputs, updates) and hash((1, outputs))
    assert len(copy.copy(r)) == 2 and len(pickle.loads(pickle.dumps(r))) == 2
    assert not hasattr(r, "nothing") and "outputs" not in repr(r[1:])
    np.testing.assert_array_equal(sc.function([x], r[0])([1, 2]), [1, 3])


def test_updates_are_still_a_dict():
    s = sc.shared(1.0)
    updates = sc.OrderedUpdates({s: s + 1})
    assert (updates + {})[s] is updates[s] and ({} + updates) == updates and updates | {} == dict(updates)
    assert copy.deepcopy(sc.OrderedUpdates()) == {} and updates.get(0) is None


def test_a_step_may_return_a_scan():
    x = T.matrix("x")
    rows, _ = sc.scan(lambda row: sc.scan(lambda v, a: a + v, row, 0.0), x)
    np.testing.assert_array_equal(sc.function([x], rows)([[1, 2], [3, 4]]), [[1, 3], [3, 7]])
