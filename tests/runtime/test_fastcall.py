"""The fast caller: plain arguments only, the right numbers, and every reference accounted for."""

import gc
import os
import pickle
import sys
import threading
import time
import tracemalloc
import weakref
from dataclasses import replace

import numpy as np
import pytest

from scancc.runtime import cache, fastcall, loaded, own_code
from scancc.runtime.cpu import Kernel
from tests.runtime.kernels import EXP_SCALAR, artifact, axpb, compile_ir, cumsum_until, identity

pytestmark = pytest.mark.usefixtures("fast_caller")

LARGE = fastcall.REUSE_NBYTES // 8 + 8


@pytest.fixture
def line():
    return fastcall.bind(Kernel(axpb()), single_output=True)


@pytest.fixture
def sums():
    return fastcall.bind(Kernel(cumsum_until()))


def scalar_function(dtype, bits):
    signature = [("x", dtype, ())], [("y", dtype, ())]
    return fastcall.bind(Kernel(artifact(identity(bits), *signature)), single_output=True)


def test_values(line):
    x = np.arange(4.0)
    y = line(2.0, x, 1.0)
    np.testing.assert_array_equal(y, [1, 3, 5, 7])
    assert type(y) is np.ndarray and y.dtype == np.float64 and y.flags.owndata and y.flags.writeable


def test_list_of_outputs_workspace_and_until(sums):
    x = np.arange(12.0).reshape(6, 2)
    whole = sums(x, 1e9)
    assert type(whole) is list and whole[1] == 6
    np.testing.assert_array_equal(whole[0], np.cumsum(x, 0))
    part, n = sums(x, 5.0)
    assert part.shape == (3, 2) and n.shape == () and n == 3
    np.testing.assert_array_equal(part, np.cumsum(x, 0)[:3])
    assert part.flags.c_contiguous and part.flags.writeable and part.base.shape == (6, 2)


def test_no_outputs():
    empty = "define i32 @query(ptr %a) {\n ret i32 0\n}\ndefine i32 @run(ptr %a) {\n ret i32 0\n}"
    assert fastcall.bind(Kernel(artifact(empty, [("x", "float64", ())], [])))(1.0) == []


class Subclass(np.ndarray):
    pass


@pytest.mark.parametrize(
    "x",
    [
        np.arange(4),
        np.arange(4.0).astype(">f8"),
        np.arange(8.0)[::2],
        np.ones((2, 2)),
        np.float64(1),
        np.ones(2).view(Subclass),
        np.ma.array([1.0]),
        np.frombuffer(bytes(17), np.uint8)[1:].view(np.float64),
        [1.0, 2.0],
        None,
        "x",
    ],
    ids=lambda x: f"{type(x).__name__}-{getattr(x, 'dtype', '')}",
)
def test_what_is_not_plain_is_left_to_the_caller(line, x):
    assert line(1.0, x, 1.0) is NotImplemented


def test_wrong_count_and_keywords(line):
    assert line() is NotImplemented
    assert line(1.0, np.ones(1), 1.0, 1.0) is NotImplemented
    with pytest.raises(TypeError, match="no keyword arguments"):
        line(1.0, np.ones(1), b=1.0)


def test_fixed_dimensions():
    fixed = replace(axpb(), inputs=tuple(replace(p, shape=(3,)) if p.rank else p for p in axpb().inputs))
    line = fastcall.bind(Kernel(fixed), single_output=True)
    assert line(1.0, np.ones(4), 1.0) is NotImplemented
    np.testing.assert_array_equal(line(1.0, np.ones(3), 1.0), [2, 2, 2])


def test_equal_dtypes_that_are_other_objects(line):
    unpickled = pickle.loads(pickle.dumps(np.arange(3.0)))
    copied = np.arange(3.0).view(np.dtype("f8", copy=True))
    for given in (unpickled, copied):
        assert given.dtype is not np.dtype("f8")
        np.testing.assert_array_equal(line(1.0, given, 0.0), [0, 1, 2])


