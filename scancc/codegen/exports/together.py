"""Several codes of one function in one module: what each defines has a suffix of its own, and attributes.

    define i32 @f__run(ptr %a) nounwind {      define internal i32 @f__run.v3.0(ptr %a) nounwind "target-cpu"="..." {

The text is our own printer's: a definition starts a line, and names are letters, digits, `_` and dots.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from scancc.artifact import PARALLEL_FOR_SYMBOL

from ..target import Target

_DEFINED = re.compile(r"^(?:define [^@\n]*)?@([\w.]+)(?= = |\()", re.MULTILINE)
_NAMED = re.compile(r"@([\w.]+)")
_EXPORTED = re.compile(r"^define (?!internal )", re.MULTILINE)
_HEAD = re.compile(r"^(define .*?)((?: !dbg !\d+| prologue .*)? \{)$", re.MULTILINE)
_SAID_ONCE = ("declare ", f"@{PARALLEL_FOR_SYMBOL} = ")  # one for all codes of the module


def with_suffix(text: str, suffix: str) -> str:
    """A module's text whose definitions nobody else sees, under names with `suffix`."""
    own = set(_DEFINED.findall(text)) - {PARALLEL_FOR_SYMBOL}
    named = _NAMED.sub(lambda found: found[0] + suffix if found[1] in own else found[0], text)
    return _EXPORTED.sub("define internal ", named)


def with_attributes(text: str, attributes: str) -> str:
    """A module's text whose functions have these attributes, too."""
    return _HEAD.sub(lambda found: f"{found[1]} {attributes}{found[2]}", text)


def left_as_written(text: str, names: Sequence[str]) -> str:
    """A module's text where LLVM does not optimise functions of these names, or with a suffix behind one.

    They go straight on and are seldom called, and were an eighth of its time (an LSTM: 170 and 147 ms).
    """
    of_names = re.compile(rf"^(define [^@\n]*@(?:{'|'.join(map(re.escape, names))})(?:\.\w+)*\(.*?\)) nounwind",
                          re.MULTILINE)
    return of_names.sub(lambda found: f"{found[1]} noinline optnone nounwind", text)


def for_processor(target: Target) -> str:
    """The attributes of functions for a processor that is not the module's."""
    return f'"target-cpu"="{target.cpu}" "target-features"="{target.features}"'


def joined(texts: Sequence[str]) -> str:
    """The texts as one module: what may be said once only is said where it comes first."""
    said: set[str] = set()
    lines = []
    for line in "\n".join(texts).split("\n"):
        if line.startswith(_SAID_ONCE):
            if line in said:
                continue
            said.add(line)
        lines.append(line)
    return "\n".join(lines)
