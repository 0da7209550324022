"""What reads a scan's rows one after the other: its numbers, and no memory that grows with the rows."""

import re

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags
from tests.frontend.kept_rows import (
    KINDS,
    backwards,
    dear,
    dense,
    earlier,
    heavy,
    integers,
    j,
    last,
    m,
    mapped,
    matrices,
    require_nothing_kept,
    scalar,
    stopped,
    taps,
    truths,
    values,
    vectors,
    x,
)

OF_ALL = {
    "max": lambda h: h.max(axis=0), "min": lambda h: h.min(axis=0), "any": lambda h: (h > 0.3).any(axis=0),
    "all": lambda h: (h > -9).all(axis=0), "count": lambda h: (h > 0.1).sum(axis=0),
    "argmax": lambda h: h.argmax(axis=0), "argmin": lambda h: T.argmin(h * 2 - 1, axis=0),
    "largest": lambda h: (-h).max(), "range": lambda h: h.max(axis=0) - h.min(axis=0),
    "both": lambda h: [T.sqr(h).max(axis=0), T.argmax(T.sqr(h), axis=0)],
}
OF_SOME = {
    "each second": lambda h: h[::2], "each third": lambda h: h[2::3], "some": lambda h: h[1:4],
    "from j on": lambda h: h[j:], "all, in two parts": lambda h: [h[::2], h[1::2]], "one": lambda h: h[2],
    "row j and the last": lambda h: [h[j], h[-1]], "some and the largest": lambda h: [h[:2], h[-2:], h.max(axis=0)],
    "of a map": lambda h: T.switch(h > 0, h, h * 2)[1::2], "the last one first": lambda h: h[::-1],
    "each third, backwards": lambda h: h[::-3], "some, backwards": lambda h: h[5:1:-1],
}
OF_NUMBERS = {
    "row 3": lambda h: h[3], "row j": lambda h: h[j], "weighted": lambda h: (h * T.arange(h.shape[0])).max(),
}
OF_ROWS = {
    "all of it": lambda h: h.max(), "column": lambda h: h[:, 1].max(), "columns": lambda h: h[:, :2].min(axis=0),
    "rows' largest": lambda h: h.max(axis=1).min(axis=0), "some elements": lambda h: h[1::2, 1],
    "parts of some": lambda h: h[j, :2],
}


# What is beyond the last row, and how many rows there are, running tells.
UNTIL_NEEDS_ROWS = ("row j", "weighted", *OF_SOME)
ONLY = {truths: ("max", "min", "argmax", "row 3", "row j", "some"),
        integers: ("max", "argmax", "count", "row 3", "weighted", "each second")}


def cases():
    for kind in KINDS:
        asks = OF_ALL | OF_SOME | (OF_NUMBERS if kind not in (vectors, dense, matrices) else OF_ROWS)
        yield from (pytest.param(kind, name, ask, id=f"{kind.__name__}: {name}") for name, ask in asks.items()
                    if name in ONLY.get(kind, asks))


@pytest.mark.parametrize(("kind", "name", "ask"), list(cases()))
def test_consumer(kind, name, ask):
    outputs = ask(kind())
    outputs = outputs if isinstance(outputs, list) else [outputs]
    f, reference = (sc.function([KINDS[kind], j], outputs, mode=mode, on_unused_input="ignore")
                    for mode in (None, "reference"))
    for length in (4, 5, 37):
        given = values(length, kind), 3
        for got, want in zip(f(*given), reference(*given), strict=True):
            np.testing.assert_allclose(got, want, 1e-12 if want.dtype.kind == "f" else 0)
    if kind is not stopped or name not in UNTIL_NEEDS_ROWS:
        small, large = (f.memory_plan(values(length, kind), 3).workspace_nbytes for length in (1000, 10_000))
        assert small == large


