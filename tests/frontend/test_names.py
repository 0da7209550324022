"""Names that are not there: the nearest one, where it is, or what other systems' name is called here."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.other_names import OF_FUNCTIONS, OF_PROGRAMS, OF_SHARED, OF_STREAMS, OF_TENSORS, OF_VARIABLES
from scancc.spelling import nearest
from scancc.tensor.numpy_remedies import REMEDIES

X = T.vector("x")
F = sc.function([X], X.sum())
STREAM = sc.RandomStream(1)


@pytest.mark.parametrize("owner, name, meant", [
    (T, "sigmiod", "did you mean T.sigmoid?"), (sc, "scna", "did you mean sc.scan?"),
    (T, "relu", "write T.nnet.relu"), (sc, "functoin", "did you mean sc.function?"),
    (T.nnet, "sofmax", "did you mean T.nnet.softmax?"), (T, "matmull", "did you mean T.matmul?"),
    (T, "expanddims", "did you mean T.expand_dims?"), (T, "svd", "T.linalg.svd"),
    (T, "concat", "write T.concatenate"), (T, "reduce_sum", "write T.sum"), (T, "scan", "write sc.scan"),
    (T, "float32", "a dtype is a string"), (T, "lexsort", "with NumPy"), (T, "randn", "RandomStream"),
    (T, "pi", "np.pi"),
    (sc, "exp", "write T.exp"), (sc, "vector", "write T.vector"), (sc, "jit", "sc.function"), (sc, "pmap", "sc.map"),
    (sc.gradient, "jacobain", "did you mean sc.gradient.jacobian?"), (sc, "jacobian", "T.jacobian"),
    (T.slinalg, "cholesk", "T.slinalg.cholesky"), (T.nlinalg, "determinant", None),
    (T.linalg, "slove", "T.linalg.solve"), (X, "summ", "did you mean x.sum?"), (X, "exp", "write T.exp(x)"),
    (X, "item", "has no value"), (X, "relu", "T.nnet.relu(x)"), (X, "backward", "sc.grad"),
    (X, "append", "T.concatenate"), (X, "at", "T.set_subtensor"), (X, "dimshufle", "x.dimshuffle"),
    (sc.shared(1.0), "getvalue", "x.get_value"), (T.constant(1.0), "evall", "x.eval"), (X, "qqqq", None),
    (T, "qqqq", None), (F, "explian", "did you mean f.explain?"), (F, "maker", "f.dump('graph')"),
    (F, "profile", "f.timing"), (F, "qqqq", None), (STREAM, "gaussian", "stream.normal"), (STREAM, "qqqq", None),
    (STREAM, "unifrom", "did you mean stream.uniform?"), (sc.shared(1.0), "value", "write x.get_value()"),
    (sc.shared(1.0), "sum_", "x.sum"), (T.nlinalg, "pinv", "for full rank"), (T, "average", "T.mean"),
    (T, "gradient", "T.diff"), (T, "fft", "with NumPy"), (T, "Print", "sc.printing.Print"),
    (sc, "Print", "sc.printing.Print"), (T.random, "normall", "did you mean T.random.normal?"),
])
def test_a_name_that_is_not_there(owner, name, meant):
    with pytest.raises(AttributeError) as raised:
        getattr(owner, name)
    fact, _, hint = str(raised.value).partition("\n  ")
    assert f"no attribute {name!r}" in fact and (meant or "").lower() in hint.lower() and bool(hint) == bool(meant)


def test_hints_name_what_is_there_and_hide_nothing():
    """Each `T.name` and `sc.name` of a hint exists, and no name with a hint is ours."""
    tables = (OF_TENSORS, OF_PROGRAMS, OF_VARIABLES, OF_SHARED, OF_FUNCTIONS, OF_STREAMS, REMEDIES)
    for hint in (hint for table in tables for hint in table.values()):
        for word in hint.replace("(", " ").replace(",", " ").replace(")", " ").split():
            if word.startswith(("T.", "sc.", "f.", "stream.")):
                eval(word.rstrip(".,:;?"), {"T": T, "sc": sc, "f": F, "stream": STREAM})
    assert not [n for n in OF_TENSORS if n in dir(T)] and not [n for n in OF_PROGRAMS if n in dir(sc)]
    assert not [n for n in OF_VARIABLES if n in dir(X)] and not [n for n in OF_SHARED if n in dir(sc.shared(1.0))]
    assert not [n for n in OF_FUNCTIONS if n in dir(F)] and not [n for n in OF_STREAMS if n in dir(STREAM)]


@pytest.mark.parametrize("call, meant", [
    (lambda: sc.scan(lambda v: v, sequence=X), "did you mean sequences=?"),
    (lambda: sc.scan(lambda v: v, xs=X), "did you mean sequences=?"),
    (lambda: sc.scan(lambda v: v, X, init=0.0), "did you mean outputs_info=?"),
    (lambda: sc.scan(lambda v: v, X, outputs_infos=[]), "did you mean outputs_info=?"),
    (lambda: sc.scan(lambda v: v, X, nsteps=3), "did you mean n_steps=?"),
    (lambda: sc.scan(lambda v: v, X, reverse=True), "did you mean go_backwards=?"),
    (lambda: sc.map(lambda v: v, X, backwards=True), "did you mean go_backwards=?"),
    (lambda: sc.function(input=[X], outputs=X), "did you mean inputs=?"),
    (lambda: sc.function([X], output=X), "did you mean outputs=?"),
    (lambda: sc.function([X], X, update={}), "did you mean updates=?"),
    (lambda: sc.grad(X.sum(), X, considerconstant=[]), "did you mean consider_constant=?"),
    (lambda: sc.grad(loss=X.sum(), wrt=X), "did you mean cost=?"), (lambda: T.sum(X, axes=0), "did you mean axis=?"),
    (lambda: X.sum(dim=0), "did you mean axis=?"), (lambda: X.mean(keepdim=True), "did you mean keepdims=?"),
    (lambda: T.dot(X, X, out=X), "a new variable"), (lambda: T.nnet.softmax(X, dim=0), "did you mean axis=?"),
    (lambda: T.exp(x=X), "by position only"), (lambda: sc.shared(1.0, nam="s"), "did you mean name=?"),
    (lambda: sc.RandomStream(seeds=1), "did you mean seed=?"), (lambda: sc.In(X, valeu=1), "did you mean value=?"),
    (lambda: sc.RandomStream(1).normal(mu=1), "did you mean avg=?"), (lambda: sc.export(1, "x", emitt="c"), "emit=?"),
    (lambda: sc.RandomStream(1).uniform(shape=(2,)), "did you mean size=?"),
])
def test_a_keyword_that_is_not_there(call, meant):
    with pytest.raises(TypeError, match="got an unexpected keyword argument") as raised:
        call()
    assert meant in str(raised.value)


def test_what_can_be_completed():
    names = {"grad", "export", "gradient", "RandomStream", "printing", "ifelse", "scan", "function", "tensor"}
    assert names <= set(dir(sc)) and not {"Any", "TYPE_CHECKING", "annotations", "import_module"} & set(dir(sc))
    assert {"grad", "jacobian", "exp", "random"} <= set(dir(T)) and "Any" not in dir(T)
    assert all(hasattr(sc, name) for name in dir(sc)) and all(hasattr(T, name) for name in dir(T))


@pytest.mark.parametrize("namespace", [sc.printing, sc.gradient, sc.runtime, sc.errors, sc.bridges, sc.bridges.native,
                                       T.random, T.nnet, T.linalg, sc.scan_module], ids=lambda space: space.__name__)
def test_what_can_be_completed_of_a_namespace(namespace):
    """What a user calls, and not what the module imports."""
    own = {name for name in dir(namespace) if not name.startswith("_")}
    assert own and not own & {"Any", "annotations", "np", "sys", "Sequence", "Variable", "check_keywords_of", "rules"}
    assert not [name for name in own if inspect.ismodule(vars(namespace).get(name)) and namespace is not sc.bridges]


def test_what_can_be_completed_of_switches():
    assert {"floatX", "scan", "fast_math", "change_flags"} <= set(dir(sc.config))
    assert {"allow_gc", "debug"} <= set(dir(sc.config.scan)) and "floatX" not in dir(sc.config.scan)


def test_functions_keep_their_names_and_signatures():
    assert inspect.signature(sc.scan).parameters["n_steps"].default is None and sc.scan.__name__ == "scan"
    assert T.sum.__doc__.startswith("The sum over") and "axis" in inspect.signature(T.sum).parameters
    assert T.sign is T.sgn and T.nnet.sigmoid is T.sigmoid and pickle.loads(pickle.dumps(T.zeros)) is T.zeros


def test_variables_can_still_be_copied_and_asked():
    y = copy.copy(X * 2)
    assert y.ndim == 1 and not hasattr(y, "nothing") and getattr(y, "nothing", 3) == 3
    assert isinstance(np.exp(y), sc.Variable)


def test_nearest():
    assert nearest("Nsteps", ["n_steps", "name"]) == "n_steps" and nearest("zzz", ["n_steps"]) is None
