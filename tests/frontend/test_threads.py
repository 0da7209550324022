"""Calls from several threads, with handlers of signals and forks in between: nothing is lost, half done, or stuck."""

import os
import pickle
import signal
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from tests.children import in_child
from tests.programs.executors import compile

pytestmark = pytest.mark.usefixtures("every_executor")


class Late(Exception):
    pass


@contextmanager
def alarms(handler, every_s):
    """`handler` runs again and again within the block."""
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, every_s, every_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def switching_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def in_threads(*functions):
    threads = [threading.Thread(target=f, daemon=True) for f in functions]
    with switching_often():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def repeated(function, n, *args):
    return lambda: [function(*args) for _ in range(n)]


def test_no_update_is_lost():
    x, w = T.vector("x"), sc.shared(0.0)
    add = compile([x], [], updates=[(w, w + x.sum())])
    in_threads(*[repeated(add, 500, np.ones(1))] * 4)
    assert w.get_value() == 2000


def test_functions_that_read_what_the_other_updates_take_turns():
    a, b = sc.shared(1), sc.shared(0)
    first, second = (compile([], [], updates=[u]) for u in ((a, b + 1), (b, a + 1)))
    distance, seen = compile([], abs(a - b)), []
    in_threads(repeated(first, 300), repeated(second, 300), lambda: seen.extend(int(distance()) for _ in range(300)))
    assert set(seen) == {1} == {int(distance())}


def test_a_reader_sees_all_updates_of_a_call_or_none():
    a, b = sc.shared(0), sc.shared(0)
    both = compile([], [], updates=[(a, a + 1), (b, b + 1)])
    read = compile([], [a, b])
    seen = []
    in_threads(repeated(both, 500), lambda: seen.extend(read() for _ in range(500)))
    assert all(x == y for x, y in seen)


def test_a_value_set_during_a_call_is_not_lost():
    w = sc.shared(0)
    add = compile([], [], updates=[(w, w + 1)])

    def reset():
        for _ in range(200):
            w.set_value(10**6)
            assert w.get_value() >= 10**6

    in_threads(repeated(add, 500), reset)
    assert 10**6 <= w.get_value() <= 10**6 + 500


def test_a_stream_gives_each_thread_its_own_numbers():
    from scancc.frontend.random import RandomStream
    draw = compile([], RandomStream(3).uniform())
    drawn = []
    in_threads(*[lambda: drawn.extend(float(draw()) for _ in range(200))] * 3)
    assert len(set(drawn)) == 600


def test_a_handlers_exception_leaves_all_updates_or_none():
    a, b, c = (sc.shared(0) for _ in range(3))
    count = compile([], [], updates=[(v, v + 1) for v in (a, b, c)])
    n_late = 0

    def late(*_):
        if any(signal.setitimer(signal.ITIMER_REAL, 0)):  # once: nobody catches an alarm that comes after it
            raise Late

    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        try:
            with alarms(late, 0.0007):
                while time.monotonic() < end:
                    count()
        except Late:
            n_late += 1
            assert a.get_value() == b.get_value() == c.get_value()
    assert n_late
    in_threads(count)  # no lock was left behind


def test_a_handler_may_call_and_set_what_it_interrupts():
    w, times = sc.shared(0), []
    add = compile([], [], updates=[(w, w + 1)])

    def again(*_):
        times.append(add())
        w.set_value(w.get_value())

    with alarms(again, 0.002):
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            add()
    assert times and w.get_value() > len(times)


def test_an_update_of_another_length_updates_nothing():
    x = T.vector("x")
    count, fixed = sc.shared(0), sc.shared(np.zeros(2), shape=(2,))
    change = compile([x], [], updates=[(count, count + 1), (fixed, T.specify_shape(x * 1, (2,)))])
    with pytest.raises((TypeError, ValueError, AssertionError)):
        change(np.ones(3))
    assert count.get_value() == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_calls_though_another_thread_of_its_parent_did():
    w, started, stop = sc.shared(0), threading.Event(), threading.Event()
    add = compile([], w, updates=[(w, w + 1)])
    w.container.lock.acquire()  # this thread's, which the child is made of

    def hold():
        with other.container.lock:
            started.set()
            stop.wait(60)

    other = sc.shared(1)
    scale = compile([], [], updates=[(other, other * 2)])
    thread = threading.Thread(target=hold)
    thread.start()
    started.wait()
    try:
        assert in_child(lambda: (add(), scale(), w.container.lock.release())) == 0
    finally:
        stop.set()
        thread.join()
        w.container.lock.release()


def test_a_shared_variable_is_pickled_with_its_value():
    w = pickle.loads(pickle.dumps(sc.shared(3.0, name="w")))
    compile([], [], updates=[(w, w + 1)])()
    assert w.get_value() == 4.0


# ---- interrupts of native code ----

N, Y = T.lscalar("n"), T.dscalar("y")


def halved(y):
    return T.sin(y * 0.5 + Y)


LONG = {
    "scalars": lambda: sc.scan(halved, outputs_info=[Y], n_steps=N)[0][-1],
    "a known number of steps": lambda: sc.scan(halved, outputs_info=[Y], n_steps=10**9)[0][-1] + N,
    "until": lambda: sc.scan(lambda y: (halved(y), sc.until(y > 9)), outputs_info=[Y], n_steps=N)[0][-1],
    "nested": lambda: sc.scan(lambda y: sc.scan(halved, outputs_info=[y], n_steps=5000)[0][-1], outputs_info=[Y],
                              n_steps=N)[0][-1],
    "in a branch": lambda: T.ifelse(T.gt(N, 5), sc.scan(halved, outputs_info=[Y], n_steps=N)[0][-1], Y),
}


@pytest.mark.long
@pytest.mark.parametrize("name", LONG)
def test_a_handlers_exception_ends_a_long_call(name, every_executor):
    w = sc.shared(1.0)
    function = compile([N, Y], [], updates=[(w, LONG[name]())])

    def late(*_):
        raise Late("enough")

    start = time.monotonic()
    with alarms(late, 0.2), pytest.raises(Late, match="enough"):
        function(10**8 if every_executor == "reference" else 10**11, 1.0)
    assert time.monotonic() - start < 30
    assert w.get_value() == 1.0


def test_a_handler_that_returns_lets_a_long_call_go_on(every_executor):
    function, ticks = compile([N, Y], LONG["scalars"]()), []
    steps = 100 if every_executor == "reference" else 3 * 10**7
    with alarms(lambda *_: ticks.append(1), 0.1):
        found = function(steps, 1.0)
    np.testing.assert_allclose(found, np.sin(found * 0.5 + 1.0))


def test_a_call_through_ctypes_ends_too():
    kernel = sc.function([N, Y], LONG["scalars"]())._versions.general.kernel

    def late(*_):
        raise Late("enough")

    with alarms(late, 0.2), pytest.raises(Late, match="enough"):
        kernel(10**11, 1.0)


def test_exported_code_asks_nobody():
    function = sc.function([N, Y], LONG["scalars"]())
    assert "scancc.ask" in function.compiled.llvm_text
    assert "scancc.ask" not in function.export_form().llvm_text
