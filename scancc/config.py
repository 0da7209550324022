"""Every switch of scancc, once: name, type, default, one sentence.

`config.floatX` reads a switch, `config.floatX = "float32"` sets it, `change_flags(floatX="float32")`
sets it for a `with` block or a decorated function. A switch starts from its environment variable,
`SCANCC_` and its name in capitals with `_` for `.` (`SCANCC_FLOATX`, `SCANCC_SCAN_ALLOW_GC`), read when
scancc is imported. Switches marked *read late* live in the environment alone, where the runtime, which
needs no compiler, looks them up at each use; setting one here sets its variable.
"""

from __future__ import annotations

import os
from contextlib import ContextDecorator
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Switch:
    """One setting. `choices` limits its values; `read_late`: its value is that of the environment;
    values with the attribute `or_any_with` are taken as they are."""

    name: str
    type: type
    default: object
    doc: str
    choices: tuple[object, ...] = ()
    read_late: bool = False
    or_any_with: str = ""

    @property
    def environment(self) -> str:
        return "SCANCC_" + self.name.upper().replace(".", "_")

    def check(self, value: object) -> object:
        """`value` as this switch stores it; ValueError or TypeError where it does not fit."""
        if self.or_any_with and hasattr(value, self.or_any_with):
            return value
        if isinstance(value, str) and self.type is not str:
            value = _parse(self, value)
        if self.type is float and isinstance(value, int):
            value = float(value)
        if not isinstance(value, self.type):
            raise TypeError(f"config.{self.name} is {value!r}; it takes a {self.type.__name__}")
        if self.choices and value not in self.choices:
            raise ValueError(f"config.{self.name} is {value!r}; it takes {_listed(self.choices)}")
        return value


def _parse(switch: Switch, text: str) -> object:
    if switch.type is bool and text.lower() in ("0", "false", "no", "off", ""):
        return False
    if switch.type is bool and text.lower() in ("1", "true", "yes", "on"):
        return True
    try:
        return int(text) if switch.type is int else switch.type(text)
    except ValueError:
        raise ValueError(f"config.{switch.name} is {text!r}; it takes a {switch.type.__name__}") from None


def _listed(choices: tuple[object, ...]) -> str:
    return " or ".join(repr(c) for c in choices)


SWITCHES: dict[str, Switch] = {
    s.name: s
    for s in (
        Switch("floatX", str, "float64", "dtype of floats that name none and of float functions of integers.",
               ("float64", "float32")),
        Switch("mode", str, "native", "how `function` runs its program where `mode=` is not given.",
               ("native", "reference", "FAST_RUN", "FAST_COMPILE", "DebugMode"), or_any_with="reference"),
        Switch("on_unused_input", str, "raise", "what `function` does with an input that nothing uses.",
               ("raise", "warn", "ignore")),
        Switch("cache_dir", str, "", "folder of the cache of compiled code; empty: the user's cache folder.",
               read_late=True),
        Switch("cache", bool, True, "whether compiled code is kept on disk.", read_late=True),
        Switch("cache_mb", float, 512.0, "size of the cache; entries unused for longest go first.", read_late=True),
        Switch("reproducer_dir", str, "", "where a crash of the compiler leaves its IR; empty: the temporary folder.",
               read_late=True),
        Switch("verify", bool, True, "whether the IR is verified after each pass."),
        Switch("contract", bool, True, "whether `a * b + c` may round once, where the target can."),
        Switch("scan.allow_gc", bool, False, "accepted for older programs; memory is planned ahead."),
        Switch("scan.allow_output_prealloc", bool, True, "accepted for older programs; without effect."),
        Switch("scan.debug", bool, False, "accepted for older programs; see `scancc dump`."),
        Switch("compute_test_value", str, "off", "not 'off': ops run on `x.tag.test_value` when they are applied.",
               ("off", "ignore", "warn", "raise", "pdb")),
        Switch("compute_test_value_opt", str, "off", "accepted for older programs; without effect."),
        Switch("exception_verbosity", str, "low", "accepted for older programs; without effect.",
               ("low", "high")),
        Switch("on_opt_error", str, "raise", "accepted for older programs; a failing pass is an error."),
        Switch("optimizer_including", str, "", "accepted for older programs; without effect."),
        Switch("optimizer_excluding", str, "", "accepted for older programs; without effect."),
        Switch("optimizer", str, "fast_run", "accepted for older programs; without effect."),
        Switch("profile", bool, False, "accepted for older programs; `scancc bench` times a program."),
        Switch("cxx", str, "", "accepted for older programs; no C++ compiler is used."),
        Switch("warn_float64", str, "ignore", "accepted for older programs; without effect."),
        Switch("cast_policy", str, "custom", "accepted for older programs; Python numbers are always weak."),
        Switch("warn.subtensor_merge_bug", bool, False, "accepted for older programs; without effect."),
    )
}


