"""Loops whose lanes read elements that do not stand side by side: by an index, down a column, backwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels

RNG = np.random.default_rng(23)
READ: dict[str, Callable[[sc.Variable, sc.Variable], sc.Variable]] = {
    "at places": lambda a, places: a[0][places],
    "of rows and columns at places": lambda a, places: a[places, places],
    "at places from the end": lambda a, places: a[0][-1 - places],
    "down a column": lambda a, places: a[:, 1],
    "every other one": lambda a, places: a[0][::2],
    "backwards": lambda a, places: a[0][::-1],
    "transposed": lambda a, places: a.T,
}


@pytest.fixture(params=levels())
def level(request: pytest.FixtureRequest) -> Iterator[None]:
    with sc.change_flags(cpu=request.param):
        yield


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("dtype", ["float64", "float32", "int32"])
def test_the_same_bits_in_lanes_and_in_the_tail(dtype: str) -> None:
    """An element has one value wherever it stands: vectors and what is left over compute the same."""
    a, places = T.matrix("a", dtype=dtype), T.lvector("places")
    read = [part(a, places) for part in READ.values()]
    numbers = [v.astype("float32") if dtype == "int32" else v for v in read]
    f = sc.function([a, places], [T.exp(v / 9) for v in numbers])
    alone = sc.function([v := T.vector("v", dtype=numbers[0].dtype)], T.exp(v / 9))
    assert not any("memory is" in remark.reason for remark in f.remarks("vectorize", done=False))
    for n in (2, 7, 8, 9, 16, 23, 40):
        values, at = (9 * RNG.normal(size=(n, n))).astype(dtype), RNG.permutation(n)
        plain = [part(values, at) for part in READ.values()]
        for name, found, want in zip(READ, f(values, at), plain, strict=True):
            one_by_one = np.array([alone(np.array([x], v.dtype))[0] for x in want.ravel()]).reshape(want.shape)
            np.testing.assert_array_equal(found, one_by_one, err_msg=f"{name}, {n}")


def test_a_place_that_is_not_there_is_an_error_before_anything_is_written() -> None:
    x, places = T.vector("x"), T.lvector("places")
    f, out = sc.function([x, places], T.exp(x[places])), np.zeros(20)
    with pytest.raises(IndexError, match="index is out of range for axis 0 with length 5"):
        f(np.ones(5), np.arange(20) % 6, out=out)
    assert not out.any()


def test_alignment_over_labels_runs_in_lanes() -> None:
    """The forward pass of connectionist temporal classification: each state reads its label's log-probability."""
    log_p, labels = T.matrix("log_p"), T.lvector("labels")

    def step(row: sc.Variable, before: sc.Variable) -> sc.Variable:
        stay = T.logaddexp(before, T.concatenate([T.constant([-1e30]), before[:-1]]))
        return stay + row[labels]

    start = T.set_subtensor(T.zeros(labels.shape)[1:], -1e30)
    rows, _ = sc.scan(step, log_p, start)
    f, reference = (sc.function([log_p, labels], rows[-1], mode=mode) for mode in ("native", "reference"))
    assert any("neighbours" in remark.reason for remark in f.remarks("vectorize", done=True))
    args = np.log(RNG.dirichlet(np.ones(6), 30)), RNG.integers(0, 6, 21)
    np.testing.assert_allclose(f(*args), reference(*args), rtol=1e-12)
