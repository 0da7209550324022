"""Make one scan of several of one length: one behind the other that reads its rows, or side by side.

    %h = scan.scan(%n, %x) {                      %h, %g = scan.scan(%n, %x) {
      scan.yield(%h1, %h1) }                        ... the step that makes %h1 ...
    %e = math.exp(%h)                      ->       %e_t = math.exp(%h1)
    %g = scan.scan(%n, %e) {                        ... the step that reads %e_t ...
      scan.yield(%g1, %g1) }                        scan.yield(%h1, %g1, %h1, %g1) }

Why: a chain of the processor waits most of the time, and two chains wait together; rows that are read in the step
that makes them need no memory. A reader may take the producer's rows as they are, through ops that work row by row
(which come into the step; products with a matrix, too, which `tile` makes one for some rows), or so many steps later
(`concat` of initial rows and rows: the step then holds them in states). Behind one that reads rows of now and of k
steps ago, and has k steps fewer (taps -k and 0), the first k steps stand before the loop (`fusing/first_steps.py`).
Lengths that a check of the function compares are one (`fusing/lengths.py`).
`dead-outputs` drops the stacks that nobody reads any more.
Behind one another first, then side by side: what only stands beside a scan must not keep its reader from it.
Conservative about: order of errors (of two scans that can fail in a step, but for what both check, of the first and a
check between them that waits for work, or of one that waits for the first and the second, the first is reported
first), a reader from the last row on, lengths that are no one
value, `until` (what reads exactly the rows that ran comes along, and what surely stops in the same step), lanes and
large matrices (`fusing/costs.py`).
Cost: for each scan a walk over the ops between it and a few before it. Runs after `dead-outputs`, which tells which
rows are kept, and before it once more. Source: loop fusion as in Kennedy and McKinley, Maximizing loop parallelism
and improving data locality via loop fusion and distribution (1993).
"""

from __future__ import annotations

from dataclasses import field

from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Value, encloses, functions
from scancc.ir.fast_math import allowed
from scancc.ir.linear import Linear, linear
from scancc.ir.ops import ELEMENTWISE, has_trait
from scancc.ir.parts import ScanView, Stack
from scancc.ir.remarks import remark
from scancc.late_dataclasses import dataclass

from .consuming.parts import goes_back, last_state
from .fusing.build import Step, erase_unread, reversed_rows
from .fusing.costs import multiplies_rows, reason_against
from .fusing.first_steps import MOST_LAG, cut_off, left_out, may_stand_twice
from .fusing.lengths import let_lengths_agree
from .fusing.maps import rule_of
from .fusing.order import Order, decided_by_sizes, fails_as, fails_by_sizes, stop_alike
from .fusing.rows import READS_BACK, Made, Mapped, NoRow, Place, Plan, Row

OTHER_STEPS = "they have different numbers of steps"
AS_LONG = ("rows with others in front are as many as those of the scan as T.concatenate([T.zeros_like(rows[:k]), "
           "rows[:-k]]), with taps from -k on as T.concatenate([T.zeros_like(rows[:k]), rows])")
_TRIES = 4  # scans before it with which each is tried


def fuse_scans(module: Op) -> None:
    """Join scans in all blocks, outer ones first: their steps then stand in one block."""
    for func in functions(module):
        let_lengths_agree(func.body)
    for region in module.regions:
        for block in region.blocks:
            _visit(block)


def _visit(block: Block) -> None:
    _behind(block)
    _beside(block)
    for op in list(block.ops):
        for region in op.regions:
            if op.name != "linalg.generic":
                for inner in region.blocks:
                    _visit(inner)


def _scans(block: Block) -> list[Op]:
    return [op for op in block.ops if op.name == "scan.scan"]


# ---- which with which ----


def _behind(block: Block) -> None:
    """Bring each scan behind those whose rows it reads."""
    order = Order(block)
    for reader in _scans(block)[1:]:
        for producer in _producers(reader, block):
            if _join(order, producer, reader):
                reader = producer


def _producers(reader: Op, block: Block) -> list[Op]:
    """The scans whose rows come to a scan by ops that work row by row, the nearest first."""
    found: dict[Op, None] = {}
    seen: set[Op] = set()
    stack = [v.op for v in ScanView(reader).xs]
    while stack:
        op = stack.pop()
        if op is None or op in seen or op.parent is not block:
            continue
        seen.add(op)
        if op.name == "scan.scan":
            found[op] = None
        elif rule_of(op) is not None:
            stack += [v.op for v in op.operands]
    return sorted(found, key=block.ops.index, reverse=True)


def _beside(block: Block) -> None:
    """Bring together what does not wait for each other."""
    order = Order(block)
    known: dict[object, list[Op]] = {}
    for scan in _scans(block):
        length = ScanView(scan).length
        number = constant_of(length)
        others = known.setdefault(length if number is None else number, [])
        for other in others[:-_TRIES - 1:-1]:
            if ScanView(scan).until != ScanView(other).until or scan in order.late(other, [
                    *order.between(other, scan), scan]):
                continue
            if _join(order, other, scan):
                break
        else:
            others.append(scan)