OF_THE_END = {
    "last but one": lambda h: [h[-2]], "last three": lambda h: [h[-3:]], "at most one": lambda h: [h[-1:]],
    "some of the end": lambda h: [h[-4:][::2], h[-3]], "the end and the largest": lambda h: [h[-2:], h.max(axis=0)],
    "of a map": lambda h: [T.abs(h)[-2:], T.abs(h).min(axis=0)], "the last of a map": lambda h: [T.abs(h)[-1]],
    "the first of the last two": lambda h: [h[-2:][0]],
}


@pytest.mark.parametrize("ask", OF_THE_END.values(), ids=list(OF_THE_END))
@pytest.mark.parametrize("start", [T.dscalar("start"), T.vector("start")], ids=["scalar", "array"])
def test_end_of_a_scan_that_may_stop(start, ask):
    h = sc.scan(lambda h, c: (0.5 * h - 1, sc.until(h.sum() < c)), outputs_info=start, non_sequences=x[0],
                n_steps=10**12, return_updates=False)
    f, reference = (sc.function([start, x], ask(h), mode=mode) for mode in (None, "reference"))
    first = np.linspace(1, 3, 3)[:None if start.ndim else 1].squeeze()
    for bound in (9.0, 2.0, 0.0, -1.5, -1.9):
        try:
            wanted = reference(first, [bound])
        except IndexError:
            with pytest.raises(IndexError):
                f(first, [bound])
            continue
        for got, want in zip(f(first, [bound]), wanted, strict=True):
            np.testing.assert_allclose(got, want, 1e-12)
    assert f.memory_plan(first, [0.0]).workspace_nbytes < 1000


LOSSES = {
    "sum": lambda h: [h.sum()], "mean": lambda h: [h.mean()], "squares": lambda h: [(h**2).sum()],
    "error": lambda h: [((h - m)**2).mean()], "weighted rows": lambda h: [(x[:, None] * h).sum()],
    "several": lambda h: [T.sqr(h).mean(), (h > 0).any(), h[-1:]],
    "columns": lambda h: [h.sum(axis=0), T.sqr(h).mean(axis=0)],
    "weighted columns": lambda h: [(x[:, None] * h).sum(axis=0)],
    "weights": lambda h: [T.dot(x, h)], "products": lambda h: [(1 + h / 99).prod(axis=0)],
    "mean of each row": lambda h: [T.sqr(h.mean(axis=1)).sum(), T.var(h, axis=1).max()],
    "product with a vector": lambda h: [T.dot(h, m[0]).mean(), T.dot(T.exp(h), m[1])[-1]],
    "logsumexp": lambda h: [(h.max(axis=1) + T.log(T.exp(h - h.max(axis=1, keepdims=True)).sum(axis=1))).sum()],
    "columns and all": lambda h: [T.exp(h).sum(axis=0), h.sum(), h[-2:]],
}


@pytest.mark.parametrize("ask", LOSSES.values(), ids=list(LOSSES))
@pytest.mark.parametrize("kind", [vectors, dense], ids=lambda kind: kind.__name__)
def test_sums(kind, ask):
    outputs = ask(kind())
    f, reference = (sc.function([m, x], outputs, mode=mode, on_unused_input="ignore") for mode in (None, "reference"))
    for length in (4, 37, 1025):
        given = values(length, vectors), values(length, scalar)
        for got, want in zip(f(*given), reference(*given), strict=True):
            np.testing.assert_allclose(got, want, 1e-12, 1e-12)
    small, large = (f.memory_plan(values(length, vectors), values(length, scalar)).peak_nbytes
                    for length in (3000, 20_000))
    assert small == large


ENDS_EARLY = {
    "product": lambda h: (1 + h / 99).prod(axis=0), "sum": lambda h: h.sum(axis=0), "mean": lambda h: h.mean(axis=0),
    "largest": lambda h: h.max(axis=0), "place": lambda h: h.argmin(axis=0), "any": lambda h: (h > 1).any(axis=0),
    "all": lambda h: (h < 9).all(axis=0), "count": lambda h: (h > 0.1).sum(axis=0),
}
GOES_ON = {
    "all": lambda h: h.max(axis=0), "pairs": lambda h: T.abs(h[1:] - h[:-1]).max(axis=0),
    "rows": lambda h: T.exp(h), "later ones": lambda h: h[2:].sum(axis=0),
}


