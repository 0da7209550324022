"""How a function runs: natively, or by the NumPy interpreter. Theano's mode names are accepted."""

from __future__ import annotations

from dataclasses import field

from scancc.config import config
from scancc.late_dataclasses import dataclass

_OTHER_LINKERS = ("numba", "jax", "pytorch", "mlx")
_LINKERS = (None, "py", "c", "c|py", "c&py", "vm", "cvm", "vm_nogc", "cvm_nogc", "auto", *_OTHER_LINKERS)
_OTHERS = "names a compiler that is not here, and the program is compiled natively"


@dataclass(frozen=True)
class Mode:
    """`reference`: run the NumPy interpreter of the graph, the oracle of the tests.

    `linker` and `optimizer` are the older systems'; the target chooses the passes here. `unmet`: what the mode
    promises there and does not do here, which `function` says.
    """

    linker: object = None
    optimizer: object = None
    name: str = field(default="Mode", kw_only=True)
    reference: bool = field(default=False, kw_only=True)
    unmet: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.linker, str | None):
            raise TypeError(f"Mode: linker is {self.linker!r}; give one of its names, such as 'py' or 'cvm'")
        if self.linker not in _LINKERS:
            known = ", ".join(map(repr, _LINKERS[1:]))
            raise ValueError(f"Mode: linker is {self.linker!r}; the older systems have {known}")
        if self.linker in _OTHER_LINKERS:
            object.__setattr__(self, "unmet", f"with linker={self.linker!r} {_OTHERS}")

    def including(self, *names: str) -> Mode:
        """The mode itself: passes are chosen by the target here, not by tags."""
        return self

    excluding = including


@dataclass(frozen=True)
class NanGuardMode(Mode):
    """Native code that says where a value becomes NaN or infinite: the value, the step, the line and the operands.

    Each op on floats is looked at, so that it runs several times longer (docs/insight.md). `big_is_error` has no
    effect.
    """

    nan_is_error: bool = True
    inf_is_error: bool = True
    big_is_error: bool = False
    name: str = field(default="NanGuardMode", kw_only=True)


class DebugMode(Mode):
    """Older programs ask whether the mode is one; no mode here is (`SCANCC_VERIFY` checks each pass)."""


NATIVE, REFERENCE = Mode(name="native"), Mode(name="reference", reference=True)
INTERPRET = Mode(name="interpret", reference=True)
FAST_RUN = Mode(name="FAST_RUN")
_UNMET = {
    "DebugMode": "compares nothing here; run the program with mode='reference' too, and compare",
    "DEBUG_MODE": "compares nothing here; run the program with mode='reference' too, and compare",
    "JAX": _OTHERS, "NUMBA": _OTHERS, "PYTORCH": _OTHERS, "MLX": _OTHERS,
}
_MODES = {m.name: m for m in (NATIVE, REFERENCE, INTERPRET, FAST_RUN, NanGuardMode())} | {
    name: Mode(name=name) for name in ("FAST_COMPILE", "CVM", "VM", "C_VM", "Mode")} | {
    name: Mode(name=name, unmet=unmet) for name, unmet in _UNMET.items()}


def mode_named(mode: str | Mode | None) -> Mode:
    """The mode called `mode`; None is what `config.mode` says, native unless changed."""
    mode = config.mode if mode is None else mode
    if isinstance(mode, Mode):
        return mode
    if isinstance(mode, str) and mode in _MODES:
        return _MODES[mode]
    import difflib  # rarely needed

    near = difflib.get_close_matches(str(mode), _MODES, n=1)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    raise ValueError(f"mode is {mode!r}{meant}; use 'native' (the default) or 'reference' (the NumPy interpreter)")


get_mode = mode_named


def get_default_mode() -> Mode:
    """The mode of functions that name none."""
    return mode_named(None)
