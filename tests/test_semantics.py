"""The public surface of the older systems, and the tutorial's rows on gradients, inputs and randomness."""

import importlib
import pickle

import numpy as np
import pytest

import scancc as theano
import scancc.tensor as T
from tests.programs.executors import compile

pytestmark = pytest.mark.usefixtures("every_executor")

NAMES = """scan map reduce foldl foldr scan_checkpoints function shared grad Rop Lop clone dot In Out Mode config
clone_replace graph_replace vectorize_graph ifelse.ifelse change_flags
_asarray scan_module.until gradient.jacobian gradient.hessian gradient.grad
gradient.disconnected_grad gradient.NullTypeGradError gradient.DisconnectedInputError gradient.verify_grad
gof.fg.MissingInputError gof.graph.inputs compile.mode.get_default_mode compile.mode.get_mode
compile.mode.FAST_RUN compile.debugmode.DebugMode printing.debugprint printing.pydotprint printing.pp
printing.pprint typed_list sandbox.rng_mrg.MRG_RandomStreams tensor.grad tensor.Rop tensor.jacobian
tensor.constant tensor.as_tensor_variable tensor.verify_grad.E_grad tensor.unbroadcast tensor.opt.assert_
printing.Print gradient.pushforward gradient.pullback tensor.nonzero tensor.slogdet tensor.cholesky tensor.solve
tensor.floor_divide tensor.bitwise_not tensor.log1pexp tensor.extra_ops.to_one_hot
tensor.nnet.sigmoid tensor.nnet.softmax_graph tensor.nnet.categorical_crossentropy
tensor.shared_randomstreams.RandomStreams""".split()


@pytest.mark.parametrize("name", NAMES)
def test_public_name_exists(name):
    found = theano
    for part in name.split("."):
        found = getattr(found, part)
    assert found is not None


# ---- gradients: G1-G7, A7, S12 ----


PATHS = """ifelse.ifelse gradient.disconnected_grad printing.pp sandbox.rng_mrg.MRG_RandomStreams
tensor.shared_randomstreams.RandomStreams gof.fg.MissingInputError gof.graph.inputs scan_module.until
scan_module.scan_utils.until scan.utils.until scan.views.foldl scan.basic.scan compile.mode.get_mode
compile.debugmode.DebugMode compile.io.In graph.basic.Constant graph.replace.vectorize_graph updates.OrderedUpdates
tensor.nnet.sigmoid tensor.nlinalg.det tensor.slinalg.cholesky tensor.extra_ops.cumsum tensor.type.vector
tensor.random.utils.RandomStream tensor.random.basic.normal tensor.var.TensorVariable tensor.variable.TensorConstant
tensor.sharedvar.SharedVariable graph.traversal.ancestors raise_op.Assert scan_module.scan_views.foldr""".split()


@pytest.mark.parametrize("path", PATHS)
def test_module_path_can_be_imported(path):
    module, _, name = path.rpartition(".")
    before = theano.scan, theano.ifelse, theano.gradient
    found = getattr(importlib.import_module(f"scancc.{module}"), name)
    assert callable(found) or issubclass(found, Exception)
    assert before == (theano.scan, theano.ifelse, theano.gradient)


def test_module_that_does_not_exist():
    with pytest.raises(ImportError):
        importlib.import_module("scancc.tensor.no_such_module")
    with pytest.raises(AttributeError, match="no_such_name"):
        importlib.import_module("scancc.gradient").no_such_name  # noqa: B018


def test_grad_of_square():  # G1
    x = T.dscalar("x")
    f = compile([x], T.grad(x**2, x))
    assert f(4) == 8.0
    np.testing.assert_allclose(f(94.2), 188.4)


def test_grad_of_logistic():  # G2
    x = T.dmatrix("x")
    f = compile([x], T.grad(T.sum(1 / (1 + T.exp(-x))), x))
    np.testing.assert_allclose(f([[0, 1], [-1, -2]]), [[0.25, 0.19661193], [0.19661193, 0.10499359]], atol=1e-8)


