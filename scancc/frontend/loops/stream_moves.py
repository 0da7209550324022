"""Where the draws of a graph leave a stream: the default update is the state after all of them.

A draw moves a stream by one draw, a scan by those of all its steps, whether or not the scan's own updates were passed
on. Moves that start from one state without sharing their draws are of the same bits, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from scancc.frontend.graph.site import Site
from scancc.frontend.graph.stream_type import StreamType
from scancc.frontend.graph.variables import Apply, Variable, applies
from scancc.frontend.loops.scan_op import scan_of
from scancc.frontend.ops.control import Draw
from scancc.frontend.ops.elementwise import apply_scalar
from scancc.frontend.ops.indexing import set_subtensor
from scancc.late_dataclasses import dataclass


@dataclass(frozen=True)
class _Move:
    """One state of a stream made from another. `maker` is the draw or the scan as the user wrote it, which copies
    and gradients share."""

    old: Variable
    new: Variable
    maker: object

    @property
    def by_scan(self) -> bool:
        assert self.new.owner is not None
        return scan_of(self.new.owner) is not None


class Moves:
    """How the streams of a graph move."""

    def __init__(self, roots: Iterable[Variable], stop: Iterable[Variable] = ()) -> None:
        self._from: dict[Variable, list[_Move]] = {}
        for node in applies(roots, stop):
            for move in _moves(node):
                self._from.setdefault(move.old, []).append(move)

    def of(self, stream: Variable) -> list[_Move]:
        """All moves of a stream, each after those that it continues."""
        found: list[_Move] = []
        pending = [stream]
        while pending:
            moves = self._from.get(pending.pop(), [])
            found += moves
            pending += [move.new for move in moves]
        return found

    def last(self, stream: Variable) -> Variable | None:
        """The state that is furthest on; None where nothing moves the stream."""
        ends = [move.new for move in self.of(stream) if move.new not in self._from]
        return reduce(_further, ends) if ends else None

    def warn_of_forks(self, stream: Variable, site: Site) -> None:
        """Say where a scan and something else take their numbers from one state."""
        for old in dict.fromkeys(move.old for move in self.of(stream)):
            moves = list({id(move.maker): move for move in self._from[old]}.values())
            if len(moves) > 1 and any(move.by_scan for move in moves):
                names = " and ".join(map(_named, moves))
                site.warn(
                    f"{names} draw from one stream from the same state on, so that they give the same numbers",
                    "make a draw for each, rs.normal() inside the step; or, for one value in all steps, pass the "
                    "draw in non_sequences",
                )


def _moves(node: Apply) -> list[_Move]:
    if isinstance(node.op, Draw):
        old = _source(node.inputs[0])
        return [] if old is None else [_Move(old, node.outputs[0], node.op)]
    scan = scan_of(node)
    if scan is None:
        return []
    inits, finals = scan.inputs_of(node.inputs).inits, scan.outputs_of(node.outputs).carry
    return [_Move(init, final, scan.origin) for init, final in zip(inits, finals, strict=True)
            if isinstance(final.type, StreamType)]


def _source(state: Variable) -> Variable | None:
    """The state that a draw's next one, with its counter set, was made from."""
    return None if state.owner is None else state.owner.inputs[0]


def _further(a: Variable, b: Variable) -> Variable:
    """Of two states of one stream the one with the higher counter."""
    return set_subtensor(a[1], apply_scalar("maximum", a[1], b[1]))


def _named(move: _Move) -> str:
    node = move.new.owner
    assert node is not None
    return f"{node.op.name} ({node.location})"
