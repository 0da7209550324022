"""Loop IR in upstream dialects: which ops there are, that xDSL verifies it, and its numbers by LLVM's MLIR tools."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import scancc as sc
import scancc.tensor as T
from scancc import stages
from scancc.artifact import BOUND_EXCEEDED, Check
from scancc.cli import main
from scancc.codegen import target as targets
from scancc.compile import compiling_later
from scancc.errors import ScanccError, UnsupportedError
from scancc.signature import signature
from tests.codegen.mlir_tools import Called, library, missing
from tests.programs import gradients, masks, seed, tutorial, users
from tests.programs.case import Case

ROOT = Path(__file__).parents[2]
DIALECTS = {"func", "cf", "scf", "memref", "arith", "math", "vector", "complex"}
OF_NUMBERS = {f"arith.{name}" for name in """cmpf cmpi select index_cast fptosi fptoui sitofp uitofp extsi extui
    trunci extf truncf bitcast""".split()}  # of numbers alone, as xDSL 0.75 has them
CASES = [*seed.PROGRAMS, *tutorial.PROGRAMS, *gradients.PROGRAMS, *masks.PROGRAMS]
EVERY = [*(pytest.param(p, id=f"{p.__module__.split('.')[-1]}-{p.__name__}") for p in CASES),
         *(pytest.param(lambda make=m: users.build(make), id=f"users-{m.__name__}") for m in users.MODELS)]
native = pytest.mark.skipif(bool(missing()), reason=missing())


def program_of(case: Any) -> sc.Function:
    with compiling_later():
        return sc.function(case.inputs, case.outputs, updates=case.updates, name="f", on_unused_input="ignore")


def check_numbers(f: sc.Function, args: Sequence[Any], folder: Path, rtol: float = 1e-9) -> None:
    """What upstream's tools make of it is what our own code gives. Shared variables are arguments, their new values
    results."""
    compiled = stages.compile_program(f.program, export=True)
    call = Called(library(f.dump("mlir-upstream"), folder), f.name, compiled.inputs, compiled.outputs)
    found = outputs_of(call, compiled.checks, [*args, *(v.get_value() for v in f.program.shared)])
    plain = sc.function([i.variable for i in f.program.inputs], list(f.program.results), no_default_updates=True,
                        on_unused_input="ignore")
    given = [np.asarray(a, i.variable.dtype) for a, i in zip(args, f.program.inputs, strict=True)]
    for value, want in zip(found, map(np.asarray, plain(*given)), strict=True):
        rounding = rtol if want.dtype.name in ("float64", "complex128") else 1e-4
        assert value.dtype == want.dtype and value.shape == np.shape(want)
        np.testing.assert_allclose(value, want, rtol=rounding, atol=rounding)


def outputs_of(call: Called, checks: Sequence[Check], args: Sequence[Any]) -> list[np.ndarray]:
    """Of a call that guesses again where a guess was too small."""
    guesses = [1] * sum(p.is_bound for p in call.inputs)
    status, found = call(*args, *guesses)
    while status:
        assert checks[status - 1].error == BOUND_EXCEEDED, checks[status - 1]
        guesses[call.info[1]] = int(call.info[0])
        status, found = call(*args, *guesses)
    return found


@native
@pytest.mark.parametrize("program", [tutorial.recurrent_network, gradients.through_until, masks.picks_of_a_matrix,
                                     tutorial.partial_sums_of_a_range], ids=lambda p: p.__name__)
def test_numbers(program: Callable[[], Case], tmp_path: Path) -> None:
    case = program()
    check_numbers(program_of(case), case.args, tmp_path)


@native
@pytest.mark.long
@pytest.mark.parametrize("program", EVERY)
def test_numbers_of_every_program(program: Callable[[], Any], tmp_path: Path) -> None:
    case = program()
    check_numbers(program_of(case), case.args, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("program", EVERY)
def test_text_of_every_program(program: Callable[[], Any]) -> None:
    check_text(program_of(program()).dump("mlir-upstream"))


def check_text(text: str) -> None:
    """It has ops of upstream dialects alone, and xDSL, where it is installed, takes it."""
    names = re.findall(r'^\s*(?:%[\w, :%]+ = )?"?([a-z]+)\.[a-z]\w*"?[ (]', text, re.M)
    assert names and set(names) <= DIALECTS
    pytest.importorskip("xdsl", reason="xdsl is not installed")
    from xdsl.context import Context
    from xdsl.dialects import get_all_dialects
    from xdsl.parser import Parser

    context, known = Context(), get_all_dialects()
    for name in {*DIALECTS, "builtin"}:
        context.load_dialect(known[name]())
    for op in Parser(context, text).parse_module().walk():
        if op.name not in OF_NUMBERS or not any("vector" in str(v.type) for v in (*op.operands, *op.results)):
            op.verify(verify_nested_ops=False)


X = np.concatenate([np.linspace(-3, 3, 29), [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30]])
FUNCTIONS = """exp expm1 exp2 log log1p log2 log10 sqrt sin cos tan sinh cosh tanh arcsin arccos arctan arcsinh
    arccosh arctanh floor ceil trunc round sigmoid softplus erf erfc gammaln abs sgn""".split()
x, y = T.vector("x"), T.fvector("y")
k, b, u = T.lvector("k"), T.vector("b", dtype="int8"), T.vector("u", dtype="uint8")
h, c, m, w = T.vector("h", dtype="float16"), T.vector("c", dtype="complex128"), T.matrix("m"), T.matrix("w")
K = np.arange(-18, 19)
RNG = np.random.default_rng(5)
STEP = sc.scan(lambda t, s: T.concatenate([s[1:], t[None]]), sequences=x, outputs_info=T.zeros(5))[0]
DOWN = sc.scan(lambda t, s: T.set_subtensor(T.set_subtensor(s[1:], s[:-1])[0], t), sequences=x,
               outputs_info=T.zeros(7))[0]
TABLES = [T.constant(np.arange(40.0)), T.constant(np.arange(40) % 3 == 0), T.constant(np.arange(12).reshape(3, 4))]
GROUPS = {
    "conversions": ([x], [x.astype(d) for d in ("int64", "int32", "int8", "uint8", "uint64", "float32")], [X]),
    "extremes": ([x], [T.maximum(x, x[::-1]), T.minimum(x, x[::-1]), x.max(), x.min(), T.argmax(x), T.sort(x)], [X]),
    "truths": ([x], [x > 0, ~(x > 0), (x > 0) & (x < 1), (x > 0).any(), (x > 0).all(), (x > 0).sum()], [X]),
    "sums": ([x, y], [x.sum(), x.prod(), (x**2).mean(), y.sum()], [X[:28], X[:28]]),
    "integers": ([k, b, u], [k // 3, k % 3, k**2, abs(k), k.max(), k.sum(), k & 5, k | 5, k ^ 5, k << 2, k >> 1,
                             b * b, b.astype("int64"), u.astype("float64"), u // 3, u >> 1, b.max(), u.max(),
                             T.bitwise_count(u)],
                 [K, K, K % 256]),
    "halves": ([h], [h * 2, T.exp(h), h.astype("float64"), T.cosh(h)], [np.linspace(-2, 2, 19)]),
    "complex": ([c], [c * c, c / (c + 1), T.exp(c), c.real, abs(c), c.sum(), T.eq(c, c)],
                [np.arange(1, 9) * (1 - 2j)]),
    "complex sums": ([c], [T.dot(c, c), c.prod(), abs(c / (c + 1)).sum(), T.exp(c).sum(), T.conj(c).mean(),
                           (-c * 2).sum(), T.switch(T.eq(c, c[::-1]), c, T.sqrt(c)).sum(), (c - c.real).sum()],
                     [RNG.normal(size=30) + 1j * RNG.normal(size=30)]),
    "products": ([m, w, x], [m @ w, x @ w, m.T @ m, m.sum(axis=0), m[::2, 1:].T],
                 [RNG.normal(size=(70, 130)), RNG.normal(size=(130, 33)), RNG.normal(size=130)]),
    "constants": ([k], [TABLES[0][k], TABLES[1][k], TABLES[2][k % 3]], [np.arange(5, 30)]),
    "moved": ([x], [STEP[-1], DOWN[-1]], [X[:20]]),
}


@native
@pytest.mark.parametrize("name", GROUPS)
def test_numbers_of_ops(name: str, tmp_path: Path) -> None:
    inputs, outputs, args = GROUPS[name]
    check_numbers(sc.function(inputs, outputs, name="f"), args, tmp_path, 1e-11)


@native
def test_numbers_of_functions(tmp_path: Path) -> None:
    outputs = [getattr(T, name)(v) for name in FUNCTIONS for v in (x, y)]
    outputs += [T.arctan2(x, x[::-1]), T.hypot(x, x[::-1])]
    check_numbers(sc.function([x, y], outputs, name="f"), [X, X], tmp_path, 1e-11)


@pytest.mark.parametrize("name", GROUPS)
def test_text_of_ops(name: str) -> None:
    inputs, outputs, _ = GROUPS[name]
    check_text(sc.function(inputs, outputs, name="f").dump("mlir-upstream"))


def test_text_is_for_several_targets() -> None:
    for cpu in ("x86-64", "aarch64-linux-gnu"):
        check_text(sc.function([x], x.sum(), name="f").dump("mlir-upstream", target=cpu))


@native
def test_a_check_that_fails_is_a_status(tmp_path: Path) -> None:
    """In the query, in the function and in a step, each with its numbers; the outputs stay as they were."""
    picked, _ = sc.scan(lambda i: x[i] * 2, sequences=k)
    f = sc.function([x, k], picked, name="picked")
    inputs, outputs = signature(f.program)
    call = Called(library(f.dump("mlir-upstream"), tmp_path), "picked", inputs, outputs)
    assert call([1.0, 2.0], [0, 1, 1])[0] == 0
    status, _ = call([1.0, 2.0], [0, 5, 1])
    assert status > 0 and call.info[:3].tolist() == [5, 2, 1]
    assert re.search(rf"^// {status}  IndexError: .*index \{{0\}} is out of range", f.dump("mlir-upstream"), re.M)


def test_what_has_no_form_there_is_named() -> None:
    f = sc.function([x], T.psi(x), name="f")
    with pytest.raises(UnsupportedError, match=r"'scan.digamma' \(.*test_upstream.py:\d+\) has no form in upstream"):
        f.dump("mlir-upstream")


def test_a_gpu_has_none() -> None:
    with pytest.raises(ScanccError, match="in upstream"):
        sc.function([x], x + 1, name="f").dump("mlir-upstream", target="sm_90")


def run(*arguments: str, stdin: str | None = None) -> str:
    return CliRunner().invoke(main, arguments, input=stdin).output


def test_commands_emit_it(tmp_path: Path) -> None:
    power = f"{ROOT}/examples/power.py:power"
    check_text(run("dump", power, "--emit", "mlir-upstream"))
    scan = run("dump", power, "--form", "generic")
    check_text(run("opt", "-", "--passes", "cpu", "--emit", "mlir-upstream", stdin=scan))
    files = run("build", power, "--emit", "o,mlir-upstream", "--prefix", "my_", "-o", str(tmp_path)).split()
    assert [Path(file).name for file in files] == ["my_power.o", "my_power.upstream.mlir"]
    text = (tmp_path / "my_power.upstream.mlir").read_text()
    check_text(text)
    assert 'sym_name = "my_power__query"' in text and str(ROOT) not in text


def test_it_is_of_loop_ir_alone() -> None:
    scan = run("dump", f"{ROOT}/examples/power.py:power", "--form", "generic")
    said = run("opt", "-", "--emit", "mlir-upstream", stdin=scan)
    assert "@power is not in loop form, of buffers only; run `bufferize`" in said
    assert "leave out what shows parts of it" in run("opt", "-", "--emit", "mlir-upstream", "--diff", stdin=scan)


def test_it_is_what_was_asked_for_alone(tmp_path: Path) -> None:
    assert not [p for p in sc.export(sc.function([x], x + 1, name="f"), tmp_path).files if p.suffix == ".mlir"]
    with pytest.raises(ScanccError, match="'mlir-upstream' is no kind of file for sm_90"):
        sc.export(sc.function([x], x + 1, name="f"), tmp_path, "mlir-upstream", target="sm_90")


def test_arguments_keep_their_names_apart() -> None:
    sizes, info = T.vector("sizes"), T.vector("info")
    text = sc.function([sizes, info], sizes + info.sum(), name="f").dump("mlir-upstream", target=targets.local())
    assert "%sizes_: memref<?xf64>, %info_: memref<?xf64>, " in text
    check_text(text)
