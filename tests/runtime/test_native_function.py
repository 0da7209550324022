"""Functions that a class calls in C: keywords, conversions without loss, given outputs, and every reference."""

import contextlib
import gc
import inspect
import sys

import numpy as np
import pytest

from scancc.calling import Calling, State
from scancc.runtime import loaded
from scancc.runtime.cpu import Kernel
from tests.runtime.kernels import artifact, axpb, cumsum_until, identity

pytestmark = pytest.mark.usefixtures("fast_caller")


@pytest.fixture
def line():
    return loaded.caller(Kernel(axpb()), "one")


@pytest.fixture
def sums():
    return loaded.caller(Kernel(cumsum_until()))


@pytest.fixture
def slow(monkeypatch):
    """Names of what was left to Python."""
    seen = []
    call = loaded.NativeFunction._call_slowly

    def counted(self, *values, **keywords):
        seen.append((values, keywords))
        return call(self, *values, **keywords)

    monkeypatch.setattr(loaded.NativeFunction, "_call_slowly", counted)
    return seen


def copying(dtype):
    """A function that gives its one argument of rank 0 or 1 again."""
    bits = {"float32": "float", "int32": "i32", "bool": "i8"}[dtype]
    return loaded.caller(Kernel(artifact(identity(bits), [("x", dtype, ())], [("y", dtype, ())])), "one")


@pytest.mark.parametrize("x", [
    np.arange(4), np.arange(4, dtype=np.int8), np.arange(4, dtype=np.float32), np.arange(4.0).astype(">f8"),
    np.arange(8.0)[::2] / 2, np.arange(4.0)[::-1][::-1], np.arange(12.0).reshape(4, 3)[:, 0] / 3, [0, 1, 2, 3],
    [0.0, 1.0, 2.0, 3.0], (0, 1.0, 2, 3.0),
    np.frombuffer(b"\0" + np.arange(4.0).tobytes(), np.uint8)[1:].view(np.float64),
], ids=repr)
def test_what_loses_nothing_is_converted_in_c(line, slow, x):
    np.testing.assert_array_equal(line(2.0, x, 1.0), 2 * np.asarray(x, float) + 1)
    assert not slow


@pytest.mark.parametrize("x", [
    np.ma.array([1.0]), np.float64(1), [[1.0]], ["1"], [None], [True], [2**70], [1j], np.array([1j]), np.array(["1"]),
    np.ones((2, 2)), np.array([None]), np.array([1], "m8[s]"), np.longdouble([1]), "1", None, {}, [np.array(1.0)],
    range(3),
], ids=repr)
def test_the_rest_is_left_to_python(line, slow, x):
    with contextlib.suppress(TypeError, ValueError):
        line(1.0, x, 1.0)
    assert len(slow) == 1 and not sys.exc_info()[0]


def test_lists_of_numbers_that_need_care():
    signature = [("x", "float32", (None,))], [("n", "int64", ())]
    length = """
define i32 @query(ptr %a) {
  ret i32 0
}
define i32 @run(ptr %a) {
  %n.at = getelementptr i64, ptr %a, i64 1
  %n = load i64, ptr %n.at
  %out.at = getelementptr i64, ptr %a, i64 2
  %out = load ptr, ptr %out.at
  store i64 %n, ptr %out
  ret i32 0
}
"""
    call = loaded.caller(Kernel(artifact(length, *signature)), "one")
    assert call([0.5, 1, float("nan"), float("inf")]) == 4 and call([]) == 0 and call(()) == 0
    for wrong in ([1e300], [2**24 + 1], ["1"]):
        with pytest.raises(TypeError):
            call(wrong)


def test_an_empty_list_and_fixed_lengths(line):
    assert line(1.0, [], 1.0).shape == (0,)


def test_keywords(line, slow):
    x = np.arange(3.0)
    for call in (lambda: line(a=2.0, x=x, b=1.0), lambda: line(2.0, b=1.0, x=x), lambda: line(2.0, x, b=1)):
        np.testing.assert_array_equal(call(), [1, 3, 5])
    assert not slow
    made = {"".join(("a",)): 2.0, "".join(("x", "")): x, "b": 1.0}
    np.testing.assert_array_equal(line(**made), [1, 3, 5])


