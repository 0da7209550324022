"""Runs as many random programs as one likes: `python -m tests.differential.campaign --seed 1 --count 500`.

Prints the seed and the smallest program found that fails, as a file that repeats it. The programs run in
a child process, so that one that ends it (a fault of native code) is printed too.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as with_seed

from scancc import pass_lists, pipeline
from scancc.codegen.target import levels
from scancc.config import change_flags
from tests.differential.compare import check
from tests.differential.on_gpu import check_on_gpu
from tests.differential.program import Program
from tests.differential.scans import KINDS
from tests.differential.writer import programs


@dataclass
class Campaign:
    """Programs that ran, and the shortest failing one of each kind of failure."""

    seed: int
    count: int
    passes: bool = False
    gradients: int = 0  # of this order
    smooth: bool = False  # programs that differences can be compared with
    checkpoints: int | str | None = None  # of all scans, where gradients are compared with those without
    max_bytes: int | None = None  # for gradients, which are compared with those under no budget
    gpu: bool = False  # native code for an emulated GPU instead
    without: str = ""  # passes that are left out; 'random': others for each program
    scans: str = ""  # of this kind only
    cpu: str = "native"  # or a level of features that this machine has
    every_kind: bool = False  # go on after a failure, and make no smaller programs
    last: str = ""  # where the running program is written
    done: int = 0
    failures: dict[str, tuple[Program, Exception]] = field(default_factory=dict)

    def run(self) -> None:
        phases = (Phase.generate,) if self.every_kind else (Phase.generate, Phase.shrink)
        options = settings(max_examples=self.count, deadline=None, database=None, phases=phases, print_blob=False,
                           report_multiple_bugs=False, suppress_health_check=list(HealthCheck))
        test = with_seed(self.seed)(options(given(programs(self.smooth, self.gradients, kind=self.scans))(self._one)))
        with contextlib.suppress(Exception):  # kept in `failures`
            test()

    def _one(self, program: Program) -> None:
        if self.last:
            with open(self.last, "w", encoding="utf-8") as file:
                file.write(str(program))
        try:
            with change_flags(leave_out=self._left_out(program), cpu=self.cpu):
                self.done += self._check(program)
        except Exception as error:
            self._keep(program, error)
            if not self.every_kind:
                raise

    def _check(self, program: Program) -> bool:
        if self.gpu:
            return check_on_gpu(program)
        return check(program, self.passes, self.checkpoints, self.max_bytes)

    def _left_out(self, program: Program) -> str:
        """Names of passes; for 'random' each optional one by a coin, the same for the same program."""
        if self.without != "random":
            return self.without
        coin = random.Random(str(program))
        names = (name for name in pipeline.pass_names() if name not in pass_lists.NEEDED)
        return ",".join(name for name in names if coin.random() < 0.5)

    def _keep(self, program: Program, error: Exception) -> None:
        kind = _kind(error) if self.every_kind else ""
        best = self.failures.get(kind)
        if best is None or len(str(program)) <= len(str(best[0])):
            self.failures[kind] = program, error

    def _setting(self, program: Program) -> str:
        left_out = self._left_out(program)
        return f"# SCANCC_LEAVE_OUT={left_out}\n" if left_out else ""

    def report(self) -> str:
        failures = [f"# {type(error).__name__}: {_commented(str(error))}\n{self._setting(program)}{program}"
                    for program, error in self.failures.values()]
        return "\n".join([*failures, f"seed {self.seed}: {self.done} programs ran, {len(failures)} kinds of failure"])


def _kind(error: Exception) -> str:
    """Failures of one kind have one text but for names and numbers."""
    text = re.sub(r"IR after .*?,", "IR,", str(error).split("expected")[0])
    return type(error).__name__ + re.sub(r"[-+\w.]*\d[-+\w.]*", "0", text)[:120]


def _commented(text: str) -> str:
    return text[:2000].replace("\n", "\n# ")


def use_steps(text: str) -> None:
    """Let the CPU's pipeline have passes with these options: 'tile{always=true size=4}'."""
    given = {step.name: str(step) for step in pipeline.parse_pipeline(text)}
    pass_lists.CPU_SCAN = tuple(given.get(name, name) for name in pass_lists.CPU_SCAN)
    pass_lists.CPU_LOOP = tuple(given.get(name, name) for name in pass_lists.CPU_LOOP)


def _child(options: argparse.Namespace) -> int:
    use_steps(options.steps)
    campaign = Campaign(options.seed, options.count, options.passes, options.gradients, options.smooth,
                        options.checkpoints, options.max_bytes, options.gpu, options.without, options.scans,
                        options.cpu, options.all, options.last)
    campaign.run()
    print(campaign.report())
    return bool(campaign.failures)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.differential.campaign", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="another seed, other programs")
    parser.add_argument("--count", type=int, default=500, help="how many programs")
    parser.add_argument("--passes", action="store_true", help="also run the IR after every pass (slower)")
    parser.add_argument("--gradients", type=int, default=0, metavar="ORDER", help="compare gradients of this order")
    parser.add_argument("--smooth", action="store_true", help="differentiable programs: also differences")
    parser.add_argument("--checkpoints", type=lambda text: int(text) if text.isdigit() else text, metavar="N",
                        help="compare gradients in blocks of so many steps, or 'sqrt', with those that keep all rows")
    parser.add_argument("--max-bytes", type=int, metavar="N",
                        help="compare gradients that keep so many bytes of the steps with those that keep all rows")
    parser.add_argument("--gpu", action="store_true", help="run them on an emulated GPU")
    parser.add_argument("--without", default="", metavar="PASSES",
                        help="leave these passes out; 'random': others for each program")
    parser.add_argument("--steps", default="", metavar="PASSES", help="run passes with these options")
    parser.add_argument("--scans", default="", choices=KINDS, help="scans of this kind only")
    parser.add_argument("--cpu", default="native", choices=["native", *levels()],
                        help="code for this level of features")
    parser.add_argument("--all", action="store_true", help="go on after a failure; one program of each kind")
    parser.add_argument("--last", help=argparse.SUPPRESS)
    given_arguments = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(given_arguments)
    if options.last:
        return _child(options)
    with tempfile.TemporaryDirectory() as folder:
        last = os.path.join(folder, "last.py")
        command = [sys.executable, "-m", "tests.differential.campaign", *given_arguments, "--last", last]
        code = subprocess.call(command)
        if code < 0 and os.path.exists(last):
            with open(last, encoding="utf-8") as file:
                print(f"seed {options.seed}: the process ended with signal {-code} in\n\n{file.read()}")
    return abs(code)


if __name__ == "__main__":
    sys.exit(main())
