"""Gradients of scans in blocks of steps: the same numbers in less memory."""

import functools
import re

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags
from scancc.frontend.gradients import grad
from scancc.frontend.gradients.revolve import next_kept
from scancc.frontend.graph.variables import applies

X, M, A, V, H, H0 = (kind(name) for kind, name in [
    (T.vector, "x"), (T.matrix, "xs"), (T.scalar, "a"), (T.vector, "v"), (T.vector, "h"), (T.scalar, "h0")])
N = T.lscalar("n")
RNG = np.random.default_rng(0)
ROWS = {n: RNG.normal(size=(n, 4)) for n in (0, 1, 2, 7, 20)}
VALUES = {A: 0.7, V: RNG.normal(size=4), H: RNG.normal(size=4), H0: 0.2}


def value_of(variable, n):
    if variable is N:
        return n
    return {X: ROWS[n][:, 0], M: ROWS[n]}.get(variable, VALUES.get(variable))


def loss(rows):
    """A cost that moves with all rows and with the last one, 0 where there is none."""
    return (rows * rows).sum() + T.exp(rows)[-2:].sum()


def recurrence(**options):
    return sc.scan(lambda x, h, a: T.tanh(x + a * h), X, H0, A, **options)


def matrices(**options):
    return sc.scan(lambda x, h, w: T.tanh(x + w @ h), M, H, [T.outer(V, V)], **options)


def stops(**options):
    return sc.scan(lambda x, h, a: (T.tanh(x + a * h) + h, sc.until(abs(h) > 1.5)), X, H0, A, **options)


def lags(**options):
    initial = {"initial": T.outer(T.arange(3), H), "taps": [-1, -3]}
    return sc.scan(lambda x, h1, h3, a: T.tanh(x * h1 + a * h3), M, initial, A, **options)


def scalar_lags(**options):
    return sc.scan(lambda x, h1, h3, a: T.tanh(x * h1 + a * h3), X, {"initial": H, "taps": [-1, -4]}, A, **options)


def windows(**options):
    padded = T.concatenate([H[:2], X])
    return sc.scan(lambda x, x2, h, a: T.sin(x * h + a * x2), {"input": padded, "taps": [0, -2]}, H0, A, **options)


def nests(**options):
    def outer(x, h, a):
        rows, _ = sc.scan(lambda g, a, x: T.tanh(g * a + x), None, h, [a, x], n_steps=3)
        return rows[-1] + 0.1 * T.cos(rows).sum()
    return sc.scan(outer, X, H0, A, **options)


def draws(**options):
    stream = T.random.RandomStream(5)
    return sc.scan(lambda x, h, a: T.tanh(x + a * h + stream.normal(size=(4,)) * h), M, H, A, **options)


def updates(**options):
    k = sc.shared(np.array(1.5), "k")
    return sc.scan(lambda x, h, a: (T.tanh(x + a * h + k), {k: k * 0.9 + 0.1 * h}), X, H0, A, **options)


def reversed_rows(**options):
    return sc.scan(lambda x, h, a: T.tanh(x + a * h), X, H0, A, go_backwards=True, **options)


def truncated(**options):
    return sc.scan(lambda x, h, a: T.tanh(x + a * h), X, H0, A, truncate_gradient=4, **options)


def truncated_stops(**options):
    return stops(truncate_gradient=3, **options)


def truncated_lags(**options):
    return lags(truncate_gradient=5, **options)


def counted(**options):
    return sc.scan(lambda h, a: T.sin(a * h), None, H, A, n_steps=N, **options)


def tables(**options):
    def step(x, h, table):
        i = T.cast(abs(x) * 10, "int64") % 4
        return T.tanh(h + table[i]), T.set_subtensor(table[3 - i], T.tanh(h * table[i]))
    (rows, _), updates = sc.scan(step, X, [H0, V], **options)
    return rows, updates


def maps(**options):
    return sc.scan(lambda x, v: T.tanh(x * v).sum(), M, None, V, **options)


