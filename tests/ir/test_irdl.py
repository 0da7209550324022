"""The scan dialect as IRDL: every op, as declared, in text that xDSL reads."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from scancc.cli import main
from scancc.ir.irdl import irdl_text
from scancc.ir.ops import OPS


def test_every_op_has_its_parts_by_name() -> None:
    text = irdl_text("scan")
    names = [name.partition(".")[2] for name in OPS if name.startswith("scan.")]
    assert [line.split("@")[1].split(" ")[0] for line in text.splitlines() if "irdl.operation" in line] == names
    scan = "irdl.operands(length: %0, xs: variadic %1, init: variadic %2, rows: variadic %3, dims: variadic %4)"
    assert scan in text and "irdl.regions(body: %body)" in text
    assert CliRunner().invoke(main, ["opt", "--irdl", "scan"]).output == text


@pytest.mark.parametrize("prefix", sorted({name.partition(".")[0] for name in OPS} - {"builtin"}))
def test_xdsl_reads_it(prefix: str) -> None:
    pytest.importorskip("xdsl", reason="xdsl is not installed")
    from xdsl.context import Context
    from xdsl.dialects.builtin import Builtin
    from xdsl.dialects.irdl import IRDL
    from xdsl.parser import Parser

    context = Context()
    context.load_dialect(Builtin)
    context.load_dialect(IRDL)
    module = Parser(context, irdl_text(prefix)).parse_module()
    module.verify()
    found = [op for op in module.walk() if op.name == "irdl.operation"]
    assert len(found) == sum(name.startswith(f"{prefix}.") for name in OPS)
