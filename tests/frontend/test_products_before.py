"""Products of all rows before a scan: made tile by tile in its loop, with the same bits, and no rows kept."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags

UNITS = 5


def scan(step, sequences, type="float64"):
    start = T.zeros((UNITS,), type)
    return sc.scan(step, sequences=sequences, outputs_info=start, return_updates=False)


def gated(p, q, h):
    z = T.sigmoid(p)
    return z * h + (1 - z) * T.tanh(q)


PRODUCTS = {
    "one": lambda x, w, b: scan(lambda v, h: T.tanh(v + h), T.dot(x, w)),
    "and a bias": lambda x, w, b: scan(lambda v, h: v * h + v, x @ w + b),
    "two gates": lambda x, w, b: scan(gated, [x @ w + b, 2 * T.dot(x, w)]),
    "from the last row on": lambda x, w, b: scan(lambda v, h: T.tanh(v + h), T.dot(x, w)[::-1]),
    "of a map": lambda x, w, b: scan(lambda v, h: T.tanh(v + h) * h + b, (1 + x) @ w)[-1],
}


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("type, fast_math", [("float64", None), ("float32", None), ("float64", "strict")])
def test_products_of_rows_are_made_in_the_loop(name, type, fast_math):
    x, w, b = T.matrix("x", type), T.matrix("w", type), T.vector("b", type)
    wanted = PRODUCTS[name](x, w, b) if type == "float64" else T.cast(PRODUCTS[name](x, w, b), type)

    def compiled(mode=None):
        return sc.function([x, w, b], wanted, on_unused_input="ignore", mode=mode, fast_math=fast_math)
    f, reference = compiled(), compiled("reference")
    with change_flags(leave_out="fuse-producers"):
        kept = compiled()
    tolerances = (1e-4, 1e-6) if type == "float32" else (1e-9, 1e-12)
    rng = np.random.default_rng(3)
    for length, width in ((1, 3), (7, 1), (64, 17), (515, 3)):
        given = [rng.standard_normal(shape).astype(type) for shape in ((length, width), (width, UNITS), (UNITS,))]
        assert f(*given).tobytes() == kept(*given).tobytes(), (length, width)
        np.testing.assert_allclose(f(*given), reference(*given), *tolerances)
    small, large = (f.memory_plan(*(np.zeros(shape, type) for shape in ((n, 3), (3, 5), (5,)))).workspace_nbytes
                    for n in (3000, 20_000))
    assert small == large


@pytest.mark.parametrize("why, step", {
    "it may stop": lambda v, h: (T.tanh(v + h), sc.until(h.sum() > 3)),
    "more with its rows": lambda v, h: T.tanh(T.dot(v, T.eye(UNITS)) + h),
}.items())
def test_products_that_stay_before_the_loop_say_why(why, step):
    x, w = T.matrix("x"), T.matrix("w")
    f = sc.function([x, w], scan(step, T.dot(x, w)))
    assert any(why in str(remark) for remark in f.remarks("fuse-producers", done=False))
