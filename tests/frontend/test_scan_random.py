"""Random taps, directions, lengths and stops against a plain loop that follows the rules' words."""
# ruff: noqa: C408 - users write dict(initial=x, taps=[...])

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scancc as sc
import scancc.tensor as T
from tests.programs.executors import compile, executor

sequence_taps = st.lists(st.integers(-3, 3), min_size=1, max_size=3)
state_taps = st.lists(st.integers(-4, -1), min_size=1, max_size=3, unique=True)


def by_hand(sequences, initial, taps, backwards, n_steps, limit):
    """The same recurrence, one row after the other: x[t] = mean of all that the step gets."""
    length = min(len(x) - max(0, *ks) + min(0, *ks) for x, ks in sequences)
    length = max(0, length) if n_steps is None else n_steps
    rows = list(initial[:-min(taps)])
    kept = []
    for t in range(length):
        seen = []
        for x, ks in sequences:
            lo, hi = min(0, *ks), max(0, *ks)
            at = len(x) - 1 - hi - t if backwards else t - lo
            seen += [x[at + k] for k in ks]
        seen += [rows[k] for k in taps]
        rows.append(sum(seen) / len(seen) + 1)
        kept.append(rows[-1])
        if limit is not None and rows[-1].sum() > limit:
            break
    return np.array(kept).reshape(len(kept), *initial.shape[1:])


@pytest.mark.long
@pytest.mark.parametrize("name", ["reference", "native"])
@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    taps_of_sequences=st.lists(sequence_taps, min_size=1, max_size=2), taps=state_taps,
    lengths=st.tuples(st.integers(0, 9), st.integers(0, 9)), width=st.sampled_from([None, 1, 3]),
    backwards=st.booleans(), steps=st.none() | st.integers(0, 9), limit=st.none() | st.floats(0, 20),
)
def test_against_a_plain_loop(name, taps_of_sequences, taps, lengths, width, backwards, steps, limit):
    rng = np.random.default_rng(0)
    row = () if width is None else (width,)
    values = [rng.normal(size=(n, *row)) for n, _ in zip(lengths, taps_of_sequences, strict=False)]
    initial = rng.normal(size=(-min(taps), *row))
    pairs = list(zip(values, taps_of_sequences, strict=True))
    enough = min(len(x) - max(0, *ks) + min(0, *ks) for x, ks in pairs)
    n_steps = None if steps is None else max(0, min(steps, enough))

    kind = T.vector if width is None else T.matrix
    xs, state, n = [kind() for _ in values], kind(), T.lscalar()

    def step(*args):
        new = sum(args[1:], args[0]) / len(args) + 1
        return new if limit is None else (new, sc.until(new.sum() > limit))

    start = state[0] if taps == [-1] else state
    result, updates = sc.scan(
        step, sequences=[dict(input=x, taps=ks) for x, ks in zip(xs, taps_of_sequences, strict=True)],
        outputs_info=dict(initial=start, taps=taps), n_steps=None if n_steps is None else n,
        go_backwards=backwards,
    )
    counts = [] if n_steps is None else [(n, n_steps)]
    inputs = [*xs, state, *(v for v, _ in counts)]
    with executor(name):
        found = compile(inputs, result, updates)(*values, initial, *(v for _, v in counts))
    expected = by_hand(pairs, initial, taps, backwards, n_steps, limit)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found.shape == expected.shape
