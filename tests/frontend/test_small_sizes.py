"""Functions that are compiled for the small matrices of their first call, and what others run."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags
from tests.programs import users

pytestmark = pytest.mark.usefixtures("specialising")


@pytest.fixture
def specialising():
    with change_flags(specialise=True):
        yield


def filtered(**options):
    """A filter's last state, which reads two matrices and a vector of unknown sizes."""
    x, A, B, b = T.matrix("x"), T.matrix("A"), T.matrix("B"), T.vector("b")
    rows = sc.scan(lambda v, h: T.tanh(A @ h + B @ v) + b, sequences=x, outputs_info=T.zeros(A.shape[0]))[0]
    return sc.function([x, A, B, b], rows[-1], **options)


def arguments(n, m, steps=6):
    rng = np.random.default_rng(n * m)
    return [rng.normal(size=shape) / n for shape in ((steps, m), (n, n), (n, m), n)]


def lengths_of(f):
    """The lengths that the first call fixed, as its remark names them."""
    told = [r.reason for r in f.remarks if r.pass_name == "specialise"]
    return set(told[0].partition("calls with ")[2].partition(" run code")[0].split(", ")) if told else set()


@pytest.mark.parametrize("second", [(3, 2), (2, 3), (1, 1), (40, 3)])
def test_calls_of_other_sizes_run_code_for_all(second):
    f, reference = filtered(), filtered(mode="reference")
    for n, m in ((3, 2), second, (3, 2)):
        for steps in (6, 1, 9):
            np.testing.assert_allclose(f(*arguments(n, m, steps)), reference(*arguments(n, m, steps)), rtol=1e-12)
    assert lengths_of(f) == {"A_n0 = 3", "A_n1 = 3", "B_n0 = 3", "B_n1 = 2", "x_n1 = 2", "b_n0 = 3"}


def test_both_codes_give_the_same_bits():
    f, general = filtered(), filtered()
    general.prepare()
    general(*arguments(40, 3))
    assert f(*arguments(4, 2)).tobytes() == general(*arguments(4, 2)).tobytes()
    assert lengths_of(f)
    assert not lengths_of(general)


@pytest.mark.parametrize(("sizes", "known"), [
    ((4, 1), {"A_n0 = 4", "A_n1 = 4", "B_n0 = 4", "b_n0 = 4"}), ((1, 1), set()), ((30, 2), set())])
def test_lengths_of_1_and_of_large_matrices_stay_open(sizes, known):
    f = filtered()
    f(*arguments(*sizes))
    assert lengths_of(f) == known


@pytest.mark.parametrize(("n", "known"), [(3, {"a_n0 = 3", "a_n1 = 3", "h0_n1 = 3"}), (9, set())])
def test_short_rows_that_are_multiplied_have_their_length_however_many_they_are(n, known):
    h0, a, m = T.fmatrix("h0"), T.fmatrix("a"), T.iscalar("m")
    rows, _ = sc.scan(lambda h: h @ a, outputs_info=h0, n_steps=m)
    f = sc.function([h0, a, m], rows[-1])
    with sc.change_flags(specialise=False):
        general = sc.function([h0, a, m], rows[-1])
    rng = np.random.default_rng(4)
    given = [rng.normal(size=shape).astype("float32") for shape in ((70, n), (n, n))]
    np.testing.assert_array_equal(f(*given, 4), general(*given, 4))
    assert lengths_of(f) == known


REDUCED = {
    "max": lambda m: T.max(m, axis=0), "argmin": lambda m: T.cast(T.argmin(m, axis=1), "float64"),
    "sum of columns": lambda m: m.sum(axis=0), "sum of rows": lambda m: m.sum(axis=1),
    "logsumexp": lambda m: T.logsumexp(m, axis=0), "prod": lambda m: m.prod(axis=1),
    "all of it": lambda m: m.sum() + m[0],
}


