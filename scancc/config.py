"""Every switch of scancc, once: name, type, default, one sentence.

`config.floatX` reads a switch, `config.floatX = "float32"` sets it, `change_flags(floatX="float32")`
sets it for a `with` block or a decorated function. A switch starts from its environment variable,
`SCANCC_` and its name in capitals with `_` for `.` (`SCANCC_FLOATX`, `SCANCC_SCAN_ALLOW_GC`), read when
scancc is imported; an empty variable counts as not set. Switches marked *read late* live in the environment
alone, where the runtime, which needs no compiler, looks them up at each use; setting one here sets its variable.
A value that is none of a switch's is an error, here and in the environment, whose error is raised by whatever first
asks for a switch, so that the command can say it as its other errors. A variable `SCANCC_...` of no switch brings a
warning.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable
from contextlib import ContextDecorator
from typing import Any, Self

from scancc import fast_math
from scancc.late_dataclasses import dataclass


@dataclass(frozen=True)
class Switch:
    """One setting. `choices` limits its values; `read_late`: its value is that of the environment;
    values with the attribute `or_any_with` are taken as they are; `inert`: older programs know it, and any
    value but the default brings a warning that it has no effect."""

    name: str
    type: type
    default: object
    doc: str
    choices: tuple[object, ...] = ()
    read_late: bool = False
    or_any_with: str = ""
    inert: bool = False
    names_parts: bool = False  # its values are what `fast_math.parse` reads, kept as text

    @property
    def environment(self) -> str:
        return "SCANCC_" + self.name.upper().replace(".", "_")

    def check(self, value: object, source: str = "") -> object:
        """`value` as this switch stores it; ValueError or TypeError, which name `source`, where it does not fit."""
        source = source or f"config.{self.name}"
        if self.or_any_with and hasattr(value, self.or_any_with):
            return value
        if self.names_parts:
            return str(fast_math.parse(value, source))
        if isinstance(value, str) and self.type is not str:
            value = _parse(self, value, source)
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, self.type):
            raise TypeError(f"{source} is {value!r}; it takes {_KINDS[self.type]}")
        if isinstance(value, float) and not 0 <= value < math.inf:
            raise ValueError(f"{source} is {value!r}; it takes {_KINDS[float]}")
        if self.type is int and isinstance(value, int) and (isinstance(value, bool) or not 1 <= value <= MOST):
            raise ValueError(f"{source} is {value!r}; it takes {_KINDS[int]}")
        if self.choices and value not in self.choices:
            raise ValueError(f"{source} is {value!r}; it takes {_listed(self.choices)}")
        return value

    def from_environment(self) -> object:
        """The value that its variable gives, or the default."""
        text = os.environ.get(self.environment, "")
        return self.check(text, f"the environment variable {self.environment}") if text else self.default


MOST = 1024  # of what is counted

_KINDS = {int: f"a whole number from 1 to {MOST}",
          bool: "True or False (as text 1, true, yes, on, or 0, false, no, off)", str: "a string",
          float: "a float of at least 0"}
_WORDS = {"0": False, "false": False, "no": False, "off": False, "1": True, "true": True, "yes": True, "on": True}


def _parse(switch: Switch, text: str, source: str) -> object:
    try:
        return _WORDS[text.lower()] if switch.type is bool else switch.type(text)
    except (KeyError, ValueError):
        raise ValueError(f"{source} is {text!r}; it takes {_KINDS[switch.type]}") from None


def _listed(choices: tuple[object, ...]) -> str:
    return " or ".join(repr(c) for c in choices)


_REACTIONS = ("off", "ignore", "warn", "raise", "pdb")
SWITCHES: dict[str, Switch] = {
    s.name: s
    for s in (
        Switch("floatX", str, "float64", "dtype of floats that name none and of float functions of integers.",
               ("float64", "float32")),
        Switch("mode", str, "native", "how `function` runs its program where `mode=` is not given.",
               ("native", "reference", "FAST_RUN", "FAST_COMPILE", "DebugMode", "NanGuardMode"),
               or_any_with="reference"),
        Switch("on_unused_input", str, "raise", "what `function` does with an input that nothing uses.",
               ("raise", "warn", "ignore")),
        Switch("cache_dir", str, "", "folder of the cache of compiled code; empty: the user's cache folder.",
               read_late=True),
        Switch("cache", bool, True, "whether compiled code is kept on disk.", read_late=True),
        Switch("cache_mb", float, 512.0, "size of the cache; entries unused for longest go first.", read_late=True),
        Switch("reproducer_dir", str, "", "where a crash of the compiler leaves its IR; empty: the temporary folder.",
               read_late=True),
        Switch("dump", str, "", "folder that gets the IR of each compilation in numbered files, one a pass that "
               "changed it, beside what it changed; empty: none. What the disk cache has is compiled again.",
               read_late=True),
        Switch("cpu", str, "native", "processor for which code is compiled that names no target: this machine, or a "
               "level of x86-64 that it has.",
               ("native", "generic", "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4")),
        Switch("leave_out", str, "", "passes that a compilation leaves out, 'fuse,lanes'; none that a program needs "
               "to run or that decide its numbers."),
        Switch("specialise", bool, True, "whether a function whose steps have matrices of unknown sizes is compiled "
               "at its first call, for its sizes where they are small."),
        Switch("profile", bool, False, "whether calls are timed where `profile=` is not given (`f.timing()`)."),
        Switch("verify", bool, True, "whether the IR is verified after each pass."),
        Switch("num_threads", int, 1, "how many threads may share a loop of independent rounds; functions that are "
               "made while it is 1 have no such loops (docs/threads.md)."),
        Switch("fast_math", str, "default", "what may change a number where `fast_math=` is not given: 'default', "
               "'strict', or the parts that are allowed beside (docs/floating_point.md).", names_parts=True),
        Switch("contract", bool, True, "False is fast_math = 'strict', whose older name this is."),
        Switch("compute_test_value", str, "off", "not 'off': ops run on `x.tag.test_value` when they are applied.",
               _REACTIONS),
        Switch("scan.allow_gc", bool, False, "for older programs; memory is planned ahead.", inert=True),
        Switch("scan.allow_output_prealloc", bool, True, "for older programs; memory is planned ahead.", inert=True),
        Switch("scan.debug", bool, False, "for older programs; `scancc dump` shows a scan.", inert=True),
        Switch("compute_test_value_opt", str, "off", "for older programs; passes do not run on test values.",
               _REACTIONS, inert=True),
        Switch("exception_verbosity", str, "low", "for older programs; errors name the line and what to change.",
               ("low", "high"), inert=True),
        Switch("on_opt_error", str, "raise", "for older programs; a failing pass is an error.",
               ("raise", "warn", "ignore", "pdb"), inert=True),
        Switch("optimizer_including", str, "", "for older programs; the target chooses the passes.", inert=True),
        Switch("optimizer_excluding", str, "", "for older programs; the target chooses the passes.", inert=True),
        Switch("optimizer", str, "fast_run", "for older programs; the target chooses the passes.",
               ("fast_run", "fast_compile", "merge", "unsafe", "o1", "o2", "o3", "o4", "None"), inert=True),
        Switch("cxx", str, "", "for older programs; no C++ compiler is used.", inert=True),
        Switch("warn_float64", str, "ignore", "for older programs; nothing looks for float64.",
               _REACTIONS[1:], inert=True),
        Switch("cast_policy", str, "custom", "for older programs; Python numbers are always weak.",
               ("custom", "numpy+floatX", "numpy"), inert=True),
        Switch("warn.subtensor_merge_bug", bool, False, "for older programs; there is no such bug.", inert=True),
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

    def __dir__(self) -> list[str]:
        """The switches, or the first parts of their names, for completion."""
        inner = (s.removeprefix(self._prefix) for s in SWITCHES if s.startswith(self._prefix))
        return [*super().__dir__(), *dict.fromkeys(s.partition(".")[0] for s in inner)]

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
    _warn_of_unknown_variables()
    values: dict[str, object] = {}
    for switch in SWITCHES.values():
        value = switch.from_environment()
        if not switch.read_late:
            _write(switch, values, value)
    return values


_OF_LIBRARIES = ("SCANCC_VARIANT",)  # what the code of exported libraries reads (docs/artefacts.md)


def _warn_of_unknown_variables() -> None:
    known = [*(switch.environment for switch in SWITCHES.values()), *_OF_LIBRARIES]
    for name in os.environ:
        if name.startswith("SCANCC_") and name not in known:
            near = _near(name, known)
            meant = f"did you mean {near[0]}?" if near else f"the switches are {', '.join(known)}"
            warnings.warn(f"the environment variable {name} is no switch of scancc and has no effect; {meant}",
                          stacklevel=2)


def _read(switch: Switch, values: dict[str, object]) -> object:
    return switch.from_environment() if switch.read_late else values[switch.name]


_listeners: dict[str, Callable[[Any], object]] = {}


def on_change(name: str, listener: Callable[[Any], object]) -> None:
    """Tell `listener` the value of a switch, now and each time that it is set."""
    _listeners[name] = listener
    listener(getattr(config, name))


def _write(switch: Switch, values: dict[str, object], value: object) -> None:
    if switch.inert and value != switch.default:
        warnings.warn(f"config.{switch.name} = {value!r} has no effect: it is {switch.doc}", stacklevel=3)
    if not switch.read_late:
        values[switch.name] = value
    else:
        os.environ[switch.environment] = str(int(value)) if isinstance(value, bool) else str(value)
    if switch.name in _listeners:
        _listeners[switch.name](value)


def _near(name: str, known: Iterable[str]) -> list[str]:
    """The name of `known` that is most like this one, or none."""
    import difflib  # rarely needed, and a twentieth of what the runtime imports

    return difflib.get_close_matches(name, list(known), n=1)


def _unknown(name: str) -> str:
    close = {s.lower(): s for s in SWITCHES}
    near = _near(str(name).lower(), close)
    meant = f" (did you mean config.{close[near[0]]}?)" if near else ""
    return f"there is no switch config.{name}{meant}; the switches are {', '.join(SWITCHES)}"


class _Refused(dict[str, object]):
    """The values that a wrong environment gives: none."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def __missing__(self, name: str) -> object:
        raise type(self._error)(*self._error.args)


def _of_environment() -> Config:
    try:
        return Config()
    except (ValueError, TypeError) as error:
        return Config(values=_Refused(error))


config = _of_environment()


class change_flags(ContextDecorator):
    """Set switches for a `with` block or a function.

    Names with a dot are given in a dict (`change_flags({"scan.debug": True})`) or with `__` for the dot.

    >>> with sc.change_flags(floatX="float32"):
    ...     print(T.vector("x").dtype)
    float32
    """

    def __init__(self, *flags: dict[str, object], **named: object) -> None:
        merged: dict[str, object] = {}
        for group in flags:
            if not isinstance(group, dict):
                raise TypeError(f"change_flags: {group!r} is no dict; write change_flags(floatX='float32')")
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