def test_jacobian_and_hessian_by_scan():  # G3, G4
    x = T.dvector("x")
    y = x**2
    J, updates = theano.scan(lambda i, y, x: T.grad(y[i], x), sequences=T.arange(y.shape[0]), non_sequences=[y, x])
    np.testing.assert_array_equal(compile([x], J, updates)([4, 4]), [[8, 0], [0, 8]])
    gy = T.grad(y.sum(), x)
    rows = T.arange(gy.shape[0])
    H, updates = theano.scan(lambda i, gy, x: T.grad(gy[i], x), sequences=rows, non_sequences=[gy, x])
    np.testing.assert_array_equal(compile([x], H, updates)([4, 4]), [[2, 0], [0, 2]])


def test_rop_and_lop():  # G5, G6
    W, V, x = T.dmatrix("W"), T.dmatrix("V"), T.dvector("x")
    f = compile([W, V, x], theano.Rop(T.dot(x, W), W, V))
    np.testing.assert_array_equal(f([[1, 1], [1, 1]], [[2, 2], [2, 2]], [0, 1]), [2, 2])
    v = T.dvector("v")
    g = compile([v, x], theano.Lop(T.dot(x, W), W, v))
    np.testing.assert_array_equal(g([2, 2], [0, 1]), [[0, 0], [2, 2]])


def test_hessian_times_vector():  # G7
    x, v = T.dvector("x"), T.dvector("v")
    gy = T.grad(T.sum(x**2), x)
    for product in (T.grad(T.sum(gy * v), x), theano.Rop(gy, x, v)):
        f = compile([x, v], product, on_unused_input="ignore")
        np.testing.assert_array_equal(f([4, 4], [2, 2]), [4, 4])


def test_jacobian_of_tanh():  # A7
    v, A = T.vector(), T.matrix()
    y = T.tanh(T.dot(v, A))
    results, _ = theano.scan(lambda i: T.grad(y[i], v), sequences=[T.arange(y.shape[0])])
    f = compile([A, v], results, allow_input_downcast=True)
    a = np.eye(5, 3)
    a[2] = 1
    expected = [[0.41997434, 0, 0.41997434, 0, 0], [0, 1, 1, 0, 0], [0, 0, 1, 0, 0]]
    np.testing.assert_allclose(f(a, np.eye(5)[0]), expected, atol=1e-8)


@pytest.mark.parametrize("with_gradient", [False, True])
def test_scan_checkpoints(with_gradient, every_executor):  # S12
    A, k = T.vector("A"), T.iscalar("k")
    result, updates = theano.scan_checkpoints(
        lambda prior, A: prior * A, outputs_info=T.ones_like(A), non_sequences=A, n_steps=k, save_every_N=4)
    a = np.array([1.0, 2, 3])
    if with_gradient:
        gradient = compile([A, k], T.grad(result[-1].sum(), A), updates)(a, 10)
        np.testing.assert_allclose(gradient, [10, 5120, 196830])
    else:
        rows = compile([A, k], result, updates)(a, 10)
        np.testing.assert_allclose(rows, [a**4, a**8, a**10])


# ---- inputs and shared variables: E1, E2, E5, E7 ----


def test_default_and_named_inputs():  # E1
    x, y, w = T.dscalars("x", "y", "w")
    f = compile([x, theano.In(y, value=1), theano.In(w, value=2, name="w_by_name")], (x + y) * w)
    assert [f(33), f(33, 2), f(33, 0, 1), f(33, w_by_name=1), f(33, w_by_name=1, y=0)] == [68, 70, 33, 34, 33]


def test_accumulators():  # E2
    state, inc = theano.shared(0), T.iscalar("inc")
    add = compile([inc], state, [(state, state + inc)])
    assert [int(add(1)), int(add(300)), int(state.get_value())] == [0, 1, 301]
    state.set_value(-1)
    assert add(3) == -1 and state.get_value() == 2
    subtract = compile([inc], state, [(state, state - inc)])
    assert subtract(2) == 2 and state.get_value() == 0


def test_givens_on_shared():  # E2
    state, inc, foo = theano.shared(0), T.iscalar("inc"), T.scalar(dtype="int64")
    f = compile([inc, foo], state * 2 + inc, givens=[(state, foo)])
    assert f(1, 3) == 7 and state.get_value() == 0


