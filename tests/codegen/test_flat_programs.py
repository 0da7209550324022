"""Every example program through the C entry, with row-major arrays and with any strides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.exports.signature import entry_of
from scancc.frontend.program.arguments import bind
from tests.codegen.linked import Linked, same_bits
from tests.programs import masks, seed, tutorial
from tests.programs.case import Case

PROGRAMS = [*seed.PROGRAMS, *tutorial.PROGRAMS, *masks.PROGRAMS]


def linked_of(function: Any) -> Linked:
    compiled = function.export_form()
    return Linked(entry_of(compiled), compiled.llvm_text)


def through_c(inputs: Any, outputs: Any, updates: Any) -> Callable[..., Any]:
    """Compile as `Case.check` asks: a call with arrays of any strides, which gives the bits of row-major ones."""
    function = sc.function(inputs, outputs, updates=updates, name="program")
    program, linked = function.program, linked_of(function)

    def call(*args: Any) -> Any:
        arrays = [np.asarray(a) for a in (*bind(program.inputs, args, {}, "program"),
                                          *(v.get_value() for v in program.shared))]
        (status, packed), (other, results) = linked.run(arrays), linked.run(arrays, spread=True)
        assert status == other == 0, linked.error(status or other)
        same_bits(results, packed)
        n = len(program.outputs)
        for (shared, _), value in zip(program.updates, results[n:], strict=True):
            shared.set_value(np.ascontiguousarray(value).reshape(value.shape))
        return program.layout.arrange(results[:n])

    return call


@pytest.mark.long
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: f"{p.__module__.split('.')[-1]}-{p.__name__}")
def test_program(program: Callable[[], Case]) -> None:
    program().check(through_c)


@pytest.mark.parametrize("spread", [False, True], ids=["row-major", "strided"])
def test_outputs_are_untouched_where_a_step_fails(spread: bool) -> None:
    """An index is out of range at the third step, after two rows were computed."""
    x, at = T.vector("x"), T.lvector("at")
    picked, _ = sc.scan(lambda i, total, x: total + x[i], sequences=at, outputs_info=T.constant(0.0), non_sequences=x)
    linked = linked_of(sc.function([x, at], picked, name="program"))
    values = np.array([1.0, 2.0, 4.0])
    status, (result,) = linked.run([values, np.array([2, 0, 1])], spread)
    assert (status, result.tolist()) == (0, [4.0, 5.0, 7.0])
    status, outputs = linked.run([values, np.array([2, 0, 3])], spread)
    assert status > 0 and "IndexError" in linked.error(status)
    assert not any(output.any() for output in outputs)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("factored", [
    lambda a, p: T.nlinalg.matrix_inverse(a), lambda a, p: T.slinalg.cholesky(a), T.slinalg.solve,
    lambda a, p: T.slinalg.solve_triangular(a, p, lower=True)], ids=["inverse", "cholesky", "solve", "triangular"])
def test_outputs_are_untouched_where_a_matrix_is_singular(factored: Any, large: bool) -> None:
    """It is at the third step, after two rows were computed; and the only one, outside a scan."""
    a, m, n = T.tensor3("a"), T.matrix("m"), 40 if large else 2
    rows, _ = sc.scan(lambda a_t, p: p + factored(a_t, p), sequences=a, outputs_info=T.eye(n))
    scanned = linked_of(sc.function([a], [rows, sc.final_state(rows)], name="program"))
    alone = linked_of(sc.function([m], [m + 1.0, factored(m, T.eye(n))], name="program"))
    good = np.stack([np.eye(n)] * 4)
    bad = good.copy()
    bad[2, -1, -1] = 0.0
    assert scanned.run([good], False)[0] == alone.run([good[2]], False)[0] == 0
    for linked, given in ((scanned, bad), (alone, bad[2])):
        status, outputs = linked.run([given], False)
        assert "LinAlgError" in linked.error(status) and not any(output.any() for output in outputs)


def test_outputs_are_untouched_where_a_coefficient_lacks() -> None:
    """It is asked for in a branch before the steps, so that the rows are made where the caller has them."""
    x, w = T.vector("x"), T.vector("w")
    rows, _ = sc.scan(lambda new, old, y, w: w[0] * new + w[1] * old + w[2] * y, non_sequences=w,
                      sequences={"input": x, "taps": [0, -1]}, outputs_info=T.constant(0.0))
    linked = linked_of(sc.function([x, w], rows, name="program"))
    status, (result,) = linked.run([np.array([1.0, 2.0, 4.0]), np.array([1.0, 0.5, 2.0])], False)
    assert (status, result.tolist()) == (0, [2.5, 10.0])
    status, outputs = linked.run([np.array([1.0, 2.0, 4.0]), np.array([1.0, 0.5])], False)
    assert status > 0 and "IndexError" in linked.error(status)
    assert not any(output.any() for output in outputs)
    assert linked.entry.memory["workspace"] == "0"


@pytest.mark.parametrize("spread", [False, True], ids=["row-major", "strided"])
def test_sizes_known_when_compiling_are_not_passed(spread: bool) -> None:
    x = T.tensor("x", dtype="float32", shape=(None, 3))
    z = T.zvector("z")
    linked = linked_of(sc.function([x, z], [x.sum(axis=0), z * 2], name="program"))
    names = [a.name for a in linked.entry.arguments]
    assert names[:6] == ["x", "x_n0", "x_s0", "x_s1", "z", "z_n0"]
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    status, (sums, doubled) = linked.run([values, np.array([1 + 2j, -3j])], spread)
    assert status == 0
    np.testing.assert_array_equal(sums, values.sum(axis=0))
    np.testing.assert_array_equal(doubled, [2 + 4j, -6j])
