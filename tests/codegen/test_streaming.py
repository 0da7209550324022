"""Functions that take their sequences in chunks: the rows of the whole, to the bit, from Python and from C."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.frontend.program.streaming import StreamingError
from scancc.runtime import load
from tests.codegen.test_export import STRICT

CC = shutil.which("gcc") or shutil.which("clang")
X = np.random.default_rng(0).normal(size=5000)


def chain() -> Any:
    """A smoother, a resonator with two lags, a layer of two cells with weights, and what is made of their rows."""
    x, gain = T.vector("x"), T.scalar("gain")
    W = sc.shared(np.arange(4.0).reshape(2, 2) / 7, name="W")
    smooth, _ = sc.scan(lambda v, s: s + 0.3 * (T.tanh(v) - s), x, T.constant(0.0))
    ring, _ = sc.scan(lambda v, r1, r2: v + 0.9 * r1 - 0.2 * r2, sequences=smooth * gain,
                      outputs_info={"initial": T.constant([0.5, -0.5]), "taps": [-1, -2]})
    cells, _ = sc.scan(lambda v, h: T.tanh(T.dot(W, h) + v), ring, T.zeros((2,)))
    last = sc.final_state(cells)
    return sc.function([x, gain], {"y": ring * 2 + 1, "cells": cells, "most": cells.max(axis=1), "last": last},
                       name="chain")


def in_chunks(f: Any, lengths: list[int]) -> dict[str, np.ndarray]:
    parts, at = [], 0
    for n in lengths:
        parts.append(f(X[at : at + n], 0.7))
        at += n
    return {k: parts[-1][k] if k == "last" else np.concatenate([p[k] for p in parts]) for k in parts[0]}


LENGTHS = [0, 1, 700, 0, 3, 64, 1000, 5, 2000, 1227]


@pytest.mark.skipif(CC is None, reason="no C compiler on this machine")
def test_chunks_give_the_rows_of_the_whole(tmp_path: Path) -> None:
    whole = chain()(X, 0.7)
    sc.export(chain(), tmp_path, emit="so,json", streaming=True)
    interpreted = chain().in_mode("reference")
    for f, rows in ((chain().streamed(), whole), (load(tmp_path / "chain.so"), whole),
                    (interpreted.streamed(), interpreted(X, 0.7))):
        for key, found in in_chunks(f, LENGTHS).items():
            np.testing.assert_array_equal(found, rows[key])


MAIN = r"""
#include <stdio.h>
#include <string.h>
#include "chain.h"

static double x[5000], y[5000], cells[10000], most[5000], last[2], again[1000];

