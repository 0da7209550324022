"""Names that C, C++ and POSIX have taken: functions are refused, arguments get others, headers keep off others."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen import reserved_names
from scancc.codegen.c_names import ExportError, argument_name, check_name, is_reserved

LISTS = [name for name in vars(reserved_names) if name.isupper() and name != "HEADERS"]
WORDS = [word for name in LISTS for word in getattr(reserved_names, name).split()]
OTHERS = ("__FILE__ __LINE__ _Bool _Complex_I _Generic __thing INT32_MAX INT64_C PRId64 SCNu8 FLT_MAX DBL_EPSILON "
          "FE_TONEAREST expf acosl fmaximumf32x stdc_count_ones_ul").split()
HEADERS = ("assert complex ctype errno fenv float inttypes limits locale math setjmp signal stdarg stdbool "
           "stddef stdint stdio stdlib string time wchar wctype dirent fcntl pthread sched sys/types "
           "sys/socket sys/stat sys/time sys/mman sys/file net/if ifaddrs netdb termios unistd")


def named(name: str) -> Any:
    x = T.vector("x")
    return sc.function([x], x * 2, name=name)


@pytest.mark.parametrize(("compiler", "language"), [("gcc", "c"), ("g++", "c++")])
def test_every_argument_compiles_behind_the_system_s_headers(compiler: str, language: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} on this machine")
    names = [argument_name(word) for word in [*WORDS, *OTHERS]]
    assert not any(is_reserved(name) for name in names)
    includes = "".join(f"#include <{name}.h>\n" for name in HEADERS.split())
    source = tmp_path / "names.txt"
    source.write_text(includes + "".join(f"void f{n}(const double *{name}, long {name}_n0);\n"
                                         for n, name in enumerate(names)))
    done = subprocess.run([compiler, "-x", language, "-fsyntax-only", "-Werror", source], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr[:2000]


def test_the_rule_for_arguments() -> None:
    given = {"for": "for_", "x y": "x_y", "1st": "_1st", "_Bool": "in__Bool", "INT8_C": "in_INT8_C",
             "rate": "rate", "": "_"}
    assert {name: argument_name(name) for name in given} == given
    assert argument_name("time", {"time_"}) == "time__"


@pytest.mark.parametrize("name", [*OTHERS, "exp", "main", "double", "class", "std", "close", "kill", "index", "EOF",
                                  "stdin", "environ", "size_t", "2x", "a b", ""])
def test_functions_whose_names_are_taken(name: str) -> None:
    with pytest.raises(ExportError, match="name"):
        check_name(name)


def test_a_symbol_that_comes_along() -> None:
    check_name("getpriority_", ["getpriority__query"])
    with pytest.raises(ExportError, match="'sem_init', which comes with 'sem', is a name of the C"):
        check_name("sem", ["sem_init"])


@pytest.mark.parametrize("pair", [("g", "g_query"), ("g_error", "g"), ("g", "g__run"), ("g_supported", "g")])
def test_functions_of_one_library_with_a_symbol_in_common(pair: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="would both define 'g_"):
        sc.export([named(name) for name in pair], tmp_path / "both", emit="h")


def test_headers_of_the_system(tmp_path: Path) -> None:
    for name in ("math", "stdint", "Limits", "features"):
        with pytest.raises(ExportError, match=rf"{name}\.h would take the place of the system's"):
            sc.export(named("doubled"), tmp_path / name, emit="h")
    assert list(tmp_path.iterdir()) == []
    sc.export(named("doubled"), tmp_path / "math", emit="ll")


def test_names_beyond_ascii_are_no_names_of_the_compiler() -> None:
    f = named("变量")
    check_name(f.export_form().name)
    assert f([1.0]).tolist() == [2.0]


def test_arguments_are_not_the_macros_of_the_header(tmp_path: Path) -> None:
    names = ("F_H", "SCANCC_F_H", "F_ABI_VERSION", "F_SYMBOL")
    xs = [T.vector(name) for name in names]
    sc.export(sc.function(xs, sum(xs), name="f"), tmp_path, emit="o,h,json")
    (tmp_path / "f.c").write_text('#include "f.h"\n')
    subprocess.run(["cc", "-Wall", "-Werror", "-fsyntax-only", tmp_path / "f.c"], check=True)
    assert sc.runtime.load(tmp_path / "f.o")(**{name: [1.0] for name in names}) == [4.0]
