"""What an object needs from outside, read from its table of symbols.

Exported code must link into any program, so it may call `libm` and `mem*`, and what every compiler of its system
brings along, and nothing else.
"""

from __future__ import annotations

import re

from ..c_names import ExportError
from ..object_formats import symbols
from ..target import Target

_LIBM = re.compile(
    r"(?:a?(?:cos|sin|tan)h?|atan2|cbrt|ceil|copysign|erfc?|exp2?|expm1|fabs|fdim|floor|fma|fmax|fmin|fmod|hypot"
    r"|ldexp|[lt]gamma|log(?:10|1p|2)?|nearbyint|pow|remainder|rint|round|roundeven|sqrt|trunc)f?"
)
_MEMORY = frozenset({"memcpy", "memmove", "memset", "memcmp"})
_LINKER = frozenset({"_GLOBAL_OFFSET_TABLE_", "__stack_pointer"})

# What compilers of a system bring along, by a word of the triple.
_OF_SYSTEMS = {
    "windows": re.compile(r"_fltused|_{2,3}chkstk(_ms)?"),
    "armv": re.compile(r"__aeabi_\w+"),
    "thumbv": re.compile(r"__aeabi_\w+|__gnu_thumb1_case_\w+"),
    "apple": re.compile(r"_?_?bzero|sysctlbyname|getenv"),
}
_OF_HALVES = re.compile(r"__(?:extendhf|trunc\w+hf|gnu_[hf]2)\w*|__aeabi_[hfd]2[hf]\w*")


def is_allowed(symbol: str, triple: str = "") -> bool:
    if symbol in _MEMORY or symbol in _LINKER or _LIBM.fullmatch(symbol):
        return True
    return any(word in triple and names.fullmatch(symbol) for word, names in _OF_SYSTEMS.items())


def check_symbols(code: bytes, name: str, target: Target) -> None:
    """Refuse an object that calls what a program of the target may not have."""
    foreign = sorted(s for s in undefined(code) if not is_allowed(s, target.triple))
    if not foreign:
        return
    listed = ", ".join(foreign)
    if all(map(_OF_HALVES.fullmatch, foreign)):
        raise ExportError(
            f"{name} computes with float16, which {target} converts by calls of {listed}, and a program that links "
            "it may not have them; cast to float32 where the function takes and gives them, or choose a target that "
            "converts float16 itself"
        )
    raise ExportError(
        f"the code of {name} for this target calls {listed}, which a program that links it "
        "may not have; choose a target that has these operations in hardware"
    )


def undefined(code: bytes) -> list[str]:
    """Names that an object needs and does not define."""
    return [s.name for s in symbols(code) if not s.is_defined and not s.is_weak]


def defined(code: bytes) -> list[str]:
    """Names that an object offers to others."""
    return [s.name for s in symbols(code) if s.is_defined and s.is_global]
