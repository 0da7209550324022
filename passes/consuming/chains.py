"""Chains of ops, longer than Python's stack: a question to each op once, however often what it makes is read.

    y = y * y - y, thirty times: three reads of each y, and 3**30 ways from the first to the last
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.ir.ops import ELEMENTWISE, has_trait

REDUCING = ("scan.reduce", "scan.argreduce", "scan.dot")
_Key = TypeVar("_Key", bound=Hashable)
_T = TypeVar("_T")


def behind(readers: Iterable[Op], goes_on: Callable[[Op], bool]) -> Iterator[Op]:
    """The readers, and in place of those that go on, the readers of what they make."""
    pending = list(readers)
    seen = set(pending)
    while pending:
        op = pending.pop()
        if goes_on(op):
            further = [user for result in op.results for user in result.uses if user not in seen]
            seen.update(further)
            pending += further
        else:
            yield op


def maps_behind(rows: Value) -> list[Op]:
    """The elementwise ops that make rows of rows, one behind the other."""
    found, pending = dict.fromkeys(filter(makes_rows, rows.uses)), list(filter(makes_rows, rows.uses))
    while pending:
        further = [user for user in pending.pop().result.uses if makes_rows(user) and user not in found]
        found.update(dict.fromkeys(further))
        pending += further
    return list(found)


def is_reduced(rows: Value, or_else: Callable[[Op], bool] = lambda op: False) -> bool:
    """Whether an array goes to reductions, or to ops that are `or_else` right, through elementwise ops at most."""
    return all(end.name in REDUCING or or_else(end) for end in behind(rows.uses, makes_rows))


def turns_for_products(op: Op) -> bool:
    """Whether an op turns rows that products alone read, on their left, which sum along the rows then."""
    return op.name == "scan.transpose" and op.attrs["permutation"].values == (1, 0) and bool(op.result.uses) and all(
        user.name == "scan.dot" and user.operands[0] is op.result for user in op.result.uses)


def makes_rows(op: Op) -> bool:
    """Whether an elementwise op makes rows that something reads."""
    return (len(op.results) == 1 and has_trait(op, ELEMENTWISE) and isinstance(op.result.type, t.TensorType)
            and bool(op.result.uses))


def makers(op: Op) -> Iterable[Op]:
    """The ops that make the operands of one without a region, or of a loop nest."""
    return (v.op for v in op.operands if v.op is not None) if not op.regions or op.name == "linalg.generic" else ()


def settled(known: dict[_Key, _T], key: _Key, needs: Callable[[_Key], Iterable[_Key]],
            find: Callable[[_Key], _T]) -> _T:
    """What `find` says of `key`, asked first of those that it `needs`, in order."""
    pending = [] if key in known else [key]
    while pending:
        before = [other for other in needs(pending[-1]) if other not in known]
        if before:
            pending += reversed(before)
            continue
        last = pending.pop()
        if last not in known:
            known[last] = find(last)
    return known[key]