@pytest.mark.parametrize("name", REDUCED)
def test_matrices_that_a_step_reduces(name):
    """In both codes to the same bits, also where a number is none."""
    def followed(**options):
        x, A = T.matrix("x"), T.matrix("A")
        rows = sc.scan(lambda v, h, A: 0.3 * REDUCED[name](h.dimshuffle(0, "x") + A) + v, sequences=x,
                       outputs_info=T.zeros(A.shape[0]), non_sequences=A)[0]
        return sc.function([x, A], rows, **options)

    f, general, reference = followed(), followed(), followed(mode="reference")
    general.prepare()
    rng = np.random.default_rng(7)
    general(rng.normal(size=(3, 9)), rng.normal(size=(9, 9)))
    for n in (4, 2, 7, 9, 4):
        x, A = rng.normal(size=(6, n)), rng.normal(size=(n, n))
        for value in (0.5, np.nan):
            A[n // 2, 0] = value
            assert f(x, A).tobytes() == general(x, A).tobytes()
            np.testing.assert_allclose(f(x, A), reference(x, A), rtol=1e-12)
    assert lengths_of(f) == {"x_n1 = 4", "A_n0 = 4", "A_n1 = 4"}
    assert not lengths_of(general)


def test_arrays_that_do_not_fit_together_are_the_same_error():
    def told(f):
        x, A, B, b = arguments(3, 2)
        with pytest.raises(ValueError) as caught:
            f(x, A, B[:2], b)
        return str(caught.value), caught.value.__notes__

    fresh, used, general = filtered(), filtered(), filtered()
    used(*arguments(3, 2))
    general.prepare()
    general(*arguments(40, 3))
    assert told(fresh) == told(used) == told(general)
    np.testing.assert_array_equal(fresh(*arguments(3, 2)), used(*arguments(3, 2)))


def test_shared_variables_that_get_another_size():
    A, h = sc.shared(np.full((2, 2), 0.5), "A"), sc.shared(np.ones(2), "h")
    n = T.lscalar("n")
    last = sc.scan(lambda s: A @ s, outputs_info=h, n_steps=n)[0][-1]
    f = sc.function([n], last.sum(), updates=[(h, last)])
    assert f(1) == 2.0
    A.set_value(np.full((3, 3), 1.0))
    h.set_value(np.ones(3))
    assert f(1) == 9.0
    np.testing.assert_array_equal(h.get_value(), [3.0, 3.0, 3.0])
    A.set_value(np.full((2, 2), 1.0))
    h.set_value(np.ones(2))
    assert f(2) == 8.0
    assert lengths_of(f) >= {"A_n0 = 2", "A_n1 = 2"}


def test_lists_keywords_and_given_outputs():
    f, args = filtered(), arguments(3, 2)
    wanted = filtered(mode="reference")(*args)
    out = np.empty(3)
    np.testing.assert_allclose(f(*map(np.ndarray.tolist, args)), wanted, rtol=1e-12)
    x, A, B, b = args
    np.testing.assert_allclose(f(x, b=b, B=np.asfortranarray(B), A=A), wanted, rtol=1e-12)
    assert f(*args, out=out) is out
    np.testing.assert_allclose(out, wanted, rtol=1e-12)
    assert filtered()(*args, out=out) is out


@pytest.mark.parametrize("make", [users.kalman, users.elman], ids=lambda m: m.__name__)
def test_gradients(make):
    model = users.build(make)
    outputs = [model.cost, *model.gradients()]
    found, wanted = (sc.function(model.inputs, outputs, mode=mode)(*model.args) for mode in (None, "reference"))
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


def test_rows_of_tables_that_a_step_chooses_and_adds_to():
    """Word vectors: the rows read are as long as the table's."""
    c, o, W, V = T.lvector("c"), T.lmatrix("o"), T.matrix("W"), T.matrix("V")

    def step(c_t, o_t, W, V):
        e = T.tanh(T.dot(V[o_t], W[c_t]))
        return (T.inc_subtensor(W[c_t], -0.05 * T.dot(e, V[o_t])),
                T.inc_subtensor(V[o_t], -0.05 * e.dimshuffle(0, "x") * W[c_t]))
    (W_rows, V_rows), _ = sc.scan(step, sequences=[c, o], outputs_info=[W, V])
    f, general, reference = (sc.function([c, o, W, V], [W_rows[-1], V_rows[-1]], **options)
                             for options in ({}, {}, {"mode": "reference"}))
    general.prepare()
    rng = np.random.default_rng(3)
    for size in (8, 3, 8, 21):
        args = [rng.integers(-5, 5, 6), rng.integers(-5, 5, (6, 3)), rng.normal(size=(25, size)),
                rng.normal(size=(25, size))]
        for found, same, expected in zip(f(*args), general(*args), reference(*args), strict=True):
            assert found.tobytes() == same.tobytes()
            np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert lengths_of(f) == {"o_n1 = 3", "V_n1 = 8", "W_n1 = 8"}


def test_a_branch_writes_into_a_table_whose_width_is_known():
    """Both sides of it know the width, which their type did not: the table was copied in each step."""
    x, A, h0, table = T.matrix("x"), T.matrix("A"), T.vector("h0"), T.matrix("table")

    def step(v, h, table, A):
        h = T.tanh(A @ h + v)
        return h, T.ifelse(T.gt(v[0], 0), T.set_subtensor(table[1], h), table)
    (_, tables), _ = sc.scan(step, sequences=x, outputs_info=[h0, table], non_sequences=A)
    f, reference = (sc.function([x, A, h0, table], tables[-1], **options) for options in ({}, {"mode": "reference"}))
    args = [np.random.default_rng(0).normal(size=size) for size in ((9, 3), (3, 3), 3, (5, 3))]
    np.testing.assert_allclose(f(*args), reference(*args), rtol=1e-12)
    step = f.ir("loop", after="bufferize").split("for %t in")[1].split("output")[0]
    assert "alloc f64[%table_n0" not in step


@pytest.mark.parametrize("where", ["sums", "argmin"])
def test_short_rows_of_a_large_array(where):
    """Of distances between many points the dimensions of space are known, not the points."""
    def moved(**options):
        p, q = T.matrix("p"), T.matrix("q")

        def step(p, q):
            r = q[None, :, :] - p[:, None, :]
            if where == "argmin":
                return p + 0.25 * r.argmin(axis=2).mean(axis=1)[:, None]
            return p + (r / (1 + (r**2).sum(axis=2))[:, :, None]).mean(axis=1)
        return sc.function([p, q], sc.scan(step, outputs_info=p, non_sequences=q, n_steps=4)[0][-1], **options)
    f, general = moved(), moved()
    general(np.ones((30, 25)), np.ones((30, 25)))
    points = [np.random.default_rng(7).normal(size=(n, 3)) for n in (30, 50)]
    np.testing.assert_array_equal(f(*points), general(*points))
    np.testing.assert_allclose(f(*points), moved(mode="reference")(*points), rtol=1e-12)
    assert lengths_of(f) == {"p_n1 = 3", "q_n1 = 3"}
    assert not lengths_of(general)
