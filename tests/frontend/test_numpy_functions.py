"""NumPy's functions on variables: NumPy's own numbers, or a TypeError that says what to write."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.frontend.graph.variables import Variable
from scancc.tensor.numpy_functions import FUNCTIONS, REDUCED, UFUNCS
from scancc.tensor.numpy_remedies import REMEDIES

RNG = np.random.default_rng(3)
VALUES = {
    "A": RNG.normal(size=(3, 3)), "B": RNG.normal(size=(3, 3)), "x": RNG.normal(size=3), "y": RNG.normal(size=3),
    "S": RNG.normal(size=(2, 3, 4)), "i": np.array([3, 1, 2]), "z": RNG.normal(size=3) + 1j * RNG.normal(size=3),
    "b": np.array([True, False, True]), "s": np.array(1.5), "P": np.array([[4.0, 1.0], [1.0, 3.0]]),
}


def symbols():
    return {
        "A": T.matrix("A"), "B": T.matrix("B"), "x": T.vector("x"), "y": T.vector("y"), "S": T.tensor3("S"),
        "i": T.lvector("i"), "z": T.zvector("z"), "b": T.vector("b", dtype="bool"), "s": T.scalar("s"),
        "P": T.matrix("P"),
    }


# Each is evaluated on arrays and on variables.
EXPRESSIONS = """
np.sum(A) | np.sum(A, 0) | np.sum(A, axis=(0, 1)) | np.sum(S, axis=-1, keepdims=True) | np.sum(b)
np.sum(i, dtype=float) | np.sum(A, out=None) | np.sum(A, where=True) | np.prod(A, axis=1) | np.prod(i) | np.max(A)
np.amax(A, axis=0) | np.min(A, axis=1, keepdims=True) | np.amin(A) | np.all(b) | np.any(A > 0, axis=0) | np.mean(A)
np.mean(i) | np.mean(A, axis=0, keepdims=True) | np.std(A) | np.std(A, axis=0, ddof=1)
np.var(A, ddof=1, keepdims=True) | np.var(z) | np.average(A, axis=1) | np.argmax(A) | np.argmax(A, axis=0)
np.nonzero(A > 0)[1] | np.where(x > 0)[0] | np.flatnonzero(A > 0) | np.argwhere(A > 0) | np.extract(A > 0, A)
np.compress(b, A, axis=1) | np.compress([True, False], x) | A[A > 0] | A[b] | A[:, b] | A[b, 0] | S[A[:2] > 0]
np.argmin(A, axis=1, keepdims=True) | np.ptp(A, axis=0) | np.ptp(x) | np.median(A)
np.median(A, axis=1, keepdims=True) | np.percentile(x, 30) | np.quantile(A, 0.4, axis=0)
np.bincount(i) | np.count_nonzero(i - 1)
np.count_nonzero(A, axis=1) | np.cumsum(A) | np.cumsum(A, axis=1) | np.cumprod(x) | np.cumsum(b) | np.diff(x)
np.diff(A, n=2, axis=0) | np.sort(A) | np.sort(A, axis=0) | np.sort(A, axis=None) | np.argsort(x)
np.argsort(A, axis=0, kind="stable") | np.searchsorted(np.sort(x), y) | np.searchsorted(np.sort(x), y, side="right")
np.dot(A, x) | np.dot(x, y) | np.dot(A, B) | np.dot(x, 2.0) | np.dot(S, A[:2, :].T[0, 0] * np.ones((4, 2)))
np.inner(x, y) | np.inner(A, x) | np.inner(s, x) | np.vdot(x, y) | np.vdot(z, z) | np.vdot(A, B) | np.outer(x, y)
np.outer(A, x) | np.kron(A, B) | np.kron(x, y) | np.tensordot(A, S, axes=[[1], [1]]) | np.trace(A, 1)
np.matmul(A, x) | np.tensordot(A, B) | np.trace(S) | np.linalg.norm(x) | np.linalg.norm(A) | np.linalg.norm(S)
np.linalg.norm(x, 1) | np.linalg.norm(x, np.inf) | np.linalg.norm(A, axis=0) | np.linalg.norm(A, "fro")
np.linalg.norm(A, axis=1, keepdims=True) | np.linalg.norm(x, 3) | np.linalg.det(A) | np.linalg.inv(A)
np.linalg.solve(A, x) | np.linalg.slogdet(A)[1] | np.linalg.cholesky(P) | np.linalg.matrix_power(A, 3)
np.linalg.multi_dot([x, A, B, y]) | np.linalg.norm(A, 2) | np.linalg.norm(A, 1) | np.linalg.norm(A, -np.inf)
np.linalg.norm(S, axis=(0, 2)) | np.linalg.eigh(P)[0] | np.linalg.eigvalsh(P) | np.linalg.svd(A)[1]
np.linalg.svd(A, compute_uv=False) | np.abs(np.linalg.qr(A)[1]) | np.reshape(A, 9) | np.reshape(A, (9, 1))
np.ravel(A) | np.transpose(S) | np.transpose(S, (1, 0, 2)) | np.swapaxes(S, 0, 2) | np.moveaxis(S, 0, -1)
np.expand_dims(x, 0) | np.expand_dims(x, (0, 2)) | np.squeeze(x[:, None], axis=1) | np.atleast_1d(s)
np.atleast_2d(x) | np.atleast_3d(x) | np.atleast_2d(x, s)[1] | np.broadcast_to(x, (2, 3)) | np.shape(S)[1]
np.size(S) | np.size(S, 2) | np.ndim(S) | np.concatenate([x, y]) | np.concatenate([A, B], axis=1)
np.concatenate((A, x[None]), axis=None) | np.concatenate([x, [1, 2]]) | np.stack([x, y]) | np.stack([x, y], axis=1)
np.stack([s, 2.0]) | np.hstack([x, y]) | np.hstack([A, B]) | np.vstack([x, y]) | np.vstack((A, x))
np.dstack([x, y]) | np.dstack([A, B]) | np.column_stack([x, A, y]) | np.append(x, y) | np.append(A, B)
np.append(A, B, axis=0) | np.append(x, 1.0) | np.split(x, 3)[1] | np.split(x, [1, 2])[2] | np.hsplit(A, 3)[0]
np.vsplit(A, [1])[1] | np.split(A, [2], axis=1)[0] | np.tile(x, 2) | np.tile(A, (2, 1)) | np.repeat(x, 2)
np.repeat(A, 2, axis=0) | np.roll(x, 1) | np.roll(A, -1, axis=0) | np.roll(A, 2) | np.flip(A) | np.flip(A, 0)
np.fliplr(A) | np.flipud(A) | np.take(x, [2, 0]) | np.take(A, i - 1, axis=1) | np.take(x, [4], mode="wrap")
np.diag(x) | np.diag(A, 1) | np.diagonal(S, 1) | np.diagflat(A) | np.tril(A) | np.triu(A, 1) | np.zeros_like(A)
np.ones_like(x, dtype="int8") | np.full_like(x, 7) | np.linspace(s, 3.0, 4) | np.logspace(s, 2.0, 3)
np.linspace(0.0, s, num=5, endpoint=False) | np.copy(x) | np.where(x > 0, x, 0) | np.where(b, x, y)
np.clip(x, 0, 1) | np.clip(x, None, 0.5) | np.clip(x, y, None) | np.select([x > 1, x > 0], [x * 2, y], default=7.0)
np.isclose(x, y) | np.allclose(x, x + 1e-12) | np.nan_to_num(x / 0.0 * 0.0) | np.nan_to_num(x * np.nan, nan=2.0)
np.real(z) | np.imag(z) | np.real(x) | np.angle(z) | np.round(x) | np.around(x * 10) | np.fix(x * 3)
np.isposinf(x / 0) | np.isneginf(x / 0) | np.iscomplexobj(z) | np.isrealobj(z) | np.add(x, y) | np.subtract(2, x)
np.multiply(x, [1, 2, 3]) | np.true_divide(x, y) | np.floor_divide(x, y) | np.mod(x, y) | np.divmod(x, y)[1]
np.power(x, 2) | np.negative(x) | np.positive(x) | np.absolute(z) | np.fabs(x) | np.sign(x) | np.rint(x)
np.square(x) | np.sqrt(i) | np.exp(x) | np.log(np.abs(x)) | np.arctan2(x, y) | np.hypot(x, y) | np.tanh(x)
np.floor(x) | np.deg2rad(x) | np.degrees(x) | np.radians(x) | np.logaddexp(x, y) | np.copysign(x, y)
np.maximum(x, y) | np.minimum(x, 0) | np.isnan(x) | np.isfinite(x) | np.logical_and(b, x > 0) | np.logical_not(b)
np.bitwise_xor(i, 1) | np.invert(i) | ~b | np.left_shift(i, 2) | np.equal(i, 1) | np.not_equal(i, 1) | np.less(x, y)
np.greater_equal(x, y) | np.conjugate(z) | np.reciprocal(x) | np.cbrt(x) | np.log1p(x * x) | np.expm1(x)
np.sinh(x) | np.arcsinh(x) | np.trunc(x) | np.ceil(x) | np.add.reduce(A) | np.add.reduce(A, axis=None)
np.add.reduce(A, axis=1, keepdims=True) | np.add.reduce(A, 1) | np.multiply.reduce(x) | np.maximum.reduce(A)
np.minimum.reduce(A, axis=1) | np.logical_and.reduce(b) | np.logical_or.reduce(b) | np.add.accumulate(A)
np.add.accumulate(A, axis=1) | np.multiply.accumulate(x) | np.add.outer(x, y) | np.multiply.outer(A, x)
np.subtract.outer(x, [1.0, 2.0]) | np.maximum.outer([0.0, 1.0], x) | V * x | x - V | V @ x | M @ x | x @ M | V < x
x < V | V ** x | np.float64(2) * x | np.float64(2) / x | np.float32(2) + x | np.int64(3) // i | i << np.int64(1)
[1.0, 2.0, 3.0] * x | [1.0, 2.0, 3.0] + x | x - [1.0, 2.0, 3.0] | np.bool_(True) & b | np.float64(2) < x
np.float64(2) ** x | x ** np.float64(2) | V[:1] * x | np.array(2.0) - x
""".replace("\n", " | ").strip(" |").split(" | ")
ARRAYS = {"np": np, "V": np.array([1.0, 2.0, 0.5]), "M": np.arange(9.0).reshape(3, 3)}
NEWER = {  # and the name that tells whether this NumPy has it
    "np.linalg.trace(S)": "linalg.trace", "np.linalg.diagonal(S)": "linalg.diagonal", "np.concat([x, y])": "concat",
    "np.permute_dims(A)": "concat", "np.matrix_transpose(S)": "concat", "np.astype(x, int)": "astype",
    "np.clip(x, min=0)": "concat", "np.std(x, correction=1)": "concat", "np.linalg.outer(x, y)": "linalg.outer",
    "np.linalg.cholesky(P, upper=True)": "concat", "np.linalg.matmul(A, x)": "linalg.matmul",
    "np.linalg.tensordot(A, B)": "linalg.tensordot", "np.linalg.matrix_transpose(S)": "linalg.matrix_transpose",
    "np.linalg.vector_norm(A, keepdims=True)": "linalg.vector_norm", "np.linalg.matrix_norm(S)": "linalg.matrix_norm",
    "np.linalg.vector_norm(S, axis=1, ord=1)": "linalg.vector_norm", "np.linalg.svdvals(A)": "linalg.svdvals",
}


def known(path):
    owner = np
    for name in path.split("."):
        owner = getattr(owner, name, None)
    return owner is not None


@pytest.fixture(scope="module", params=[None, "reference"], ids=["native", "reference"])
def computed(request):
    """All expressions on variables, in one function."""
    names = symbols()
    made = {text: eval(text, {**ARRAYS, **names}) for text in expressions()}
    variables = {text: v for text, v in made.items() if isinstance(v, Variable)}
    f = sc.function(list(names.values()), list(variables.values()), mode=request.param, on_unused_input="ignore")
    return {**made, **dict(zip(variables, f(*VALUES.values()), strict=True))}


def expressions():
    return EXPRESSIONS + [text for text, path in NEWER.items() if known(path)]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("text", expressions())
def test_numbers_are_numpys(text, computed):
    want = np.asarray(eval(text, {**ARRAYS, **VALUES}))
    assert np.shape(computed[text]) == want.shape
    np.testing.assert_allclose(computed[text], want, rtol=1e-12, atol=1e-12)


def test_every_mapped_function_is_compared():
    text = " ".join(EXPRESSIONS + list(NEWER))
    others = {"result_type", "can_cast", "empty_like"}  # the next test is of the first two
    others |= {"product", "cumproduct", "alltrue", "sometrue", "round_", "row_stack"}  # of NumPy 1
    assert [name for name in FUNCTIONS if f"np.{name}(" not in text and name not in others] == []
    assert [name for name in REDUCED if f"np.{name}(" not in text] == []


def test_questions_about_dtypes():
    x = T.fvector("x")
    assert np.result_type(x, np.float64) == np.float64 and np.result_type(x, np.int8) == np.float32
    assert np.can_cast(x, "float64") and not np.can_cast(x, "int8")


def dispatching():
    """NumPy's functions that ask an operand's class, by name."""
    found = {}
    for prefix, module in (("", np), ("linalg.", np.linalg), ("fft.", np.fft)):
        for name in dir(module):
            if name in ("in1d", "trapz", "row_stack"):  # asking for it warns
                continue
            function = getattr(module, name)
            if hasattr(function, "_implementation") or type(function).__name__ == "_ArrayFunctionDispatcher":
                found[prefix + name] = function
    return found


def test_every_function_of_numpy_is_mapped_or_says_what_to_write():
    dated = {"busday_count", "busday_offset", "is_busday", "datetime_as_string"}
    names = {prefix_of(function) + function.__name__ for function in dispatching().values()}
    assert sorted(n for n in names if n not in FUNCTIONS and n not in REMEDIES and n not in dated) == []
    ufuncs = {u.__name__ for u in vars(np).values() if isinstance(u, np.ufunc)}
    assert sorted(n for n in ufuncs if n not in UFUNCS and n not in REMEDIES) == []


def prefix_of(function):
    module = function.__module__
    return f"{module.removeprefix('numpy.')}." if module in ("numpy.linalg", "numpy.fft") else ""


REFUSED = """
np.sum(x, where=b) | np.sum(x, initial=1.0) | np.sum(x, out=V) | np.max(x, initial=0) | np.mean(x, where=b)
np.std(x, dtype="float32") | np.cumsum(x, dtype="float32") | np.average(x, weights=y) | np.average(x, returned=True)
np.diff(x, append=1.0) | np.sort(x, order="f") | np.searchsorted(x, y, sorter=i) | np.dot(A, x, out=V)
np.reshape(A, 9, "F") | np.ravel(A, "F") | np.squeeze(A) | np.stack([x, y], dtype="float32")
np.concatenate([x, y], out=V) | np.round(x, 2) | np.concatenate([x, y], casting="unsafe")
np.zeros_like(x, shape=(2,)) | np.linspace(s, 2.0, retstep=True) | np.linspace(s, 2.0, axis=1)
np.angle(z, deg=True) | np.nan_to_num(x, posinf=1.0) | np.split(x, i)
np.trace(A, dtype="float32") | np.ptp(x, out=V) | np.unique(x) | np.einsum("ij,j", A, x)
np.fft.fft(x) | np.linalg.eig(A) | np.linalg.svd(A, hermitian=True) | np.pad(x, 1) | np.nansum(x) | np.histogram(x)
np.array_equal(x, y) | np.save("f", x) | np.put(V, [0], x) | np.copyto(V, x) | np.cov(A) | np.fill_diagonal(A, 0)
np.apply_along_axis(np.sum, 0, A) | np.cross(x, y) | np.linalg.lstsq(A, x, rcond=None) | np.add(x, y, out=V)
np.add(x, y, where=b) | np.add(x, y, dtype="float32") | np.add.at(V, [0], x) | np.exp(x, out=V)
np.add.reduceat(x, [0, 1]) | np.subtract.reduce(x) | np.add.reduce(x, initial=2.0) | np.add.reduce(x, where=b)
np.add.reduce(x, out=V) | np.maximum.accumulate(x) | np.fmod(x, y) | np.spacing(x) | np.modf(x) | np.gcd(i, i)
np.frexp(x) | np.add.accumulate(x, dtype="float32") | np.add.outer(x, y, dtype="float32") | np.asarray(x)
np.array(x) | np.array([x, y]) | np.array([[s, 1.0]]) | np.array([x, y], dtype=object)
np.array(x, dtype="float32") | np.asanyarray(x) | np.ascontiguousarray(x) | np.full(3, s) | np.vectorize(float)(x)
np.asarray([V, x], dtype=float) | np.testing.assert_allclose(x, V) | np.zeros(i[0])
np.random.default_rng().normal(x) | np.arange(i[0]) | np.eye(i[0]) | np.ones((2, i[0])) | V[i[0]]
V.reshape(i[0], 1)
""".replace("\n", " | ").strip(" |").split(" | ")


@pytest.mark.parametrize("text", REFUSED)
def test_what_ours_do_not_honour_is_refused(text):
    with pytest.raises((TypeError, IndexError)) as raised:
        eval(text, {**ARRAYS, **symbols()})
    assert isinstance(raised.value, TypeError) or text == "V[i[0]]"


def test_no_array_changes_in_place():
    total, x = np.zeros(3), T.vector("x")
    with pytest.raises(TypeError, match=r"out= is not supported .*\n.* total = total . x"):
        total += x
    x += total
    assert isinstance(x, Variable)


def test_what_a_refusal_says():
    with pytest.raises(TypeError, match=r"np.sum \(.*\): where= is not supported on .*\n  choose first: T.sum"):
        np.sum(T.vector(), where=T.vector() > 0)
    with pytest.raises(TypeError, match=r"np.add.at .*\n.*T.inc_subtensor"):
        np.add.at(np.zeros(3), [0], T.vector())
    with pytest.raises(TypeError, match=r"T.stack\(\[x, y\]\)"):
        np.array([T.vector(), T.vector()])


def test_a_ufunc_of_scipy_names_ours():
    special = pytest.importorskip("scipy.special")
    with pytest.raises(TypeError, match=r"^gammaln \((.|\n)*write T\.gammaln"):
        special.gammaln(T.vector("x"))
