"""What is left of a module that fails, when all is gone that it fails without."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

import scancc as sc
import scancc.tensor as T
from scancc import stages
from scancc.cli import main
from scancc.insight import shrinking
from scancc.ir.core import Op
from scancc.ir.parser import parse_verified
from scancc.ir.printer import print_op
from scancc.ir.verifier import find_errors


def lowered() -> Op:
    x, w, h0 = T.matrix("x"), T.matrix("w"), T.vector("h0")
    h, _ = sc.scan(lambda x_t, h, c: (T.tanh(T.dot(w, h) + x_t), c + h.sum()), x, [h0, T.constant(0.0)])
    return stages.lower(sc.function([x, w, h0], [h[0].sum(), *sc.grad(h[1][-1], [w, h0])]).program)


def has(module: Op, name: str) -> bool:
    return any(op.name == name for op in module.walk())


@pytest.mark.parametrize(("name", "most"), [("math.tanh", 12), ("scan.dot", 12), ("scan.scan", 16)])
def test_little_is_left_but_what_it_fails_for(name: str, most: int) -> None:
    module = lowered()
    text, sizes = print_op(module), list[int]()
    left = shrinking.shrunk(module, lambda top: has(top, name), sizes.append)
    assert has(left, name) and not find_errors(left) and print_op(module) == text
    assert sum(1 for _ in left.walk()) <= most, print_op(left)
    assert sizes == sorted(sizes, reverse=True)
    parse_verified(print_op(left))


def failing(name: str) -> SimpleNamespace:
    def function(module: Op) -> None:
        if has(module, "math.tanh"):
            raise IndexError(f"%{sum(1 for _ in module.walk())} is no value")
    return SimpleNamespace(name=name, function=function, options={}, needs=())


def test_a_failing_pass_goes_on_failing_as_it_did(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "x.mlir"
    file.write_text(print_op(lowered()))
    monkeypatch.setattr(shrinking, "find_pass", failing)
    done = CliRunner().invoke(main, ["reduce", str(file), "--passes", "fuse", "-o", str(tmp_path / "y.mlir")])
    assert done.exit_code == 0 and "fails: fuse: IndexError: _ is no value" in done.output
    left = parse_verified((tmp_path / "y.mlir").read_text())
    assert has(left, "math.tanh") and sum(1 for _ in left.walk()) <= 12


def test_what_does_not_fail_is_said(tmp_path: Path) -> None:
    file = tmp_path / "x.mlir"
    file.write_text(print_op(lowered()))
    done = CliRunner().invoke(main, ["reduce", str(file), "--passes", "cse"])
    assert done.exit_code == 1 and "the passes cse do not fail on this module" in done.output
    done = CliRunner().invoke(main, ["reduce", str(file), "--command", "true"])
    assert done.exit_code == 1 and "true does not fail for this file" in done.output


def test_a_command_says_what_is_of_interest(tmp_path: Path) -> None:
    file = tmp_path / "x.mlir"
    x = T.vector("x")
    file.write_text(print_op(stages.lower(sc.function([x], T.exp(x).sum() + T.sin(x).sum()).program)))
    done = CliRunner().invoke(main, ["reduce", str(file), "--command", "sh -c '! grep -q math.sin $0'"])
    assert done.exit_code == 0 and "math.sin" in done.output and "math.exp" not in done.output
