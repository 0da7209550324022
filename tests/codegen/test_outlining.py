"""Nests of loops that are equal are one function, with the bits of the nests as they stood."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.llvm.emitter import FunctionEmitter
from scancc.codegen.target import levels
from scancc.config import change_flags

RNG = np.random.default_rng(4)
Case = Callable[[sc.Variable, sc.Variable], list[sc.Variable]]


def products(a: sc.Variable, b: sc.Variable) -> list[sc.Variable]:
    return [T.dot(a, b[0]), T.dot(b, a[0])]


def inverses(a: sc.Variable, b: sc.Variable) -> list[sc.Variable]:
    return [T.nlinalg.matrix_inverse(a), T.nlinalg.matrix_inverse(b)]


def sums_in_a_scan(a: sc.Variable, b: sc.Variable) -> list[sc.Variable]:
    """Numbers come out of these nests."""
    (p, q), _ = sc.scan(lambda x, y, p, q: [p + T.dot(x * p, x), q + T.dot(y * q, y)], [a, b],
                        [T.constant(0.5), T.constant(0.25)])
    return [p, q]


def complex_sums(a: sc.Variable, b: sc.Variable) -> list[sc.Variable]:
    parts = [T.complex(a, a * a), T.complex(b, b * b)]
    return [((x * x[0] - x * x) * (x + x[0]) * x).sum(axis=1).real for x in parts]


CASES: tuple[Case, ...] = (products, inverses, sums_in_a_scan, complex_sums)


@pytest.fixture(params=levels())
def level(request: pytest.FixtureRequest) -> Iterator[None]:
    with change_flags(cpu=request.param, cache=False):
        yield


def nests(f: sc.Function) -> list[str]:
    """The functions of nests that are called, once for each call."""
    return re.findall(r"call .*@(\w+__nest\d+)\(", f.dump("llvm"))


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("case", CASES)
def test_the_same_bits(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = T.matrix("a"), T.matrix("b")
    with change_flags(specialise=False):
        f = sc.function([a, b], case(a, b))
        f.prepare()
        monkeypatch.setattr(FunctionEmitter, "outlines", False)
        apart = sc.function([a, b], case(a, b))
        apart.prepare()
    for n in (1, 3, 9, 40):
        given = RNG.normal(size=(2, n, n))
        for found, want in zip(f(*given), apart(*given), strict=True):
            np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize("case", CASES)
def test_equal_nests_are_one_function(case: Case) -> None:
    a, b = T.matrix("a"), T.matrix("b")
    called = nests(sc.function([a, b], case(a, b)))
    assert called and all(called.count(name) > 1 for name in called)


def test_a_check_in_a_nest_ends_the_function() -> None:
    a, b = T.matrix("a"), T.matrix("b")
    f = sc.function([a, b], inverses(a, b))
    for given in ((np.zeros((3, 3)), np.eye(3)), (np.eye(3), np.zeros((3, 3)))):
        with pytest.raises(np.linalg.LinAlgError, match="singular"):
            f(*given)


@pytest.mark.parametrize(("one", "other"), [(0.0, -0.0), (1.0, 2.0)])
def test_other_numbers_are_another_nest(one: float, other: float) -> None:
    a, b = T.matrix("a"), T.matrix("b")
    assert nests(sc.function([a, b], [T.maximum(a, one).sum(axis=1), T.maximum(b, one).sum(axis=1)]))
    assert not nests(sc.function([a, b], [T.maximum(a, one).sum(axis=1), T.maximum(b, other).sum(axis=1)]))