def stacks(**options):
    """Two outputs, and a cost that is no function of each row alone."""
    (rows, sums), updates = sc.scan(lambda x, h, v: (T.tanh(x + v * h), (x * h).sum()), M, [H, None], V, **options)
    return T.cumsum(sums) * rows.T[0], updates


PROGRAMS = [recurrence, matrices, stops, lags, scalar_lags, windows, nests, draws, updates, reversed_rows, truncated,
            truncated_stops, truncated_lags, counted, tables, maps, stacks]
REGROUPED = {matrices, lags, truncated_lags, scalar_lags, counted, draws, maps}  # with sums over steps block by block
WAYS = [*(({"checkpoints": n}, {}) for n in (1, 3, "sqrt")), ({}, {"max_bytes": 20_000})]


def gradients(program, mode=None, scan_options=None, grad_options=None):
    """A function of all variables, for the cost and its gradients."""
    rows, updates = program(**scan_options or {})
    cost = loss(rows)
    found = grad(cost, [X, M, A, V, H, H0], disconnected_inputs="ignore", **grad_options or {})
    return sc.function([X, M, A, V, H, H0, N], [cost, *found], updates=updates, mode=mode, on_unused_input="ignore")


def require_equal(program, mode, ways):
    expected = gradients(program, mode)
    found = [gradients(program, mode, *way) for way in ways]
    for n in ROWS:
        values = [value_of(v, n) for v in (X, M, A, V, H, H0, N)]
        want = expected(*values)
        for f in found:
            got = f(*values)
            if program in REGROUPED:
                for x, y in zip(got, want, strict=True):
                    np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-13)
            else:
                assert all(np.array_equal(x, y) for x, y in zip(got, want, strict=True)), (n, got, want)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_numbers_do_not_change(program):
    require_equal(program, "reference", WAYS)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_native_numbers_do_not_change(program):
    """But for products that join a sum: which do depends on what else reads them."""
    with change_flags(fast_math="strict"):
        require_equal(program, None, [WAYS[PROGRAMS.index(program) % len(WAYS)]])


def least_of(program):
    """The bytes that the gradient of 20 steps needs."""
    with pytest.raises(MemoryError, match="keeps") as error:
        gradients(program, "reference", {}, {"max_bytes": 1})(*(value_of(v, 20) for v in (X, M, A, V, H, H0, N)))
    return int(re.findall(r"keeps (\d+) bytes at least", str(error.value))[0])


@pytest.mark.parametrize(("program", "mode"), [
    (matrices, "reference"), (draws, "reference"), (tables, "reference"), (stops, "reference"), (stops, None),
    (lags, None)], ids=lambda v: getattr(v, "__name__", v))
def test_numbers_do_not_change_with_two_slots(program, mode):
    """The steps run many times, from starts that were kept anew; `stops` does not know its last block."""
    with change_flags(fast_math="strict"):
        require_equal(program, mode, [({}, {"max_bytes": least_of(program)})])


def test_a_scan_that_may_stop_keeps_few_starts():
    def build(**options):
        def step(h, a):
            return T.tanh(a * h) + 0.5, sc.until(h[0] > 0.999)
        rows, _ = sc.scan(step, None, H, V, n_steps=N)
        return sc.function([H, V, N], grad((rows[-1] ** 2).sum(), V, **options))

    start, factor = np.zeros(8), np.full(8, 0.9999)
    full, few = build(), build(max_bytes=2000)
    for n in (1, 2, 50, 3000):
        assert np.array_equal(few(start, factor, n), full(start, factor, n))
    assert few.memory_plan(start, factor, 10**12).workspace_nbytes < 4000


def test_of_large_states_that_may_stop_few_have_room():
    """Room for what 2**20 steps want was more than a trace of the steps that ran."""
    h, n = T.vector("h"), T.lscalar("n")

    def gradient(mode=None, **options):
        rows, _ = sc.scan(lambda h: (0.99 * T.sin(h), sc.until(h.sum() < 1e3)), outputs_info=h, n_steps=n, **options)
        return sc.function([h, n], grad((rows[-1] ** 2).sum(), h), mode=mode)

    f = gradient(checkpoints="sqrt")
    assert f.memory_plan(np.empty(20_000), 10**9).peak_nbytes < 2**24 + 10 * 8 * 20_000
    values = np.linspace(0, 1, 20_000), 10**6
    np.testing.assert_allclose(f(*values), gradient("reference")(*values), rtol=1e-12)