@pytest.mark.parametrize(
    ("dtype", "bits", "value"),
    [
        ("float64", "double", 1.5),
        ("float64", "double", -1.0),
        ("float64", "double", -1),
        ("float64", "double", 3),
        ("float64", "double", float("nan")),
        ("float64", "double", np.float64(2.5)),
        ("float32", "float", 0.1),
        ("float32", "float", -1.0),
        ("float32", "float", 7),
        ("float32", "float", float("-inf")),
        ("float32", "float", float("nan")),
        ("float32", "float", np.float32(0.3)),
        ("int64", "i64", -1),
        ("int64", "i64", 2**63 - 1),
        ("int64", "i64", -(2**63)),
        ("int64", "i64", np.int64(5)),
        ("int32", "i32", -(2**31)),
        ("int32", "i32", 2**31 - 1),
        ("int8", "i8", -128),
        ("uint8", "i8", 255),
        ("uint64", "i64", 2**63 - 1),
        ("uint64", "i64", np.uint64(2**64 - 1)),
        ("bool", "i8", True),
        ("bool", "i8", False),
        ("bool", "i8", np.bool_(True)),
        ("complex64", "i64", np.complex64(1 + 2j)),
        ("complex128", "i128", np.complex128(1 + 2j)),
        ("complex128", "i128", np.array(3 - 1j)),
        ("int16", "i16", np.array(-7, np.int16)),
    ],
)
def test_numbers(dtype, bits, value):
    got = scalar_function(dtype, bits)(value)
    assert got.dtype == dtype and got.shape == ()
    np.testing.assert_array_equal(got, np.asarray(value, dtype))


@pytest.mark.parametrize(
    ("dtype", "bits", "value"),
    [
        ("float64", "double", 10**400),
        ("float64", "double", True),
        ("float64", "double", np.float32(1)),
        ("float64", "double", 1j),
        ("float32", "float", 1e39),
        ("float32", "float", 2**24 + 1),
        ("float32", "float", np.float64(1)),
        ("int64", "i64", 2**63),
        ("int64", "i64", 1.0),
        ("int64", "i64", True),
        ("int32", "i32", 2**31),
        ("int8", "i8", -129),
        ("uint8", "i8", -1),
        ("uint8", "i8", 256),
        ("uint64", "i64", -1),
        ("uint64", "i64", 2**63),
        ("bool", "i8", 1),
        ("complex128", "i128", 1.0),
        ("int64", "i64", np.array(1, np.int32)),
        ("int64", "i64", np.array([1])),
    ],
)
def test_numbers_that_need_care_are_left_to_the_caller(dtype, bits, value):
    assert scalar_function(dtype, bits)(value) is NotImplemented


def test_a_failed_check_raises_and_the_next_call_works(sums):
    for _ in range(3):
        with pytest.raises(ValueError, match="x has no columns, with 5 rows"):
            sums(np.ones((5, 0)), 1.0)
        assert sums(np.ones((5, 1)), 1e9)[1] == 5


FAILING_RUN = """
define i32 @query(ptr %a) {
  %n = getelementptr i64, ptr %a, i64 2
  store i64 100000, ptr %n
  ret i32 0
}
define i32 @run(ptr %a) {
  %info = getelementptr i64, ptr %a, i64 5
  store i64 42, ptr %info
  ret i32 3
}
"""


def test_a_run_that_fails_frees_its_outputs():
    checks = [(3, "IndexError", "{0}")]
    kernel = Kernel(artifact(FAILING_RUN, [("x", "float64", ())], [("y", "float64", (None,))], checks))
    fails = fastcall.bind(kernel)
    tracemalloc.start()
    for _ in range(200):
        with pytest.raises(IndexError, match="42"):
            fails(1.0)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1 << 20  # one call's output has 800 kB


def sizes_text(dim, workspace):
    return f"""
define i32 @query(ptr %a) {{
  %n = getelementptr i64, ptr %a, i64 2
  store i64 {dim}, ptr %n
  %w = getelementptr i64, ptr %a, i64 4
  store i64 {workspace}, ptr %w
  ret i32 0
}}
define i32 @run(ptr %a) {{
  ret i32 0
}}
"""