@pytest.mark.parametrize(("args", "keywords", "text"), [
    ((1.0,), {"x": [1.0]}, "missing: b"), ((1.0, [1.0], 1.0), {"a": 2.0}, "two values for the input 'a'"),
    ((1.0, [1.0]), {"c": 2.0}, "no input named 'c'; its inputs are"), ((1.0, [1.0], 1.0, 1.0), {}, "takes 3 inputs"),
    ((1.0, [1.0], 1.0, 1.0), {"a": 1.0}, "two values"), ((), {}, "takes 3 inputs"),
])
def test_wrong_keywords(line, args, keywords, text):
    with pytest.raises(TypeError, match=text):
        line(*args, **keywords)


# --- given outputs ------------------------------------------------------------------------------------


def test_a_given_output_is_written_in_c(line, slow):
    x, out = np.arange(3.0), np.empty(3)
    for call in (lambda: line(2.0, x, 1.0, out=out), lambda: line(2.0, [0, 1, 2], b=1.0, out=out)):
        out[...] = -1
        assert call() is out
        np.testing.assert_array_equal(out, [1, 3, 5])
    assert line(2.0, x, 1.0, out=None) is not out and not slow


def test_an_output_that_is_no_row_or_an_input(line):
    x, out = np.arange(3.0), np.empty(6)
    assert line(2.0, x, 1.0, out=out[::2]).base is out
    np.testing.assert_array_equal(out[::2], [1, 3, 5])
    assert line(2.0, x, 1.0, out=x) is x
    np.testing.assert_array_equal(x, [1, 3, 5])
    long = np.arange(4.0)
    part = line(2.0, long[:3], 1.0, out=long[1:])
    np.testing.assert_array_equal(long, [0, 1, 3, 5])
    assert part.base is long


def test_lists_of_outputs(sums, slow):
    x = np.arange(12.0).reshape(6, 2)
    rows, count = np.empty((6, 2)), np.empty((), np.int64)
    got = sums(x, 1e9, out=[rows, count])
    assert got[0] is rows and got[1] is count and count == 6
    np.testing.assert_array_equal(rows, np.cumsum(x, 0))
    got = sums(x, 5.0, out=[rows, None])
    assert got[0].base is rows and got[0].shape == (3, 2) and got[1] == 3 and not slow
    apart = np.empty((6, 4))[:, ::2]
    got = sums(x, 5.0, out=(apart, None))
    np.testing.assert_array_equal(got[0], np.cumsum(x, 0)[:3])
    assert np.shares_memory(got[0], apart) and len(slow) == 1


def frozen(array):
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(("out", "error", "text"), [
    (np.empty(4), ValueError, r"has shape \(4,\), where the result has \(3,\)"),
    (np.empty((3, 1)), TypeError, "1 dimensions; given one of float64 with 2"),
    (np.empty(3, np.float32), TypeError, "given one of float32"), ([1.0] * 3, TypeError, "given a list of 3"),
    (frozen(np.empty(3)), ValueError, "read-only"), (np.ma.zeros(3), TypeError, "given MaskedArray"),
])
def test_wrong_outputs(line, out, error, text):
    with pytest.raises(error, match=text):
        line(2.0, np.arange(3.0), 1.0, out=out)


def test_two_outputs_in_one_array(sums):
    with pytest.raises(TypeError, match="list of 2 arrays"):
        sums(np.ones((2, 2)), 1.0, out=np.empty((2, 2)))
    with pytest.raises(TypeError, match="given a list of 1"):
        sums(np.ones((2, 2)), 1.0, out=[None])


# --- references ---------------------------------------------------------------------------------------


