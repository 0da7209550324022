"""What may be called how in C: names of functions are refused where they are taken, those of arguments are changed.

An argument's name is its input's with `_` for what C does not allow in a name, and with

- `in_` before it where a rule makes it C's: it begins as names of compilers do, with two underscores or with one and
  a capital, or is one of a family of macros (`INT8_MAX`), as those of our headers (`SCANCC_F_H`, `F_ABI_VERSION`);
- `_` behind it, or several, where the language, its library or an earlier argument has taken it; so `state` is
  `state_` in a function with shared variables, of which NAME_run takes the state first.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from ..errors import ScanccError
from . import reserved_names as taken

# Macros of <inttypes.h>, <stdint.h>, <float.h>, <fenv.h>, <stdatomic.h>, <math.h> and functions of <stdbit.h> by the
# rules that make them; what begins with two underscores or one and a capital is the compiler's.
_FAMILIES = (
    r"(PRI|SCN)[bBdiouxX]\w+|U?INT(_LEAST|_FAST)?(\d+|MAX|PTR)_\w+|(FLT|DBL|LDBL|DEC)\d*X?_\w+|FE_\w+|FP_\w+|SNAN\w*"
    r"|ATOMIC_\w+|atomic_\w+|memory_order_\w+|kill_dependency|stdc_\w+|__\w*|_[A-Z]\w*|SCANCC_\w*|\w*_ABI_VERSION"
)
_SUFFIX = r"(?:[fl]|[fd]\d+x?)$"


class ExportError(ScanccError, ValueError):
    """An export that cannot be made: names, paths, kinds of files, symbols."""


def c_identifier(name: str) -> str:
    """`name` with what C does not allow in a name replaced by `_`."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", name) or "_"
    return f"_{name}" if name[0].isdigit() else name


@functools.cache
def _reserved() -> frozenset[str]:
    texts = (taken.KEYWORDS, taken.TYPES, taken.SUFFIXED, taken.FUNCTIONS, taken.POSIX_FUNCTIONS, taken.EXTENSIONS,
             taken.EXTENSION_MACROS, taken.VARIABLES, taken.MACROS, taken.POSIX_MACROS, "main")
    return frozenset(word for text in texts for word in text.split())


@functools.cache
def _suffixed() -> frozenset[str]:
    return frozenset(taken.SUFFIXED.split())


@functools.cache
def _headers() -> frozenset[str]:
    return frozenset(taken.HEADERS.split())


def is_reserved(name: str) -> bool:
    """Whether C, C++ or POSIX has taken a name."""
    return (name in _reserved() or re.fullmatch(_FAMILIES, name) is not None
            or re.sub(_SUFFIX, "", name) in _suffixed())


def argument_name(name: str, others: Iterable[str] = ()) -> str:
    """The name of an argument: see above. `others`: those that are gone."""
    name = c_identifier(name)
    if re.fullmatch(_FAMILIES, name):
        name = f"in_{name}"
    while is_reserved(name) or name in others:
        name += "_"
    return name


def check_name(name: str, symbols: Iterable[str] = ()) -> None:
    """Refuse a function whose name, or one of the symbols that come with it, C or its library has taken."""
    if name != c_identifier(name):
        raise ExportError(f"{name!r} is no name in C; give the function a name of letters, digits and _")
    for symbol in (name, *symbols):
        if symbol in _reserved() or (symbol == name and is_reserved(name)):
            with_it = "" if symbol == name else f", which comes with {name!r},"
            raise ExportError(
                f"{symbol!r}{with_it} is a name of the C language or its library; name the function otherwise "
                "(sc.function(..., name=...)) or export it with a prefix"
            )


def check_header(library: str) -> None:
    """Refuse a header that would take the place of one of the system's."""
    if library.lower() in _headers():
        raise ExportError(f"{library}.h would take the place of the system's header of that name; give a path that "
                          "ends in another name, or a prefix")