def test_blocks_run_again_as_few_times_as_the_slots_allow():
    names = [T.lscalar(name) for name in ("block", "last", "free")]
    following = sc.function(names, next_kept(*names))

    @functools.cache
    def least(n, s):
        """The runs of blocks before their own turn, from one start, with s slots, one of them in use."""
        if s == 1 or n == 1:
            return n * (n - 1) // 2
        return min(ahead + least(n - ahead, s - 1) + least(ahead, s) for ahead in range(1, n))

    @functools.cache
    def runs(n, s):
        ahead = int(following(0, n - 1, s - 1)) if n > 1 else 0
        if s == 1 or n == 1:
            assert ahead == n - 1
            return n * (n - 1) // 2
        return ahead + runs(n - ahead, s - 1) + runs(ahead, s)

    assert all(runs(n, s) == least(n, s) for n in range(1, 40) for s in range(1, 7))


# ---- what is kept of each step ----


def gates(x, h, c, w):
    """Parts whose lengths nothing outside the step tells."""
    all_of = x @ w + h @ w
    keep, new = T.sigmoid(all_of[:4]), T.tanh(all_of[4:8])
    c = keep * c + (1 - keep) * new
    return T.tanh(c) * T.sigmoid(all_of[8:12]), c


def of_gates(n=None, scan_options=None, **grad_options):
    xs = T.TensorType("float64", (n, 4))("xs")
    h, c = (T.TensorType("float64", (4,))(name) for name in "hc")
    w = T.TensorType("float64", (4, None if n is None else 12))("w")
    (rows, _), _ = sc.scan(gates, xs, [h, c], [w], **scan_options or {})
    return sc.function([xs, h, c, w], grad((rows**2).sum(), [w, h, xs], **grad_options))


def require_same(found, expected):
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-14)


def test_states_alone_are_kept_of_each_step():
    """Each step's functions once more, and none of their values kept."""
    values = RNG.normal(size=(30, 4)), np.zeros(4), np.ones(4), RNG.normal(size=(4, 12)) * 0.3
    full, few = of_gates(), of_gates(scan_options={"checkpoints": "states"})
    require_same(few(*values), full(*values))
    many = np.empty((10_000, 4)), *values[1:]
    assert few.memory_plan(*many).workspace_nbytes < full.memory_plan(*many).workspace_nbytes - 10_000 * 8 * 8
    assert any("the fewest bytes are kept" in remark.reason for remark in few.remarks)


@pytest.mark.parametrize(("max_bytes", "said"), [
    (20_000, None), (2_500, "the fewest bytes are kept"),
    (700, r"blocks of \d steps run again from \d states that are kept at a time, \d times at most")])
def test_a_budget_takes_what_costs_least_of_what_it_allows(max_bytes, said):
    values = RNG.normal(size=(30, 4)), np.zeros(4), np.ones(4), RNG.normal(size=(4, 12)) * 0.3
    found = of_gates(30, max_bytes=max_bytes)
    require_same(found(*values), of_gates()(*values))
    remarks = [r.reason for r in found.remarks if r.pass_name == "check-rows"]
    assert not remarks if said is None else any(re.search(said, text) for text in remarks), remarks


def test_blocks_of_rows_that_only_the_step_tells_the_lengths_of():
    values = RNG.normal(size=(30, 4)), np.zeros(4), np.ones(4), RNG.normal(size=(4, 12)) * 0.3
    found = of_gates(scan_options={"checkpoints": "sqrt"})
    require_same(found(*values), of_gates()(*values))
    assert any("blocks of steps run again, once, from states that are kept" in r.reason for r in found.remarks)


# ---- memory -------------------------------------------------------------------------------------------


