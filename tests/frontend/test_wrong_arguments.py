"""Arguments that were taken without effect or for another meaning are errors: at once where they are known."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

x, X, n, i = T.dvector("x"), T.dmatrix("X"), T.lscalar("n"), T.ivector("i")

AT_ONCE = {
    "a length is -3": [
        lambda: T.eye(-3), lambda: T.eye(3, -3), lambda: T.tri(-3), lambda: T.linspace(0, 1, -3),
        lambda: T.logspace(0, 1, -3), lambda: T.geomspace(1, 2, -3), lambda: T.to_one_hot(i, -3),
        lambda: T.split(x, [-3, 7], 2), lambda: T.tile(x, (2, -3)), lambda: T.tile(x, -3),
    ],
    "give True or False": [
        lambda: T.sum(x, keepdims="no"), lambda: T.max(x, keepdims=2), lambda: T.argmin(x, keepdims="no"),
        lambda: T.linspace(0, 1, 5, "no"), lambda: T.isclose(x, x, equal_nan="no"),
        lambda: T.set_subtensor(x[0], 1.0, inplace="no"), lambda: T.inc_subtensor(x[0], 1.0, ignore_duplicates="no"),
        lambda: T.slinalg.cholesky(X, lower="no"), lambda: T.slinalg.solve_triangular(X, x, lower="no"),
        lambda: T.slinalg.cho_solve((X, "no"), x), lambda: T.special.logsumexp(X, keepdims="no"),
    ],
    "give a whole number": [
        lambda: T.diff(x, n=1.5), lambda: T.diff(x, n=True), lambda: X.dimshuffle(0.0, 1), lambda: X.flatten(True),
        lambda: T.shape_padleft(x, 1.5), lambda: T.diag(X, k=True), lambda: T.tensordot(X, X, axes=True),
        lambda: T.vectors(True), lambda: T.linalg.matrix_power(X, 0.5),
    ],
    "or more": [
        lambda: T.diff(x, n=-1), lambda: T.shape_padleft(x, -1), lambda: T.shape_padright(x, -1),
        lambda: T.tensordot(X, X, axes=-1), lambda: T.vectors(-2), lambda: T.vectors(0),
        lambda: T.to_one_hot(T.constant([5]), 3), lambda: T.to_one_hot(T.constant([-1]), 3),
        lambda: T.specify_shape(x, (-1,)), lambda: T.diff(x, n=-2),
    ],
    "at least 0": [
        lambda: T.tensor("v", dtype="float64", shape=(-1,)), lambda: T.vector("v", shape=(-1,)),
        lambda: T.dvector("v", shape=(-2,)), lambda: T.TensorType("float64", (None, -1)),
    ],
    "twice": [
        lambda: T.flip(x, (0, 0)), lambda: T.tensordot(X, X, axes=[[0, 0], [0, 1]]), lambda: T.sum(X, axis=(0, 0)),
    ],
    "kind is": [lambda: T.sort(x, kind="quickly"), lambda: T.argsort(x, kind="zz")],
    "order is": [lambda: T.sort(x, order="f")],
    "name of a tensor": [lambda: T.vector(5), lambda: T.dmatrix(["a"])],
    "is of shape": [lambda: T.col("c", shape=(None, 2)), lambda: T.row("r", shape=(2, None))],
    "says another": [lambda: T.TensorType("float64", shape=(2,), broadcastable=(True,))],
    "ndim is": [lambda: T.tile(x, (2, 2), ndim=1), lambda: T.tile(x, 2, ndim=-1)],
    "counts are whole numbers": [lambda: T.repeat(x, x)],
    "2 counts are given for 3 rows": [lambda: T.repeat(T.constant([1.0, 2.0, 3.0]), T.constant([1, 2]))],
    "takes a sorted vector": [lambda: T.searchsorted(X, 2.0)],
    "takes a square matrix": [lambda: T.linalg.matrix_power(x, 2)],
    "takes a vector of whole numbers": [lambda: T.to_one_hot(x, 3), lambda: T.to_one_hot(X, 3)],
    "one end is 0": [lambda: T.geomspace(0, 2, 3)],
    "not a dtype": [lambda: T.cast(x, None)],
    "axes is 3": [lambda: T.tensordot(X, X, axes=3)],
    "unexpected keyword": [lambda: T.slinalg.solve_lower_triangular(X, x, lower=False)],
    "trans True": [lambda: T.slinalg.solve_triangular(X, x, trans=True)],
}


@pytest.mark.parametrize("text", AT_ONCE)
def test_refused_when_the_graph_is_built(text):
    for build in AT_ONCE[text]:
        with pytest.raises((ValueError, TypeError), match=text):
            build()


@pytest.mark.parametrize("mode", ["native", "reference"])
@pytest.mark.parametrize(("build", "text"), [
    (lambda: T.eye(n), "a length is -3"),
    (lambda: T.tri(2, n), "a length is -3"),
    (lambda: T.linspace(0, 1, n), "a length is -3"),
    (lambda: T.tile(x, n), "a length is -3"),
    (lambda: T.reshape(x, (n,)), "a length is -3"),
    (lambda: T.to_one_hot(i, n), "a length is -3"),
    (lambda: T.to_one_hot(i, 3), "a class is below 0, or nb_class or more"),
    (lambda: T.repeat(x, i), "2 counts are given for 3 rows"),
    (lambda: T.geomspace(n, 2, 3), "one end is 0"),
])
def test_refused_when_it_runs(build, text, mode):
    f = sc.function([x, n, i], build(), mode=mode, on_unused_input="ignore")
    with pytest.raises(ValueError, match=text):
        f(np.arange(3.0), -3, np.array([5, 1], "i4"))


@pytest.mark.parametrize("mode", ["native", "reference"])
def test_a_place_named_twice_counts_once_where_that_is_asked_for(mode):  # the flag had no effect
    part = x[np.array([0, 0, 2])]
    once = T.inc_subtensor(part, 1.0, ignore_duplicates=True)
    each = T.inc_subtensor(part, 1.0)
    first, second = sc.function([x], [once, each], mode=mode)(np.zeros(3))
    np.testing.assert_array_equal(first, [1, 0, 1])
    np.testing.assert_array_equal(second, [2, 0, 1])


# ---- keywords of scan, function and their kin ----

p, k = T.dscalar("p"), sc.shared(0, "k")


def same(a):
    return a


KEYWORDS = {
    "truncate_gradient is": [
        lambda: sc.scan(same, x, truncate_gradient=-7), lambda: sc.scan(same, x, truncate_gradient=0),
        lambda: sc.map(same, x, truncate_gradient=-7), lambda: sc.scan(same, x, truncate_gradient=2.5),
    ],
    "give True or False": [
        lambda: sc.scan(same, x, go_backwards="no"), lambda: sc.scan(same, x, strict="no"),
        lambda: sc.scan(same, x, return_list="no"), lambda: sc.scan(same, x, return_updates="no"),
        lambda: sc.scan(same, x, allow_gc="no"), lambda: sc.map(same, x, go_backwards="no"),
        lambda: sc.scan_checkpoints(same, outputs_info=[p], n_steps=4, padding="no"),
        lambda: sc.function([x], x, accept_inplace="no"), lambda: sc.function([x], x, rebuild_strict="no"),
        lambda: sc.function([x], x, allow_input_downcast="no"), lambda: sc.function([x], x, trust_input="no"),
        lambda: sc.shared(1, borrow="no"), lambda: sc.shared(1, strict="no"), lambda: sc.In(x, strict="no"),
        lambda: sc.In(x, mutable="no"), lambda: sc.Out(x, borrow="no"), lambda: sc.clone(x, strict="no"),
        lambda: sc.clone(x, share_inputs="no"), lambda: sc.grad(x.sum(), x, add_names="no"),
    ],
    "give a string": [
        lambda: sc.scan(same, x, name=5), lambda: sc.function([x], x, name=5), lambda: sc.shared(1, name=5),
        lambda: sc.In(x, name=5), lambda: sc.ifelse(n, x, x, name=5),
    ],
    "mode is": [lambda: sc.scan(same, x, mode="fastest"), lambda: sc.function([x], x, mode="refrence")],
    "no_default_updates is": [
        lambda: sc.function([x], x, no_default_updates="no"), lambda: sc.function([x], x, no_default_updates=[x])],
    "linker is": [lambda: sc.Mode(linker="ccc")],
    "same type as": [lambda: sc.function([x], x, updates={k: 1.5})],
    "no value of dtype": [lambda: sc.shared(1.5, dtype="int8"), lambda: sc.shared(300, dtype="int8")],
    "target is": [lambda: sc.shared(1, target="gpu")],
    "says another": [lambda: sc.shared([1, 2], shape=(2,), broadcastable=(True,))],
    "argument 0": [
        lambda: sc.function([sc.In(x, value="a")], x), lambda: sc.function([sc.In(x, value=np.ones((2, 2)))], x)],
    "give a dict": [
        lambda: sc.function([x], x, updates=5), lambda: sc.function([x], x, givens=5), lambda: sc.clone(x, 5),
        lambda: sc.grad(x.sum(), x, known_grads=5)],
    "is to be copied": [lambda: sc.clone(5)],
    "disconnected": [
        lambda: sc.Rop(x * 2, x, x, return_disconnected="q"), lambda: sc.Rop(x * 2, x, x, disconnected_outputs="q")],
    "the bounds are": [lambda: sc.gradient.grad_clip(x, 2, 1), lambda: sc.gradient.grad_clip(x, float("nan"), 1)],
    "verify_grad": [
        lambda: sc.gradient.verify_grad(same, [np.ones(2)], n_tests=0),
        lambda: sc.gradient.verify_grad(same, [np.ones(2)], eps=-1.0)],
    "debugprint": [lambda: sc.printing.debugprint(x, ids="foo"), lambda: sc.printing.debugprint(x, file="zz")],
    "no attribute of an array": [
        lambda: sc.printing.Print("a", attrs="shape"), lambda: sc.printing.Print("a", attrs=("nope",))],
}


HELD = sc.shared(0.0)
# What to write instead, where the usual remedy would not help.
REMEDIES = {
    r"T.maximum\(a, b\) is that of two": [lambda: T.max(x, x), lambda: x.max(x)],
    r"T.minimum\(a, b\) is that of two": [lambda: T.min(x, x)],
    "T.iround": [lambda: x[T.dscalar()], lambda: x[1.5]],
    r"sc.vmap\(fn\)\(x\)": [lambda: sc.vmap(x)],
    r"write \[x\]": [lambda: sc.function(x, x)],
    r"sc.function\(\[x\], f\(x\)\)": [lambda: sc.function(same)],
    "called with variables": [lambda: sc.function([x], same), lambda: T.exp(np.exp)],
    r"reshape it to 0 dimension\(s\)\.": [
        lambda: sc.function([x], x, updates={HELD: x}), lambda: sc.function([x], x, givens={HELD: x}),
        lambda: sc.scan(lambda v, w: (v, {HELD: w}), x, non_sequences=x)],
    r"reshape it to 0 dimension\(s\) and cast it: T.cast\(value, 'float64'\)": [
        lambda: sc.function([i], i, updates={HELD: i})],
    r"\n  cast it: T.cast\(value, 'float64'\)": [lambda: sc.function([n], n, updates={HELD: n})],
    "gives it another with each call": [lambda: sc.shared(x)],
    "does not change": [lambda: setattr(x, "shape", (3,)), lambda: setattr(X, "T", X)],
    "that output, not a list": [lambda: list(sc.scan(same, x)[0])],
    "a list holds None, which is no number": [lambda: sc.function([x], x)([1.0, None])],
    "an array of object holds 'a', which is": [lambda: sc.function([x], x)(np.array([1, "a"], object))],
    "a list holds text": [lambda: sc.function([x], x)([1.0, "a"])],
    r"pass list\(value\), or": [lambda: sc.function([x], x)({1.0, 2.0}), lambda: sc.function([x], x)(iter([1.0]))],
    "a dict with the key 'h'": [lambda: sc.scan(lambda v: {"h": v}, x), lambda: sc.scan(lambda v: (v, {"h": v}), x)],
    "'3' is text": [lambda: x * "3", lambda: "3" * x, lambda: x + "3", lambda: x < "3"],
    "JAX's scan": [lambda: sc.scan(same, 0.0, x), lambda: sc.scan(same, T.constant(0.0), x)],
}


@pytest.mark.parametrize("text", REMEDIES)
def test_what_to_change_is_what_helps(text):
    for build in REMEDIES[text]:
        with pytest.raises((ValueError, TypeError, IndexError), match=text):
            build()


@pytest.mark.parametrize("choose", [T.switch, sc.ifelse], ids=["switch", "ifelse"])
def test_a_condition_by_the_equality_of_variables_warns_at_the_users_line(choose):
    with pytest.warns(UserWarning, match=r"T.eq\(x, y\) compares") as warned:
        choose(x == X, x, x)
    assert warned[0].filename == __file__


@pytest.mark.parametrize("text", KEYWORDS)
def test_keywords_refuse_what_is_no_value_of_theirs(text):
    for build in KEYWORDS[text]:
        with pytest.raises((ValueError, TypeError), match=text):
            build()


@pytest.mark.parametrize(("build", "text"), [
    (lambda: sc.function([x], x, mode="DebugMode"), "mode 'DebugMode' compares nothing here"),
    (lambda: sc.function([x], x, mode="JAX"), "mode 'JAX' names a compiler that is not here"),
    (lambda: sc.function([x], x, mode=sc.Mode(linker="numba")), "with linker='numba' names a compiler"),
    (lambda: sc.scan(same, x, profile=True), "profile= has no effect"),
    (lambda: sc.scan(same, x, mode="JAX"), "names a compiler that is not here"),
])
def test_what_is_asked_for_and_not_done_is_said(build, text):
    with pytest.warns(UserWarning, match=text):
        build()


def test_modes_of_older_programs_by_position(recwarn):  # the linker was taken for the name
    mode = sc.Mode("py", "fast_run")
    assert (mode.linker, mode.optimizer, mode.reference) == ("py", "fast_run", False)
    assert sc.function([x], x * 2, mode=mode)([1.0]) == [2.0]
    assert sc.function([x], sc.printing.Print("x")(x), mode="reference")([1.0]) == [1.0]
    assert not recwarn.list


# ---- said of the argument that is wrong, and not of what breaks later ----

TOLD = {
    "sequence 1: 'a' of type str": [lambda: sc.scan(same, [x, "a"])],
    "outputs_info 0: 'a' of type str": [lambda: sc.scan(same, outputs_info="a", n_steps=2)],
    "non-sequence 0: None of type": [lambda: sc.scan(same, x, non_sequences=[None])],
    "the condition: None of type": [lambda: sc.until(None)],
    "output 1: 'a' of type str": [lambda: sc.function([x], [x, "a"])],
    "a list within the list of outputs": [lambda: sc.function([x], [x, [x, x]])],
    "the update of k: None of type": [lambda: sc.function([x], x, updates={k: None})],
    "the value of x: None of type": [lambda: sc.function([], x, givens={x: None})],
    "has the tap 10": [lambda: sc.scan(same, {"input": x, "taps": [10**25]})],
    "the tap {-1}": [lambda: sc.scan(same, outputs_info={"initial": x, "taps": {-1}}, n_steps=2)],
    "float64 and the result dtype float32": [
        lambda: sc.scan(lambda a: a.astype("float32"), outputs_info=[1e300], n_steps=2)],
    "truncate_gradient is n": [lambda: sc.scan(same, x, truncate_gradient=n)],
    "go_backwards is True, of type Constant": [lambda: sc.scan(same, x, go_backwards=T.constant(True))],
    "borrow is 'no'": [lambda: k.set_value(2, borrow="no"), lambda: k.get_value("no"), lambda: k.zero("no")],
    "shared: .* cannot become": [lambda: sc.shared("a"), lambda: sc.shared(None), lambda: sc.shared(10**400)],
    "rows must have equal lengths": [lambda: sc.shared([[1], [1, 2]]), lambda: k.set_value([1, [2]])],
    "set_value: x is symbolic": [lambda: k.set_value(x)],
    "which holds itself": [lambda: sc.function([x], x)(endless())],
    "the shape of a tensor is 3": [lambda: T.vector("v", shape=3), lambda: sc.shared(1, broadcastable=3)],
    "linker is 3": [lambda: sc.Mode(3)],
    "message is 3": [lambda: sc.printing.Print(3)],
    "debugprint shows": [lambda: sc.printing.debugprint("x")],
    "pydotprint shows": [lambda: sc.printing.pydotprint(3)],
    "`wrt` holds 'x'": [lambda: sc.Rop(x * 2, "x", x)],
    "`f` holds 'f'": [lambda: sc.Rop("f", x, x)],
    "no eval_point but None": [lambda: sc.Rop(x * 2, x, None)],
    "verify_grad: rng is 3": [lambda: sc.gradient.verify_grad(T.sum, [np.ones(2)], rng=3)],
    "output 0: 'x' of type str": [lambda: sc.vectorize_graph("x", {x: X})],
    "copy: swap": [lambda: sc.function([x], x).copy(swap=5), lambda: sc.function([x], x).copy(swap={k: k})],
    "copy: delete_updates": [lambda: sc.function([x], x).copy(delete_updates="no")],
    "is no dict": [lambda: sc.change_flags("floatX"), lambda: sc.change_flags(3)],
    "are no subscripts": [lambda: T.einsum(3, X)],
    "has several '...'": [lambda: T.einsum("...i...->i", X)],
    "q is 1": [lambda: T.quantile(x, 1.5), lambda: T.percentile(x, 150)],
    "minlength is -1": [lambda: T.bincount(i, minlength=-1)],
    "give integers": [lambda: T.choose(x, [x, x])],
    "give it by name: msg='why'": [lambda: T.assert_(x, x.sum() > 0, "why")],
    "takes the new shape": [lambda: x.reshape()],
    "maximum takes 2 operands": [lambda: T.maximum(x)],
    "^squeeze: axis 0 has length 2": [lambda: T.squeeze(T.zeros((2, 3)), 0)],
    "^stack: axis 0 of the tensors": [lambda: T.stack([T.zeros(2), T.zeros(3)])],
    "^stack: axis 2 is": [lambda: T.stack([x, x], axis=2)],
    "^zeros: 2.5 is no length": [lambda: T.zeros(2.5)],
    "^trace takes": [lambda: T.trace(x)],
    "^std: axis 1": [lambda: T.std(x, axis=1)],
    "^median: axis 3": [lambda: T.median(x, axis=3)],
    "^compress: axis 3": [lambda: T.compress([True], X, axis=3)],
    "^einsum: the letter 'j' of 'ij,j->i' has lengths 3 and 2": [
        lambda: T.einsum("ij,j->i", T.zeros((2, 3)), T.zeros(2))],
    "^eval: no value is given for `x`": [lambda: (x * 2).eval()],
    "^choice: the number of elements": [lambda: T.random.RandomStream(1).choice(np.zeros(0), size=3)],
    "^jacobian .*does not depend": [lambda: T.jacobian(x, T.dvector("stranger"))],
    "^hessian .*cost must be a scalar": [lambda: T.hessian(x, x)],
    "^hessian .*`wrt` holds 'p'": [lambda: T.hessian(p, "p")],
    "^Lop .*do not depend": [lambda: sc.Lop(x * 2, T.dvector("stranger"), x)],
    "^Lop .*`f` holds 'f'": [lambda: sc.Lop("f", x, x)],
    "ifelse takes a scalar condition, not x": [lambda: sc.ifelse(x, x, x)],
    "a branch is a Python function": [lambda: sc.ifelse(p, lambda: x, lambda: x)],
    "^In.*test_wrong_arguments.py:": [lambda: sc.In(x, update=x)],  # the line was <string>:12
    "cannot become a tensor": [lambda: setattr(sc.shared(1), "default_update", "a")],
    "low; it is 1": [lambda: T.random.RandomStream(1).integers(3, 1)],
}


def endless():
    held = []
    held.append(held)
    return held


@pytest.mark.parametrize("text", TOLD)
def test_the_argument_is_named(text):
    for build in TOLD[text]:
        with pytest.raises((ValueError, TypeError, OverflowError, NotImplementedError), match=text):
            build()


def test_a_switch_that_is_misspelt_is_found():
    with pytest.raises(AttributeError, match="did you mean config.floatX"):
        sc.change_flags(floatx="float32")


@pytest.mark.parametrize("mode", ["native", "reference"])
@pytest.mark.parametrize(("build", "text"), [
    (T.linalg.inv, "inverse: the matrix is singular"), (lambda a: T.solve(a, a), "solve: the matrix is singular"),
    (T.cholesky, "cholesky: the matrix is not positive definite"),
])
def test_matrices_that_do_not_do_have_one_error(build, text, mode):  # natively it was a ValueError
    f = sc.function([X], build(X), mode=mode)
    with pytest.raises(np.linalg.LinAlgError, match=text) as caught:
        f(np.zeros((2, 2)))
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("mode", ["native", "reference"])
@pytest.mark.parametrize(("build", "text"), [
    (lambda: T.squeeze(X, 0), "^squeeze: axis 0 has length 2, not 1"),
    (lambda: T.einsum("ij,j->i", X, x), "^einsum: the letter 'j' of 'ij,j->i' has lengths 3 and 2"),
    (lambda: T.einsum("ii", X), "^einsum: the letter 'i' of 'ii' has lengths 2 and 3"),  # took the shorter diagonal
    (lambda: T.bincount(i, weights=x), "^bincount: 2 weights are given for 1 elements"),
    (lambda: sc.Rop(x * x, x, X[0]), "^Rop: the eval_point: axis 0 has length 3, not 2"),
])
def test_lengths_that_disagree_name_what_was_written(build, text, mode):
    f = sc.function([x, X, i], build(), mode=mode, on_unused_input="ignore")
    with pytest.raises(ValueError, match=text):
        f(np.ones(2), np.ones((2, 3)), [0])


def test_axes_of_a_transpose_by_name():
    assert T.transpose(X, axes=[1, 0]).eval({X: np.ones((2, 3))}).shape == (3, 2)


# ---- errors of steps say the op, the line and the step, in both modes ----

H, U = T.dmatrix("H"), T.dmatrix("U")
BATCHES = [np.ones((3, 2, 4)), np.ones((4, 6))]


def recurrent(rows, weights, start, again, mode):
    """Runs a recurrent layer whose shapes do not fit."""
    inputs = T.tensor3("rows"), T.dmatrix("weights"), H, U
    h, _ = sc.scan(lambda r, h, w, u: T.tanh(T.dot(r, w) + T.dot(h, u)), inputs[0], H, [inputs[1], U], name="layer")
    sc.function(inputs, h, mode=mode)(rows, weights, start, again)


@pytest.mark.parametrize("mode", ["native", "reference"])
@pytest.mark.parametrize(("start", "again", "text"), [
    ((5, 6), (6, 6), "^add:"),  # natively the state's length was named, which follows from this
    ((2, 6), (6, 7), "^add:"), ((2, 5), (6, 6), "^dot:"),
])
def test_the_op_that_disagrees_is_named_with_its_step(start, again, text, mode):
    with pytest.raises(ValueError, match=text) as caught:
        recurrent(*BATCHES, np.ones(start), np.ones(again), mode)
    notes = " ".join(caught.value.__notes__)
    assert "test_wrong_arguments.py" in notes and "in step 0 of scan 'layer'" in notes


@pytest.mark.parametrize("mode", ["native", "reference"])
@pytest.mark.parametrize("step", [lambda h: h[1:], lambda h: T.concatenate([h, h])])
def test_a_state_that_changes_shape_is_described(step, mode):
    h, _ = sc.scan(step, outputs_info=[x], n_steps=3)
    with pytest.raises(ValueError, match="(?s)the state, .*float64.*A row keeps its shape") as caught:
        sc.function([x], h, mode=mode)(np.ones(2))
    assert "Variable" not in str(caught.value) + " ".join(getattr(caught.value, "__notes__", []))