def _join(order: Order, first: Op, second: Op) -> bool:
    """Do in each step of `first` what `second` does, if it may and is worth it."""
    pair = _Pair(order, first, second)
    try:
        pair.plan()
    except NoRow as no:
        why = READS_BACK if _reads_back(first, second) else no  # which nothing else would change
        hint = AS_LONG if str(why) == OTHER_STEPS and _reads_apart(second) else ""
        remark("fuse-scans", second, False, f"it stays a loop of its own behind {_called(first)}: {why}", hint)
        return False
    before = f", of whose steps the first {pair.begins} stand before it" if pair.begins else ""
    remark("fuse-scans", second, True, f"one loop with {_called(first)}{before}")
    pair.make()
    order.became_one(first, second)
    return True


def _reads_back(first: Op, second: Op) -> bool:
    """Whether the second scan reads rows of the first, or what begins with other rows, from the last one on."""
    def leads_back(user: Op) -> bool:
        if user.name == "scan.concat":
            return any(map(leads_back, user.result.uses))
        return goes_back(user) and second in user.result.uses

    return any(leads_back(user) for stack in ScanView(first).stacks for user in stack.result.uses)


def _reads_apart(scan: Op) -> bool:
    """Whether a scan reads rows a few steps later, or behind others."""
    makers = [v.op for v in ScanView(scan).xs]
    return any(op is not None and op.name in ("tensor.extract_slice", "scan.concat") for op in makers)


def _called(scan: Op) -> str:
    name = next((carry.arg.name for carry in ScanView(scan).carries if carry.arg.name), None)
    line = f" (line {scan.location[1]})" if scan.location else ""
    return f"the scan of '{name}'{line}" if name else f"the scan before it{line}"


# ---- one pair ----


