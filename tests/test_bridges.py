"""Compiled functions where SciPy, torch, JAX and Numba call them; each against the real package."""

from __future__ import annotations

import ctypes
from importlib import import_module

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.bridges import native
from scancc.errors import UnsupportedError

X, Y = T.dscalar("x"), T.dscalar("y")


def bridge(name: str, extra: str | None = None):
    for needed in (name, extra or name):
        pytest.importorskip(needed, reason=f"{needed} is not installed; the extra of that name has it")
    return import_module(f"scancc.bridges.{name}")


def recurrence():
    """y[t] = a y[t-1] + v[t], its rows, and their plain NumPy twin with gradients of the sum of squares."""
    v, a = T.dvector("v"), T.dscalar("a")
    rows, _ = sc.scan(lambda x, h: a * h + x, v, T.constant(0.0))
    return v, a, rows


# ---- by address ---------------------------------------------------------------------------------------


def test_a_function_of_numbers_by_address():
    rows, _ = sc.scan(lambda h: h * X, outputs_info=T.constant(1.0), n_steps=T.iround(Y))
    total = native.pointer(sc.function([X, Y], rows.sum()))
    assert total(2.0, 3.0) == 14.0 and total(1.0, 1000.0) == 1000.0
    assert np.isnan(total(2.0, -1.0)), "an error is NaN"
    by_array = native.pointer(sc.function([X, Y], X - Y), "array")
    assert by_array(2, (ctypes.c_double * 2)(5.0, 3.0)) == 2.0
    assert np.isnan(by_array(1, (ctypes.c_double * 2)(5.0, 3.0))), "another number of numbers"


def test_shared_variables_are_what_they_are_now():
    gain = sc.shared(2.0)
    call = native.pointer(sc.function([X], gain * X))
    gain.set_value(5.0)
    assert call(3.0) == 6.0


@pytest.mark.parametrize("make, say", [
    (lambda: sc.function([T.dvector("v")], T.constant(1.0), on_unused_input="ignore"), r"float64\[\?\]"),
    (lambda: sc.function([X], [X, X]), "one number"),
    (lambda: sc.function([T.fscalar("f")], X, givens={X: 1.0}, on_unused_input="ignore"), r"float32\[\]"),
    (lambda: sc.function([X], X, updates={(s := sc.shared(0.0)): s + 1}), "updates shared variables"),
    (lambda: sc.function([X], X, mode="reference"), "run by the interpreter"),
])
def test_what_has_no_address(make, say):
    with pytest.raises(UnsupportedError, match=say):
        native.pointer(make())


def test_numba_calls_it_without_python():
    numba = pytest.importorskip("numba", reason="numba is not installed")
    call = native.pointer(sc.function([X, Y], X * Y + 1))
    assert numba.njit(lambda: call(2.0, 3.0) + 1)() == 8.0


def test_scipy_integrates_it():
    scipy = bridge("scipy")
    from scipy.integrate import nquad, quad

    value, _ = quad(scipy.low_level_callable(sc.function([X], T.exp(-X * X))), 0, np.inf)
    np.testing.assert_allclose(value, np.sqrt(np.pi) / 2, rtol=1e-7)
    value, _ = nquad(scipy.low_level_callable(sc.function([X, Y], X * Y + 1)), [[0, 1], [0, 2]])
    np.testing.assert_allclose(value, 3.0)


def test_bridges_are_found_by_name():
    assert sc.bridges.native is native and dir(sc.bridges) == ["jax", "native", "scipy", "torch"]
    with pytest.raises(AttributeError, match="it has jax, native"):
        sc.bridges.tensorflow  # noqa: B018


# ---- torch ---------------------------------------------------------------------------------------------


def test_torch_trains_through_it():
    torch_bridge = bridge("torch")
    import torch

    v, a, rows = recurrence()
    f = torch_bridge.function([v, a], [rows, T.argmax(rows)], name="ar")
    x = torch.arange(1.0, 5.0, dtype=torch.float64, requires_grad=True)
    weight = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    found, place = f(x, weight)
    assert not place.requires_grad and f.__name__ == "ar"
    (found**2).sum().backward()
    want, h = [], torch.zeros((), dtype=torch.float64)
    x2, w2 = x.detach().clone().requires_grad_(), weight.detach().clone().requires_grad_()
    for value in x2:
        h = w2 * h + value
        want.append(h)
    (torch.stack(want) ** 2).sum().backward()
    torch.testing.assert_close(x.grad, x2.grad)
    torch.testing.assert_close(weight.grad, w2.grad)
    assert torch.autograd.gradcheck(torch_bridge.function([v, a], rows), (x, weight))
    strided = torch.arange(8.0, dtype=torch.float64)[::2]
    assert f(strided, 0.5)[0].shape == (4,)


# ---- JAX -----------------------------------------------------------------------------------------------


def test_jax_compiles_and_differentiates_it():
    jax_bridge = bridge("jax")
    import jax

    v, a, rows = recurrence()
    n = T.lscalar("n")
    f = jax_bridge.function([v, a, n], rows * n)
    jax.config.update("jax_enable_x64", True)
    x = np.arange(1.0, 5.0)

    def plain(x, a, n):
        return jax.lax.scan(lambda h, v: (a * h + v, (a * h + v) * n), 0.0, x)[1]

    for call in (f, jax.jit(f)):
        np.testing.assert_allclose(call(x, 0.5, 2), plain(x, 0.5, 2))
    found = jax.jit(jax.grad(lambda x, a: (f(x, a, 2) ** 2).sum(), argnums=(0, 1)))(x, 0.5)
    wanted = jax.grad(lambda x, a: (plain(x, a, 2) ** 2).sum(), argnums=(0, 1))(x, 0.5)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other)
    assert jax.vmap(f, in_axes=(0, None, None))(np.ones((3, 4)), 0.5, 1).shape == (3, 4)
    of_steps = jax_bridge.function([n], T.arange(n))
    with pytest.raises(UnsupportedError, match="depends on values"):
        of_steps(3)
    jax.config.update("jax_enable_x64", False)
    with pytest.raises(UnsupportedError, match="JAX is of 32 bits"):
        f(x, 0.5, 2)