@pytest.mark.parametrize("others", GOES_ON.values(), ids=list(GOES_ON))
@pytest.mark.parametrize("kind", [scalar, heavy, vectors, stopped], ids=lambda kind: kind.__name__)
def test_what_ends_early_stays_while_others_go_on(kind, others):
    """The tiles after the last one of which a reduction has rows give it none."""
    h = kind()
    outputs = [of(h[:j]) for name, of in ENDS_EARLY.items() if name not in ("largest", "place")]
    outputs += [ENDS_EARLY[name](h[:j + 1]) for name in ("largest", "place")] + [others(h)]
    f, reference = (sc.function([KINDS.get(kind, x), j], outputs, mode=mode) for mode in (None, "reference"))
    for length, some in ((5, 2), (9, 0), (40, 11), (600, 8), (600, 515), (1600, 1), (1600, 700), (1600, 1600)):
        given = values(length, kind), some
        for got, want in zip(f(*given), reference(*given), strict=True):
            np.testing.assert_allclose(got, want, 1e-10, 1e-12)


def float32():
    rows = T.cast(m, "float32")
    return last(sc.scan(lambda v, h: np.float32(0.5) * h + v, rows, rows[0]))


def short():
    return last(sc.scan(lambda h: 0.5 * h - 1, None, m[0], n_steps=37))


def halting():
    return last(sc.scan(lambda v, h: (0.9 * h + v, sc.until(T.abs(h).max() > 4)), m, m[0], n_steps=m.shape[0]))


@pytest.mark.parametrize("fast_math", [None, "strict"])
@pytest.mark.parametrize("kind", [vectors, matrices, float32, short, halting], ids=lambda kind: kind.__name__)
def test_sums_along_rows_keep_their_bits(kind, fast_math):
    def compiled():
        h = kind()
        f = sc.function([KINDS.get(kind, m)], [h.sum(axis=0), (h * h).mean(axis=0), h.prod(axis=0), h[-1:],
                                               h.mean(axis=-1), T.exp(h).sum(axis=1)],
                        fast_math=fast_math)
        assert f.remarks
        return f
    moved = compiled()
    with change_flags(leave_out="fuse-consumers"):
        kept = compiled()
    for length in (1, 63, 64, 65, 127, 128, 129, 500, 4097):
        given = values(length, kind if kind in KINDS else vectors)
        for got, want in zip(moved(given), kept(given), strict=True):
            assert got.shape == want.shape and got.tobytes() == want.tobytes(), length
    assert "in blocks of rows" not in str(moved.remarks)
    assert ("64 a block" in moved.dump()) == (kind is not short and fast_math is None)


@pytest.mark.parametrize("ask", [lambda h: h[::2].flatten(), lambda h: h[::2].dimshuffle(0), lambda h: h[1][0],
                                 lambda h: h[1:3].dimshuffle(0) + h[-1], lambda h: h[2:3].squeeze()])
def test_rows_of_one_element_that_lose_their_axis(ask):
    """Some rows, of which the slice drops the axis of length 1 that a row has."""
    start = T.tensor("start", dtype="float64", shape=(1,))
    n = T.iscalar("n")
    rows, _ = sc.scan(lambda h: h * 0.5 + 1, outputs_info=start, n_steps=n)
    f, reference = (sc.function([start, n], ask(rows), mode=mode) for mode in (None, "reference"))
    for steps in (3, 4, 9):
        np.testing.assert_array_equal(f([0.25], steps), reference([0.25], steps))


OF_PRODUCTS = {
    "squares": lambda p, y: T.sqr(p - y).mean(), "largest": lambda p, y: T.abs(p - y).max(axis=0),
    "columns": lambda p, y: T.sqr(T.tanh(p + 0.5) - y).sum(axis=0),
    "entropy": lambda p, y: T.logsumexp(p, axis=1).sum(),
}


