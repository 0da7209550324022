"""What stands at the end of chains of ops: a question to each op once, however often what it makes is read.

    y = y * y - y, thirty times: three reads of each y, and 3**30 ways from the first to the last
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from scancc.ir.core import Op


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