@pytest.mark.parametrize(
    ("dim", "workspace", "error"),
    [(2**62, 0, ValueError), (-1, 0, ValueError), (2**45, 0, MemoryError), (4, 2**62, MemoryError)],
)
def test_impossible_sizes_raise(dim, workspace, error):
    kernel = Kernel(artifact(sizes_text(dim, workspace), [("x", "float64", ())], [("y", "float64", (None,))]))
    for call in (fastcall.bind(kernel), kernel):
        with pytest.raises(error):
            call(1.0)


def test_single_output_needs_one_output():
    with pytest.raises(ValueError, match="has 2 outputs; single_output needs exactly one"):
        fastcall.bind(Kernel(cumsum_until()), single_output=True)


# --- references ---------------------------------------------------------------------------------------


def test_arguments_and_results_keep_their_references(line, sums):
    a, x, b = np.array(2.0), np.ones(5), np.array(1.0)
    m = np.ones((3, 2))
    held = [sys.getrefcount(v) for v in (a, x, b, m, line, NotImplemented, np.dtype(float))]
    for _ in range(1000):
        line(a, x, b)
        line(a, [1.0], b)
        sums(m, 1.5)
    after = [sys.getrefcount(v) for v in (a, x, b, m, line, NotImplemented, np.dtype(float))]
    assert all(abs(n - m) <= 3 for n, m in zip(after, held, strict=True))
    y = line(a, x, b)
    assert sys.getrefcount(y) == 2
    part, n = sums(m, 1.5)
    assert sys.getrefcount(part) == sys.getrefcount(n) == 2


def test_nothing_leaks(line, sums):
    x, m = np.ones(50), np.ones((30, 2))

    def work(n):
        for _ in range(n):
            line(1.0, x, 2)
            sums(m, 3.5)
            line(1.0, 5, 2)

    work(100)
    tracemalloc.start()
    work(100)
    before, _ = tracemalloc.get_traced_memory()
    work(100_000)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 20_000


def resident_nbytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_dropped_functions_give_back_code_outputs_and_workspace():
    x = np.ones((8 * LARGE, 1))

    def once():
        function = fastcall.bind(Kernel(cumsum_until()))
        function(x, 1e9)

    for _ in range(5):
        once()
    gc.collect()
    before = resident_nbytes()
    for _ in range(50):
        once()
    gc.collect()
    assert resident_nbytes() - before < 20 << 20  # an output has more than 1 MiB


def test_a_dropped_function_drops_its_kernel():
    kernel = Kernel(axpb())
    watch = weakref.ref(kernel)
    function = fastcall.bind(kernel)
    del kernel
    gc.collect()
    assert watch() is not None
    function(1.0, np.ones(2), 1.0)
    del function
    assert watch() is None


# --- reuse of outputs ---------------------------------------------------------------------------------


def address(array):
    return array.__array_interface__["data"][0]


def test_a_dropped_large_output_is_reused(line):
    x = np.ones(LARGE)
    places = set()
    keep_heap_busy = []
    for i in range(10):
        y = line(float(i), x, 0.0)
        assert y[0] == y[-1] == i
        places.add(address(y))
        del y
        keep_heap_busy.append(np.ones(LARGE))
    assert len(places) == 1


def test_a_large_output_is_aligned_and_owns_its_memory(line):
    x = np.arange(float(LARGE))
    y = line(2.0, x, 1.0)
    assert address(y) % 2048 == 0
    assert y.flags.owndata and y.base is None
    assert np.array_equal(y, 2.0 * x + 1.0)


