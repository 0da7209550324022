"""Functions as C: every example program, compiled without a warning, gives the numbers of the object."""

from __future__ import annotations

import ctypes
import itertools
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.c_names import ExportError
from scancc.codegen.exports.c.lines import without_unused
from scancc.codegen.exports.codes import Code, c_text
from scancc.codegen.exports.paths import Paths
from scancc.codegen.exports.signature import entry_of
from scancc.frontend.program.arguments import bind
from scancc.ir.interpreter.program import run_program
from scancc.ir.parser import parse
from scancc.ir_programs import ir_functions
from tests.codegen.linked import Linked, same_bits
from tests.programs import masks, seed, tutorial
from tests.programs.case import Case

COMPILER = shutil.which("gcc") or shutil.which("clang")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
PROGRAMS = [*seed.PROGRAMS, *tutorial.PROGRAMS, *masks.PROGRAMS]


class CLibrary:
    """A shared library of C."""

    def __init__(self, source: Path, options: Sequence[str] = ("-O1",)) -> None:
        library = source.with_suffix(".so")
        command = [str(COMPILER), *WARNINGS, *options, "-shared", "-fPIC", str(source), "-o", str(library), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        self.loaded = ctypes.CDLL(str(library))

    def address(self, name: str) -> int:
        found = ctypes.cast(getattr(self.loaded, name), ctypes.c_void_p).value
        assert found is not None
        return found


class InC(Linked):
    """The entry of a function that was exported as C."""

    def __init__(self, function: sc.Function, folder: Path, options: Sequence[str] = ("-O1",)) -> None:
        (source,) = sc.export(function, folder, emit="c").files
        self.text = source.read_text()
        self.entry = entry_of(function.export_form())
        self.library = CLibrary(source, options)  # type: ignore[assignment]


def through_c(folder: Path) -> Callable[..., Callable[..., Any]]:
    """A way to compile, as `Case.check` takes it: what C gives has the bits of the object's, for any strides."""

    def compile(inputs: Any, outputs: Any, updates: Any) -> Callable[..., Any]:
        function = sc.function(inputs, outputs, updates=updates, name="program")
        program, (linked, native) = function.program, both(function, folder)

        def call(*args: Any) -> Any:
            arrays = [np.asarray(a) for a in (*bind(program.inputs, args, {}, "program"),
                                              *(v.get_value() for v in program.shared))]
            for spread in (True, False):
                status, results = linked.run(arrays, spread)
                assert status == 0, linked.error(status)
                same_bits(results, native.run(arrays, spread)[1])
            n = len(program.outputs)
            for (shared, _), value in zip(program.updates, results[n:], strict=True):
                shared.set_value(np.ascontiguousarray(value).reshape(value.shape))
            return program.layout.arrange(results[:n])

        return call

    return compile


@pytest.mark.long
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: f"{p.__module__.split('.')[-1]}-{p.__name__}")
def test_program(program: Callable[[], Case], tmp_path: Path) -> None:
    program().check(through_c(tmp_path))


def both(function: sc.Function, folder: Path, options: Sequence[str] = ("-O1",)) -> tuple[InC, Linked]:
    """A function's C, and its object."""
    linked = InC(function, folder, options)
    return linked, Linked(linked.entry, function.export_form().llvm_text)


@pytest.mark.parametrize("dtype", ["f64", "f32"])
def test_elementary_functions_have_the_bits_of_the_object(dtype: str, tmp_path: Path) -> None:
    """On ordinary arguments, next to where formulas change, and on special values."""
    pytest.importorskip("mpmath")
    from tests.codegen.test_math import FUNCTIONS, sample
    name = {"f64": "float64", "f32": "float32"}[dtype]
    names = {"powf": "pow", "atan2": "arctan2", "asin": "arcsin", "acos": "arccos", "atan": "arctan",
             "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "lgamma": "gammaln"}
    special = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, np.finfo(name).tiny, -np.finfo(name).max, 1e-44]
    inputs, outputs, columns = [], [], []
    for fn, row in FUNCTIONS.items():
        if not hasattr(T, names.get(fn, fn)):
            continue  # of `fast_math`
        given = [T.vector(f"{fn}_{letter}", dtype=name) for letter in "xy"[: row.n_arguments]]
        inputs += given
        outputs.append(getattr(T, names.get(fn, fn))(*given))
        columns += [np.concatenate([column, np.array(special, name), np.array(special[::-1], name)])
                    for column in sample(fn, dtype)]
    c, native = both(sc.function(inputs, outputs, name="every"), tmp_path)
    status, found = c.run(columns)
    assert status == 0, c.error(status)
    same_bits(found, native.run(columns)[1])