def workspace(n, size, scan_options, grad_options, cost=lambda rows: rows[-1].sum()):
    """Bytes that the gradients of a state of `size` elements take beside inputs and outputs, over n steps."""
    rows, _ = sc.scan(lambda h, v: T.tanh(v * h), None, H, V, n_steps=N, **scan_options)
    f = sc.function([V, H, N], grad(cost(rows), [V, H], **grad_options))
    return f.memory_plan(np.empty(size), np.empty(size), n).workspace_nbytes


@pytest.mark.parametrize("axis", [0, 1])
def test_rows_that_a_cost_joins_with_others_tell_no_length_of_blocks(axis):
    """Its gradient is a slice of what is joined, whose length was asked of rows of the very scan: a circle."""
    ahead, behind = matrices(), matrices(go_backwards=True)
    cost = T.sqr(T.concatenate([ahead[0], behind[0][::-1]], axis)).sum()
    functions = [sc.function([M, H, V], grad(cost, [M, H, V], **options)) for options in ({}, {"max_bytes": 2000})]
    for whole, blocks in zip(*(f(ROWS[7], VALUES[H], VALUES[V]) for f in functions), strict=True):
        np.testing.assert_allclose(blocks, whole, rtol=1e-12)


def test_the_memory_grows_as_the_root_of_the_steps():
    sizes = [workspace(n, 100, {"checkpoints": "sqrt"}, {}) for n in (100, 10_000, 1_000_000)]
    assert sizes[2] < 10.5 * sizes[1] < 110 * sizes[0]
    assert sizes[2] < 100 * 8 * 3 * 1000


def test_of_a_truncated_gradient_the_blocks_are_those_of_the_last_steps():
    """However many steps there are; where k rows of a known size fit, they are rows."""
    def of_last(k, **options):
        return [workspace(n, 100, {**options, "truncate_gradient": k}, {}) for n in (10**4, 10**6)]

    few, many = of_last(10**4, checkpoints="sqrt")
    assert few == many < 1.02 * workspace(10**4, 100, {"checkpoints": "sqrt"}, {})
    assert of_last(100)[1] == of_last(100)[0] > 3 * of_last(100, checkpoints="sqrt")[0]


@pytest.mark.parametrize(("max_bytes", "runs_again"), [(8 * 50, False), (8 * 40, True)])
def test_a_truncated_gradient_keeps_rows_where_the_last_ones_fit(max_bytes, runs_again):
    rows, _ = sc.scan(lambda x, h: T.tanh(x + h), X, H0, truncate_gradient=50)
    f = sc.function([X, H0], grad(rows[-1], X, max_bytes=max_bytes))
    assert any("run again" in r.reason for r in f.remarks) is runs_again


