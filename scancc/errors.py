"""The mistakes scancc reports: the user's (what to change) and ours (where it went wrong)."""

from __future__ import annotations

import sys
from types import CodeType

import numpy as np

_OURS = frozenset({"scancc", "numpy", "llvmlite", *sys.stdlib_module_names})


class ScanccError(Exception):
    """Base of every error that scancc defines itself."""


class InternalError(ScanccError):
    """scancc broke one of its own rules; the text says in which stage."""


class VerifyError(InternalError):
    """An IR module breaks a rule of the verifier; the text holds the dump with the op marked."""


class ParseError(ScanccError, ValueError):
    """IR text that is not in scancc's form; the text says line, column and what was expected."""


class PassOrderError(ScanccError, ValueError):
    """A pass was asked to run on IR that it does not take; the text says what to run before."""


class UnsupportedError(ScanccError, NotImplementedError):
    """A legal program that this target or stage cannot compile; the text says what to use instead."""


class MissingInputError(ScanccError, ValueError):
    """A graph needs a variable that is neither computed nor given as an input."""


class UnusedInputError(ScanccError, ValueError):
    """An input of `function` takes no part in its outputs and updates."""


class DisconnectedInputError(ScanccError, ValueError):
    """A gradient was asked with respect to a variable that the cost does not depend on."""


class NullTypeGradError(ScanccError, TypeError):
    """A gradient does not exist where it was asked for (a random draw, an undefined derivative)."""


class BoundExceeded(ScanccError, ValueError):
    """A size that a program computes is larger than was guessed: `info` is the size and the guess's number."""

    info: tuple[int, ...] = ()


class NotFinite(ScanccError, FloatingPointError):
    """A value is NaN or infinite that is made of finite ones (`mode="NanGuardMode"`): `info` is 1 where it is
    infinite and 2 where it is NaN, the number of the check, and the steps of the scans around it, innermost first."""

    info: tuple[int, ...] = ()


class TypeMismatchError(ScanccError, TypeError):
    """A value's dtype, rank or broadcast pattern is not the one required."""


class LinAlgError(ScanccError, np.linalg.LinAlgError, ValueError):
    """A matrix is singular, or not positive definite, where a result needs it; NumPy's error of the same name."""


class DeviceError(ScanccError, RuntimeError):
    """A device was asked for that this machine cannot give."""


def __dir__() -> list[str]:
    """The errors, for completion."""
    return [name for name, value in globals().items() if isinstance(value, type) and issubclass(value, ScanccError)]


def comes_from_outside(error: BaseException, known: CodeType | None = None) -> bool:
    """Whether `error` was raised by code that scancc never calls: a signal's handler, or another thread.

    Such code runs between any two instructions of ours. It is told by a frame outside of scancc and its
    libraries (and not of `known`), or by a class that none of them defines.
    """
    if not _is_ours(type(error).__module__):
        return True
    import traceback  # rarely needed

    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(f.f_code is not known and not _is_ours(f.f_globals.get("__name__", "")) for f in frames)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in _OURS
