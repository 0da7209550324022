"""Objects with what many modules share put into them (`codegen/exports/partial_link.py`)."""

import shutil
import subprocess

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.exports.partial_link import linked
from scancc.codegen.object_formats import symbols


def products(name="products"):
    a, b = T.matrix("a"), T.matrix("b")
    h, _ = sc.scan(lambda row, b: T.tanh(T.dot(row, b)), sequences=a, non_sequences=b)
    return sc.function([a, b], [h.sum(axis=0), T.dot(a, b).max()], name=name)


def arrays():
    rng = np.random.default_rng(3)
    return rng.normal(size=(40, 30)), rng.normal(size=(30, 50)) / 8


@pytest.mark.parametrize("kind", ["o", "a", "so"])
def test_what_modules_share_is_in_the_object_and_seen_by_none(tmp_path, kind):
    f = products()
    sc.export(f, tmp_path, emit=["o", "h", "json", kind])
    found = symbols((tmp_path / "products.o").read_bytes())
    shared = [s for s in found if s.name.startswith("scancc.matmul")]
    assert shared and not any(s.is_global or not s.is_defined for s in shared)
    loaded = sc.runtime.load(tmp_path / f"products.{kind}")
    for ours, theirs in zip(loaded(*arrays()), f(*arrays()), strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_the_tools_of_a_system_read_it(tmp_path):
    sc.export(products(), tmp_path, emit="o,h,json")
    listed = subprocess.run(["readelf", "-aW", tmp_path / "products.o"], capture_output=True, text=True, check=True)
    assert listed.stderr == "" and "scancc.matmul" in listed.stdout
    again = tmp_path / "again.o"
    subprocess.run(["ld", "-r", "-o", again, tmp_path / "products.o"], check=True)
    subprocess.run(["cc", "-shared", "-o", tmp_path / "again.so", again, "-lm"], check=True)


def test_artefacts_that_share_link_into_one_program(tmp_path):
    for name in ("one", "two"):
        sc.export(products(name), tmp_path, emit="o,h")
    (tmp_path / "main.c").write_text('#include "one.h"\n#include "two.h"\nint main(void)\n'
                                     "{ return one_supported() && two_supported() ? 0 : 1; }\n")
    command = ["cc", "-I", tmp_path, tmp_path / "main.c", tmp_path / "one.o", tmp_path / "two.o", "-lm"]
    subprocess.run([*command, "-o", tmp_path / "main"], check=True)
    subprocess.run([tmp_path / "main"], check=True)


def test_an_object_alone_is_left_as_it_is(tmp_path):
    x = T.vector("x")
    done = sc.export(sc.function([x], x + 1, name="f"), tmp_path, emit="o")
    code = done.files[0].read_bytes()
    assert linked([code]) is code


MAIN = r"""
#include <stdio.h>
#include "products.h"
static double a[40 * 30], b[30 * 50], h[50], m[1];
static char workspace[1 << 20];
int main(void)
{
    products_arguments call = {0};
    for (int i = 0; i < 40 * 30; ++i) a[i] = (i * 7 % 31 - 15) / 16.0;
    for (int i = 0; i < 30 * 50; ++i) b[i] = (i * 5 % 29 - 14) / 64.0;
    call.a = a, call.a_n0 = 40, call.a_n1 = 30, call.b = b, call.b_n1 = 50;
    call.result0 = h, call.result1 = m, call.workspace = workspace;
    if (products_call_query(&call) || call.workspace_nbytes > (int64_t)sizeof workspace || products_call(&call))
        return 1;
    for (int i = 0; i < 50; ++i) printf("%a ", h[i]);
    printf("%a\n", m[0]);
    return 0;
}
"""


@pytest.mark.parametrize("arch", ["aarch64", "riscv64"])
def test_other_processors_have_the_same_numbers(tmp_path, arch):
    compiler, emulator = shutil.which(f"{arch}-linux-gnu-gcc"), shutil.which(f"qemu-{arch}")
    if not (compiler and emulator):
        pytest.skip(f"no compiler and emulator for {arch} on this machine")
    found = []
    for target, tool, before in ((None, "cc", []), (f"{arch}-linux-gnu", compiler, [emulator])):
        sc.export(products(), tmp_path, emit="o,h", target=target)
        (tmp_path / "main.c").write_text(MAIN)
        subprocess.run([tool, "-static", "-I", tmp_path, tmp_path / "main.c", tmp_path / "products.o", "-lm",
                        "-o", tmp_path / "main"], check=True)
        found.append(subprocess.run([*before, tmp_path / "main"], check=True, capture_output=True, text=True).stdout)
    assert found[0] == found[1] != ""