@pytest.mark.parametrize("length", [10, LARGE // 2, 100 * LARGE])
def test_an_aligned_output_can_be_resized(line, length):
    y = line(1.0, np.arange(float(LARGE)), 0.0)
    y.resize(length, refcheck=False)
    assert np.array_equal(y[:LARGE], np.arange(float(min(LARGE, length))))
    assert not y[LARGE:].any()


def test_numpy_makes_other_arrays_as_before(line):
    name = np.core.multiarray.get_handler_name if np.__version__ < "2" else np._core.multiarray.get_handler_name
    before = name()
    y = line(1.0, np.ones(LARGE), 0.0)
    assert name(y) != before
    assert name() == name(np.ones(LARGE)) == before


def test_small_outputs_are_new(line):
    first = line(1.0, np.ones(10), 0.0)
    reference = weakref.ref(first)
    del first
    assert reference() is None


@pytest.mark.parametrize(
    "hold",
    [
        lambda y: y,
        lambda y: y[5:],
        lambda y: y.reshape(-1, 8)[:, 1],
        lambda y: y[::2].view(np.int64),
        lambda y: memoryview(y),
        lambda y: np.frombuffer(y, np.uint8),
        lambda y: (y[3:7].T,),
        lambda y: iter(y),
        lambda y: y.ctypes,
        lambda y: np.lib.stride_tricks.as_strided(y, (3,), (8,)),
    ],
    ids=["itself", "slice", "column", "view", "memory", "buffer", "tuple", "iterator", "ctypes", "strided"],
)
def test_a_live_array_is_never_written(line, hold):
    x = np.ones(LARGE)
    y = line(1.0, x, 0.0)
    place = address(y)
    held = hold(y)
    del y
    other = line(2.0, x, 0.0)
    assert address(other) != place
    assert other[0] == 2.0
    del held


def test_an_output_that_became_an_input_is_not_written(line):
    y = line(1.0, np.ones(LARGE), 0.0)
    for _ in range(5):
        y = line(2.0, y, 1.0)  # the old array is held by the call's argument
    np.testing.assert_array_equal(y, np.full(LARGE, 63.0))


def test_nested_calls(line):
    x = np.ones(LARGE)
    np.testing.assert_array_equal(line(2.0, line(2.0, line(2.0, x, 0.0), 0.0), 0.0), np.full(LARGE, 8.0))


def test_a_weakly_held_array_is_not_reused(line):
    y = line(1.0, np.ones(LARGE), 0.0)
    reference = weakref.ref(y)
    del y
    line(2.0, np.ones(LARGE), 0.0)
    assert reference() is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("change", ["shape", "dtype", "readonly", "strides"])
def test_a_changed_array_is_not_reused(line, change):
    y = line(1.0, np.ones(LARGE), 0.0)
    if change == "shape":
        y.shape = (2, LARGE // 2)
    elif change == "dtype":
        y.dtype = np.int64
    elif change == "readonly":
        y.flags.writeable = False
    else:
        y.strides = (0,)
    del y
    z = line(2.0, np.ones(LARGE), 0.0)
    assert z.shape == (LARGE,) and z.dtype == np.float64 and z.flags.writeable and z.strides == (8,)
    np.testing.assert_array_equal(z, np.full(LARGE, 2.0))


def test_another_size_gets_an_array_of_its_own(line):
    for n in (LARGE, 2 * LARGE, LARGE + 1, 10, LARGE):
        np.testing.assert_array_equal(line(2.0, np.ones(n), 0.0), np.full(n, 2.0))


def test_a_view_of_an_early_end_keeps_its_array(sums):
    x = np.ones((LARGE, 1))
    part, n = sums(x, 10.5)
    assert part.shape == (11, 1)
    kept = part.copy()
    sums(x * 2, 10.5)
    np.testing.assert_array_equal(part, kept)


# --- threads ------------------------------------------------------------------------------------------


def run_threads(*works):
    failures = []

    def guarded(work):
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def test_one_function_in_many_threads(sums):
    """Workspace and reused outputs are shared by the calls: no two at once may have the same."""

    def work(seed):
        x = np.random.default_rng(seed).normal(size=(LARGE // 4, 4))
        expected = np.cumsum(x, 0)
        for _ in range(15):
            np.testing.assert_allclose(sums(x, 1e9)[0], expected, rtol=1e-9, atol=1e-9)

    run_threads(*(lambda s=s: work(s) for s in range(4)))


SLOW = """
define i32 @query(ptr %a) {
  ret i32 0
}
define i32 @run(ptr %a) {
entry:
  %flag.at = load ptr, ptr %a
  br label %wait
wait:
  %i = phi i64 [ 0, %entry ], [ %i.next, %wait ]
  %i.next = add i64 %i, 1
  %flag = load volatile i64, ptr %flag.at
  %is.set = icmp ne i64 %flag, 0
  %too.long = icmp sgt i64 %i, 20000000000
  %stop = or i1 %is.set, %too.long
  br i1 %stop, label %done, label %wait
done:
  %y.at = getelementptr i64, ptr %a, i64 1
  %y = load ptr, ptr %y.at
  %seen = load volatile i64, ptr %flag.at
  store i64 %seen, ptr %y
  ret i32 0
}
"""


def test_long_kernels_release_the_gil():
    """The kernel waits for a flag, which only another Python thread can set."""
    wait = fastcall.bind(Kernel(artifact(SLOW, [("x", "int64", ())], [("y", "int64", ())])), True, long=True)
    flag, seen = np.array(0), []

    def set_flag():
        time.sleep(0.05)
        flag[...] = 7

    run_threads(set_flag, lambda: seen.append(int(wait(flag))))
    assert seen == [7]


# --- the rest -----------------------------------------------------------------------------------------


def test_caller_converts_and_explains():
    call = loaded.caller(Kernel(axpb()), "one")
    np.testing.assert_array_equal(call(2, [1, 2], np.int8(3)), [5, 7])
    np.testing.assert_array_equal(call(2.0, np.arange(4.0)[::2], 0.0), [0, 4])
    with pytest.raises(TypeError, match=r"input 1 \('x'\) takes float64 of rank 1"):
        call(2, np.ones((2, 2)), 1)
    with pytest.raises(TypeError, match="axpb takes 3 inputs"):
        call(2)
    assert call.__name__ == "axpb"


def test_without_the_fast_caller_the_same_comes_through_ctypes(monkeypatch):
    monkeypatch.setattr(fastcall, "_code", None)
    line = fastcall.bind(Kernel(axpb()), single_output=True)
    np.testing.assert_array_equal(line(2.0, [1, 2], 1.0), [3, 5])
    np.testing.assert_array_equal(loaded.caller(Kernel(axpb()))(2.0, [1, 2], 1.0)[0], [3, 5])


def test_the_object_comes_from_the_disk_cache(monkeypatch):
    monkeypatch.setattr(fastcall, "_code", None)
    compiled = []

    def count(text):
        compiled.append(text)
        return compile_ir(text)

    fastcall.build(count)
    monkeypatch.setattr(fastcall, "_code", None)
    fastcall.build(count)
    assert fastcall.is_ready() and len(compiled) == 1


def test_a_foreign_object_in_the_cache_is_compiled_again(monkeypatch):
    monkeypatch.setattr(fastcall, "_code", None)
    monkeypatch.setattr(own_code, "load_cached", lambda key: b"not an object")
    fastcall.build(compile_ir)
    assert fastcall.is_ready()
    assert cache.load(own_code.key("fastcall.ll"))


def test_call_overhead_is_printed(line, capsys):
    a, x, b = np.array(2.0), np.arange(10.0), np.array(1.0)
    exp = fastcall.bind(Kernel(artifact(EXP_SCALAR, [("x", "float64", ())], [("y", "float64", ())])), True)
    times = {}
    calls = ("two scalars, one array", line, (a, x, b)), ("one number", exp, (1.0,))
    for name, function, arguments in calls:
        start = time.perf_counter()
        for _ in range(20_000):
            function(*arguments)
        times[name] = (time.perf_counter() - start) / 20_000
    with capsys.disabled():
        print("\ncall overhead: " + ", ".join(f"{name} {t * 1e9:.0f} ns" for name, t in times.items()))
    assert all(t > 0 for t in times.values())
