"""What the names of other systems are called here, for the errors of names that are not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

from scancc.later import in_role
from scancc.spelling import no_such_name

_LOOP = "loops are sc.scan(step, sequences, outputs_info, n_steps=...)"
_INPUT = "a symbolic input is T.scalar('x'), T.vector('x'), T.matrix('x'), ..."
_VALUE = "a variable has no value: compile and call first, or y.eval({input: value})"
_CONSTANT = "write sc.gradient.disconnected_grad(x)"


def _hints(renamed: str, told: Iterable[tuple[str, str]]) -> dict[str, str]:
    """By name: `theirs=ours` is told by our name, the others by a text."""
    hints = {theirs: f"write T.{ours}" for theirs, _, ours in (pair.partition("=") for pair in renamed.split())}
    hints.update((name, text) for names, text in told for name in names.split())
    return hints


OF_TENSORS = _hints(
    "reduce_sum=sum reduce_mean=mean reduce_max=max reduce_min=min reduce_prod=prod reduce_all=all reduce_any=any "
    "reduce_logsumexp=logsumexp amax=max amin=min concat=concatenate cat=concatenate mm=dot bmm=batched_dot "
    "unsqueeze=expand_dims permute=transpose permute_dims=transpose view=reshape clamp=clip clip_by_value=clip "
    "gather=take index_select=take one_hot=to_one_hot astype=cast around=round rint=round absolute=abs select=switch "
    "range=arange array=constant asarray=as_tensor_variable convert_to_tensor=as_tensor_variable acos=arccos "
    "asin=arcsin atan=arctan atan2=arctan2 acosh=arccosh asinh=arcsinh atanh=arctanh conjugate=conj fabs=abs "
    "lgamma=gammaln pack=stack unbind=split scatter=set_subtensor scatter_add=inc_subtensor index_add=inc_subtensor "
    "gradients=grad remainder=mod ndarray=tensor vdot=dot",
    (("placeholder Tensor Input", _INPUT), ("while_loop fori_loop for_loop map_fn lax", _LOOP),
     ("normal randn random_normal", "draw with sc.RandomStream(seed).normal(size=...)"),
     ("uniform rand random_uniform", "draw with sc.RandomStream(seed).uniform(size=...)"),
     ("randint bernoulli binomial multinomial choice permutation poisson", "draw with sc.RandomStream(seed)"),
     ("cond", "write sc.ifelse(condition, a, b)"), ("rsqrt", "write 1 / T.sqrt(x)"),
     ("detach stop_gradient", _CONSTANT),
     ("mean_squared_error mse_loss", "write T.mean(T.sqr(x - y))"), ("leaky_relu", "write T.nnet.relu(x, alpha)"),
     ("cross_entropy", "write T.nnet.categorical_crossentropy"), ("newaxis", "write x[None]"),
     ("average", "write T.mean(x), or T.sum(w * x) / T.sum(w)"), ("count_nonzero", "write T.sum(T.neq(x, 0))"),
     ("column_stack", "write T.stack(vectors, axis=1)"), ("mgrid ogrid", "write T.arange(n)[:, None], T.arange(m)"),
     ("gradient", "derivatives are sc.grad(cost, wrt); differences of neighbours are T.diff(x)"),
     ("fft", "T has no Fourier transforms; compute them with NumPy, on what the function takes or returns"),
     ("erfinv ndtri erfcinv", "solve T.erf(y) = x by a few Newton steps in sc.scan"),
     ("pi inf nan e", "the constants are NumPy's: np.pi, np.inf, np.nan, np.e"),
     ("bool float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 complex64 complex128",
      "a dtype is a string, as in T.cast(x, 'float32')")),
)
OF_PROGRAMS = _hints("", (
    ("jit compile njit Session run", "compile with sc.function(inputs, outputs)"),
    ("pmap vectorize", "write sc.vmap(fn), or go over rows with sc.map(fn, sequences)"),
    ("while_loop fori_loop for_loop lax loop", _LOOP), ("cond", "write sc.ifelse(condition, a, b)"),
    ("checkpoint remat", "write sc.scan_checkpoints"), ("Param", "write sc.In(variable, value=...)"),
    ("jacrev jacfwd", "write sc.gradient.jacobian(vector, wrt)"), ("jvp", "write sc.Rop(f, wrt, eval_points)"),
    ("vjp", "write sc.Lop(f, wrt, eval_points)"), ("stop_gradient", _CONSTANT), ("nn", "write T.nnet"),
    ("random PRNGKey rand RandomStreams", "draw with sc.RandomStream(seed)"), ("placeholder Input", _INPUT),
    ("numpy", "the functions of tensors are scancc.tensor"), ("load", "write scancc.runtime.load(path)"),
    ("save", "write sc.export(function, directory)"),
    ("prange", "steps of arrays run in lanes and on threads by themselves; the loop is sc.scan"),
))
OF_VARIABLES = _hints("", (
    ("item numpy tolist value get_value data tobytes nbytes flat strides asnumpy result", _VALUE),
    ("backward grad gradient requires_grad", "write sc.grad(cost, wrt)"), ("detach", _CONSTANT),
    ("set_value assign", "a value that is kept is s = sc.shared(value), and changes by updates={s: new}"),
    ("view", "write x.reshape(shape)"), ("permute", "write x.dimshuffle(order)"), ("t", "write x.T"),
    ("unsqueeze", "write T.expand_dims(x, axis)"), ("mm matmul", "write x.dot(y)"), ("pop", "write x[:-1]"),
    ("at", "write T.set_subtensor(x[i], y) or T.inc_subtensor(x[i], y)"),
    ("float double long int half bool", "write x.astype('float32'), or another dtype"),
    ("append extend insert", "write T.concatenate([x, y])"),
    ("count", "write T.sum(T.eq(x, y))"), ("map", "write sc.map(fn, sequences=x)"), ("rank", "write x.ndim"),
    ("length len", "write x.shape[0]"), ("items keys values", "a variable is a tensor, not a dict"),
    ("cuda cpu to gpu", "a variable is on no device; where a function runs is said when it is compiled"),
))
OF_SHARED = _hints("", (
    ("item numpy tolist value data tobytes asnumpy result", "write x.get_value()"),
    ("assign", "write x.set_value(value), or updates={x: new} of sc.function"),
))
OF_FUNCTIONS = _hints("", (
    ("maker fgraph fn vm nodes toposort", "write f.dump('graph'); the other stages are scan, loop, llvm and asm"),
    ("lower as_text inspect_llvm", "write f.dump('llvm')"), ("inspect_asm", "write f.dump('asm')"),
    ("profile inspect_types", "write f.cost(...), f.timing(...) or f.explain()"),
    ("get_shared input_storage output_storage", "a shared variable is read by s.get_value()"),
    ("grad gradient backward", "take sc.grad(cost, wrt) of variables, and compile it with them"),
    ("save export", "write sc.export(f, directory)"), ("py_func", "write f.in_mode('reference')"),
))
OF_STREAMS = _hints("", (
    ("gaussian randn standard_normal", "write stream.normal(size=...)"), ("randint", "write stream.integers"),
    ("rand random random_sample", "write stream.uniform(size=...)"), ("shuffle", "write stream.permutation"),
    ("standard_exponential", "write stream.exponential"), ("standard_gamma", "write stream.gamma"),
))
PLACES: dict[str, str] = {}  # by how a namespace is written, its module; `scancc/__init__.py` fills it


class _Elsewhere(Mapping[str, str]):
    """Hints by name: a table's, else where in scancc the name is, else what stands for NumPy's function."""

    def __init__(self, table: Mapping[str, str], call: str = "") -> None:
        self._table, self._call = table, call

    def __getitem__(self, name: str) -> str:
        hint = self._table.get(name) or _place_of(name, self._call) or _remedy(name)
        if hint is None:
            raise KeyError(name)
        return hint

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


def _remedy(name: str) -> str | None:
    """What stands for a function of NumPy, or of its module of linear algebra."""
    remedies: Mapping[str, str] = in_role("numpy remedies").REMEDIES
    return remedies.get(name) or remedies.get(f"linalg.{name}")


def _place_of(name: str, call: str) -> str | None:
    """Where in scancc a public name is, and how it is called there."""
    for place, path in PLACES.items():
        names = vars(import_module(path))
        if name in names["__all__"] or name in names.get("_LATER", ()):
            return f"write {place}.{name}{call}"
    return None


def missing_from(owner: str, prefix: str, known: Callable[[], Any], table: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's `__getattr__` that only raises: what was meant, by the names that `known()` gives."""
    def get(name: str) -> Any:
        raise no_such_name(owner, name, known(), _Elsewhere(table), prefix)

    return get


def variable_has_none(x: Any, name: str) -> Any:
    """`Variable.__getattr__`: the method, or the function of `T`, that was meant."""
    own = OF_SHARED if hasattr(type(x), "get_value") else {}
    raise _no_attribute(x, name, "x.", _Elsewhere({**OF_VARIABLES, **own}, "(x)"))


def object_has_none(prefix: str, table: Mapping[str, str]) -> Callable[[Any, str], Any]:
    """The `__getattr__` of a class: the attribute that was meant."""
    def get(x: Any, name: str) -> Any:
        raise _no_attribute(x, name, prefix, table)

    get.__name__ = "__getattr__"  # for help()
    return get


def _no_attribute(x: Any, name: str, prefix: str, table: Mapping[str, str]) -> AttributeError:
    known = [] if name.startswith("__") else [n for n in dir(type(x)) if not n.startswith("_")]
    return no_such_name(f"{type(x).__name__!r} object", name, known, table, prefix)
