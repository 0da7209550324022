"""Every case of the `.test` files: passes turn the IR into the expected text.

Whatever a case expects, its result also reads back as it was printed, and passes that only tidy
find nothing more to do when run again.
"""

import subprocess
import sys
from collections import Counter

import pytest

from scancc import pipeline
from scancc.ir.parser import parse
from scancc.ir.printer import print_op
from scancc.ir.verifier import verify

from .cases import FOLDER, Case, functions_text, read_cases

CASES = list(read_cases())
TIDYING = {"canonicalize", "cse", "dce", "licm"}


@pytest.mark.parametrize("case", CASES, ids=[f"{c.file.stem}: {c.name}" for c in CASES])
def test_case(case: Case, update_golden: bool) -> None:
    module = parse(case.source, case.file.name)
    verify(module, "reading the case")
    report = pipeline.run(module, case.passes)
    if case.expected is not None:
        if update_golden:
            case.update(functions_text(module))
        assert functions_text(module) == case.expected
    counts = Counter(op.name for op in module.walk())
    assert {name: counts[name] for name in case.counts} == case.counts
    for remark in case.remarks:
        assert any(remark in str(made) for made in report.remarks), list(map(str, report.remarks))
    text = print_op(module)
    assert print_op(parse(text)) == text
    if case.passes in TIDYING:
        pipeline.run(module, case.passes)
        assert print_op(module) == text, "a second run of the pass changed its own result"


def test_each_file_is_named_after_a_pass() -> None:
    assert {file.stem.replace("_", "-") for file in FOLDER.glob("*.test")} <= set(pipeline.pass_names())


def test_processes_do_not_write_into_the_same_files() -> None:
    command = [sys.executable, "-m", "pytest", "--update-golden", "-n", "2", "--collect-only", str(FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR and "leave out -n" in done.stderr


def test_case_names_are_unique() -> None:
    counts = Counter((case.file, case.name) for case in CASES)
    assert [name for name, n in counts.items() if n > 1] == []