@pytest.mark.parametrize("ask", OF_PRODUCTS.values(), ids=list(OF_PRODUCTS))
@pytest.mark.parametrize("kind", [vectors, dense], ids=lambda kind: kind.__name__)
def test_rows_times_a_matrix_that_are_reduced_keep_no_rows(kind, ask):
    w, y = T.matrix("w"), T.matrix("y")

    def compiled(**options):
        return sc.function([m, w, y], ask(kind() @ w, y), on_unused_input="ignore", **options)
    f, reference = compiled(), compiled(mode="reference")
    with change_flags(leave_out="fuse-consumers"):
        kept = compiled()
    for length, units in ((4, 3), (64, 1), (513, 3), (1500, 5)):
        given = [np.linspace(-1, 1, n * k).reshape(n, k) for n, k in ((length, 4), (4, units), (length, units))]
        got = f(*given)
        assert got.tobytes() == kept(*given).tobytes(), length
        np.testing.assert_allclose(got, reference(*given), 1e-9)
    small, large = (f.memory_plan(np.zeros((n, 4)), np.zeros((4, 3)), np.zeros((n, 3))).workspace_nbytes
                    for n in (3000, 20_000))
    assert small == large


PRODUCTS = {
    "result": lambda p: [p], "of a map": lambda p: [T.sigmoid(2 * p + 1)],
    "and its sum": lambda p: [p, T.sqr(p).sum()], "shares": lambda p: [T.softmax(p, axis=1)],
    "a column": lambda p: [T.sqr(p[:, 0] - m[:, 1]).mean()],
}


@pytest.mark.parametrize("ask", PRODUCTS.values(), ids=list(PRODUCTS))
def test_rows_times_a_matrix_that_are_results_keep_no_rows(ask):
    require_nothing_kept(dense, lambda h: ask(h @ m[:4, :3]), (4, 65, 513))


WAITING = {
    "variance of columns": lambda h: [h.var(axis=0)], "deviation": lambda h: [h.std(axis=0), h[-1]],
    "soft maximum": lambda h: [T.logsumexp(h, axis=0)],
    "around the end": lambda h: [T.sqr(h - h[-1]).sum(axis=0)],
}


@pytest.mark.parametrize("ask", WAITING.values(), ids=list(WAITING))
@pytest.mark.parametrize("kind", [vectors, matrices], ids=lambda kind: kind.__name__)
def test_reductions_of_arrays_that_wait_for_others(kind, ask):
    """A cheap scan runs twice in place of keeping its rows, and no bit changes."""
    require_nothing_kept(kind, ask, (1, 5, 513, 1100))


RESULTS = {
    "map": lambda h: [2 * h + 1], "several": lambda h: [T.exp(h), T.switch(h > 0, h, -h)],
    "one of another": lambda h: [T.tanh(h), T.sqr(T.tanh(h)), T.sqr(T.tanh(h)).max(axis=0)],
    "backwards": lambda h: [T.exp(-h)[::-1]], "with a sum": lambda h: [h > 0, h.sum(axis=0)],
}


@pytest.mark.parametrize("ask", RESULTS.values(), ids=list(RESULTS))
@pytest.mark.parametrize("kind", [scalar, backwards, taps, vectors, dense], ids=lambda kind: kind.__name__)
def test_maps_that_are_results(kind, ask):
    """Nothing is kept beside the results, and no bit changes."""
    require_nothing_kept(kind, ask, (4, 5, 513, 1100))


def test_a_row_of_arrays_of_a_scan_that_may_stop_is_a_state():
    h, _ = sc.scan(lambda h: (0.9 * h + 1, sc.until(h.sum() > 39)), outputs_info=[x], n_steps=j)
    outputs = [h[5], h[0], T.cumsum(h, axis=0)[-1], h.shape[0]]
    f, reference = (sc.function([x, j], outputs, mode=mode) for mode in (None, "reference"))
    assert f.memory_plan(np.zeros(4), 10**12).workspace_nbytes < 1000
    for steps in (6, 50, 10**9):
        for got, want in zip(f(np.arange(4.0), steps), reference(np.arange(4.0), min(steps, 99)), strict=True):
            np.testing.assert_allclose(got, want)
    with pytest.raises(IndexError, match="out of range for axis 0 with length 5"):
        f(np.zeros(4), 5)


