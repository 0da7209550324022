"""Every function of `T` on variables and constants of rank 0 to 3, of length 0 and 1, in and outside a step.

What a function refuses, it refuses as TypeError, ValueError, IndexError or NotImplementedError; whatever it builds
compiles, and both executors agree.
"""

import operator

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

REFUSALS = (TypeError, ValueError, IndexError, NotImplementedError)
SHAPES = [(), (1,), (0,), (3,), (2, 0), (1, 1, 2)]

INDEXING = {
    "a[None]": lambda a: a[None], "a[...]": lambda a: a[...], "a[()]": lambda a: a[()],
    "a[..., None]": lambda a: a[..., None], "a[-1:]": lambda a: a[-1:],
    "a[::-1]": lambda a: a[::-1], "a[None][0]": lambda a: a[None][0], "a[None][[0, 0]]": lambda a: a[None][[0, 0]],
    "a[...] = 2": lambda a: T.set_subtensor(a[...], 2), "a[()] = 2": lambda a: T.set_subtensor(a[()], 2),
    "a[None] += 1": lambda a: T.inc_subtensor(a[None], 1), "a[...] += a": lambda a: T.inc_subtensor(a[...], a),
    "a[None][[0, 0]] += 1": lambda a: T.inc_subtensor(a[None][[0, 0]], 1),
    "a[a > 1]": lambda a: a[a > 1], "a[a > 1] = 2": lambda a: T.set_subtensor(a[a > 1], 2),
    "a[a > 1] += a[a > 1][::-1]": lambda a: T.inc_subtensor(a[a > 1], a[a > 1][::-1]),
    "a[None][[True]]": lambda a: a[None][[True]], "sum of a[a > 1]": lambda a: a[a > 1].sum(),
    "sum over no axis": lambda a: a.sum(axis=()), "largest": lambda a: T.max(a[None], axis=0, keepdims=True),
    "reshape": lambda a: a.reshape((1, a.size, 1)), "new axis": lambda a: a.dimshuffle("x", *range(a.ndim)),
    "ifelse": lambda a: T.ifelse(T.eq(a.size, 1), a, a * 2), "stack": lambda a: T.stack([a, a]),
    "rows": lambda a: sc.scan(lambda r: r * 2, sequences=a)[0],
    "states": lambda a: sc.scan(lambda r: r * 2, outputs_info=[a], n_steps=2)[0],
    "in a step": lambda a: sc.scan(lambda i: a[...] + a[None][0], sequences=T.arange(2))[0],
}
OPERATORS = {name: getattr(operator, name) for name in (
    "add sub mul truediv floordiv mod pow and_ or_ xor lshift rshift eq ne lt le gt ge matmul".split())}
FUNCTIONS = {name: getattr(T, name) for name in (
    "all any argsort atleast_2d bitwise_not ceil cumsum diag exp flatten flip isnan mean nonzero norm prod ravel "
    "round sgn shape size softmax sort squeeze std sum trace transpose zeros_like".split())}


def constants(dtype):
    return [T.constant((np.arange(np.prod(s)) % 3).reshape(s).astype(dtype)) for s in SHAPES]


def variables(dtype):
    return [T.TensorType(dtype, (None,) * len(s))(f"v{i}") for i, s in enumerate(SHAPES)]


def in_a_step(function):
    return lambda *args: sc.scan(lambda i: function(*args), sequences=T.arange(2))[0]


def built(function, *args):
    """What `function` gives for `args`, and its gradients; nothing where it refuses them."""
    try:
        found = function(*args)
    except REFUSALS:
        return []
    results = [r for r in (found if isinstance(found, list | tuple) else [found]) if isinstance(r, sc.Variable)]
    wrt = [a for a in dict.fromkeys(args) if a.dtype == "float64"]
    if wrt and results and results[0].dtype == "float64":
        results += T.grad(T.sum(results[0]), wrt, disconnected_inputs="ignore")
    return results


def agree(results, inputs):
    """Both executors give one value for each result that neither refuses."""
    given = [np.ones(SHAPES[int(v.name[1:])], v.dtype) for v in inputs]
    native, reference = (called(inputs, results, given, mode) for mode in ("native", "reference"))
    if native is None and reference is None and len(results) > 1:  # one of them is an error: each alone
        for result in results:
            agree([result], inputs)
        return
    assert (native is None) == (reference is None)
    for a, b in zip(native or (), reference or (), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, b, rtol=1e-12)


def called(inputs, results, given, mode):
    function = sc.function(inputs, results, mode=mode, on_unused_input="ignore")
    try:
        return function(*given)
    except REFUSALS:
        return None


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*INDEXING, *FUNCTIONS])
def test_functions_of_one(name):
    function, inputs = (INDEXING | FUNCTIONS)[name], variables("float64")
    forms = [function, in_a_step(function)] if name in INDEXING else [function]
    agree([r for f in forms for a in constants("float64") + inputs[:2] for r in built(f, a)], inputs)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_operators(name, dtype):
    args, inputs = constants(dtype), variables(dtype)
    pairs = [(a, a) for a in args] + [(args[0], inputs[1]), (inputs[0], inputs[0]), (args[0], args[3])]
    agree([r for a, b in pairs for r in built(OPERATORS[name], a, b)], inputs)
