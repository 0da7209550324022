"""What compiling costs does not depend on the numbers in a program."""

import resource
from pathlib import Path

import pytest

import scancc as sc
import scancc.tensor as T
from scancc import stages
from scancc.frontend.graph.variables import Constant, leaves
from scancc.frontend.program.program import make_program
from scancc.frontend.random import RandomStream

X, V, W, M = T.dscalar("x"), T.dvector("v"), T.lvector("w"), T.dmatrix("m")


def typed(*shape):
    return T.TensorType("float64", shape=shape)("u")


def half(state):
    return state * 0.5 + X


def states(n, start=X, **more):
    return sc.scan(half, outputs_info=[start], n_steps=n, **more)[0]


def of_tap(n):
    return sc.scan(lambda a, b: a * b, outputs_info=[{"initial": V, "taps": [-n, -1]}], n_steps=5)[0]


PROGRAMS = {
    "last state": lambda n: states(n)[-1],
    "all states": lambda n: states(n),
    "last rows": lambda n: states(2 * n)[-n:],
    "one row": lambda n: states(2 * n)[n],
    "gradient": lambda n: T.grad(states(n)[-1], X),
    "cut gradient": lambda n: T.grad(states(n, truncate_gradient=n)[-1], X),
    "until": lambda n: sc.scan(lambda a: (a + X, sc.until(a > 3)), outputs_info=[X], n_steps=n)[0],
    "nested": lambda n: sc.scan(lambda a: states(n, a)[-1], outputs_info=[X], n_steps=n)[0][-1],
    "state tap": of_tap,
    "state tap's gradient": lambda n: T.grad(of_tap(n).sum(), V),
    "sequence tap": lambda n: sc.scan(lambda a, b: a * b, sequences=[{"input": V, "taps": [-n, 0]}])[0],
    "checkpoints": lambda n: sc.scan_checkpoints(half, outputs_info=[X], n_steps=n, save_every_N=n // 16)[0],
    "fold over a range": lambda n: sc.foldl(lambda i, a: a * 0.5 + X, T.arange(n), X)[0],
    "range": lambda n: T.arange(n).sum(),
    "row of a range": lambda n: T.arange(0, n, 2)[-1],
    "zeros": lambda n: (T.zeros((n,)) + X).sum(),
    "ones": lambda n: T.ones((n,)),
    "identity": lambda n: T.eye(n, 3)[0],
    "alloc's gradient": lambda n: T.grad((T.alloc(X, n) ** 2).sum(), X),
    "linspace": lambda n: T.linspace(0.0, 1.0, n)[3],
    "repeat": lambda n: T.repeat(V, n),
    "tile": lambda n: T.tile(V, (n, 2)).sum(),
    "roll": lambda n: T.roll(V, n),
    "one-hot": lambda n: T.extra_ops.to_one_hot(W, n),
    "power": lambda n: V**n,
    "power's gradient": lambda n: T.grad((V**n).sum(), V),
    "integer power": lambda n: W**n,
    "matrix power": lambda n: T.linalg.matrix_power(M, n),
    "differences": lambda n: T.diff(V, n),
    "long slice step": lambda n: V[::-n],
    "set by steps": lambda n: T.set_subtensor(V[::n], 0.0),
    "sum of a known length": lambda n: typed(n).sum(),
    "product of known lengths": lambda n: T.dot(typed(3, n), typed(n, 2)),
    "softmax of a known length": lambda n: T.nnet.softmax(typed(2, n)),
    "sort of a known length": lambda n: T.sort(typed(n)),
    "gradient by a known length": lambda n: T.grad((u := typed(n), (u * u).sum())[1], u),
    "scan over a known length": lambda n: sc.scan(lambda a, s: s + a, typed(n), X)[0][-1],
    "state of a known length": lambda n: states(3, T.zeros((n,)))[-1],
    "draws": lambda n: RandomStream(1).normal(size=(n,)).sum(),
    "binomial draw": lambda n: RandomStream(1).binomial(n=n, p=0.5),
    "permutation": lambda n: RandomStream(1).permutation(n=n),
}


@pytest.fixture
def little_memory():
    """A limit, so that a list as long as the number is an error and not a machine that swaps."""
    statistics = Path("/proc/self/statm")
    before = resource.getrlimit(resource.RLIMIT_AS)
    if statistics.exists():
        used = int(statistics.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def n_ops(program, n):
    result = program(n)
    inputs = [v for v in leaves([result]) if not isinstance(v, sc.SharedVariable | Constant)]
    compiled = stages.compile_program(make_program(inputs, result))
    return sum(1 for _ in compiled.module.walk()), len(compiled.llvm_text)


@pytest.mark.long
@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_number_leaves_the_size_of_the_code_alone(name):
    small, large = (n_ops(PROGRAMS[name], n) for n in (2**20, 2**30))
    assert small[0] == large[0]
    question = 1000  # characters: a loop that may take long asks for interrupts
    assert abs(small[1] - large[1]) < 0.1 * small[1] + question