SHARED = {
    "soft mean": lambda h: [T.dot(x, T.exp(h)) / T.exp(h).sum()], "entropy": lambda h: [
        -(T.sigmoid(h) * T.log(T.sigmoid(h))).sum() / T.sigmoid(h).sum()],
    "three sums": lambda h: [T.exp(h).sum(), (T.exp(h) * x).sum(), T.sin(T.exp(h)).sum()],
}


@pytest.mark.parametrize("ask", SHARED.values(), ids=list(SHARED))
@pytest.mark.parametrize("kind", [scalar, heavy, backwards, taps], ids=lambda kind: kind.__name__)
def test_sums_that_share_heavy_work(kind, ask):
    """It is done once, and kept no more than the rows."""
    require_nothing_kept(kind, ask, (4, 5, 513, 1100))


RUNNING = {
    "its last": lambda h: [T.cumsum(h, axis=0)[-1], T.cumprod(1 + h / 1000, axis=0)[-1]],
    "reduced": lambda h: [T.cumsum(h, axis=0).max(axis=0), (T.cumsum(h, axis=0) * h).sum()],
    "of what is made of rows": lambda h: [
        T.cumsum(T.cumsum(T.exp(h), axis=0), axis=0)[-1], T.cumsum(h > 0, axis=0)[-1]],
}


@pytest.mark.parametrize("ask", RUNNING.values(), ids=list(RUNNING))
@pytest.mark.parametrize("kind", [scalar, backwards, taps, vectors, stopped], ids=lambda kind: kind.__name__)
def test_running_sums_are_states(kind, ask):
    """In the order that they have outside, so that no bit changes."""
    f, reference = (sc.function([KINDS[kind]], ask(kind()), mode=mode) for mode in (None, "reference"))
    with change_flags(leave_out="fuse-consumers"):
        kept = sc.function([KINDS[kind]], ask(kind()))
    for length in (4, 5, 513, 2000):
        given = values(length, kind)
        for got, same, want in zip(f(given), kept(given), reference(given), strict=True):
            assert got.tobytes() == same.tobytes(), length
            np.testing.assert_allclose(got, want, 1e-9)
    small, large = (f.memory_plan(values(length, kind)).peak_nbytes for length in (3000, 20_000))
    assert small == large


def test_a_running_sum_of_nothing_but_minus_zero():
    f, reference = (sc.function([x], T.cumsum(scalar() * 0 - 0.0), mode=mode) for mode in (None, "reference"))
    for got, want in zip(f(-np.ones(3)), reference(-np.ones(3)), strict=True):
        assert np.signbit(got) == np.signbit(want)


KEPT = OF_ALL | RESULTS | {
    "variance": lambda h: [h.var()], "scaled": lambda h: [(h - h.min()) / (h.max() - h.min())],
    "thinned": lambda h: [h[::2].mean()], "sorted": lambda h: [T.sort(h, axis=0)],
    "weighted": lambda h: [T.dot(x, h)], "after the start": lambda h: [h[5:-5].sum()],
    "product": lambda h: [(1 + h / 999).prod()], "backwards": lambda h: [h[::-1].sum()],
    "around the last": lambda h: [((h - h[-1])**2).sum()], "columns": lambda h: [h.std(axis=0)],
}


@pytest.mark.parametrize("ask", KEPT.values(), ids=list(KEPT))
@pytest.mark.parametrize("kind", [scalar, heavy, mapped, stopped, vectors, dense], ids=lambda kind: kind.__name__)
def test_what_is_kept_is_said(kind, ask):
    """A remark says that rows are kept where the memory of a call grows with the steps, and nowhere else."""
    f = sc.function([m, x], ask(kind()), on_unused_input="ignore")
    sizes = [f.memory_plan(values(n, vectors), values(n, scalar)).workspace_nbytes for n in (3000, 20_000)]
    grows = sizes[1] > 2 * sizes[0]  # and not as sums of blocks do, by their logarithm
    said = [remark for remark in f.remarks if not remark.done and (
        "is kept" in remark.reason or grows and "is an array" in remark.reason)]
    assert bool([r for r in said if "it is a result" not in r.reason]) == grows, said


