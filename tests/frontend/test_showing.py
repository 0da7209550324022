"""What variables and functions show of themselves."""

from __future__ import annotations

import functools
import inspect

import numpy as np

import scancc as sc
import scancc.tensor as T


def test_a_variable_shows_its_type():
    h = T.matrix("h<1>", shape=(None, 32))
    assert (str(h), repr(h)) == ("h<1>", "h<1>: float64[?, 32]")
    assert str(h + 1) == "<Variable float64[?, 32]>" and repr(h + 1) == "<Variable float64[?, 32] from add>"
    assert repr(sc.scan(lambda v: v, h)[0]) == "<Variable float64[?, 32] from scan>"
    assert repr(sc.shared(np.zeros(3), "s")) == "s: float64[?]"
    assert repr([T.constant(2.0), T.constant(2.0, name="two")]) == "[2.0, two: float64[]]"
    assert h._repr_html_() == "<code><b>h&lt;1&gt;</b>: float64[?, 32]</code>"
    assert (h + 1)._repr_html_() == "<code>float64[?, 32] from add</code>"


def test_a_function_tells_what_it_takes_and_gives():
    x, k, state = T.matrix("x"), T.iscalar("k"), sc.shared(np.zeros(2), "state")
    rows, _ = sc.scan(lambda s: s * 2, outputs_info=state, n_steps=k)
    f = sc.function([x, sc.In(k, value=3)], {"rows": rows, "x": x}, updates={state: rows[-1]}, name="double")
    text = repr(f)
    assert text.startswith("<scancc function double(x: float64[?, ?], k: int32[]) -> {rows: float64[?, ?], "
                           "x: float64[?, ?]}; 1 scan; 1 shared variable; 1 update; ")
    assert "<td>output</td><td><code>rows: float64[?, ?]</code>" in f._repr_html_()
    assert repr(f.in_mode("reference")).endswith("NumPy interpreter>")
    assert f.__name__ == "double" and str(inspect.signature(f)) == "(x: 'float64[?, ?]', k: 'int32[]' = 3)"


def test_signatures_of_any_inputs():
    x, y = T.scalar("x"), T.scalar()
    assert list(inspect.signature(sc.function([y, x], x + y)).parameters) == ["argument_0", "x"]
    assert list(inspect.signature(sc.function([x, y], x + y)).parameters) == ["x", "argument_1"]
    twice = sc.function([x, sc.In(T.scalar(), name="x")], x, on_unused_input="ignore")
    assert len(inspect.signature(twice).parameters) == 2
    late = sc.function([sc.In(x, value=1.0), y], x + y)
    assert len(inspect.signature(late).parameters) == 2
    assert sc.function([], []).__name__ == "function"
    assert "[float64[], float64[]]" in repr(sc.function([x], [x, x]))

    @functools.wraps(late)
    def wrapped(*args):
        return late(*args)

    assert wrapped.__name__ == "function"