def test_copy_of_function():  # E2
    state, other, inc = theano.shared(0), theano.shared(0), T.iscalar("inc")
    f = compile([inc], [state + inc], {state: state + inc})
    f(10)
    g = f.copy(swap={state: other})
    g(100)
    assert [int(state.get_value()), int(other.get_value())] == [10, 100]
    h = f.copy(delete_updates=True)
    assert h(0) == [10] and h(5) == [15] and state.get_value() == 10


def test_vector_exercise():  # E5
    a, b = T.vectors("a", "b")
    np.testing.assert_array_equal(compile([a, b], a**2 + b**2 + 2 * a * b)([1, 2], [4, 5]), [25, 49])


def test_logistic_regression():  # E6
    rng = np.random.RandomState(1)
    data = rng.randn(40, 60).astype("float32"), rng.randint(0, 2, 40).astype("float32")
    w, b = theano.shared(np.zeros(60, "float32")), theano.shared(np.float32(0))
    x, y = T.fmatrix("x"), T.fvector("y")
    p = 1 / (1 + T.exp(-T.dot(x, w) - b))
    cost = T.cast((-y * T.log(p) - (1 - y) * T.log(1 - p)).mean(), "float32") + 0.01 * (w**2).sum()
    gw, gb = T.grad(cost, [w, b])
    train = compile([x, y], [p > 0.5, cost], updates={w: w - 0.1 * gw, b: b - 0.1 * gb})
    first = train(*data)[1]
    for _ in range(200):
        predicted, last = train(*data)
    assert last < first
    np.testing.assert_array_equal(predicted, data[1])


def test_lazy_choice():  # E7
    a, b, x = T.scalars("a", "b", "x")
    f = compile([a, b, x], [T.switch(T.lt(a, b), x + 1, x * 2), theano.ifelse(T.lt(a, b), x + 1, x * 2)])
    assert f(0, 1, 5) == [6, 6] and f(1, 0, 5) == [10, 10]


def test_compiled_function_survives_pickling():
    x = T.vector("x")
    y, updates = theano.scan(lambda x_t, s: s + x_t, sequences=x, outputs_info=T.constant(0.0))
    f = pickle.loads(pickle.dumps(compile([x], y, updates)))
    np.testing.assert_array_equal(f([1, 2, 3]), [1, 3, 6])


def test_shapes_alone():  # E8
    x, y = T.dmatrix("x"), T.dmatrix("y")
    np.testing.assert_array_equal(compile([x], (x**2).shape)(np.ones((2, 3))), [2, 3])
    joined = T.join(0, x, y)
    values = np.ones((5, 4)), np.ones((3, 3))
    np.testing.assert_array_equal(compile([x, y], joined.shape)(*values), [8, 4])
    with pytest.raises(ValueError, match="concatenate: .* axis"):
        compile([x, y], joined)(*values)
    np.testing.assert_array_equal(compile([x], T.specify_shape(x, (2, 2)).shape)(np.ones((2, 2))), [2, 2])


# ---- random: A9, E3, E4, S5, S8, S9, P1 ----


def _mask_rows(d_by_scan):
    X, W, b = T.matrix("X"), T.matrix("W"), T.vector("b")
    d = T.shared_randomstreams.RandomStreams(1234).binomial(size=W[1].shape)
    if d_by_scan:
        result, updates = theano.scan(lambda v: T.tanh(T.dot(v, W) + b) * d, sequences=X)
    else:
        result, updates = theano.scan(lambda v, d: T.tanh(T.dot(v, W) + b) * d, sequences=X, non_sequences=d)
    f = compile([X, W, b], result, updates)
    x = np.eye(10, 2)
    values = f(x, np.ones((2, 2)), [1, 1])
    full = np.tanh(x @ np.ones((2, 2)) + 1)
    assert np.all((values == 0) | np.isclose(values, full))
    return values != 0


def test_mask_drawn_every_step():  # A9
    kept = _mask_rows(True)
    assert len(set(map(tuple, kept))) > 1


def test_mask_drawn_once():
    assert len(set(map(tuple, _mask_rows(False)))) == 1


def test_mask_of_a_state_is_drawn_once():  # A9'
    W, X = T.matrix("W"), T.matrix("X")
    _, d = T.random.shared_rng(seed=1234).binomial(1, 0.5, size=W[1].shape)
    rows = theano.scan(lambda v: T.dot(v, W) * d, sequences=X, return_updates=False)
    f = compile([X, W], [rows, d])
    rows, drawn = f(np.ones((10, 2)), np.ones((2, 2)))
    np.testing.assert_array_equal(rows, np.tile(2.0 * drawn, (10, 1)))