def a_filter() -> sc.Function:
    x, a = T.vector("x"), T.scalar("alpha")
    rows, _ = sc.scan(lambda x_t, y: y + a * (x_t - y), sequences=x, outputs_info=T.constant(0.0))
    return sc.function([x, a], rows, name="ema")


def test_the_step_reads_as_written(tmp_path: Path) -> None:
    text = InC(a_filter(), tmp_path).text
    body = text[text.index("static int32_t ema_work("):text.index("int32_t ema__run(")]
    assert body.rstrip() == f"""\
static int32_t ema_work(int64_t x_n0, const double *restrict x, const double *restrict alpha_p,
    double *restrict result0, int64_t *slots)
{{
    const double alpha = alpha_p[0];
    double y = 0.0;
    for (int64_t t = 0; t < x_n0; ++t) {{
        /* tests/codegen/test_c.py:{_line_of("rows, _ = sc.scan(lambda x_t, y")} */
        const double y_next = fma(alpha, x[t] - y, y);
        result0[t] = y_next;
        y = y_next;
    }}
    slots[4] = x_n0;
    return 0;
}}"""


def test_lines_that_only_set_what_nothing_reads_go() -> None:
    """Results, which are no arrays of the function, stay."""
    lines = ["    double room[1] = {0};", "    room[0] = x[i];", "    result0[0] = 1.0;", "    const int v = 2;",
             "    double sum[2] = {0};", "    sum[0] = 1.0;", "    result0[1] = sum[0];", "    return 0;"]
    assert without_unused(lines) == [lines[2], *lines[4:]]


def _line_of(text: str) -> int:
    return next(n for n, line in enumerate(Path(__file__).read_text().splitlines(), 1) if text in line)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "uint32", "int64", "uint64", "float16",
                                   "float32", "complex64", "complex128"])
def test_dtypes(dtype: str, tmp_path: Path) -> None:
    """Sums, comparisons, choices, casts to and from, sums along rows, in each dtype."""
    x, y = T.matrix("x", dtype=dtype), T.matrix("y", dtype=dtype)
    wide = "complex128" if "complex" in dtype else "float64"
    outputs = [T.switch(T.eq(x, y), x, y), x.astype(wide), (x * y).sum(axis=0), T.stack([x.sum(), y.sum()])]
    outputs.append(x[::-1, 1:])
    if dtype != "bool":
        outputs += [x + y, x - y, x * y]
    if "complex" in dtype:
        outputs += [x / y, T.exp(x), T.log(x), T.sqrt(x), T.sin(x), T.cos(x), T.tanh(x), T.neq(x, y)]
        chosen = T.switch(T.eq(x, y), x, T.sqrt(y))
        outputs += [abs(x / y).sum(axis=1), (T.exp(x) * y).sum(), chosen.sum(), x.prod(axis=1), (x.real - x).sum()]
    else:
        outputs += [T.maximum(x, y), x < y, x.max(axis=1), T.argmax(x, axis=0)]
        outputs += [x.astype(to) for to in ("int8", "uint16", "int64", "float16", "float32", "bool")]
    if np.dtype(dtype).kind in "iub":
        outputs += [T.bitwise_count(x), T.bitwise_count(x[0, 0])]
    c, native = both(sc.function([x, y], outputs, name="program"), tmp_path)
    rng = np.random.default_rng(1)
    values = [rng.normal(size=(9, 40)) * 60 for _ in range(2)]
    if "complex" in dtype:
        values = [v / 20 + 1j * v[::-1] / 30 for v in values]
    arrays = [v.astype("int64").astype(dtype) if np.dtype(dtype).kind in "iu" else v.astype(dtype) for v in values]
    for spread in (False, True):
        status, found = c.run(arrays, spread)
        assert status == 0, c.error(status)
        same_bits(found, native.run(arrays, spread)[1])


