"""Reads and writes the `.test` files beside it: input IR and expected text, several cases a file.

    # case: a name
    # passes: canonicalize,cse
    # expect: arith.mulf 1, arith.addf 0      (optional: how often an op stands in the result)
    # remark: moved before it                 (optional: part of a remark that a pass makes)
    "func.func"() ({ ... }) ...
    # becomes                                 (optional: the functions of the result, no locations)
    "func.func"() ({ ... }) ...

`pytest --update-golden` writes what stands after `# becomes` anew.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scancc.ir.core import Op
from scancc.ir.printer import print_op

FOLDER = Path(__file__).parent
BECOMES = "# becomes\n"


@dataclass
class Case:
    file: Path
    text: str  # the whole case, as it stands in the file
    name: str = ""
    passes: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def source(self) -> str:
        """The input IR."""
        body = self.text.split(BECOMES)[0]
        return "".join(line for line in body.splitlines(True) if not line.startswith("# "))

    @property
    def expected(self) -> str | None:
        """The functions of the result; None where only counts are asked."""
        parts = self.text.split(BECOMES)
        return parts[1].strip() + "\n" if len(parts) == 2 else None

    def update(self, text: str) -> None:
        """Write `text` as what is expected."""
        head = self.text.split(BECOMES)[0]
        whole = self.file.read_text(encoding="utf-8")
        new = f"{head}{BECOMES}{text}\n"
        self.file.write_text(whole.replace(self.text, new), encoding="utf-8")
        self.text = new


def read_cases() -> Iterator[Case]:
    for file in sorted(FOLDER.glob("*.test")):
        text = file.read_text(encoding="utf-8")
        for part in re.split(r"(?m)^(?=# case: )", text):
            if part.startswith("# case: "):
                yield _read_case(file, part)


def _read_case(file: Path, text: str) -> Case:
    case = Case(file, text)
    for key, value in re.findall(r"(?m)^# (\w+): (.*)$", text.split(BECOMES)[0]):
        if key == "case":
            case.name = value.strip()
        elif key == "passes":
            case.passes = value.strip()
        elif key == "expect":
            case.counts |= {name: int(n) for name, n in (entry.split() for entry in value.split(","))}
        elif key == "remark":
            case.remarks.append(value.strip())
        else:
            raise ValueError(f"{file.name}: '# {key}:' is none of case, passes, expect, remark")
    return case


def functions_text(module: Op) -> str:
    """The functions of a module without their locations, at the margin."""
    lines = print_op(module, locations=False).splitlines()
    return textwrap.dedent("\n".join(lines[1:-1])) + "\n"
