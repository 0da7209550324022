"""How the contributions of several uses to one gradient add up: what is written into zeros costs what it touches.

    g + inc(zeros, i, v)                       ->  inc(g, i, v)
    g + inc(inc(zeros, i, v), j, w)            ->  inc(inc(g, i, v), j, w)
    g + set(inc(zeros, i, v), j, 0)            ->  set(inc(g, i, v), j, g[j])
    g + ifelse(c, inc(zeros, i, v), zeros)     ->  ifelse(c, inc(g, i, v), g)
    ifelse(c, x, zeros) + ifelse(c, zeros, y)  ->  ifelse(c, x, y)
    ifelse(d, inc(ifelse(c, x, zeros), i, v), ifelse(c, x, zeros)) + ifelse(c, zeros, y)
                                               ->  ifelse(d, inc(ifelse(c, x, y), i, v), ifelse(c, x, y))

What goes on through elementwise functions and products does so for the part that it touches (`Touched`): the gradient
of `tanh(W @ x)[i]` is `(1 - y[i]**2) * W[i]`, not a product of W with a vector of zeros and one number.

A sum of arrays of n elements takes n additions, where a step of a scan may read or write one element of a large
table. In the forms on the right each write is the last use of what it writes to, so that it can be done in place.
The same holds for `switch` with a scalar condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from scancc.frontend.gradients.rules import Gradient, zeros_for
from scancc.frontend.graph.dims import DimShuffle
from scancc.frontend.graph.variables import Apply, Variable, equal_computations
from scancc.frontend.ops.control import IfElse
from scancc.frontend.ops.elementwise import Elemwise
from scancc.frontend.ops.index_template import Template
from scancc.frontend.ops.making import is_zeros
from scancc.frontend.ops.scalars import add, switch
from scancc.frontend.ops.subtensor import AdvancedIncSubtensor, AdvancedSubtensor, IncSubtensor, Subtensor
from scancc.late_dataclasses import dataclass

Begun = Callable[[Variable, Variable], Variable]


def plus(a: Gradient, b: Gradient) -> Gradient:
    """The sum of two gradients of one variable."""
    if a is None or b is None:
        return b if a is None else a
    if a.type == b.type and (is_zeros(a) or is_zeros(b)):
        return b if is_zeros(a) else a
    for join in (_by_one_condition, _beneath, lambda a, b: _beneath(b, a)):
        if (chosen := join(a, b)) is not None:
            return chosen
    if is_sparse(b):
        return added_to(a, b)
    return added_to(b, a) if is_sparse(a) else add(a, b)


def total(terms: Iterable[Gradient]) -> Gradient:
    result: Gradient = None
    for term in terms:
        result = plus(result, term)
    return result


# ---- writes -------------------------------------------------------------------------------------------


def is_increment(node: Apply | None) -> bool:
    """Whether it adds something to a part of its first input."""
    return node is not None and isinstance(node.op, IncSubtensor | AdvancedIncSubtensor) and not node.op.set


def increments_of(x: Variable) -> tuple[Variable, list[Apply]]:
    """What the increments that `x` ends with start from, and the increments, first to last."""
    found: list[Apply] = []
    while is_increment(x.owner):
        assert x.owner is not None
        found.append(x.owner)
        x = x.owner.inputs[0]
    return x, found[::-1]


def incremented(base: Variable, increments: Iterable[Apply]) -> Variable:
    """`base` after the same increments."""
    for node in increments:
        base = node.op(base, *node.inputs[1:])
    return base


def is_clear(node: Apply | None) -> bool:
    """Whether it sets a part of its first input to zeros."""
    return (node is not None and isinstance(node.op, IncSubtensor | AdvancedIncSubtensor) and node.op.set
            and is_zeros(node.inputs[1]))


def writes_of(x: Variable) -> tuple[Variable, list[Apply]]:
    """What the increments and clears that `x` ends with start from, and these, first to last."""
    found: list[Apply] = []
    while is_increment(x.owner) or is_clear(x.owner):
        assert x.owner is not None
        found.append(x.owner)
        x = x.owner.inputs[0]
    return x, found[::-1]


def written(base: Variable, writes: Iterable[Apply], beside: Variable) -> Variable:
    """`base` after the same writes, of which the clears leave what `beside` has there, which `base` holds too."""
    for node in writes:
        _, value, *operands = node.inputs
        base = node.op(base, part_of(node, beside) if is_clear(node) else value, *operands)
    return base


def part_of(node: Apply, x: Variable) -> Variable:
    """The part of `x` where an op writes into its own array."""
    read = Subtensor if isinstance(node.op, IncSubtensor) else AdvancedSubtensor
    return where_not_zeros(x, lambda side: read(node.op.template)(side, *node.inputs[2:]))  # type: ignore[attr-defined]


def is_sparse(x: Variable, is_root: Callable[[Variable], bool] = is_zeros) -> bool:
    """Whether `x` is written as zeros, or another such root, but for writes of parts, perhaps under conditions."""
    pending, seen = [x], {x}
    while pending:
        root, _ = writes_of(pending.pop())
        if not is_root(root):
            choice = Choice.of(root)
            if choice is None:
                return False
            pending += (side for side in choice.sides if side not in seen)
            seen.update(choice.sides)
    return not is_zeros(x)


def added_to(base: Variable, sparse: Variable, begun: Begun | None = None) -> Variable:
    """`base` with the writes of `sparse`; each choice between them is made once. begun: a root that is no zeros,
    from `base` on."""
    made: dict[Variable, Variable] = {}
    pending = [sparse]
    while pending:
        x = pending[-1]
        root, writes = writes_of(x)
        choice = None if writes or is_zeros(root) else Choice.of(root)
        below = [root] if writes else [] if choice is None else list(choice.sides)
        missing = [v for v in below if v not in made]
        if not missing:
            pending.pop()
            if x in made:
                continue
            if writes:
                made[x] = written(made[root], writes, base)
            elif choice is not None:
                made[x] = choice.between(*(made[side] for side in choice.sides))
            else:
                made[x] = base if begun is None or is_zeros(root) else begun(root, base)
        pending += missing
    return made[sparse]


@dataclass(frozen=True)
class Touched:
    """The part of an array that its gradient touches, which is 0 elsewhere: where an integer picks from an axis."""

    write: IncSubtensor
    value: Variable
    operands: tuple[Variable, ...]

    @staticmethod
    def of(gradient: Variable) -> Touched | None:
        root, increments = increments_of(gradient)
        if len(increments) != 1 or not is_zeros(root):
            return None
        op, (_, value, *operands) = increments[0].op, increments[0].inputs
        if not isinstance(op, IncSubtensor) or "i" not in op.template:
            return None
        whole = Subtensor(op.template).infer(root, *operands)[0].shape == value.type.shape
        return Touched(op, value, tuple(operands)) if whole else None

    def part(self, x: Variable, template: Template | None = None) -> Variable:
        """The same part of an array; `template`: of one with other axes behind."""
        return Subtensor(template or self.write.template)(x, *self.operands)

    def into(self, x: Variable, gradient: Variable, template: Template | None = None) -> Variable:
        """A gradient of that part as one of `x`."""
        write = IncSubtensor(template or self.write.template, set=False)
        return write(zeros_for(x, gradient.dtype), gradient, *self.operands)


# ---- choices ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Choice:
    """One value of an `ifelse`, or a `switch` with a scalar condition."""

    node: Apply
    sides: tuple[Variable, Variable]

    @staticmethod
    def of(x: Variable) -> Choice | None:
        node = x.owner
        if node is None:
            return None
        if isinstance(node.op, IfElse):
            inputs = node.op.inputs_of(node.inputs)
            return Choice(node, (inputs.then[x.index], inputs.otherwise[x.index]))
        if isinstance(node.op, Elemwise) and node.op.fn == "switch" and all(node.inputs[0].broadcastable):
            then, otherwise = node.inputs[1:]
            alike = is_zeros(then) or is_zeros(otherwise) or then.type == otherwise.type
            return Choice(node, (then, otherwise)) if alike else None
        return None

    @property
    def condition(self) -> Variable:
        """As it was before a `switch` gave it more axes."""
        found = self.node.inputs[0]
        while (node := found.owner) is not None and isinstance(node.op, DimShuffle) and found.ndim:
            found = node.inputs[0]
        return found

    def between(self, then: Variable, otherwise: Variable) -> Variable:
        """The same choice between other values."""
        if isinstance(self.node.op, IfElse):
            return IfElse(1).apply(self.condition, then, otherwise)[0]
        return switch(self.condition.dimshuffle(), then, otherwise)

    def is_beside(self, other: Choice) -> bool:
        """Whether the other is made by the same condition."""
        return equal_computations([self.condition], [other.condition])

    @property
    def leaves_out(self) -> bool:
        """Whether one side is zeros."""
        return any(map(is_zeros, self.sides))


def where_not_zeros(g: Variable, of: Callable[[Variable], Variable]) -> Variable:
    """`of(g)`, which is zeros where `g` is; of one side alone where `g` is a choice between something and zeros, and
    so in choices within."""
    choice = Choice.of(g)
    if choice is None or not choice.leaves_out:
        return of(g)
    found = [None if is_zeros(side) else where_not_zeros(side, of) for side in choice.sides]
    like = next((x for x in found if x is not None), None)
    if like is None:
        return of(g)
    return choice.between(*(zeros_for(like) if x is None else x for x in found))


def _by_one_condition(a: Variable, b: Variable) -> Gradient:
    """The sum of two choices by one condition, of which one is zeros on a side, with what was written to them since;
    at most one of them was cleared."""
    (root, writes), (other, later) = writes_of(a), writes_of(b)
    choice, beside = Choice.of(root), Choice.of(other)
    if choice is None or beside is None or not choice.is_beside(beside):
        return None
    if not (choice.leaves_out or beside.leaves_out):
        return None
    if any(map(is_clear, later)):
        (other, later), (root, writes) = (root, writes), (other, later)
    if any(map(is_clear, later)):
        return None
    then, otherwise = (_without_zeros(x, y) for x, y in zip(choice.sides, beside.sides, strict=True))
    lazy = beside if isinstance(beside.node.op, IfElse) else choice
    chosen = then if then is otherwise else lazy.between(then, otherwise)
    return incremented(written(chosen, writes, other), later)


def _beneath(a: Variable, b: Variable) -> Gradient:
    """The sum where `a` adds to parts, perhaps under conditions, of choices by the condition of that in `b`."""
    made: dict[Variable, Gradient] = {}
    pending = [] if Choice.of(writes_of(b)[0]) is None else [a]
    while pending:
        x = pending[-1]
        root, increments = increments_of(x)
        joined, choice = None if increments else _by_one_condition(x, b), Choice.of(x)
        below = [root] if increments else [] if choice is None or joined is not None else list(choice.sides)
        missing = [v for v in below if v not in made]
        if not missing:
            found = [sum_ for v in below if (sum_ := made[v]) is not None]
            if below and len(found) == len(below):
                joined = incremented(found[0], increments) if choice is None else choice.between(*found)
            made.setdefault(pending.pop(), joined)
        pending += missing
    return made.get(a)


def _without_zeros(a: Variable, b: Variable) -> Variable:
    if is_zeros(a):
        return b
    found = a if is_zeros(b) else plus(a, b)
    assert found is not None
    return found


def terms_of(gradient: Variable) -> Iterator[Variable]:
    """The variables that `gradient` is the sum of; increments of one of them are increments of zeros."""
    pending = [gradient]
    while pending:
        var, increments = increments_of(pending.pop())
        if increments:
            yield incremented(var if is_zeros(var) else zeros_for(var), increments)
            if is_zeros(var):
                continue
        node = var.owner
        if node is not None and is_sum(node) and all(v.type.shape == var.type.shape for v in node.inputs):
            pending += reversed(node.inputs)
        else:
            yield var


def is_sum(node: Apply) -> bool:
    """Whether it adds two values element by element."""
    return isinstance(node.op, Elemwise) and node.op.fn == "add"
