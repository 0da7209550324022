"""States of few rows, as equations of a system are written: numbers, and a loop over lanes as for separate states."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from tests.programs.executors import compile

S, X, N, DT = T.tensor("s", dtype="float64", shape=(3, None)), T.matrix("x"), T.lscalar("n"), T.scalar("dt")
RNG = np.random.default_rng(3)


def field(s):
    x, y, z = s[0], s[1], s[2]
    return T.stack([3.0 * (y - x), x * (2.0 - z) - y, x * y - 0.5 * z])


def midpoint(s, dt):
    return s + dt * field(s + dt / 2 * field(s))


STEPS = {
    "stacked": midpoint,
    "a row set": lambda s, dt: T.set_subtensor(s[1], T.sin(s[0]) * dt + s[2]),
    "two rows set": lambda s, dt: T.set_subtensor(T.set_subtensor(s[0], s[2] * dt)[2], T.cos(s[0])),
    "some rows set": lambda s, dt: T.set_subtensor(s[1:], T.sin(s[:2]) * dt),
    "turned": lambda s, dt: T.concatenate([s[1:] * dt, T.stack([T.tanh(s[0])])]),
    "a row added to all": lambda s, dt: s * dt + s[1],
    "a choice": lambda s, dt: T.switch(s[0] > dt, field(s), -s),
    "with the mean of a row": lambda s, dt: T.stack([s[1] * dt, s[2] - s[0].mean(), s[0]]),
    "with the sum of all": lambda s, dt: T.stack([s[1], s[2], s[0]]) - dt * s.sum(),
    "times a matrix": lambda s, dt: T.dot(T.stack([s[1], s[2], s[0]]), T.outer(s[0], s[1])) * dt,
    "parts of rows": lambda s, dt: T.stack([s[0] * dt, s[2], T.concatenate([s[1, 1:], s[1, :1]])]),
}


@pytest.mark.usefixtures("every_executor")
@pytest.mark.parametrize("step", STEPS.values(), ids=list(STEPS))
def test_numbers(step):
    rows, _ = sc.scan(step, outputs_info=S, non_sequences=DT, n_steps=N)
    outputs = [rows, rows[-1:], (rows[:, 1] ** 2).sum()]
    f, reference = compile([S, N, DT], outputs), sc.function([S, N, DT], outputs, mode="reference")
    for width in (1, 2, 11):
        start = RNG.normal(size=(3, width))
        for n in (0, 1, 4):
            for got, want in zip(f(start, n, 0.1), reference(start, n, 0.1), strict=True):
                np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("step", STEPS.values(), ids=list(STEPS))
def test_gradients_are_those_of_the_reference(step):
    rows, _ = sc.scan(lambda x, s, dt: step(0.2 * s, dt) + x, X, S, DT)
    slopes = sc.grad((T.sin(rows) ** 2).sum(), [X, S, DT], disconnected_inputs="ignore")
    f, reference = (sc.function([X, S, DT], slopes, mode=mode) for mode in (None, "reference"))
    values = 0.2 * RNG.normal(size=(5, 9)), 0.2 * RNG.normal(size=(3, 9)), 0.1
    for got, want in zip(f(*values), reference(*values), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def test_a_system_runs_lane_by_lane_as_its_separate_equations_do():
    def separate(x, y, z, dt):
        def moved(by, k):
            return [a + by * d for a, d in zip((x, y, z), k, strict=True)]

        def slopes(x, y, z):
            return 3.0 * (y - x), x * (2.0 - z) - y, x * y - 0.5 * z
        return moved(dt, slopes(*moved(dt / 2, slopes(x, y, z))))
    parts = [T.vector(name) for name in "xyz"]
    apart = [rows[-1] for rows in sc.scan(separate, outputs_info=parts, non_sequences=DT, n_steps=N)[0]]
    last = sc.scan(midpoint, outputs_info=S, non_sequences=DT, n_steps=N)[0][-1]
    f, g = sc.function([S, N, DT], last), sc.function([*parts, N, DT], apart)
    start = RNG.normal(size=(3, 37))
    assert f(start, 20, 0.01).tobytes() == np.stack(g(*start, 20, 0.01)).tobytes()
    assert f.remarks("lanes", done=True) and f.remarks("split-states", done=True)


def test_a_state_that_is_read_whole_stays_one_and_says_why():
    f = sc.function([S, N, DT], sc.scan(STEPS["times a matrix"], outputs_info=S, non_sequences=DT, n_steps=N)[0][-1])
    (said,) = f.remarks("split-states", done=False)
    assert "though the step picks some: made whole by an elementwise product (line " in said.reason
