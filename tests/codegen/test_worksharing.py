"""Loops that threads share: the same bits for any number of them, and no thread, child or handler is in the way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.artifact import Artifact, Param
from scancc.codegen import cpu, llvm
from scancc.codegen.target import host
from scancc.config import SWITCHES, change_flags, config
from scancc.ir.parser import parse
from scancc.passes import worksharing
from scancc.passes.sharing import products
from scancc.runtime import load, threads
from scancc.runtime.cpu import Kernel
from scancc.stages import number_checks
from tests.children import in_child

COUNTS = (1, 2, 3, 7)
N, X, Y = T.iscalar("n"), T.dvector("x"), T.dvector("y")
Make = Callable[[], tuple[Sequence[T.TensorVariable], object]]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Chunks of few rounds, and three threads; compiled code is not kept."""
    monkeypatch.setattr(worksharing, "LEAST", 200)
    monkeypatch.setattr(worksharing, "VECTORS", 24)
    with change_flags(num_threads=3, cache=False):
        yield


def states() -> tuple[Sequence[T.TensorVariable], object]:
    (p, q), _ = sc.scan(lambda p, q: [p + 0.1 * (q - p), q * 0.9 + T.sin(p)], outputs_info=[X, Y], n_steps=N)
    return [X, Y, N], [p[-1], q[-1]]


def until() -> tuple[Sequence[T.TensorVariable], object]:
    def step(p: T.TensorVariable, k: T.TensorVariable) -> object:
        inside = p * p < 4
        return [T.switch(inside, p * p + X, p), T.switch(inside, k + 1, k)], sc.until(~T.any(inside))
    (_, k), _ = sc.scan(step, outputs_info=[T.zeros_like(X), T.zeros_like(Y)], n_steps=N)
    return [X, Y, N], k[-1]


def matrices() -> tuple[Sequence[T.TensorVariable], object]:
    a = T.dmatrix("a")
    p, _ = sc.scan(lambda p: p * a + 1.5, outputs_info=T.ones_like(a), n_steps=N)
    return [a, N], T.exp(p[-1]).T + 1


def row_sums() -> tuple[Sequence[T.TensorVariable], object]:
    a = T.dmatrix("a")
    return [a, N], T.dot(a, T.arange(3) + 0.5) + N


def complex_numbers() -> tuple[Sequence[T.TensorVariable], object]:
    c = T.vector("c", dtype="complex128")
    p, _ = sc.scan(lambda p: p * p + c, outputs_info=c, n_steps=N)
    return [c, N], p[-1]


def gradient() -> tuple[Sequence[T.TensorVariable], object]:
    p, _ = sc.scan(lambda p: T.tanh(p * X), outputs_info=Y, n_steps=N)
    return [X, Y, N], sc.grad(p[-1].sum(), [X, Y])


MAKES: dict[str, Make] = {m.__name__: m for m in (states, until, matrices, row_sums, complex_numbers, gradient)}


def arguments(inputs: Sequence[T.TensorVariable], n: int) -> list[object]:
    rng = np.random.default_rng(n)
    return [5 if i.ndim == 0 else rng.normal(size=(n, 3)[:i.ndim]).astype(i.dtype) for i in inputs]


def bits(found: object) -> list[bytes]:
    return [np.asarray(array).tobytes() for array in (found if isinstance(found, list) else [found])]