def test_sums_and_products_have_their_tree(tmp_path: Path) -> None:
    """Of lengths with one block, many, and some left."""
    x, w, h = T.matrix("x"), T.matrix("w", dtype="float64"), T.fmatrix("h")
    outputs = [x.sum(), x.sum(axis=0), x.sum(axis=1), x.mean(axis=1), T.exp(x).sum(), x @ w, w.T @ x.T, x[0] @ w,
               (x * x).sum(), h.sum(), h @ h.T, h.prod(axis=1), x.max(), T.argmin(x, axis=1)]
    c, native = both(sc.function([x, w, h], outputs, name="program"), tmp_path, ("-O2",))
    rng = np.random.default_rng(2)
    for n, k in ((1, 1), (3, 7), (5, 64), (9, 65), (40, 1000), (2, 5000)):
        arrays = [rng.normal(size=(n, k)), rng.normal(size=(k, 33)), rng.normal(size=(7, k)).astype("f")]
        status, found = c.run(arrays)
        assert status == 0, c.error(status)
        same_bits(found, native.run(arrays)[1])


def test_statuses_and_their_texts(tmp_path: Path) -> None:
    """An index out of range at a later step leaves outputs as they were; what is wrong of a call is said."""
    x, at = T.vector("x"), T.lvector("at")
    picked, _ = sc.scan(lambda i, total, x: total + x[i], sequences=at, outputs_info=T.constant(0.0), non_sequences=x)
    c, native = both(sc.function([x, at], picked, name="program"), tmp_path)
    values = np.array([1.0, 2.0, 4.0])
    for places in ([2, 0, 1], [2, 0, 3], [-4], []):
        for spread in (False, True):
            found, wanted = (lib.run([values, np.array(places, np.int64)], spread) for lib in (c, native))
            assert found[0] == wanted[0]
            same_bits(found[1], wanted[1])
            assert c.error(found[0]) == native.error(found[0])
    for status in (0, -1, -2, -3, -4, -5, 1, 99):
        assert c.error(status) == native.error(status)


def test_the_header_and_the_manifest_serve_it(tmp_path: Path) -> None:
    """A program that includes the header links with the C in place of the object; `load` takes what it becomes."""
    sc.export(a_filter(), tmp_path, emit="c,h,json")
    (tmp_path / "main.c").write_text("""
#include <stdio.h>
#include "ema.h"
int main(void)
{
    const double x[3] = {1.0, 2.0, 4.0};
    double y[3];
    ema_arguments call = {0};
    if (!ema_supported() || ema(x, 3, 1, 0.5, y, 1, NULL, 0) != 0)
        return 1;
    call.x = x;
    call.x_n0 = 3;
    call.alpha = 0.5;
    if (ema_call_query(&call) != 0 || call.result_n0 != 3 || ema_call(&call) != -3)
        return 2;
    printf("%g %g %g\\n", y[0], y[1], y[2]);
    return 0;
}
""")
    program, sanitizers = tmp_path / "main", ["-fsanitize=undefined", "-fno-sanitize-recover"]
    files = [str(tmp_path / "main.c"), str(tmp_path / "ema.c")]
    subprocess.run([str(COMPILER), *WARNINGS, "-g", *sanitizers, *files, "-o", str(program), "-lm"], check=True)
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "0.5 1.25 2.625\n"), done.stderr
    CLibrary(tmp_path / "ema.c")
    (tmp_path / "ema.json").unlink()
    (tmp_path / "ema.so").rename(tmp_path / "own.so")
    loaded = sc.runtime.load(tmp_path / "own.so")
    np.testing.assert_array_equal(loaded([1.0, 2.0, 4.0], alpha=0.5), [0.5, 1.25, 2.625])


