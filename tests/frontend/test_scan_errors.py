"""Golden texts of the errors that a wrong scan or function gives.

Each file in `errors/` is a program, a line `--- ErrorClass`, and the text. `pytest --update-golden`
writes the lower part anew.
"""

import functools
import pathlib

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

function = functools.partial(sc.function, mode="reference")
FILES = sorted((pathlib.Path(__file__).parent / "errors").glob("*.txt"))


def error_of(source: str, file_name: str) -> str:
    names = {"sc": sc, "T": T, "np": np, "function": function}
    try:
        exec(compile(source, file_name, "exec"), names)
    except Exception as error:
        return f"--- {type(error).__name__}\n{error}\n"
    return "--- nothing\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_error_text(path, update_golden):
    source, _, _ = path.read_text().partition("--- ")
    found = error_of(source, f"{path.stem}.py")
    if update_golden:
        path.write_text(source + found)
    assert path.read_text() == source + found


def test_there_are_error_texts():
    assert len(FILES) >= 30
