"""A program that also gives values of its steps: each is one more output, with an axis for the steps of each scan.

    h, _ = scan(lambda x_t, h: tanh(w * h) + x_t, x, h0)          outputs [h[-1]]
    probed for the product `w * h`                                outputs [h[-1], rows of `w * h`]

The scans keep the rows as they keep any output, so that every pass knows what it sees. What only a branch of a lazy
choice computes is left alone, and so is a value of an inner scan whose shape, or number of steps, differs from one
step outside to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, replace

from scancc.frontend.graph.dims import dims
from scancc.frontend.graph.variables import Apply, Variable, applies, rebuild_into
from scancc.frontend.loops.scan_op import Body, Scan, is_told_outside, scan_of
from scancc.frontend.ops.branches import find_uses
from scancc.frontend.program.program import OutputLayout, Program
from scancc.late_dataclasses import dataclass

Wanted = Callable[[Variable], bool]


@dataclass
class Probe:
    """A value of the user's graph, and the variable, in the end the output, that has it for all steps."""

    of: Variable
    rows: Variable
    output: int = -1


@dataclass
class Inside:
    """A scan, and what is seen of its steps, in the order in which a step computes it."""

    scan: Scan
    node: Apply
    seen: list[Seen] = field(default_factory=list)


Seen = Probe | Inside


@dataclass(frozen=True)
class Probed:
    """A program with more outputs, behind its own; `seen`: what they are, in the order of computation; `missed`: what
    was wanted and cannot be seen."""

    program: Program
    seen: tuple[Seen, ...]
    missed: tuple[Variable, ...]

    @property
    def n_outputs(self) -> int:
        """How many outputs are more."""
        return sum(1 for _ in _leaves(self.seen))


def probed(program: Program, wanted: Wanted, steps: slice | None = None) -> Probed:
    """The program with outputs for what is `wanted`, of the outermost scans' `steps` alone (None: all)."""
    prober = _Prober(wanted)
    results, seen = prober.level(program.results, [*(i.variable for i in program.inputs), *program.shared])
    rows = []
    for number, (probe, is_inside) in enumerate(_leaves(seen)):
        probe.output = len(program.outputs) + number
        rows.append(probe.rows[steps] if is_inside and steps is not None else probe.rows)
    n = len(program.outputs)
    updates = zip((shared for shared, _ in program.updates), results[n:], strict=True)
    made = replace(program, outputs=(*results[:n], *rows), updates=tuple(updates), layout=OutputLayout("list"))
    return Probed(made, tuple(seen), tuple(prober.missed))


def _leaves(seen: Sequence[Seen], inside: bool = False) -> Iterator[tuple[Probe, bool]]:
    """The probes, and whether they lie in a scan."""
    for one in seen:
        if isinstance(one, Probe):
            yield one, inside
        else:
            yield from _leaves(one.seen, True)


class _Prober:
    """Copies graphs, from the outermost one in, with what is wanted of their scans."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.missed: list[Variable] = []

    def level(self, outputs: Sequence[Variable], given: Sequence[Variable]) -> tuple[list[Variable], list[Seen]]:
        """The copies of a graph's outputs, and what is seen of it. `given`: what a step is given."""
        order = applies(outputs)
        uses, memo = find_uses(order, outputs), dict[Variable, Variable]()
        seen: list[Seen] = [Probe(v, v) for v in given if self.wanted(v)]
        for node in order:
            scan, always = scan_of(node), uses.get(node.outputs[0]) is None
            found = [] if scan is None else self._scan(node, scan, memo)
            found += [Probe(v, rebuild_into([v], memo)[0]) for v in filter(self.wanted, node.outputs)]
            seen += found if always else self._without(found, lambda probe: False)
        return rebuild_into(outputs, memo), seen

    def _scan(self, node: Apply, scan: Scan, memo: dict[Variable, Variable]) -> list[Seen]:
        """What is seen of a scan's steps; its copy, which keeps the rows of that, goes into `memo`."""
        body = scan.body
        outputs, seen = self.level(body.outputs, body.inputs)
        seen = self._without(seen, lambda probe: _is_steady(probe.rows, body))
        probes = [probe for probe, _ in _leaves(seen)]
        if not probes:
            return []
        made = _with_rows(scan, node, rebuild_into(node.inputs, memo), outputs, [p.rows for p in probes])
        memo.update(zip(node.outputs, made.outputs, strict=False))
        for probe, rows in zip(probes, made.outputs[len(node.outputs):], strict=True):
            probe.rows = rows
        return [Inside(scan, node, seen)]

    def _without(self, seen: Sequence[Seen], keep: Callable[[Probe], bool]) -> list[Seen]:
        """What is to be kept of what is seen; the rest is missed."""
        kept: list[Seen] = []
        for one in seen:
            if isinstance(one, Inside):
                one.seen = self._without(one.seen, keep)
                kept += [one] if one.seen else []
            elif keep(one):
                kept.append(one)
            else:
                self.missed.append(one.of)
        return kept


def _is_steady(row: Variable, body: Body) -> bool:
    """Whether `row` has one shape in all steps, told before the loop."""
    return all(is_told_outside(n, body.varying) for n in dims(row))


def _with_rows(scan: Scan, node: Apply, inputs: Sequence[Variable], outputs: Sequence[Variable],
               rows: Sequence[Variable]) -> Apply:
    """The scan with the step's `outputs` and `rows` of more values behind its own."""
    step = scan.body.copied({v: v for v in scan.body.inputs}, lambda held, replaced: list(outputs))
    op = replace(scan, body=replace(step, ys=(*step.ys, *rows)))
    made = Apply(op, list(inputs), op.infer(*inputs), node.location)
    for old, new in zip(node.outputs, made.outputs, strict=False):
        new.name, new.mentions = old.name, old.mentions
    return made
