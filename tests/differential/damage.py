"""Damaged IR text: it is refused with the line of the file, or compiles.

    python -m tests.differential.damage --seed 1 --count 1000

Tokens, lines, types and numbers of dumps are deleted, repeated and exchanged. What still reads and verifies must go
through all passes and LLVM, or end in an error that a user can read: in a child process, which may die of it.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache

from scancc import pipeline
from scancc.codegen import cpu, llvm
from scancc.codegen import target as targets
from scancc.errors import InternalError, ParseError, ScanccError
from scancc.frontend.program.program import make_program
from scancc.ir.core import Op
from scancc.ir.parser import parse, parse_verified
from scancc.ir.printer import print_op
from scancc.stages import lower, number_checks, passes_for
from tests.children import in_child
from tests.programs import masks, seed, tutorial

_PROGRAMS = (seed.power_of_a_matrix, seed.tanh_of_each_row, tutorial.norms_of_rows,
             tutorial.polynomial_reduced_inside, masks.picks_in_a_nested_scan_that_stops,
             masks.state_written_at_a_mask)
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|%[\w$.#]+|'
                    r"(?:tensor|vector|memref|complex)<[^<>\n]*(?:<[^<>\n]*>[^<>\n]*)*>|"
                    r"dense<[^<>\n]*>|array<[^<>\n]*>|#[\w.]+(?:<[^<>\n]*>)?|-?\d+(?:\.\d+(?:e[-+]?\d+)?)?|"
                    r"[A-Za-z_][\w.]*|\S")
_KINDS = {"value": r"%.*", "op": r'"\w+\.\w+"', "text": '".*', "number": r"-?\d.*", "hash": "#.*",
          "type": r"(?:tensor|vector|memref|complex)<.*|index|[if]\d+", "word": r"[A-Za-z_].*", "sign": ".*"}
_OTHERS = {
    "number": ["0", "1", "-1", "7", "99", "1.5", "0x7F", "9223372036854775807", "18446744073709551616"],
    "type": ["f64", "f32", "f16", "i1", "i8", "i64", "index", "complex<f64>", "tensor<?xf64>", "tensor<3xf64>",
             "tensor<0x3xf64>", "vector<4xf64>", "memref<?xf64>", "memref<?xf64, strided<[1], offset: ?>>", "i7"],
}


@cache
def dumps() -> list[str]:
    """Programs at every stage, after each pass."""
    texts: list[str] = []
    for make in _PROGRAMS:
        case = make()
        top = lower(make_program(case.inputs, case.outputs, case.updates))
        texts.append(print_op(top))
        pipeline.run(top, "cpu", on_pass=lambda done, ir: texts.append(print_op(ir)))
    return texts


def damaged(text: str, pick: random.Random) -> str:
    """`text` with a line or a token gone, twice, or exchanged for another of its kind."""
    return pick.choice([_lines, _token, _exchange, _exchange])(text, pick)


def _lines(text: str, pick: random.Random) -> str:
    lines = text.split("\n")
    first, second = (pick.randrange(len(lines) - 1) for _ in range(2))
    what = pick.randrange(3)
    if what == 0:
        del lines[first]
    elif what == 1:
        lines.insert(first, lines[second])
    else:
        lines[first], lines[second] = lines[second], lines[first]
    return "\n".join(lines)


def _token(text: str, pick: random.Random) -> str:
    found = pick.choice(list(_TOKEN.finditer(text)))
    new = pick.choice(["", f"{found[0]} {found[0]}", found[0][:pick.randrange(len(found[0]) + 1)]])
    return text[:found.start()] + new + text[found.end():]


def _exchange(text: str, pick: random.Random) -> str:
    """One token for another of its kind; a type now and then in its whole line, so that it still agrees."""
    groups: dict[str, list[re.Match[str]]] = {}
    for token in _TOKEN.finditer(text):
        kind = next(kind for kind, pattern in _KINDS.items() if re.fullmatch(pattern, token[0]))
        groups.setdefault(kind, []).append(token)
    kind = pick.choice(sorted(groups))
    found = pick.choice(groups[kind])
    new = pick.choice([token[0] for token in pick.choices(groups[kind], k=5)] + _OTHERS.get(kind, []))
    if kind != "type" or pick.random() < 0.5:
        return text[:found.start()] + new + text[found.end():]
    start, end = text.rfind("\n", 0, found.start()) + 1, text.find("\n", found.end())
    return text[:start] + text[start:end].replace(found[0], new) + text[end:]


def texts(number: int, count: int) -> Iterator[str]:
    pick = random.Random(number)
    for _ in range(count):
        text = pick.choice(dumps())
        for _ in range(pick.choice([1, 1, 1, 2, 3])):
            text = damaged(text, pick)
        yield text


def check(text: str) -> str:
    """What became of a text: 'refused', or 'compiled' in a child; AssertionError says what went wrong."""
    try:
        top = parse_verified(text, "case.mlir")
    except ParseError as error:
        assert re.match(r"case\.mlir:\d+:\d+: ", str(error)), f"an error without its line: {error}"
        return "refused"
    printed = print_op(top)
    assert print_op(parse(printed)) == printed, "the text does not read back as it was printed"
    said, write = os.pipe()
    with os.fdopen(said, "rb") as answer, os.fdopen(write, "wb") as problem:
        status = in_child(lambda: _report(lambda: compile_on(top), problem.fileno()))
        problem.close()
        words = answer.read().decode(errors="replace")
    assert not words and status == 0, words or f"the process ended with status {status}"
    return "compiled"


def compile_on(top: Op) -> None:
    """All passes and LLVM; an error that a user can mend is one of the ends that are allowed."""
    target = targets.target_of(None)
    try:
        pipeline.run(top, passes_for(target))
        number_checks(top)
        cpu.compile_object(llvm.emit_module(top, target.has_fma), target)
    except ScanccError as error:
        if isinstance(error, InternalError):
            raise


def _report(work: Callable[[], object], to: int) -> None:
    try:
        work()
    except BaseException as error:
        os.write(to, f"{type(error).__name__}: {error}"[:1000].encode())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.differential.damage", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--keep", default="", help="a folder for the texts that fail")
    options = parser.parse_args()
    ends = {"refused": 0, "compiled": 0, "failed": 0}
    for number, text in enumerate(texts(options.seed, options.count)):
        try:
            ends[check(text)] += 1
        except Exception as error:
            ends["failed"] += 1
            print(f"text {number}: {str(error)[:400]}")
            if options.keep:
                with open(os.path.join(options.keep, f"{options.seed}-{number}.mlir"), "w", encoding="utf-8") as file:
                    file.write(text)
    print(f"seed {options.seed}: {', '.join(f'{n} {end}' for end, n in ends.items())}")
    return bool(ends["failed"])


if __name__ == "__main__":
    sys.exit(main())
