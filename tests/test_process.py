"""Compiling as a guest of its process: interrupts, forks and threads leave nothing behind and nobody waiting."""

import gc
import os
import random
import signal
import sys
import threading
import time
from itertools import count

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.process import FRAMES, deep_recursion, kept_property, without_collection
from tests.children import in_child

X = T.vector("x")
_numbers = count(1)


class Late(Exception):
    pass


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SCANCC_CACHE_DIR", str(tmp_path))
    return tmp_path


def compiled():
    """A function whose code no cache has."""
    scale = float(next(_numbers)) + os.getpid()
    sums, _ = sc.scan(lambda x, s: 0.5 * s + scale * x, sequences=X, outputs_info=T.constant(0.0))
    function = sc.function([X], [sums, T.exp(X) / scale])
    assert function(np.ones(2))[0].tolist() == [scale, 1.5 * scale]


def in_another_thread(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(30)
    return not thread.is_alive()


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


# ---- interrupts ----


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it may strike in a destructor
@pytest.mark.parametrize("error", [Late, TimeoutError, KeyboardInterrupt])
def test_an_interrupted_compilation_leaves_nothing_behind(error, own_cache):
    def handler(*_):
        raise error

    limit, rng, n_late = sys.getrecursionlimit(), random.Random(5), 0
    before = signal.signal(signal.SIGALRM, handler)
    try:
        compiled()
        for _ in range(40):
            try:
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.0005, 0.025))
                compiled()
                signal.setitimer(signal.ITIMER_REAL, 0)
            except error:
                n_late += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert n_late
    assert in_another_thread(compiled)
    assert gc.isenabled() and sys.getrecursionlimit() == limit
    assert not list(own_cache.glob("*.tmp"))


def test_a_handler_may_compile_while_a_compilation_goes_on():
    done = []
    before = signal.signal(signal.SIGALRM, lambda *_: done.append(compiled()))
    try:
        for k in range(4):
            signal.setitimer(signal.ITIMER_REAL, 0.003 * k + 0.001)
            compiled()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert done and gc.isenabled()


# ---- forks ----


@needs_fork
def test_a_child_compiles_though_another_thread_of_its_parent_did():
    stop = threading.Event()

    def work():
        while not stop.is_set():
            compiled()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(6):
            time.sleep(0.03)
            assert in_child(lambda: (compiled(), in_another_thread(compiled) or os._exit(2))) == 0
    finally:
        stop.set()
        thread.join()


@needs_fork
def test_a_child_has_the_settings_of_before():
    limit, inside, stop = sys.getrecursionlimit(), threading.Event(), threading.Event()

    def work():
        with deep_recursion(), without_collection():
            inside.set()
            stop.wait(30)

    def look():
        assert gc.isenabled() and sys.getrecursionlimit() == limit

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait()
    try:
        assert not gc.isenabled()
        assert in_child(look) == 0
    finally:
        stop.set()
        thread.join()
    look()


# ---- settings ----


def test_settings_are_put_back_by_the_last_who_leaves():
    limit = sys.getrecursionlimit()
    first, second = deep_recursion(), deep_recursion()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert sys.getrecursionlimit() == max(limit, FRAMES)
    second.__exit__(None, None, None)
    assert sys.getrecursionlimit() == limit


def test_a_collector_that_was_off_stays_off():
    gc.disable()
    try:
        compiled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_kept_property_is_computed_once_by_object():
    class Thing:
        @kept_property
        def number(self):
            return next(_numbers)

    one, other = Thing(), Thing()
    assert one.number == one.number != other.number
    assert isinstance(Thing.number, kept_property)