def test_states(tmp_path: Path) -> None:
    """A struct of values, which a call on it changes."""
    total, x = sc.shared(np.array([1.0, 2.0]), name="total", shape=(2,)), T.vector("x")
    f = sc.function([x], total.sum(), updates=[(total, total + x)], name="running")
    sc.export(f, tmp_path, emit="c,h")
    (tmp_path / "main.c").write_text("""
#include <stdio.h>
#include "running.h"
int main(void)
{
    running_state state, copy;
    const double x[2] = {10.0, 20.0};
    double sum;
    char room[4096];
    running_init(&state);
    running_snapshot(&state, &copy);
    for (int i = 0; i < 2; ++i)
        if (running_run(&state, x, 2, 1, &sum, room, sizeof room) != 0)
            return 1;
    printf("%g %g %g %g\\n", sum, state.total[0], state.total[1], copy.total[1]);
    return 0;
}
""")
    files = [str(tmp_path / "main.c"), str(tmp_path / "running.c")]
    done = subprocess.run([str(COMPILER), *WARNINGS, *files, "-o", str(tmp_path / "main"), "-lm"], check=False,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([str(tmp_path / "main")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "33 21 42 2\n")


def test_threads_and_other_machines_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="leave out 'c'"):
        sc.export(a_filter(), tmp_path, emit="c", threads=True)
    with pytest.raises(ExportError, match="DLPack"):
        sc.export(a_filter(), tmp_path, emit="c", dlpack=True)
    with pytest.raises(ExportError, match="several processors"):
        sc.export(a_filter(), tmp_path, emit="c", target=["x86-64-v3", "x86-64"])
    with pytest.raises(ExportError, match="no kind of file for sm_90"):
        sc.export(a_filter(), tmp_path, emit="c", target="sm_90")
    assert not list(tmp_path.iterdir())


def test_same_bytes_again(tmp_path: Path) -> None:
    assert InC(a_filter(), tmp_path).text == InC(a_filter(), tmp_path).text


TRUTHS = """"func.func"() ({
^bb0(%x: i1, %y: i1):
  OPS
  "func.return"(%maxsi, %maxui, %minsi, %minui) : (i1, i1, i1, i1) -> ()
}) {sym_name = "truths", function_type = (i1, i1) -> (i1, i1, i1, i1)} : () -> ()
"""
EXTREMES = ("maxsi", "maxui", "minsi", "minui")


@pytest.mark.parametrize("name", ["half", "array", "measure", "f64x8"])
def test_a_function_is_not_called_as_what_the_file_has_for_itself(name: str, tmp_path: Path) -> None:
    x, y = T.vector("x", dtype="float16"), T.vector("y")
    f = sc.function([x, y], [x * 2, y.sum()], name=name)
    with pytest.raises(ExportError, match=f"'{name}' is in the C of '{name}' already; name the function otherwise"):
        sc.export(f, tmp_path, emit="c")
    sc.export(f, tmp_path, emit="c,h", prefix="my_")


@pytest.mark.parametrize("lanes", [False, True])
def test_of_truth_values_true_is_the_larger(lanes: bool, tmp_path: Path) -> None:
    """As in NumPy, with and without a sign: in C, LLVM IR and the interpreter, and across lanes."""
    ops = ['%v = "vector.from_elements"(%x, %y) : (i1, i1) -> vector<2xi1>'] * lanes
    ops += [f'%{k} = "vector.reduction"(%v) {{kind = #vector.kind<{k}>}} : (vector<2xi1>) -> i1' if lanes else
            f'%{k} = "arith.{k}"(%x, %y) : (i1, i1) -> i1' for k in EXTREMES]
    text = TRUTHS.replace("OPS", "\n  ".join(ops))
    (function,) = ir_functions(parse(text))
    compiled = function.export_form()
    entry, codes = entry_of(compiled), [Code(replace(compiled, loops=lambda: compiled.module), ())]
    source = tmp_path / "extremes.c"
    source.write_text(c_text(entry, codes, False, Paths(set(), {})))
    in_c = Linked(entry, compiled.llvm_text)
    in_c.library = CLibrary(source)  # type: ignore[assignment]
    for x, y in itertools.product((False, True), repeat=2):
        expected = [x or y, x or y, x and y, x and y]
        arrays = [np.array(x), np.array(y)]
        assert run_program(parse(text), "truths", arrays) == expected
        for code in (Linked(entry, compiled.llvm_text), in_c):
            status, found = code.run(arrays)
            assert status == 0 and found == expected


@pytest.mark.parametrize("name", ["half", "copy", "measure", "aligned", "need", "slots",
                                  "model_ask", "model_do", "model"])
def test_an_input_may_have_the_name_of_what_the_file_calls(name: str, tmp_path: Path) -> None:
    x, y = T.vector(name, dtype="float16"), T.matrix(f"{name}_n0")
    f = sc.function([x, y], {name: x * 2, "sums": y.sum(axis=0)}, name="model")
    sc.export(f, tmp_path, emit="c,h")
    files = ["-c", tmp_path / "model.c", "-o", tmp_path / "model.o"]
    made = subprocess.run([str(COMPILER), *WARNINGS, *files], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr


def test_a_large_constant_has_no_name_of_one_block(tmp_path: Path) -> None:
    """That of a place where nothing is stands in a loop over lanes and behind it."""
    x = T.dvector("x")
    check = through_c(tmp_path)([x], [T.argmax(T.gt(x, 0.5))], None)
    for data in (np.arange(40.0) - 30.25, np.zeros(3)):
        assert check(data)[0] == np.argmax(data > 0.5)