def test_blocks_of_scalars_run_again_side_by_side():
    """Also where the last ones are not whole, or a state counts."""
    def build(**options):
        def step(x, k, h, a):
            return k + 1, T.tanh(a * h + x) * T.exp(-x * x) + 0.1 * T.sin(k * 1.0)
        (_, rows), _ = sc.scan(step, X, [T.constant(3), H0], A, **options)
        return sc.function([X, H0, A], grad(loss(rows), [H0, A, X]))

    plain, blocks = build(), build(checkpoints="sqrt")
    assert "each [i < 8]" in str(blocks.dump("scan"))
    for n in (1, 2, 15, 16, 17, 100, 127, 128, 129):
        x = np.linspace(-1.0, 1.0, n)
        for found, expected in zip(blocks(x, 0.3, 1.1), plain(x, 0.3, 1.1), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    rows, _ = sc.scan(lambda h, a: T.tanh(a * h), None, H0, A, n_steps=N, checkpoints="sqrt")
    f = sc.function([H0, A, N], grad(rows[-1], A))
    assert f.memory_plan(0.3, 1.1, 10**6).workspace_nbytes < 8 * 8 * 1000 * 1.6  # 8 MB with all rows


@pytest.mark.parametrize("max_bytes", [20_000, 200_000, 1_000_000, 20_000_000])
def test_a_budget_is_kept_to(max_bytes):
    """What is left is a row of each state and gradient: with all rows it is 160 MB."""
    assert workspace(100_000, 100, {}, {"max_bytes": max_bytes}) < max_bytes + 8 * 100 * 10


def test_a_cost_of_all_rows_keeps_none_of_them():
    """The gradient of each row is made again from the row."""
    cost = lambda rows: ((rows - 0.5) ** 2).sum()  # noqa: E731
    assert workspace(100_000, 100, {}, {"max_bytes": 10**6}, cost) < 10**6 + 8 * 100 * 10


def test_of_arrays_the_last_row_of_a_block_alone_is_copied():
    """Not each row to where the next block starts: 1.6 times the time of the gradient without blocks, now 1.1."""
    rows, _ = matrices(checkpoints=10)
    text = sc.function([M, H, V], grad(loss(rows), V)).ir("loop", after="bufferize")
    step = text[text.index("carry(%step_of_block"):].split("yield 0")[0]
    assert re.search(r"copy %\d+ to &", step[step.index("if %step_of_block"):])
    assert step.count("copy") == 1


@pytest.mark.parametrize("n_rows", [3, None])
def test_lengths_of_states_are_no_rows(n_rows):
    """A state that the reverse reads the parts of alone has the shape that it starts with."""
    points, c = T.TensorType("float64", (n_rows, None))("points"), T.scalar("c")

    def step(h, c):
        x, y, z = h[0], h[1], h[2]
        return T.stack([x + c * (y - x), y + c * (x * z - y), z + c * (x * y - z)])

    def gradient(mode=None, **options):
        rows, _ = sc.scan(step, outputs_info=points, non_sequences=c, n_steps=50, **options)
        return sc.function([points, c], grad((rows[-1] ** 2).sum(), [points, c]), mode=mode)

    f = gradient(checkpoints="sqrt")
    assert "alloc i64" not in f.ir("loop", after="bufferize")
    values = RNG.normal(size=(3, 11)), 0.01
    for found, expected in zip(f(*values), gradient("reference")(*values), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_gradients_of_sequences_are_written_in_place():
    rows, _ = sc.scan(lambda x, h: T.tanh(x * h), M, H)
    f = sc.function([M, H], grad(rows[-1].sum(), M, max_bytes=10**5))
    assert f.memory_plan(np.empty((10**4, 4)), np.empty(4)).workspace_nbytes < 10**5


# ---- errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [None, "reference"])
def test_too_small_a_budget_is_an_error_that_says_what_is_the_least(mode):
    rows, _ = sc.scan(lambda h, v: T.tanh(v * h), None, H, V, n_steps=N)

    def call(max_bytes):
        return sc.function([V, H, N], grad(rows[-1].sum(), V, max_bytes=max_bytes), mode=mode)(
            np.ones(4), np.ones(4), 50)

    with pytest.raises(MemoryError, match="keeps .* may keep 100\n  max_bytes is 100; give") as error:
        call(100)
    (least,) = re.findall(r"keeps (\d+) bytes at least", str(error.value))
    assert call(int(least)).shape == (4,)


def test_a_budget_for_known_sizes_is_judged_when_the_gradient_is_built():
    state = T.TensorType("float64", (4,))("h")
    rows, _ = sc.scan(lambda h, v: T.tanh(v * h), None, state, V, n_steps=1000, name="walk")
    again, _ = sc.scan(lambda h, v: T.sin(v * h), None, rows[-1], V, n_steps=1000)
    with pytest.raises(MemoryError, match=r"keeps .* may keep 150\n  max_bytes is 300, which 2 scans share"):
        grad(again[-1].sum(), V, max_bytes=300)


def run_again(max_bytes, *lengths):
    """What the gradient of scans of so many steps, one behind the other, says to run again."""
    state = T.TensorType("float64", (8,))("h")
    last = state
    for n in lengths:
        last = sc.scan(lambda h, v: T.tanh(v * h), None, last, V, n_steps=n)[0][-1]
    ops = [node.op for node in applies([grad(last.sum(), V, max_bytes=max_bytes)])]
    return [op.again for op in ops if getattr(op, "again", None)]


@pytest.mark.parametrize("lengths", [(5000, 5), (5, 5000)])
def test_scans_share_a_budget_by_what_they_need(lengths):
    """A short scan takes but its rows, and keeps them all where there is room."""
    (said,), (alone,) = run_again(10_000, *lengths), run_again(10_000 - 5 * 64, 5000)
    assert said.split(",")[-1] == alone.split(",")[-1] == " 2 times at most"
    assert run_again(100_000, 500, *lengths) == run_again(100_000, 5000) == [
        "blocks of 71 steps run again, once, from states that are kept for each"]


def test_scans_of_lengths_that_only_the_call_tells_share_by_need():
    many, few = (T.lscalar(name) for name in ("many", "few"))
    first = sc.scan(lambda h, v: T.tanh(v * h), None, H, V, n_steps=many)[0][-1]
    last = sc.scan(lambda h, v: T.tanh(v * h), None, first, V, n_steps=few)[0][-1]
    f = sc.function([V, H, many, few], grad(last.sum(), V, max_bytes=40_000))
    sizes = [f.memory_plan(np.empty(64), np.empty(64), n, m).workspace_nbytes for n, m in [(10**5, 9), (9, 10**5)]]
    assert all(32_000 < size < 40_000 + 8 * 64 * 10 for size in sizes)  # even shares: 24 kB


def test_where_all_rows_are_known_to_fit_no_step_runs_twice():
    state = T.TensorType("float64", (4,))("h")
    rows, _ = sc.scan(lambda h, v: T.tanh(v * h), None, state, V, n_steps=100)
    counts = [str(sc.function([state, V], grad(rows[-1].sum(), V, **options)).dump("scan")).count("tanh")
              for options in ({}, {"max_bytes": 10**5}, {"max_bytes": 2000})]
    assert counts[0] == counts[1] < counts[2]


@pytest.mark.parametrize("value", [0, -1, True, 2.5, "much"])
def test_what_is_no_budget(value):
    rows, _ = recurrence()
    with pytest.raises(ValueError, match="max_bytes is .*\n  give a number of bytes, 1 or more"):
        grad(rows[-1], A, max_bytes=value)
    with pytest.raises(ValueError, match="checkpoints is .*\n  give how many steps"):
        recurrence(checkpoints=value)


@pytest.mark.parametrize("options", [{"checkpoints": 3}, {"checkpoints": "sqrt"}])
def test_too_short_a_sequence_is_the_same_error(options):
    """Nothing but the sequence is read: the forward scan leaves the program."""
    def build(**options):
        rows, _ = sc.scan(lambda x: T.sin(x), X, n_steps=N, **options)
        return sc.function([X, N], grad(rows.sum(), X))
    errors = []
    for f in (build(), build(**options)):
        with pytest.raises(ValueError, match="rows for|n_steps") as error:
            f(np.ones(3), 5)
        errors.append(str(error.value))
    assert errors[0] == errors[1]


def test_rows_of_a_cost_that_do_not_fit_are_an_error():
    target = T.vector("target")
    rows, _ = recurrence(checkpoints=2)
    f = sc.function([X, A, H0, target], grad(((rows - target) ** 2).sum(), A))
    for n in (3, 5):
        with pytest.raises(ValueError, match=f"lengths (4 and {n}|{n} and 4) along axis 0"):
            f(np.ones(4), 0.5, 0.1, np.ones(n))


# ---- derivatives of such gradients --------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"checkpoints": "sqrt"}, {"checkpoints": 3}])
def test_second_derivatives(options):
    def cost(x, a):
        rows, _ = sc.scan(lambda x, h, a: T.tanh(x + a * h), x, T.constant(0.2), a, **options)
        return T.stack(grad(loss(rows), [a])).sum() + grad(loss(rows), x).sum()
    sc.gradient.verify_grad(cost, [ROWS[7][:, 0], np.array(0.7)], mode="reference")