class Config:
    """The values of the switches, as attributes; `config.scan.allow_gc` reaches a name with a dot."""

    def __init__(self, prefix: str = "", values: dict[str, object] | None = None) -> None:
        self.__dict__["_prefix"] = prefix
        self.__dict__["_values"] = _start_values() if values is None else values

    def __getattr__(self, name: str) -> Any:
        full = self._prefix + name
        if full in SWITCHES:
            return _read(SWITCHES[full], self._values)
        if any(s.startswith(full + ".") for s in SWITCHES):
            return Config(full + ".", self._values)
        raise AttributeError(_unknown(full))

    def __setattr__(self, name: str, value: object) -> None:
        full = self._prefix + name
        if full not in SWITCHES:
            raise AttributeError(_unknown(full))
        _write(SWITCHES[full], self._values, SWITCHES[full].check(value))

    def change_flags(self, *flags: dict[str, object], **named: object) -> change_flags:
        return change_flags(*flags, **named)

    def __str__(self) -> str:
        rows = (f"{s.name} = {_read(s, self._values)!r}  # {s.doc}" for s in SWITCHES.values())
        return "\n".join(rows)


def _start_values() -> dict[str, object]:
    values = {name: switch.default for name, switch in SWITCHES.items()}
    for name, switch in SWITCHES.items():
        if not switch.read_late and switch.environment in os.environ:
            values[name] = switch.check(os.environ[switch.environment])
    return values


def _read(switch: Switch, values: dict[str, object]) -> object:
    if not switch.read_late:
        return values[switch.name]
    text = os.environ.get(switch.environment)
    return switch.default if text is None else switch.check(text)


def _write(switch: Switch, values: dict[str, object], value: object) -> None:
    if not switch.read_late:
        values[switch.name] = value
    else:
        os.environ[switch.environment] = str(int(value)) if isinstance(value, bool) else str(value)


def _unknown(name: str) -> str:
    return f"there is no switch config.{name}; the switches are {', '.join(SWITCHES)}"


config = Config()


class change_flags(ContextDecorator):
    """Set switches for a `with` block or a function.

    Names with a dot are given in a dict (`change_flags({"scan.debug": True})`) or with `__` for the dot.
    """

    def __init__(self, *flags: dict[str, object], **named: object) -> None:
        merged: dict[str, object] = {}
        for group in flags:
            merged.update(group)
        merged.update({name.replace("__", "."): value for name, value in named.items()})
        for name in merged:
            if name not in SWITCHES:
                raise AttributeError(_unknown(name))
        self._flags = {name: SWITCHES[name].check(value) for name, value in merged.items()}
        self._saved: list[dict[str, object]] = []

    def __enter__(self) -> Self:
        values = config._values
        self._saved.append({name: _read(SWITCHES[name], values) for name in self._flags})
        for name, value in self._flags.items():
            _write(SWITCHES[name], values, value)
        return self

    def __exit__(self, *_: object) -> None:
        for name, value in self._saved.pop().items():
            _write(SWITCHES[name], config._values, value)
