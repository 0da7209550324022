"""What may change a number: the parts of `fast_math`, and how a user names them.

By default a product and a sum may be rounded together where docs/floating_point.md says, and reductions
combine in a fixed tree. `strict` takes both away; a part that is named allows more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from scancc.late_dataclasses import dataclass

PARTS: dict[str, str] = {
    "contract": "any product may join the sum or difference it goes into, and is then not rounded",
    "reassociate": "sums and products may be factored, and combined in another order",
    "approximate": "a division may become a product with the reciprocal, or one with another division, and a float32 "
                   "tanh may be off by 6 ulp",
}


@dataclass(frozen=True)
class FastMath:
    """`parts` are allowed beside what is done by default; `strict`: not even that is."""

    parts: frozenset[str] = frozenset()
    strict: bool = False

    def allows(self, part: str) -> bool:
        assert part in PARTS, part
        return part in self.parts

    def __str__(self) -> str:
        """'strict', 'default', or the parts with commas; `parse` reads it back."""
        return "strict" if self.strict else ",".join(p for p in PARTS if p in self.parts) or "default"


DEFAULT, STRICT, ALL = FastMath(), FastMath(strict=True), FastMath(frozenset(PARTS))
_WORDS = {"default": DEFAULT} | dict.fromkeys(("strict", "none", "false", "no", "off", "0", ""), STRICT) | (
    dict.fromkeys(("all", "true", "yes", "on", "1"), ALL))


def parse(value: object, source: str = "fast_math") -> FastMath:
    """The setting that a truth value, a text ('contract,reassociate', 'strict') or a list of parts names.

    False, 'strict' and no parts at all are STRICT, True and 'all' are ALL. ValueError, which names `source` and
    the parts, for a name that is none; TypeError for a value of another kind.
    """
    if isinstance(value, FastMath):
        return value
    if isinstance(value, bool):
        return ALL if value else STRICT
    if isinstance(value, str):
        known = _WORDS.get(value.strip().lower())
        return known if known is not None else _of_parts(re.split(r"[\s,+|]+", value.strip()), source)
    if not isinstance(value, (tuple, list, set, frozenset)):
        raise TypeError(f"{source} is {value!r}; {_CHOICES}")
    return _of_parts(value, source) if value else STRICT


def _of_parts(names: Iterable[object], source: str) -> FastMath:
    parts = list(names)
    for name in parts:
        if name not in PARTS:
            import difflib  # heavy, and rarely needed

            near = difflib.get_close_matches(str(name), PARTS, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(f"{source} has no part {name!r}{hint}; {_CHOICES}")
    return FastMath(frozenset(map(str, parts)))


_CHOICES = (f"its parts are {', '.join(PARTS)}; name one or several, or give True for all of them, "
            "False or 'strict' for none and for nothing that is done by default either")