def test_sampling_without_replacement():  # P1
    def sample(p, rng):
        next_rng, one = rng.multinomial(n=1, p=p)
        i = one.argmax()
        p = p[i].set(0.0)
        return p / p.sum(), i, next_rng

    p, k = T.dvector("p"), T.iscalar("k")
    rng = T.random.shared_rng(value=np.random.default_rng(77))
    _, picks, last = theano.scan(sample, outputs_info=[p, None, rng], n_steps=k, return_updates=False)
    f = compile([p, k], picks, updates={rng: last})
    found = [f([0.6, 0.3, 0.1], 3) for _ in range(200)]
    assert all(sorted(picks) == [0, 1, 2] for picks in found)
    first = np.bincount([picks[0] for picks in found], minlength=3) / 200
    np.testing.assert_allclose(first, [0.6, 0.3, 0.1], atol=0.12)  # 3.5 standard deviations


def test_streams():  # E3, E4
    streams = T.shared_randomstreams.RandomStreams(seed=234)
    u, n = streams.uniform((2, 2)), streams.normal((2, 2))
    f, g = compile([], u), compile([], n, no_default_updates=True)
    assert not np.array_equal(f(), f())
    np.testing.assert_array_equal(g(), g())
    np.testing.assert_allclose(compile([], u + u - 2 * u)(), 0)
    state = u.rng.get_value()
    first = f()
    u.rng.set_value(state)
    np.testing.assert_array_equal(f(), first)


@pytest.mark.parametrize("passed", [False, True])
def test_gibbs_chain(passed):  # S5, S8, S9
    W = theano.shared(np.ones((3, 2)))
    bvis, bhid = theano.shared(np.zeros(3)), theano.shared(np.zeros(2))
    trng = T.shared_randomstreams.RandomStreams(1234)

    def step(vsample, *shared):
        hmean = T.nnet.sigmoid(T.dot(vsample, W) + bhid)
        hsample = trng.binomial(size=hmean.shape, n=1, p=hmean, dtype="float64")
        vmean = T.nnet.sigmoid(T.dot(hsample, W.T) + bvis)
        return trng.binomial(size=vsample.shape, n=1, p=vmean, dtype="float64")

    sample = T.vector()
    weights = [W, bvis, bhid] if passed else []
    if not passed:
        with pytest.raises(theano.gof.fg.MissingInputError):
            theano.scan(step, outputs_info=sample, n_steps=10, strict=True)
    values, updates = theano.scan(step, outputs_info=sample, non_sequences=weights, n_steps=10, strict=passed)
    drawn = compile([sample], values[-1], updates)(np.ones(3))
    assert drawn.shape == (3,) and set(drawn) <= {0.0, 1.0}


# ---- other names ----


def test_modes():
    assert not theano.Mode(linker="py", optimizer=None).reference
    default = theano.compile.mode.get_default_mode()
    assert not isinstance(default, theano.compile.debugmode.DebugMode)
    with theano.change_flags(mode="reference"):
        assert theano.compile.mode.get_default_mode().reference


def test_inputs_of_a_graph():
    x, y = T.scalars("x", "y")
    assert theano.gof.graph.inputs([x + y]) == [x, y]


def test_pydotprint_shows_the_step(tmp_path):
    xs = T.vector("xs")
    y, _ = theano.scan(lambda x: T.tanh(x), sequences=xs)
    path = tmp_path / "graph.dot"
    text = theano.printing.pydotprint(y, outfile=str(path), scan_graphs=True)
    assert path.read_text() == text and "tanh" in text and "xs" in text
    assert "tanh" not in theano.printing.pydotprint(y)


def test_typed_lists_say_what_to_use():  # L1
    with pytest.raises(NotImplementedError, match="padded array"):
        theano.typed_list.TypedListType(T.fvector)


def test_asarray_and_verify_grad():
    assert theano._asarray([1], dtype="float32").dtype == np.float32
    T.verify_grad(lambda x: T.tanh(x), [np.array([0.3, 0.5])])
    assert issubclass(T.verify_grad.E_grad, Exception)
