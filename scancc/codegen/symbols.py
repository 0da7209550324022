"""What an object needs from outside, read from its ELF symbol table.

Exported code must link into any program, so it may call `libm` and `mem*` and nothing else.
"""

from __future__ import annotations

import re
import struct

from .c_names import ExportError

_LIBM = re.compile(
    r"(?:a?(?:cos|sin|tan)h?|atan2|cbrt|ceil|copysign|erfc?|exp2?|expm1|fabs|fdim|floor|fma|fmax|fmin|fmod|hypot"
    r"|ldexp|[lt]gamma|log(?:10|1p|2)?|nearbyint|pow|remainder|rint|round|roundeven|sqrt|trunc)f?"
)
_MEMORY = frozenset({"memcpy", "memmove", "memset", "memcmp"})
_LINKER = frozenset({"_GLOBAL_OFFSET_TABLE_"})

_SHT_SYMTAB, _STB_WEAK = 2, 2


def is_allowed(symbol: str) -> bool:
    return symbol in _MEMORY or symbol in _LINKER or _LIBM.fullmatch(symbol) is not None


def check_symbols(code: bytes, name: str) -> None:
    """Refuse an object that calls anything but libm and mem*."""
    foreign = sorted(s for s in undefined(code) if not is_allowed(s))
    if foreign:
        raise ExportError(
            f"the code of {name} for this target calls {', '.join(foreign)}, which a program that links it "
            "may not have; choose a target that has these operations in hardware"
        )


def undefined(code: bytes) -> list[str]:
    """Names that an ELF object needs and does not define; empty for other formats."""
    return [name for name, section, binding in _symbols(code) if section == 0 and name and binding != _STB_WEAK]


def defined(code: bytes) -> list[str]:
    """Names that an ELF object offers to others."""
    return [name for name, section, binding in _symbols(code) if section != 0 and binding != 0]


def _symbols(code: bytes) -> list[tuple[str, int, int]]:
    """Name, section and binding of each symbol. `code` comes from LLVM, so it is well formed."""
    if code[:4] != b"\x7fELF" or code[4] != 2 or code[5] != 1:
        return []
    (offset,) = struct.unpack_from("<Q", code, 40)
    entry_nbytes, count = struct.unpack_from("<HH", code, 58)
    headers = [struct.unpack_from("<IIQQQQIIQQ", code, offset + n * entry_nbytes) for n in range(count)]
    found = []
    for header in headers:
        if header[1] != _SHT_SYMTAB:
            continue
        names = headers[header[6]][4]
        for at in range(header[4], header[4] + header[5], 24):
            name, info, _, section = struct.unpack_from("<IBBH", code, at)
            end = code.index(b"\0", names + name)
            found.append((code[names + name : end].decode(), section, info >> 4))
    return found