@dataclass
class _Pair:
    """Two scans of a block, the second of which comes into the step of the first."""

    order: Order
    first: Op
    second: Op
    between: list[Op] = field(default_factory=list)
    late: set[Op] = field(default_factory=set)  # of those between, what waits for the first
    rows: list[Row] = field(default_factory=list)  # what becomes of the second's sequences
    shared: dict[Mapped, list[Value]] = field(default_factory=dict)  # what others read too: the sizes of its rows
    earlier: list[tuple[Value, int]] = field(default_factory=list)  # values, and how many steps ago they are read
    lasts: dict[Op, Value] = field(default_factory=dict)  # what takes last rows of the first, which are last states
    begins: int = 0  # of the first's steps so many stand before it, as the second reads rows from there on

    def plan(self) -> None:
        """Find what becomes of each part; NoRow where something is in the way."""
        self._check_length()
        self.between = self.order.between(self.first, self.second)
        self.late = self.order.late(self.first, self.between)
        self._check_errors()
        producer, reader = ScanView(self.first), ScanView(self.second)
        b = Builder(self.order.block, self.second, self.second.location)
        plan = Plan(producer, self.late, b, rule_of, linear(reader.length), begins=self.begins)
        self._check_others(plan, reader)
        self.rows = [plan.row(v, Place()) for v in reader.xs]
        self._check_other_readers(plan)
        mapped, self.earlier = plan.mapped(), plan.earlier()
        self._check_numbers(mapped)
        self._share(plan, mapped)
        self._check_costs(plan, reader, len(mapped))

    def _check_length(self) -> None:
        first, second = ScanView(self.first), ScanView(self.second)
        if second.until and not (first.until and stop_alike(first, second)):
            raise NoRow("it may stop before the other does")
        if first.until and second.length is first.executed:
            return
        if first.until and not second.until:
            raise NoRow("the other may stop before it does")
        if first.length is not second.length and (constant_of(first.length) is None or constant_of(
                first.length) != constant_of(second.length)):
            self.begins = self._later(first, second)

    @staticmethod
    def _later(first: ScanView, second: ScanView) -> int:
        """How many steps fewer the second has, where as many of the first may stand before it."""
        begins = left_out(second.length, first)
        if begins is None or not 0 < begins <= MOST_LAG or not may_stand_twice(first):
            raise NoRow(OTHER_STEPS)
        return begins

    def _check_errors(self) -> None:
        fails, both = self.order.fails, (self.first, self.second)
        if all(map(fails, both)) and not any(map(fails_by_sizes, both)) and not fails_as(self.second, self.first):
            raise NoRow("both may fail in a step, and the first's error comes first")
        if all(map(fails, both)) and any("name" in op.attrs for op in both):
            raise NoRow("both may fail, and the error has the name of its scan")
        first_fails, second_fails = map(fails, both)
        for op in self.between:
            if fails(op) and (op in self.late and second_fails or first_fails and not decided_by_sizes(op)):
                raise NoRow("what is checked between them waits for the first, or the first may fail")

    def _check_others(self, plan: Plan, reader: ScanView) -> None:
        """What a scan needs beside its rows must be there before the first step."""
        for value in [*reader.init, *reader.dims, *reader.firsts, *_captured(self.second)]:
            plan.outside(value)
        for rows in reader.rows:
            if rows is not reader.length:
                plan.outside(rows)
        if plan.producer.until and any(rows is not reader.length for rows in reader.rows):
            raise NoRow("only its last rows are kept, of which there may be fewer")

    def _check_other_readers(self, plan: Plan) -> None:
        """Rows of the first steps, which stand before the others, are kept for nobody."""
        if self.begins:
            plan.outside(ScanView(self.second).length)
            going = plan.going(self.second)
            others = [user for rows in plan.producer.ys for user in rows.uses if user not in going]
            for user in others:
                state = last_state(user, plan.producer)
                if state is None:
                    raise NoRow(OTHER_STEPS)
                self.lasts[user] = state.final

    def _check_numbers(self, mapped: list[Mapped]) -> None:
        settings = {allowed(op) for op in (self.first, self.second, *(row.op for row in mapped))}
        if len(settings) > 1:
            raise NoRow("they have different settings of fast_math")

    def _share(self, plan: Plan, mapped: list[Mapped]) -> None:
        """What comes into the step and is read elsewhere too becomes rows that the step keeps."""
        going = plan.going(self.second)
        for row in mapped:
            if row.op not in self.late or not _works(row.op) or row.op in going:
                continue
            whole = row.place.is_own or row.place.backwards and row.place.first == plan.steps - Linear(1)
            if not whole or row.place.past or linear(plan.size(row.op.result)) != plan.steps:
                raise NoRow(f"{row.op.name} between them is read elsewhere too, in another order")
            sizes = zip(row.op.result.type.shape[1:], plan.sizes(row.op.result), strict=True)  # type: ignore[attr-defined]
            self.shared[row] = [size for known, size in sizes if known is None]

    def _check_costs(self, plan: Plan, reader: ScanView, n_mapped: int) -> None:
        against = reason_against(self.first, self.second, n_mapped)
        if against is not None:
            raise NoRow(against)
        made = [arg for value, arg in reader.reads if plan.waits(value)]
        if multiplies_rows(self.second, made):
            raise NoRow("it multiplies each row by a matrix, which is one product for all rows together")

    # ---- doing it ----

    def make(self) -> None:
        """Put the first between what it needs and what waits for it, and the second into its step."""
        self._reorder()
        first, second = ScanView(self.first), ScanView(self.second)
        step = Step(first, linear(second.length), ago=self._cut_off(first, second.length) if self.begins else {})
        for arg, row in zip(second.x_args, self.rows, strict=True):
            if isinstance(row, Made):
                arg.name = None  # the value keeps the name that it has by its state
            arg.replace_by(step.value(row))
        kept = [self._stack(step, row, dims) for row, dims in self.shared.items()]
        self._name()
        read = second.xs
        second.rebuilt(xs=[])
        if second.executed is not None and first.executed is not None:
            second.executed.replace_by(first.executed)
            second.run_to_the_end()
        carries, stacks = first.taken_in(second)
        first.rebuilt([*first.reads, *step.reads], [*first.carries, *step.carries, *carries],
                      [*first.stacks, *kept, *stacks])
        erase_unread(read)
        if self.begins:
            for user, state in self.lasts.items():
                user.replace_by([state])
            first.rebuilt(stacks=[stack for stack in first.stacks if stack.result.uses])

    def _cut_off(self, first: ScanView, rest: Value) -> dict[tuple[Value, int], Value]:
        """Let the first begin where the second does; what values were before, as far as rows ask for it."""
        b = Builder(self.order.block, self.first, self.first.location)
        return cut_off(first, b, b.minsi(first.length, b.index(self.begins)), rest, self.earlier)

    def _reorder(self) -> None:
        block = self.order.block
        first, second = block.ops.index(self.first), block.ops.index(self.second)
        between = block.ops[first + 1:second]
        block.ops[first:second] = [*(op for op in between if op not in self.late), self.first,
                                   *(op for op in between if op in self.late)]

    def _stack(self, step: Step, row: Mapped, dims: list[Value]) -> Stack:
        """Keep the rows of what others read, for them."""
        stack = step.scan.new_stack(step.value(row), row.op.result.type, dims)
        kept = stack.result
        if row.place.backwards:
            block = self.order.block
            b = Builder(block, block.ops[block.ops.index(self.first) + 1], row.op.location)
            kept = reversed_rows(b, kept, step.scan.length, dims)
        row.op.result.replace_by(kept)
        return stack

    def _name(self) -> None:
        """Errors in a step say the name of their scan; one of the two at most has any."""
        name = self.second.attrs.get("name")
        if self.order.fails(self.second):
            self.first.attrs.pop("name", None)
        elif self.order.fails(self.first):
            return
        if name is not None:
            self.first.attrs.setdefault("name", name)


def _captured(scan: Op) -> list[Value]:
    """What a step uses from outside."""
    used = (v for op in scan.body.ops for inner in op.walk() for v in inner.operands)
    return [v for v in used if not encloses(scan.body, v.block)]


def _works(op: Op) -> bool:
    """True for what computes: a view may be made twice."""
    return has_trait(op, ELEMENTWISE) or op.name in ("linalg.generic", "scan.gather", "scan.reduce")
