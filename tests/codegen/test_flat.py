"""The flat C entry around hand-written packed entries, called as C would call it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scancc.artifact import Check, Param
from scancc.codegen import cpu
from scancc.codegen.exports.entry import (
    NEGATIVE_DIMENSION,
    NOT_CONTIGUOUS,
    NULL_POINTER,
    SCALARS,
    TOO_LARGE,
    WORKSPACE_TOO_SMALL,
    Entry,
)
from scancc.codegen.exports.flat import flat_text
from scancc.codegen.target import host
from tests.codegen.linked import Linked, strides

POWER = """
define i32 @power__query(ptr %s) {
  %n_p = getelementptr i64, ptr %s, i64 1
  %n = load i64, ptr %n_p
  %k_pp = getelementptr i64, ptr %s, i64 2
  %k_p = load ptr, ptr %k_pp
  %k = load i64, ptr %k_p
  %bad = icmp slt i64 %k, 0
  br i1 %bad, label %fail, label %ok
fail:
  ret i32 1
ok:
  %m_p = getelementptr i64, ptr %s, i64 4
  store i64 %n, ptr %m_p
  %w_p = getelementptr i64, ptr %s, i64 6
  store i64 0, ptr %w_p
  ret i32 0
}
define i32 @power__run(ptr %s) {
entry:
  %a = load ptr, ptr %s
  %n_p = getelementptr i64, ptr %s, i64 1
  %n = load i64, ptr %n_p
  %k_pp = getelementptr i64, ptr %s, i64 2
  %k_p = load ptr, ptr %k_pp
  %k = load i64, ptr %k_p
  %r_p = getelementptr i64, ptr %s, i64 3
  %r = load ptr, ptr %r_p
  br label %next
next:
  %i = phi i64 [ 0, %entry ], [ %i1, %store ]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %load, label %done
load:
  %x_p = getelementptr double, ptr %a, i64 %i
  %x = load double, ptr %x_p
  br label %step
step:
  %t = phi i64 [ 0, %load ], [ %t1, %mul ]
  %y = phi double [ 1.0, %load ], [ %y1, %mul ]
  %go = icmp slt i64 %t, %k
  br i1 %go, label %mul, label %store
mul:
  %y1 = fmul double %y, %x
  %t1 = add i64 %t, 1
  br label %step
store:
  %y_p = getelementptr double, ptr %r, i64 %i
  store double %y, ptr %y_p
  %i1 = add i64 %i, 1
  br label %next
done:
  ret i32 0
}
"""

POWER_ENTRY = Entry(
    "power",
    (Param("A", "float64", (None,)), Param("k", "int64", ())),
    (Param("result", "float64", (None,)),),
    (Check(1, "ValueError", "n_steps is {0}; a scan runs 0 or more steps"),),
)


def copy_text(param: Param, workspace_nbytes: int = 0, rows: int | None = None) -> str:
    """A function `copy` that copies its input; its workspace is zeroed, its rows may be said to be fewer."""
    rank, nbytes = param.rank, SCALARS[param.dtype].nbytes
    dims = "\n".join(
        f"  %p{a} = getelementptr i64, ptr %s, i64 {1 + a}\n  %n{a} = load i64, ptr %p{a}\n"
        f"  %o{a} = getelementptr i64, ptr %s, i64 {2 + rank + a}"
        for a in range(rank)
    )
    store = "\n".join(f"  store i64 %n{a}, ptr %o{a}" for a in range(rank))
    product = [f"  %c0 = mul i64 {nbytes}, 1"]
    product += [f"  %c{a + 1} = mul i64 %c{a}, %n{a}" for a in range(rank)]
    slot = 2 * (1 + rank)
    tail = "" if rows is None else f"  store i64 {rows}, ptr %o0\n"
    return f"""
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
define i32 @copy__query(ptr %s) {{
{dims}
{store}
  %w = getelementptr i64, ptr %s, i64 {slot + 1}
  store i64 {workspace_nbytes}, ptr %w
  ret i32 0
}}
define i32 @copy__run(ptr %s) {{
{dims}
{chr(10).join(product)}
  %from = load ptr, ptr %s
  %to_p = getelementptr i64, ptr %s, i64 {1 + rank}
  %to = load ptr, ptr %to_p
  %w_p = getelementptr i64, ptr %s, i64 {slot}
  %w = load ptr, ptr %w_p
  %address = ptrtoint ptr %w to i64
  %low = and i64 %address, 63
  %odd = icmp ne i64 %low, 0
  br i1 %odd, label %bad, label %go
bad:
  ret i32 99
go:
  call void @llvm.memset.p0.i64(ptr %w, i8 0, i64 {workspace_nbytes}, i1 false)
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %c{rank}, i1 false)
{tail}  ret i32 0
}}
"""


@pytest.fixture(scope="module")
def power() -> Linked:
    return Linked(POWER_ENTRY, POWER)


def run_power(power: Linked, a: np.ndarray, k: int, out: np.ndarray, nbytes: int = 4096) -> int:
    workspace = np.zeros(nbytes, np.uint8)
    return power.call(
        A=a, A_n0=len(a), A_s0=strides(a)[0], k=k, result=out, result_s0=strides(out)[0],
        workspace=workspace, workspace_nbytes=nbytes,
    )


BASE = np.arange(1.0, 25.0)


@pytest.mark.parametrize("a", [BASE[:5], BASE[::3], BASE[::-1], BASE[5:5], BASE[:1], np.broadcast_to(2.0, (4,))])
@pytest.mark.parametrize("out_step", [1, 2, -1])
def test_strides_of_input_and_output(power: Linked, a: np.ndarray, out_step: int) -> None:
    whole = np.full(3 * len(a) + 2, -1.0)
    out = whole[: len(a)] if out_step == 1 else whole[1 : 2 * len(a) + 1 : 2][:: 1 if out_step == 2 else -1]
    assert run_power(power, a, 3, out) == 0
    np.testing.assert_array_equal(out, np.asarray(a) ** 3)
    assert (whole == -1.0).sum() == len(whole) - len(a)


def test_outputs_are_untouched_on_error(power: Linked) -> None:
    out = np.full(3, 7.0)
    assert run_power(power, BASE[:3], -1, out) == 1
    assert run_power(power, BASE[:6:2], 2, out, nbytes=24) == WORKSPACE_TOO_SMALL
    spread = np.full(6, 7.0)
    assert run_power(power, BASE[:3], 2, spread[::2], nbytes=10) == WORKSPACE_TOO_SMALL
    assert (out == 7.0).all() and (spread == 7.0).all()


def test_mistakes_of_the_caller(power: Linked) -> None:
    out = np.full(3, 7.0)
    good: dict[str, Any] = {"A": BASE, "A_n0": 3, "A_s0": 1, "k": 2, "result": out, "result_s0": 1,
                            "workspace": None, "workspace_nbytes": 0}
    assert power.call(**good | {"A": None}) == NULL_POINTER
    assert power.call(**good | {"result": None}) == NULL_POINTER
    assert power.call(**good | {"A_n0": -1}) == NEGATIVE_DIMENSION
    assert power.call(**good | {"A_s0": 2}) == WORKSPACE_TOO_SMALL
    assert power.call(**good | {"A_s0": 2, "workspace_nbytes": 10**9}) == WORKSPACE_TOO_SMALL  # but NULL
    for nbytes in (-5, -(2**63)):
        assert power.call(**good | {"A_s0": 2, "workspace": out, "workspace_nbytes": nbytes}) == WORKSPACE_TOO_SMALL
    for large in ({"A_n0": 2**61}, {"A_n0": 2**62, "A": None}, {"A_n0": 2**63 - 1, "A_s0": 2}, {"A_s0": 2**61},
                  {"A_s0": -(2**63)}, {"result_s0": 2**62 + 1}):
        assert power.call(**good | large) == TOO_LARGE
    assert (out == 7.0).all()
    assert power.call(**good) == 0
    assert power.call(**good | {"A": None, "A_n0": 0, "result": None}) == 0


def test_query(power: Linked) -> None:
    rows, need, staging = np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64)
    assert power.query(BASE, 10, 1, 3, rows, need, staging) == 0
    assert (rows[0], need[0]) == (10, 0)
    assert 80 <= staging[0] <= 80 + 2 * 63
    assert power.query(BASE, 10, 2, 3, None, need, None) == 0
    assert 80 <= need[0] <= 80 + 2 * 63
    out = np.empty(20)
    assert run_power(power, BASE[:20:2], 3, out[:10], nbytes=int(need[0])) == 0
    assert run_power(power, BASE[:20:2], 3, out[::2], nbytes=int(need[0] + staging[0])) == 0
    assert power.query(BASE, 10, 1, -3, rows, need, staging) == 1
    rows[:], need[:], staging[:] = -7, -7, -7
    assert power.query(BASE, 2**61, 1, 3, rows, need, staging) == TOO_LARGE
    assert power.query(BASE, 10, 2**61, 3, rows, need, staging) == TOO_LARGE
    assert (rows[0], need[0], staging[0]) == (-7, -7, -7)


def test_error_texts(power: Linked) -> None:
    assert power.error(0) == "no error"
    assert power.error(1) == "ValueError: n_steps is ?; a scan runs 0 or more steps"
    assert "workspace" in power.error(WORKSPACE_TOO_SMALL)
    assert power.error(77) == power.error(-77) == "unknown status"


@pytest.mark.parametrize("dtype", sorted(SCALARS))
def test_numbers_by_value(dtype: str) -> None:
    """A rank-0 input goes in by value (a complex one by pointer), a rank-0 output comes out by pointer."""
    param = Param("x", dtype, ())
    entry = Entry("copy", (param,), (Param("y", dtype, ()),), ())
    assert len(entry.arguments) == 4
    linked = Linked(entry, copy_text(param))
    value = np.array(-3.25 + 2j if "complex" in dtype else True if dtype == "bool" else 100).astype(dtype)
    out = np.zeros((), dtype)
    given: Any = value if "complex" in dtype else value.view("u2").item() if dtype == "float16" else value.item()
    assert linked.call(x=given, y=out, workspace=None, workspace_nbytes=0) == 0
    assert out == value
    assert linked.call(x=given, y=None, workspace=None, workspace_nbytes=0) == NULL_POINTER


def test_truth_values_are_made_0_or_1() -> None:
    param = Param("x", "bool", ())
    linked = Linked(Entry("copy", (param,), (Param("y", "bool", ()),), ()), copy_text(param))
    out = np.zeros((), np.uint8)
    assert linked.call(x=5, y=out, workspace=None, workspace_nbytes=0) == 0
    assert out == 1


@pytest.mark.parametrize("rows", [None, 0, 2])
def test_rows_written(rows: int | None) -> None:
    """A loop that ended early tells its rows; only those are copied to a strided output."""
    param = Param("x", "int32", (None, 3))
    entry = Entry("copy", (param,), (Param("y", "int32", (None, 3)),), (), early=((0,),))
    linked = Linked(entry, copy_text(param, rows=rows))
    x = np.arange(12, dtype=np.int32).reshape(4, 3)
    out, n = np.full((4, 6), -1, np.int32), np.full(1, -1, np.int64)
    workspace = np.zeros(1000, np.uint8)
    status = linked.call(
        x=x, x_n0=4, x_s0=3, x_s1=1, y=out, y_s0=6, y_s1=2, y_n0=n, workspace=workspace, workspace_nbytes=1000
    )
    assert status == 0
    m = 4 if rows is None else rows
    assert n[0] == m
    np.testing.assert_array_equal(out[:m, ::2], x[:m])
    assert (out[m:] == -1).all() and (out[:, 1::2] == -1).all()


def test_workspace_may_start_anywhere() -> None:
    param = Param("x", "float32", (None,))
    entry = Entry("copy", (param,), (Param("y", "float32", (None,)),), ())
    linked = Linked(entry, copy_text(param, workspace_nbytes=192))
    x, out, need = np.arange(8, dtype=np.float32), np.zeros(8, np.float32), np.zeros(1, np.int64)
    assert linked.query(x, 4, 2, None, need, None) == 0
    buffer = np.full(int(need[0]) + 128, 0xAB, np.uint8)
    for offset in range(0, 64, 7):
        buffer[:] = 0xAB
        workspace = buffer[offset : offset + int(need[0])]
        status = linked.call(
            x=x, x_n0=4, x_s0=2, y=out, y_s0=1, workspace=workspace, workspace_nbytes=int(need[0])
        )
        assert status == 0
        assert (buffer[:offset] == 0xAB).all() and (buffer[offset + int(need[0]) :] == 0xAB).all()
    np.testing.assert_array_equal(out[:4], x[::2])


def test_sizes_that_depend_on_values() -> None:
    param = Param("x", "float64", (None,))
    entry = Entry("copy", (param,), (Param("y", "float64", (None,)),), (), query_reads=(True,))
    linked = Linked(entry, copy_text(param))
    x, out = np.arange(6.0), np.zeros(3)
    assert linked.query(x, 3, 2, None, None, None) == NOT_CONTIGUOUS
    assert linked.query(x, 3, 1, None, None, None) == 0
    workspace = np.zeros(200, np.uint8)
    assert linked.call(x=x, x_n0=3, x_s0=2, y=out, y_s0=1, workspace=workspace, workspace_nbytes=200) == 0
    np.testing.assert_array_equal(out, x[::2])


def test_a_shared_dimension_is_passed_once() -> None:
    entry = Entry(
        "dot",
        (Param("x", "float64", (None,)), Param("W", "float64", (None, None)), Param("b", "float64", (7,))),
        (Param("y", "float64", (None,)),),
        (),
        dims=(("n",), ("n", "m"), ("",)),
    )
    names = "x n x_s0 W m W_s0 W_s1 b b_s0 y y_s0 workspace workspace_nbytes"
    assert [a.name for a in entry.arguments] == names.split()


def test_names_that_c_has_taken() -> None:
    inputs = tuple(Param(name, "float64", ()) for name in ("for", "workspace", "slots", "entry", "x y", "x_y", "1st"))
    entry = Entry("copy", inputs, (Param("class", "float64", ()),), ())
    names = [a.name for a in entry.arguments]
    assert names[:7] == ["for_", "workspace", "slots", "entry", "x_y", "x_y_", "_1st"]
    assert len(set(names)) == len(names)
    assert "workspace_" in names
    packed = "define i32 @copy__run(ptr %s) {\n  ret i32 0\n}\ndefine i32 @copy__query(ptr %s) {\n  ret i32 0\n}\n"
    assert cpu.compile_object(packed + flat_text(entry), host())


@st.composite
def views(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    """An array with any strides, and a place of the same shape with any strides."""
    rank = draw(st.integers(1, 3))
    shape = [draw(st.integers(0, 4)) for _ in range(rank)]
    return _view(draw, shape), _view(draw, shape)


def _view(draw: Any, shape: list[int]) -> np.ndarray:
    order = draw(st.permutations(range(len(shape))))
    steps = [draw(st.sampled_from([1, 1, 2, -1, -3])) for _ in shape]
    whole = np.arange(math.prod(n * abs(s) for n, s in zip(shape, steps, strict=True)), dtype=np.float64)
    grid = whole.reshape([shape[a] * abs(steps[a]) for a in order]).transpose(np.argsort(order))
    return grid[tuple(slice(None, None, s) for s in steps)]


@pytest.fixture(scope="module")
def copiers() -> dict[int, Linked]:
    made = {}
    for rank in (1, 2, 3):
        param = Param("x", "float64", (None,) * rank)
        entry = Entry("copy", (param,), (Param("y", "float64", (None,) * rank),), ())
        made[rank] = Linked(entry, copy_text(param))
    return made


@settings(max_examples=150, deadline=None)
@given(views())
def test_any_strides(copiers: dict[int, Linked], arrays: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = arrays
    linked = copiers[x.ndim]
    need, staging = np.zeros(1, np.int64), np.zeros(1, np.int64)
    sizes = np.zeros(x.ndim, np.int64)
    answers = [sizes[a:] for a in range(x.ndim)]
    assert linked.query(x, *x.shape, *strides(x), *answers, need, staging) == 0
    assert sizes.tolist() == list(x.shape)
    workspace = np.zeros(int(need[0] + staging[0]), np.uint8)
    values = [x, *x.shape, *strides(x), y, *strides(y), workspace, workspace.nbytes]
    names = [a.name for a in linked.entry.arguments]
    assert linked.call(**dict(zip(names, values, strict=True))) == 0
    np.testing.assert_array_equal(y, x)
