"""Takes out of a function the checks that its query has made.

    func f(%x, ..., %workspace) {                      func f(%x, ..., %workspace) {
      check %n == %m else ValueError {asked}             ...
      ...                                       ->     }
    }                                                  func f__query(...) {
    func f__query(...) {                                 check %n == %m else ValueError
      check %n == %m else ValueError                     ...
      ...                                              }
    }

Why: whoever runs a function has asked its query before, for the sizes of outputs and workspace (`artifact.py`; the
flat C entry does so itself). A check is ten instructions with its way out: with their conditions, checks were up to a
fifth of what LLVM got of a program. For the same reason a buffer has the bytes that its sizes say: where there is no
such array, the query has answered more than there is.
Conservative: `plan-memory` marks what is in the query and follows from sizes alone, since numbers in memory may have
changed meanwhile. Not for a GPU, whose host plans the launches by its checks.
Where: last but `dce`, which takes the conditions; passes before it read in checks what sizes are equal.
Cost: one walk over the checks at the top of each function.
"""

from __future__ import annotations

from scancc.ir.core import Op, functions


def asked_checks(module: Op) -> None:
    for func in functions(module):
        for op in [op for op in func.body.ops if op.name == "scan.check" and "asked" in op.attrs]:
            op.erase()
        if "planned" in func.attrs:
            for op in [op for op in func.body.ops if _cuts_off(op)]:
                op.replace_by([op.operands[1]])


def _cuts_off(op: Op) -> bool:
    """Whether an op puts a number in place of the bytes of what cannot be."""
    maker = op.operands[0].op if op.name == "arith.select" else None
    return maker is not None and maker.name == "scan.can_exist"
