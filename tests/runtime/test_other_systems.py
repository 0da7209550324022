"""Where `elf` loads nothing (macOS, Windows), LLVM's linker does: tried here, as if this were such a system."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.errors import UnsupportedError
from scancc.runtime import cpu, elf, fastcall


@pytest.fixture
def elsewhere(monkeypatch):
    """A system without a loader of ours, nor a caller in C."""
    monkeypatch.setattr(elf, "loads_here", lambda: False)
    monkeypatch.setattr(fastcall, "_code", None)
    monkeypatch.setattr(fastcall, "is_supported", lambda: False)
    cpu._shared.cache_clear()
    yield
    cpu._shared.cache_clear()


def test_a_recurrence_with_elementary_functions(elsewhere):
    x, h0 = T.vector("x"), T.scalar("h0")
    rows, _ = sc.scan(lambda v, h: T.tanh(h) + T.sin(v) * T.gammaln(v + 2), x, h0)
    f = sc.function([x, h0], [rows, sc.grad(rows.sum(), x)])
    args = np.arange(20.0), 0.5
    assert "codegen.jit" in type(f._versions.general.kernel.library).__module__
    for found, wanted in zip(f(*args), f.in_mode("reference")(*args), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_products_that_are_shared_libraries(elsewhere):
    A, B = T.matrix("A"), T.matrix("B")
    a, b = np.random.default_rng(1).normal(size=(2, 40, 40))
    f = sc.function([A, B], A @ B)
    np.testing.assert_allclose(f(a, b), a @ b, rtol=1e-12)
    with pytest.raises(ValueError):
        f(a, b[:3])


def test_updates_and_errors_with_their_step(elsewhere):
    total, n = sc.shared(0.0), T.iscalar("n")
    rows, _ = sc.scan(lambda s: s + 1, outputs_info=total, n_steps=n)
    f = sc.function([n], rows, updates={total: rows[-1]})
    f(3)
    assert total.get_value() == 3
    with pytest.raises(IndexError, match="n_steps is -1"):
        f(-1)


def test_machines_without_native_code_are_named(elsewhere, monkeypatch):
    q = T.scalar("q")
    monkeypatch.setattr(sys, "byteorder", "big")
    with pytest.raises(UnsupportedError, match="mode='reference' runs on any"):
        sc.function([q], q * 3.25)(1.0)
    monkeypatch.undo()


def test_without_llvm_it_says_what_lacks(elsewhere, monkeypatch):
    monkeypatch.setitem(sys.modules, "scancc.codegen.jit", None)
    with pytest.raises(elf.ElfError, match="code is loaded by llvmlite, which is not there"):
        elf.load(b"")