@pytest.mark.parametrize("name", MAKES)
def test_the_same_bits_for_any_number_of_threads(name: str) -> None:
    inputs, outputs = MAKES[name]()
    shared = sc.function(inputs, outputs)
    with change_flags(num_threads=1):
        alone = sc.function(inputs, outputs)
    assert "threads" in shared.dump("loop") and "threads" not in alone.dump("loop")
    for n in (0, 1, 23, 24, 25, 100, 1003):
        values = arguments(inputs, n)
        want = bits(alone(*values))
        for count in COUNTS:
            config.num_threads = count
            assert bits(shared(*values)) == want, (n, count)
    assert threads.n_started() == 6


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_product_has_parts(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    """Of rows, or of columns where there are more; long ones have sums in their room."""
    monkeypatch.setattr(products, "LEAST_PRODUCTS", 200)
    x, y, v = T.matrix(dtype=dtype), T.matrix(dtype=dtype), T.vector(dtype=dtype)
    made = [T.dot(x, y), T.dot(x[:, ::-1], y[::-1]), T.dot(v, y), T.exp(-T.dot(x, y))]
    shared = sc.function([x, y, v], made)
    turned = sc.function([x, y], [T.dot(x, y.T), T.dot(x.T, y.T)])
    with change_flags(num_threads=1):
        alone = sc.function([x, y, v], made)
        turned_alone = sc.function([x, y], [T.dot(x, y.T), T.dot(x.T, y.T)])
    assert "threads" in shared.dump("loop") and "threads" not in alone.dump("loop")
    rng = np.random.default_rng(3)
    for m, k, n in ((0, 3, 3), (1, 90, 700), (30, 20, 300), (24, 64, 64), (5, 0, 7), (200, 70, 3), (120, 2100, 40)):
        a, b, c = (rng.normal(size=size).astype(dtype) for size in ((m, k), (k, n), k))
        square = rng.normal(size=(m, m)).astype(dtype)
        for f, g, values in ((shared, alone, (a, b, c)), (turned, turned_alone, (square, square))):
            want = bits(g(*values))
            for count in COUNTS:
                config.num_threads = count
                assert bits(f(*values)) == want, (m, k, n, count)


def test_a_remark_says_why_not() -> None:
    few = T.tensor("float64", (3,), "few")
    f = sc.function([few], few + 1)
    assert any("fewer than a second thread is worth" in str(remark) for remark in f.remarks)


# ---- errors ----

CHECKED = """
"func.func"() ({
^bb0(%A: memref<?xf64>, %result0: memref<?xf64>, %workspace: memref<?xi8>):
  %0 = "arith.constant"() {value = 0 : index} : () -> index
  %1 = "arith.constant"() {value = 1 : index} : () -> index
  %2 = "memref.dim"(%A, %0) : (memref<?xf64>, index) -> index
  %3 = "arith.constant"() {value = 0.0 : f64} : () -> f64
  "scf.for"(%0, %2, %1) ({
  ^bb0(%i: index):
    %4 = "memref.load"(%A, %i) : (memref<?xf64>, index) -> f64
    %5 = "arith.cmpf"(%4, %3) {predicate = 3 : i64} : (f64, f64) -> i1
    "scan.check"(%5, %i) {error = "ValueError", message = "element {0} is below 0"} : (i1, index) -> ()
    "memref.store"(%4, %result0, %i) : (f64, memref<?xf64>, index) -> ()
    "scf.yield"() : () -> ()
  }) {parallel = 1 : i64} : (index, index, index) -> ()
  "func.return"() : () -> ()
}) {sym_name = "f", function_type = (memref<?xf64>, memref<?xf64>, memref<?xi8>) -> (), planned = 1 : i64} : () -> ()
"func.func"() ({
^bb0(%A: memref<?xf64>, %result0: memref<?xf64>, %workspace: memref<?xi8>):
  %0 = "arith.constant"() {value = 0 : index} : () -> index
  %1 = "memref.dim"(%A, %0) : (memref<?xf64>, index) -> index
  "func.return"(%1, %0) : (index, index) -> ()
}) {sym_name = "f__query", function_type = (memref<?xf64>, memref<?xf64>, memref<?xi8>) -> (),
    return_slots = array<i64: 3, 5>} : () -> ()
"""


def test_of_failing_chunks_the_first_tells() -> None:
    module = parse(CHECKED)
    worksharing.worksharing(module)
    checks = number_checks(module)
    code = cpu.compile_object(llvm.emit_module(module, interruptible=True), host())
    x = (Param("x", "float64", (None,)),)
    kernel = Kernel(Artifact("f", "cpu", host().triple, host().cpu, host().features, code, "f__run", "f__query",
                             x, x, checks))
    threads.build(cpu.compile_for_any)
    threads.lend(kernel.library)
    values = np.ones(5000)
    np.testing.assert_array_equal(kernel(values)[0], values)
    values[[1234, 1235, 77, 4999]] = -1
    for count in COUNTS:
        config.num_threads = count
        for _ in range(20):
            with pytest.raises(ValueError, match="element 77 is below 0"):
                kernel(values)


@pytest.mark.parametrize("value", [0, -1, True, 2.0, "two", 10**6])
def test_a_number_of_threads_is_a_small_whole_number(value: object) -> None:
    with pytest.raises((ValueError, TypeError), match="num_threads is .*it takes a whole number from 1 to 1024"):
        SWITCHES["num_threads"].check(value)


# ---- a process with more in it ----


def test_threads_that_call_at_once_all_get_theirs() -> None:
    f = sc.function(*states())
    wanted = {n: bits(f(*arguments([X, Y, N], n))) for n in (300, 700, 1500)}
    wrong: list[int] = []

    def call(n: int) -> None:
        values = arguments([X, Y, N], n)
        wrong.extend(n for _ in range(100) if bits(f(*values)) != wanted[n])

    callers = [threading.Thread(target=call, args=[n], daemon=True) for n in (*wanted, *wanted)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert not any(caller.is_alive() for caller in callers) and not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_has_threads_of_its_own() -> None:
    f, values = sc.function(*states()), arguments([X, Y, N], 2000)
    want = bits(f(*values))

    def work() -> None:
        assert threads.n_started() == 0
        assert all(bits(f(*values)) == want for _ in range(20))
        assert threads.n_started() == 2
        assert in_child(lambda: bits(f(*values)) == want or os._exit(1)) == 0

    busy = threading.Thread(target=lambda: [f(*values) for _ in range(500)], daemon=True)
    busy.start()
    assert [in_child(work) for _ in range(5)] == [0] * 5
    busy.join(60)
    assert bits(f(*values)) == want


class Late(Exception):
    pass


def test_a_handler_may_call_and_end_the_call() -> None:
    f, values = sc.function(*states()), arguments([X, Y, N], 3 * 10**6)
    values[-1] = 3000
    short = arguments([X, Y, N], 500)
    want, seen = bits(f(*short)), []

    def handler(*_: object) -> None:
        seen.append(bits(f(*short)) == want)
        raise Late("enough")

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(Late, match="enough"):
            f(*values)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen == [True] and bits(f(*short)) == want


# ---- callers in C ----

MAIN = """
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "lanes.h"

typedef void chunks(void *context, int64_t begin, int64_t end);
typedef struct { chunks *body; void *context; int64_t begin, end; } part;

static void *work(void *given)
{
    part *p = given;
    p->body(p->context, p->begin, p->end);
    return NULL;
}

/* Three threads, the last part first. */
static void run(void *user, chunks *body, void *context, int64_t n)
{
    pthread_t threads[3];
    part parts[3];
    int64_t *n_loops = user;
    for (int k = 2; k >= 0; k--) {
        part p = { body, context, n * k / 3, n * (k + 1) / 3 };
        parts[k] = p;
        if (pthread_create(&threads[k], NULL, work, &parts[k]) != 0) abort();
    }
    for (int k = 0; k < 3; k++) pthread_join(threads[k], NULL);
    ++*n_loops;
}

int main(void)
{
    enum { N = 5003 };
    static double x[N], y[N], one[2][N], all[2][N];
    int64_t n_loops = 0;
    const lanes_parallel_for how = { run, &n_loops };
    for (int i = 0; i < N; i++) { x[i] = (i % 17) / 17.0; y[i] = (i % 29) / 29.0; }
    if (lanes(x, N, 1, y, N, 1, 9, one[0], 1, one[1], 1, NULL, 0) != 0 || n_loops != 0) return 1;
    lanes_set_parallel_for(&how);
    if (lanes(x, N, 1, y, N, 1, 9, all[0], 1, all[1], 1, NULL, 0) != 0 || n_loops != 1) return 2;
    lanes_set_parallel_for(NULL);
    for (int i = 0; i < N; i++)
        if (one[0][i] != all[0][i] || one[1][i] != all[1][i]) return 3;
    if (lanes(x, N, 1, y, N, 1, -1, all[0], 1, all[1], 1, NULL, 0) <= 0 || n_loops != 1) return 4;
    puts("same");
    return 0;
}
"""
CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
needs_cc = pytest.mark.skipif(CC is None, reason="no C compiler on this machine")


@pytest.fixture
def built(tmp_path: Path) -> Path:
    sc.export(sc.function(*states(), name="lanes"), tmp_path, threads=True)
    return tmp_path


@needs_cc
def test_a_c_program_lends_its_threads(built: Path) -> None:
    (built / "main.c").write_text(MAIN)
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-pthread"]
    files = [f"-I{built}", built / "main.c", built / "lanes.a", "-lm", "-o", built / "main"]
    made = subprocess.run([CC or "", *strict, *files], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    done = subprocess.run([built / "main"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "same\n"), done.stderr


@needs_cc
def test_a_loaded_library_has_the_pool(built: Path) -> None:
    f, values = load(built / "lanes.so"), arguments([X, Y, N], 3000)
    want = bits(sc.function(*states())(*values))
    config.num_threads = 9
    assert bits(f(*values)) == want
    assert threads.n_started() == 8


def test_an_export_has_no_threads_unless_asked(tmp_path: Path) -> None:
    f = sc.function(*states(), name="lanes")
    sc.export(f, tmp_path, emit="h,ll")
    assert all("lanes_set_parallel_for" not in file.read_text() for file in tmp_path.iterdir())
    few = T.tensor("float64", (3,), "few")
    sc.export(sc.function([few], few + 1, name="g"), tmp_path, emit="h,o", threads=True)
    assert "g_set_parallel_for(const g_parallel_for *how);" in (tmp_path / "g.h").read_text()
