"""Compiled functions in other processes: bytes that are checked, code that is loaded once, what is refused."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.errors import ScanccError, UnsupportedError
from scancc.runtime import Shipped

ROOT = Path(__file__).parents[2]
X = np.linspace(-1, 1, 100)


def smoothed(name: str = "smoothed") -> sc.Function:
    x, alpha = T.vector("x"), T.dscalar("alpha")
    h, _ = sc.scan(lambda x, h, alpha: h + alpha * (x - h), sequences=x, outputs_info=T.constant(0.0),
                   non_sequences=alpha)
    return sc.function([x, sc.In(alpha, value=0.5)], {"all": h, "last": h[-1]}, name=name)


def test_other_processes_give_the_same_bits() -> None:
    """Keywords, defaults and keys of outputs go along."""
    f = smoothed()
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        for arguments in ((X,), (X, 0.25)):
            found, here = pool.submit(f.shipped(), *arguments).result(), f(*arguments)
            assert found.keys() == here.keys()
            np.testing.assert_array_equal(found["all"], here["all"])


def test_a_process_without_a_compiler_calls_it(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(pickle.dumps(smoothed().shipped()))
    script = ("import sys, pickle; sys.modules['llvmlite'] = None; "
              f"f = pickle.load(open({str(tmp_path / 'f')!r}, 'rb')); "
              "print(f([1.0, 2.0], alpha=0.5)['all'], 'scancc.compile' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout.split() == ["[0.5", "1.25]", "False"], done.stderr


def test_it_pickles_as_text_and_bytes() -> None:
    """No code of ours runs when it is read: it is a class and its fields."""
    assert Shipped.__reduce_ex__ is object.__reduce_ex__ and Shipped.__reduce__ is object.__reduce__
    assert {type(getattr(smoothed().shipped(), f.name)) for f in dataclasses.fields(Shipped)} == {str, bytes}


def test_it_is_loaded_once() -> None:
    f = smoothed().shipped()
    assert f.load() is pickle.loads(pickle.dumps(f)).load()


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d + b"\0", lambda d: d[:900] + b"x" + d[901:],
                                    lambda d: b""])
def test_damage_is_refused(damage) -> None:
    f = smoothed(name="damaged").shipped()
    with pytest.raises(ScanccError, match="what arrived of damaged is not what was sent"):
        dataclasses.replace(f, data=damage(f.data)).load()


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(ScanccError, match="is no object or archive that scancc exported"):
        Shipped.of("nothing", b"some bytes")([1.0])


def test_another_machine_is_refused() -> None:
    with pytest.raises(ScanccError, match="is code for aarch64, and this machine is x86_64"):
        smoothed().shipped("aarch64-linux-gnu")(X)


def test_updates_are_refused() -> None:
    n = sc.shared(0.0, name="n")
    with pytest.raises(UnsupportedError, match="of which each process would have its own; give their values"):
        sc.function([], n, updates={n: n + 1}, name="counted").shipped()
    assert sc.function([], n * 2, name="read").shipped()() == 0


def test_code_for_a_gpu_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="ship code for a CPU"):
        smoothed().shipped("sm_90")


def test_a_loaded_function_is_not_pickled() -> None:
    with pytest.raises(TypeError, match=r"native code in this process's memory.*ship .*: f.shipped\(\)"):
        pickle.dumps(smoothed().shipped().load())


@pytest.mark.skipif(find_spec("distributed") is None, reason="dask[distributed] is not installed: pip install "
                                                             "'scancc[cluster]'")
def test_on_a_cluster() -> None:
    """The example on two workers, which asserts that numbers are those of one process."""
    sizes = "--trajectories 1003 --steps 50 --length 100001 --chunks 5".split()
    done = subprocess.run([sys.executable, str(ROOT / "examples" / "cluster.py"), *sizes], capture_output=True,
                          text=True, check=False, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "the same bits" in done.stdout and "80 bytes exchanged" in done.stdout