def test_every_reference_is_given_back(line, sums):
    x, row, out = np.arange(3), [1.0, 2.0, 3.0], np.empty(3)
    m, rows = np.ones((3, 2)), np.empty((3, 2))
    objects = (x, row, out, m, rows, np.dtype(float), line, line._native, NotImplemented)
    held = [sys.getrefcount(v) for v in objects]
    for _ in range(1000):
        line(1.0, x, 1.0)
        line(1.0, row, 1.0, out=out)
        line(1.0, x=x[::2], b=1)
        sums(m, 1.5, out=[rows, None])
        for wrong in (lambda: line(1.0, ["a"], 1.0), lambda: line(1.0, row, 1.0, out=row), lambda: line(1.0, row),
                      lambda: line(1.0, row, 1.0, out=out[:2])):
            with pytest.raises((TypeError, ValueError)):
                wrong()
    after = [sys.getrefcount(v) for v in objects]
    assert all(abs(n - m) <= 12 for n, m in zip(after, held, strict=True))


def test_a_function_lives_no_longer_than_its_name():
    line = loaded.caller(Kernel(axpb()), "one")
    line(1.0, np.ones(2), 1.0)
    kernel = line._kernel
    held = sys.getrefcount(kernel)
    gc.disable()
    try:
        del line
        assert sys.getrefcount(kernel) < held
    finally:
        gc.enable()


def test_a_subclass_and_an_object_that_lacks_the_capsule(line, slow):
    class Louder(loaded.NativeFunction):
        pass

    louder = Louder(Kernel(axpb()), Calling("one", (), ("a", "x", "b"), (None, None, None)))
    assert louder(1.0, [1.0], 1.0) == [2.0]
    assert not slow
    del louder._native
    assert louder(1.0, [1.0], 1.0) == louder(1.0, b=1.0, x=[1.0]) == [2.0]
    assert len(slow) == 2

    class Quiet(loaded.NativeFunction):
        def __call__(self, *values, **keywords):
            return -super().__call__(*values, **keywords)

    quiet = Quiet(Kernel(axpb()), Calling("one", (), ("a", "x", "b"), (None, None, None)))
    assert quiet(1.0, [1.0], 1.0) == quiet(1.0, [1.0], b=1.0) == [-2.0]


def test_all_ways_to_call(line, slow):
    x = np.ones(1)
    assert line(1.0, x, 1.0) == line(*(1.0, x, 1.0), **{}) == line(*[1.0], **{"x": x, "b": 1.0}) == [2.0]
    assert line.__call__(1.0, x, 1.0) == line.__call__(1.0, x=x, b=1.0) == [2.0]
    assert type(line).__call__(line, 1.0, x, 1.0) == [2.0]
    assert list(map(line, [1.0, 2.0], [x, x], [1.0, 1.0])) == [[2.0], [3.0]]
    assert not slow
    for wrong in (lambda: type(line).__call__(), lambda: type(line).__call__(x, 1.0, x, 1.0), line,
                  lambda: line(1.0, x, 1.0, **{"c": 1.0}), lambda: line(1.0, x, x=x)):
        with pytest.raises(TypeError):
            wrong()


def test_its_signature(line):
    assert str(inspect.signature(line)) == "(a, x, b)"
    twice = loaded.NativeFunction(Kernel(axpb()), Calling("one", (), ("a", "x", "a"), (None, None, None)))
    assert str(inspect.signature(twice)) == "(*args, **kwargs)"
    assert "kernel" in inspect.signature(loaded.NativeFunction).parameters


def test_numbers_of_rank_0_still_round():
    assert copying("float32")(0.1) == np.float32(0.1)
    with pytest.raises(TypeError):
        copying("int32")(2**40)
    assert copying("bool")(True)


def test_inputs_that_a_list_holds(monkeypatch):
    state = State("b", 2, None, np.array(1.0))
    line = loaded.function_of(Kernel(axpb()), Calling("one", (), ("a", "x"), (None, None), (state,)))
    out = np.empty(2)
    held = line._held["b"]
    np.testing.assert_array_equal(line(2.0, [1.0, 2.0]), [3, 5])
    held[0] = np.array(5.0)
    count = sys.getrefcount(held[0])
    for _ in range(100):
        assert line(x=(1.0, 2.0), a=2.0, out=out) is out
    np.testing.assert_array_equal(out, [7, 9])
    after = sys.getrefcount(held[0])
    assert after == count
    with pytest.raises(TypeError):
        line(2.0)
