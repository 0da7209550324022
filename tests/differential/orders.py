"""Passes in orders that nobody wrote: the same numbers, or an error that says what a pass needs.

    python -m tests.differential.orders --seed 1 --count 400

Random passes run on a program's IR, some of them where they belong, and the IR interpreter runs what they leave.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator

import numpy as np

from scancc import pipeline
from scancc.errors import PassOrderError
from scancc.frontend.program.program import make_program
from scancc.ir.core import Op, clone_op, functions
from scancc.ir.interpreter import run_program
from scancc.ir.verifier import verify
from scancc.stages import lower
from tests.programs import masks, seed, tutorial
from tests.programs.case import Case

STEPS = ("bufferize", "plan-memory", "map-to-gpu")  # from one form of the IR to the next


def programs() -> list[Callable[[], Case]]:
    """Programs of which the interpreter takes milliseconds."""
    return [make for source in (seed, tutorial, masks) for name, make in sorted(vars(source).items())
            if callable(make) and getattr(make, "__module__", "") == source.__name__ and name[0] != "_"]


def order(pick: random.Random) -> list[str]:
    """Any passes in any order; or those that change the form in their order, and others between."""
    names = pipeline.pass_names()
    if pick.random() < 0.3:
        return pick.choices(names, k=pick.randint(2, 14))
    tidy = [name for name in names if name not in STEPS]
    parts = [[*pick.choices(tidy, k=pick.randint(0, 6)), step] for step in STEPS[:pick.randint(1, 3)]]
    return ["fuse"] * pick.randint(0, 2) + [name for part in parts for name in part]


def check(make: Callable[[], Case], passes: list[str]) -> str | None:
    """Run `passes` on a program; what a pass said it needs, or None where all ran and the numbers are the same."""
    case = make()
    program = make_program(case.inputs, case.outputs, case.updates)
    top = lower(program)
    args = [np.asarray(a, i.variable.dtype) for a, i in zip(case.args, program.inputs, strict=True)]
    args += [np.asarray(shared.get_value()) for shared in program.shared]
    expected = _results(top, args)
    try:
        pipeline.run(top, ",".join(passes))
    except PassOrderError as said:
        return str(said)
    verify(top)
    if all("n_inputs" not in f.attrs or "planned" in f.attrs for f in functions(top)):  # else sizes are nobody's yet
        for found, value in zip(_results(top, args), expected, strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-9, atol=1e-12)
    return None


def _results(top: Op, args: list[np.ndarray]) -> list[np.ndarray]:
    return run_program(clone_op(top, {}), functions(top)[0].attrs["sym_name"], args)


def runs(number: int, count: int) -> Iterator[tuple[Callable[[], Case], list[str]]]:
    pick, known = random.Random(number), programs()
    for _ in range(count):
        yield pick.choice(known), order(pick)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.differential.orders", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=400)
    options = parser.parse_args()
    refused = failed = 0
    for make, passes in runs(options.seed, options.count):
        try:
            refused += check(make, passes) is not None
        except Exception as error:
            failed += 1
            print(f"{make.__name__} {','.join(passes)}\n  {type(error).__name__}: {str(error)[:400]}")
    print(f"seed {options.seed}: {options.count} orders, {refused} refused, {failed} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