SQUARES = {
    "sum": lambda h, of: of(h).sum(), "parts": lambda h, of: of(h[::2]).sum(), "later": lambda h, of: of(h[1:]).sum(),
    "turned": lambda h, of: of(h)[::-1].sum(), "max": lambda h, of: of(h).max(axis=0),
    "exp": lambda h, of: T.exp(of(h)).sum(), "rows": lambda h, of: of(h), "last": lambda h, of: of(h)[-1],
    "transposed": lambda h, of: of(h).T,
}


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("read", SQUARES.values(), ids=SQUARES)
def test_readers_that_read_twice_are_asked_once(read, rank: int) -> None:
    """There are 3**30 ways through these products, of which each op is read by the next ones several times."""
    def squares(y):
        for _ in range(30):
            y = y * y - 0.5 * y
        return y
    x = T.TensorType("float64", (None,) * rank)("x")
    h, _ = sc.scan(lambda a, s: T.tanh(a + 0.5 * s), sequences=x, outputs_info=T.zeros_like(x[0]))
    value = np.linspace(-1, 1, 24).reshape((24,) if rank == 1 else (8, 3))
    native, reference = (sc.function([x], read(h, squares), mode=mode)(value) for mode in (None, "reference"))
    np.testing.assert_allclose(native, reference, rtol=1e-12)


def test_readers_of_a_part_are_told_its_maximum() -> None:
    """Whether the part goes along rests on its readers, and what these are told rests on the part."""
    x = T.matrix("x")
    h, _ = sc.scan(lambda a, s: T.tanh(a + 0.5 * s), sequences=x, outputs_info=T.zeros_like(x[0]), go_backwards=True)
    part = h[::-2]
    outputs = [T.exp(part - part.max(axis=0)).sum(axis=0), sc.grad(part.max(axis=0).sum(), x)]
    native, reference = (sc.function([x], outputs, mode=mode)(np.linspace(-1, 1, 24).reshape(8, 3))
                         for mode in (None, "reference"))
    for got, want in zip(native, reference, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)


WHY = {  # what is kept, what the remark says, and the same written as it says, which keeps nothing
    "variance": (lambda: dear().var(), "costs about",
                 lambda: (dear() * dear()).mean() - dear().mean()**2),
    "columns": (lambda: dense().var(axis=0), "also reads what is made of them",
                lambda: (dense() * dense()).mean(axis=0) - dense().mean(axis=0)**2),
    "mask": (lambda: dear()[dear() > 0].prod(), "T.switch", lambda: T.switch(dear() > 0, dear(), 1).prod()),
    "rows of a mask": (lambda: dense()[dense() > 0].sum(), "T.switch",
                       lambda: T.switch(dense() > 0, dense(), 0).sum()),
    "later rows": (lambda: (dear() * T.concatenate([dear()[2:], T.zeros_like(dear()[:2])])).sum(), "zeros_like",
                   lambda: (earlier(dear(), 2) * dear()).sum()),
}


@pytest.mark.parametrize("case", WHY.values(), ids=list(WHY))
def test_a_remark_says_what_keeps_no_rows(case):
    kept, words, instead = case
    f, better = (sc.function([x, m], made(), on_unused_input="ignore") for made in (kept, instead))
    given = values(500, scalar), values(500, vectors)
    np.testing.assert_allclose(f(*given), better(*given), 1e-9, 1e-9)
    (said,) = (r for r in f.remarks if not r.done and "is kept whole" in r.reason)
    assert re.search(words, str(said)) and said.hint
    small, large = (better.memory_plan(np.zeros(n), np.zeros((n, 4))).workspace_nbytes for n in (30_000, 200_000))
    assert large < 2 * small