int main(int n_arguments, char **arguments)
{
    FILE *file = fopen(arguments[n_arguments - 1], "rb");
    if (file == NULL || fread(x, sizeof *x, 5000, file) != 5000)
        return 1;
    fclose(file);
    const int64_t lengths[] = {0, 1, 700, 0, 3, 64, 1000, 5, 2000, 1227};
    static char room[1 << 16];
    chain_state state, kept;
    chain_init(&state);
    int64_t at = 0, need, staging, n0, n1, n2;
    for (int i = 0; i < 10; i++) {
        const int64_t n = lengths[i];
        if (chain_run_query(&state, x + at, n, 1, 0.7, &n0, &n1, &n2, &need, &staging) != 0)
            return 2;
        if (n0 != n || n1 != n || n2 != n || need > (int64_t)sizeof room)
            return 2;
        if (chain_run(&state, x + at, n, 1, 0.7, y + at, 1, cells + 2 * at, 2, 1, most + at, 1, last, 1, room, need))
            return 3;
        at += n;
        if (i == 5)
            chain_snapshot(&state, &kept);
        if (i == 6)
            memcpy(again, y + at - n, sizeof again);
    }
    /* from the snapshot on, once more; a call that fails leaves the state */
    if (chain_run(&kept, NULL, 3, 1, 0.7, y, 1, cells, 2, 1, most, 1, last, 1, room, sizeof room) != -1)
        return 4;
    static double other[1000];
    if (chain_run(&kept, x + 768, 1000, 1, 0.7, other, 1, cells, 2, 1, most, 1, last, 1, room, sizeof room) != 0
        || memcmp(other, again, sizeof other) != 0)
        return 5;
    return fwrite(y, sizeof *y, 5000, stdout) == 5000 ? 0 : 6;
}
"""


@pytest.mark.skipif(CC is None, reason="no C compiler on this machine")
def test_in_c(tmp_path: Path) -> None:
    sc.export(chain(), tmp_path, emit="a,h,o", streaming=True, freeze=True)
    (tmp_path / "main.c").write_text(MAIN)
    X.tofile(tmp_path / "x")
    compiled = subprocess.run([str(CC), "-std=c99", "-O1", *STRICT, f"-I{tmp_path}", str(tmp_path / "main.c"),
                               str(tmp_path / "chain.a"), "-lm", "-o", str(tmp_path / "main")],
                              capture_output=True, text=True, timeout=60, check=False)
    assert compiled.returncode == 0, compiled.stderr
    done = subprocess.run([str(tmp_path / "main"), str(tmp_path / "x")], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.returncode
    np.testing.assert_array_equal(np.frombuffer(done.stdout), chain()(X, 0.7)["y"])


def test_streams_of_other_lengths_and_user_updates() -> None:
    x, w = T.vector("x"), T.vector("w")
    calls = sc.shared(0, name="calls")
    y, _ = sc.scan(lambda a, b, s: s + a * b, [x, w], T.constant(1.0))
    f = sc.function([x, w], y, updates={calls: calls + 1}, name="f").streamed()
    assert f(np.ones(2), np.ones(2)).tolist() == [2, 3] and f([], []).tolist() == [] and calls.get_value() == 2
    assert f([2.0], [2.0]).tolist() == [7]
    with pytest.raises(ValueError, match="have 1 and 2 rows; a call takes as many"):
        f(np.ones(2), np.ones(1))
    assert f([0.0], [0.0]).tolist() == [7]


def test_states_of_the_program_are_those_of_its_scans() -> None:
    x = T.vector("x")
    mean, count = sc.shared(0.5, name="mean"), sc.shared(0.0, name="count")
    (n, m), _ = sc.scan(lambda v, n, m: (n + 1, m + (v - m) / (n + 1)), x, [count, mean])
    h, _ = sc.scan(lambda v, s: v - s, x, T.constant(0.0))
    updates = {count: sc.final_state(n), mean: sc.final_state(m)}
    f = sc.function([x], {"means": m, "rows": h, "last": sc.final_state(h)}, updates=updates, name="f").streamed()
    assert sorted(v.name for v in f.program.shared) == ["count", "mean", "s"]
    f(X[:3]), f([])
    assert f(X[3:9])["means"][-1] == mean.get_value() == pytest.approx(X[:9].mean()) and count.get_value() == 9
    assert f([])["last"] == pytest.approx(sum(X[:9] * (-1.0) ** np.arange(8, -1, -1)))


def test_draws_go_on() -> None:
    x = T.vector("x")
    stream = sc.RandomStream(3)
    y, updates = sc.scan(lambda v, s: 0.5 * s + v * stream.normal(), x, T.constant(0.0))
    f = sc.function([x], y, updates=updates, name="noisy")
    g = f.copy().streamed()
    assert g(np.ones(4)).shape == (4,) and g(np.ones(3)).shape == (3,)


def refused() -> dict[str, tuple[Any, str]]:
    x, h, n = T.vector("x"), T.scalar("h"), T.iscalar("n")

    def scan(outputs: Any = None, **changes: Any) -> Any:
        arguments = {"sequences": x, "outputs_info": T.constant(0.0)} | changes
        y, _ = sc.scan(lambda v, *s: sum(s, v), **arguments)
        return sc.function([x, h, n], outputs(y) if outputs else y, on_unused_input="ignore")

    return {
        "last row": (scan(lambda y: y[-1]), "subtensor does not make each row [^$]*final_state"),
        "sum": (scan(lambda y: y.sum()), "sum does not make each row"),
        "lag": (scan(sequences={"input": x, "taps": [0, -1]}), "a lag is one that keeps"),
        "steps": (scan(n_steps=n), "Leave n_steps out"),
        "backwards": (scan(go_backwards=True), "does not make each row"),
        "initial": (scan(outputs_info=h), "rests on `h`"),
        "length": (scan(lambda y: [y, y.shape[0]]), "it is told by how many rows"),
        "no sequence": (sc.function([x], x * 2), "no input is a sequence"),
        "whole": (scan(sequences=x, non_sequences=x.sum()), "sum does not make each row"),
        "until": (sc.function([x], sc.scan(lambda v, s: (s + v, sc.until(v > 3)), x, T.constant(0.0))[0]), "until"),
        "sums": (sc.function([x], sc.scan(lambda v, s: s + v, x, T.constant(0.0))[0], fast_math="reassociate"),
                 "fast_math allows 'reassociate'"),
    }


@pytest.mark.parametrize("what", refused())
def test_refused(what: str) -> None:
    f, say = refused()[what]
    with pytest.raises(StreamingError, match=say):
        f.streamed()
