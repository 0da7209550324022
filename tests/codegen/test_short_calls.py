"""Short calls, as a C programmer writes them: a struct, NULL for what is usual, texts with their numbers."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from tests.codegen.test_export import STRICT

CC = shutil.which("gcc") or shutil.which("clang")
pytestmark = pytest.mark.skipif(CC is None, reason="no C compiler on this machine")

MAIN = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "both.h"

static double room[4096];

static int32_t smooth_all(smooth_arguments *a)
{
    int32_t status = smooth_call_query(a);
    if (status == 0 && a->workspace_nbytes > (int64_t)sizeof room)
        return -99;
    a->workspace = room;
    return status == 0 ? smooth_call(a) : status;
}

static void show(const char *what, const double *x, int n)
{
    printf("%s", what);
    for (int i = 0; i < n; i++)
        printf(" %g", x[i]);
    printf("\n");
}

int main(void)
{
    double x[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, y[12] = {0}, total = 0;
    const int64_t turned[2] = {1, 3}, apart[2] = {4, 1};
    smooth_arguments a = {.x = x, .x_n0 = 4, .x_n1 = 3, .k = 2, .y = y, .total = &total};
    if (smooth_all(&a) != 0 || a.y_n0 != 4 || a.workspace_nbytes != 0)
        return 1;
    show("plain", y, 12);
    printf("total %g\n", total);
    a.total = NULL;
    a.y = NULL; /* nothing is wanted */
    if (smooth_all(&a) != 0 || a.workspace_nbytes < 96)
        return 2;
    a.total = &total;
    total = 0;
    if (smooth_all(&a) != 0)
        return 3;
    printf("only the total %g\n", total);
    a.y = y;
    a.x_strides = turned;
    a.x_n0 = 3;
    a.x_n1 = 4;
    memset(y, 0, sizeof y);
    if (smooth_all(&a) != 0)
        return 4;
    show("turned", y, 12);
    double wide[16] = {0};
    a = (smooth_arguments){.x = x, .x_n0 = 4, .x_n1 = 3, .k = 2, .y = wide, .y_strides = apart};
    if (smooth_all(&a) != 0)
        return 5;
    show("apart", wide, 16);

    char text[300], little[12];
    a.k = -7;
    int32_t status = smooth_all(&a);
    int64_t length = smooth_error(status, a.values, text, sizeof text);
    printf("%s\n", text);
    if (status <= 0 || length != (int64_t)strlen(text))
        return 6;
    memset(little, 'x', sizeof little);
    if (smooth_error(status, a.values, little, 10) != length || strlen(little) != 9 || little[10] != 'x')
        return 7;
    if (smooth_error(status, a.values, NULL, 0) != length || strncmp(little, text, 9) != 0)
        return 8;
    smooth_error(status, NULL, text, sizeof text);
    printf("%s\n", text);

    double table[3] = {1, 2, 3}, picked[4];
    const int64_t at[4] = {2, 0, -9, 1};
    pick_arguments b = {.table = table, .table_n0 = 3, .at = at, .at_n0 = 4, .result = picked};
    status = pick_call_query(&b);
    b.workspace = room;
    status = status ? status : pick_call(&b);
    pick_error(status, b.values, text, sizeof text);
    printf("%s\n", text);
    b.table = NULL;
    printf("%d\n", (int)pick_call(&b));
    return 0;
}
"""


def functions() -> list[Any]:
    """One with two outputs of which one is a number; one whose steps may fail."""
    x, k = T.matrix("x"), T.iscalar("k")
    y, _ = sc.scan(lambda p, x: p / 2 + x, outputs_info=T.zeros_like(x), non_sequences=x, n_steps=k)
    table, at = T.vector("table"), T.lvector("at")
    picked, _ = sc.scan(lambda i, table: table[i], sequences=at, non_sequences=table)
    return [sc.function([x, k], {"y": y[-1], "total": y[-1].sum()}, name="smooth"),
            sc.function([table, at], picked, name="pick")]


@pytest.mark.parametrize("sanitizers", [True, False])
def test_in_c(sanitizers: bool, tmp_path: Path) -> None:
    sc.export(functions(), tmp_path / "both", emit="a,h,json")
    (tmp_path / "main.c").write_text(MAIN)
    checks = ["-fsanitize=address,undefined", "-fno-sanitize-recover"] if sanitizers else ["-O2", "-Wconversion"]
    done = subprocess.run([str(CC), "-std=c99", *STRICT, *checks, f"-I{tmp_path}", str(tmp_path / "main.c"),
                           str(tmp_path / "both.a"), "-lm", "-o", str(tmp_path / "main")],
                          capture_output=True, text=True, timeout=120, check=False)
    if sanitizers and "cannot find" in done.stderr:
        pytest.skip("no sanitizers on this machine")
    assert done.returncode == 0, done.stderr
    done = subprocess.run([str(tmp_path / "main")], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = np.arange(1.0, 13).reshape(4, 3) * 1.5
    lines = done.stdout.splitlines()
    assert lines[0] == "plain " + " ".join(f"{v:g}" for v in rows.ravel())
    assert lines[1:3] == [f"total {rows.sum():g}", f"only the total {rows.sum():g}"]
    turned = np.arange(1.0, 13).reshape(4, 3).T * 1.5
    assert lines[3] == "turned " + " ".join(f"{v:g}" for v in turned.ravel())
    assert lines[4] == "apart " + " ".join(f"{v:g}" for v in np.pad(rows, ((0, 0), (0, 1))).ravel())
    assert lines[5].endswith("n_steps is -7.") and lines[7].endswith("n_steps is ?.")
    assert "-9" in lines[9] and "length 3" in lines[9] and "in step 2 of scan" in lines[9]
    assert lines[10] == "-1"


def test_what_is_written_of_them(tmp_path: Path) -> None:
    """No placeholder of ours; enough in the manifest to write the struct down."""
    sc.export(functions(), tmp_path / "both", emit="h,json")
    header = (tmp_path / "both.h").read_text()
    assert "{0}" not in header and "n_steps is values[0]." in header
    rows = json.loads((tmp_path / "both.json").read_text())["functions"]
    short = rows[0]["short"]
    members = "".join(f"    {m['type']}{'' if m['type'].endswith('*') else ' '}{m['name']}"
                      f"{[m['count']] if 'count' in m else ''};\n" for m in short["members"])
    assert f"typedef struct {short['struct']} {{\n{members}}} {short['struct']};" in header
