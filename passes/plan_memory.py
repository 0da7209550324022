"""Place all temporaries in one workspace, and make the function that says how large it is.

    func @f(%x, %r) {                      func @f(%x, %r, %workspace: memref<?xi8>) {
      %a = memref.alloc(%n)                  %a = memref.view(%workspace)[0](%n)
      ... last use of %a ...          ->     ... last use of %a ...
      %b = memref.alloc(%n)                  %b = memref.view(%workspace)[0](%n)
    }                                      }
                                           func @f__query(%x, %r, %workspace) { return dims, nbytes }

Buffers whose lives do not meet share space: in order of their first use each takes the slot freed
last among those of the same size, else a new one; then slots of different sizes whose buffers' lives
do not meet become one, as large as the larger: so no slot gets larger by sharing than it was without.
Slots are 64-byte aligned and lie one after the other, with sizes computed at the start from the sizes
of the inputs. A buffer made inside a loop is
made once, before it, with a size that no step exceeds.
The bytes of a buffer that no check has found possible are cut off, so that no sum of them wraps: the query
then answers more than there is. A bound that is computed with numbers of any size may itself wrap; a check
where the real size is made then compares the two.
Where nothing bounds a size before the program runs, the caller guesses it: the function gets one more
input, `%bound_0: memref<i64>`, and a check that the size stays within it; who calls it calls again with a
larger bound where that check fails. With `guess-sizes=false` such a size is an error.
Conservative: a buffer from outside a loop that is used anywhere inside lives as long as the whole loop, and so does
one that a step hands to the next; what is made and used in one step shares with what comes later in the step.
Of different sizes only whole slots share.
Cost: linear in ops, times the depth of loops. Runs after `bufferize`.
Source: linear-scan allocation (Poletto and Sarkar, 1999), on symbolic sizes.
"""

from __future__ import annotations

from functools import reduce

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value, functions
from scancc.ir.needs import BUFFERS
from scancc.ir.remarks import remark

from .planning.places import Buffer, Lives, Place, share
from .planning.query import capacities, make_query
from .planning.sizes import Sizes

NEEDS = (BUFFERS,)


def plan_memory(module: Op, guess_sizes: bool = True) -> None:
    """Plan every function that has no workspace yet, and add its query."""
    for func in functions(module):
        if not {"return_slots", "planned", "gpu.kernel"} & func.attrs.keys():
            sizes = Sizes(func, guess_sizes)
            workspace = func.body.add_arg(t.MemRefType((None,), t.i8), "workspace")
            wanted = capacities(func, sizes)
            total = _plan(func, sizes, workspace)
            func.attrs["function_type"] = t.FunctionType(tuple(a.type for a in func.body.args), ())
            func.attrs["planned"] = t.IntAttr(1, t.i64)
            module.body.append(make_query(func, wanted, total))


def _plan(func: Op, sizes: Sizes, workspace: Value) -> Value:
    """Put the buffers in their places; the bytes that they take together."""
    buffers = _buffers(func, sizes)
    places = share(buffers)
    _say_alone(places)
    offsets = [sizes.b.index(0)]
    for place in places:
        offsets.append(sizes.b.addi(offsets[-1], reduce(sizes.b.maxsi, place.sizes)))
    for place, offset in zip(places, offsets, strict=False):
        for buffer in place.buffers:
            _put(buffer.op, workspace, offset)
    if buffers:
        remark("plan-memory", func, True, f"{len(buffers)} temporaries share {len(places)} places")
    return offsets[-1]


def _say_alone(places: list[Place]) -> None:
    """Of each buffer that shares its place with none, that it does; not of those of known size, which are small."""
    for place in places if len(places) > 1 else ():
        first, *others = place.buffers
        name = first.op.result.name
        if not others and name is not None and constant_of(first.nbytes) is None:
            remark("plan-memory", first.op, False, f"'{name}' has memory of its own: all other is in use meanwhile")


def _buffers(func: Op, sizes: Sizes) -> list[Buffer]:
    lives = Lives(func)
    made = [(op, *lives.of(op.result)) for op in func.walk() if op.name == "memref.alloc"]
    return [Buffer(op, start, end, sizes.nbytes(op)) for op, start, end in made]


def _put(op: Op, workspace: Value, offset: Value) -> None:
    """The buffer that `op` makes stands at `offset`."""
    parent = op.parent
    assert parent is not None
    view = Op("memref.view", [workspace, offset, *op.operands], [op.result.type], location=op.location)
    view.result.name = op.result.name
    parent.insert_before(op, view)
    op.replace_by([view.result])
