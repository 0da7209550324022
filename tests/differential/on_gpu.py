"""Whether a program gives on an emulated GPU what the reference gives, and equal bits whichever thread runs first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scancc.errors import UnsupportedError
from tests.differential.compare import Outcome, build, compiled, outcome, require_same
from tests.differential.program import Built, Mismatch, Program
from tests.programs.emulated_gpu import Driver, emulated, function


def check_on_gpu(program: Program) -> bool:
    """Code for an emulated GPU against the reference at all calls. False for a program that is refused, for any
    target or for a GPU, whose memory is planned before a call."""
    with emulated() as driver:
        try:
            built, _ = build(program)
            if program.gradients and not built.outputs:
                return False
            on_gpu = function(driver)(built.inputs, built.outputs, built.updates, on_unused_input="ignore")
        except (ValueError, IndexError, UnsupportedError):
            return False
        reference = compiled(built, "reference")
        for sizes in program.calls:
            args, held = program.arguments(sizes), [s.get_value() for s in built.shared]
            expected = _from(held, reference, args, built)
            found, turned = (_in_order(driver, backwards, held, on_gpu, args, built) for backwards in (False, True))
            require_same(found, expected, f"GPU, sizes {sizes}", program)
            _require_equal(found, turned, f"GPU, sizes {sizes}")
    return True


def _in_order(driver: Driver, backwards: bool, held: Sequence[np.ndarray], call: Callable[..., Any],
              args: Sequence[np.ndarray], built: Built) -> Outcome:
    driver.backwards = backwards
    return _from(held, call, args, built)


def _from(held: Sequence[np.ndarray], call: Callable[..., Any], args: Sequence[np.ndarray], built: Built) -> Outcome:
    for shared, value in zip(built.shared, held, strict=True):
        shared.set_value(value)
    return outcome(call, args, built)


def _require_equal(found: Outcome, turned: Outcome, what: str) -> None:
    if isinstance(found, Exception) or isinstance(turned, Exception):
        return  # which of two errors is found first is nobody's promise
    for number, (x, y) in enumerate(zip(found, turned, strict=True)):
        if np.asarray(x).tobytes() != np.asarray(y).tobytes():
            raise Mismatch(f"{what}, output {number}: {y!r} with the last thread first, for {x!r}")
