"""Which functions have vectors of 512 bits as two of 256: those whose loops combine rounds by shuffles.

Half of what a network of shuffles makes of eight numbers of 64 bits is what it was, and in two registers that half
takes nothing; across 512 bits each shuffle waits longer, too (Zen 4, float64: a running sum 0.41 -> 0.28 ns a step,
four lags 1.4 -> 1.0, an average whose factor changes 0.65 -> 0.56). What else a round does takes twice as many
instructions, so that where it is most of the work (the costs of an edit distance, 1.06 times the time) nothing is
halved. No bit depends on it.
"""

from __future__ import annotations

import re

from ...ir import types as t
from ...ir.core import Op
from ...ir.parts import Loop

HALVED = ' "prefer-vector-width"="256" "min-legal-vector-width"="0"'
MOST_OTHERS = 4  # operations on vectors beside each shuffle
_OTHERS = re.compile(r"call [^\n]*@(?!llvm\.)[^\n]*")


def width_attributes(func: Op, body: str, register_nbytes: int) -> str:
    """The attributes of a function, printed as `body`, on a processor with registers of so many bytes.

    None where it hands a vector over to another function, which would look for it in one register.
    """
    loops = [op for op in func.walk() if op.name == "scf.for"]
    if register_nbytes < 64 or not any(map(_combines, loops)):
        return ""
    return "" if any("<" in call for call in _OTHERS.findall(body)) else HALVED


def _combines(op: Op) -> bool:
    """Whether a loop carries something from one group of rounds to the next, and little more than shuffles 64
    bytes."""
    if "vector" not in op.attrs or not Loop(op).carries:
        return False
    made = [inner for inner in op.walk() if inner.results and isinstance(inner.results[0].type, t.VectorType)]
    shuffles = [inner for inner in made if inner.name == "vector.shuffle" and t.nbytes(inner.result.type) == 8]
    others = [inner for inner in made if inner.name not in ("vector.shuffle", "vector.broadcast", "arith.constant")]
    return len(shuffles) > 0 and len(others) <= MOST_OTHERS * len(shuffles)
