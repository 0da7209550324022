"""How a function runs: natively, or by the NumPy interpreter. Theano's mode names are accepted."""

from __future__ import annotations

from dataclasses import dataclass

from scancc.config import config


@dataclass(frozen=True)
class Mode:
    """`reference`: run the NumPy interpreter of the graph, the oracle of the tests.

    `linker` and `optimizer` are accepted for older programs, without effect.
    """

    name: str = "Mode"
    reference: bool = False
    linker: object = None
    optimizer: object = None

    def including(self, *names: str) -> Mode:
        """The mode itself: passes are chosen by the target here, not by tags."""
        return self

    excluding = including


class DebugMode(Mode):
    """Older programs ask whether the mode is one; no mode here is (`SCANCC_VERIFY` checks each pass)."""


NATIVE, REFERENCE = Mode("native"), Mode("reference", reference=True)
INTERPRET = Mode("interpret", reference=True)
FAST_RUN = Mode("FAST_RUN")
_MODES = {m.name: m for m in (NATIVE, REFERENCE, INTERPRET, FAST_RUN)} | {
    name: Mode(name) for name in ("FAST_COMPILE", "DebugMode", "DEBUG_MODE", "NanGuardMode", "JAX", "NUMBA",
                                  "CVM", "Mode")}


def mode_named(mode: str | Mode | None) -> Mode:
    """The mode called `mode`; None is what `config.mode` says, native unless changed."""
    mode = config.mode if mode is None else mode
    if isinstance(mode, Mode):
        return mode
    if isinstance(mode, str) and mode in _MODES:
        return _MODES[mode]
    raise ValueError(f"mode is {mode!r}; use 'native' (the default) or 'reference' (the NumPy interpreter)")


get_mode = mode_named


def get_default_mode() -> Mode:
    """The mode of functions that name none."""
    return mode_named(None)
