"""Blocks as lists of closures over one environment, and the table of rules that make them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...errors import InternalError
from .. import types as t
from ..core import Block, Op, Region, Value
from ..ops import ELEMENTWISE, TERMINATOR, has_trait
from .arrays import conform, to_scalar
from .elementwise import array_meaning, scalar_meaning

Env = dict[Any, Any]  # Value -> what it holds now; a few ops keep state under keys of their own
Step = Callable[[Env], None]
Meaning = Callable[..., Any]

StepRule = Callable[[Op, "Machine"], Step]
ValueRule = Callable[[Op], Meaning]
STEP_RULES: dict[str, StepRule] = {}


class CheckFailed(Exception):
    """Carries the exception of a failed `scan.check` out of the machine."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def step_rule(*names: str) -> Callable[[StepRule], StepRule]:
    """Registers a function that turns an op into a step over the environment."""
    def register(rule: StepRule) -> StepRule:
        STEP_RULES.update(dict.fromkeys(names, rule))
        return rule
    return register


def value_rule(*names: str) -> Callable[[ValueRule], ValueRule]:
    """Registers a function that turns an op into a function of its operands' values."""
    def register(rule: ValueRule) -> ValueRule:
        STEP_RULES.update(dict.fromkeys(names, lambda op, machine: bind(op, rule(op))))
        return rule
    return register


class Code:
    """A block, ready to run."""

    __slots__ = ("args", "steps", "yields")

    def __init__(self, args: Sequence[Value], steps: list[tuple[Op, Step]], yields: Sequence[Value]) -> None:
        self.args = args
        self.steps = steps
        self.yields = yields

    def run(self, env: Env, values: Sequence[Any] = ()) -> list[Any]:
        """Run with `values` as the arguments; gives the operands of the terminator."""
        for arg, value in zip(self.args, values, strict=True):
            env[arg] = value
        try:
            for op, step in self.steps:  # noqa: B007  # the op that fails is named below
                step(env)
        except (InternalError, CheckFailed, MemoryError):
            raise
        except Exception as error:
            raise InternalError(f"interpreter, {describe(op)}: {error}") from error
        return [env[value] for value in self.yields]


class Machine:
    """Compiles blocks to code. With `lanes`, a scalar of the IR is an array here: one number for
    each point of the loop nest around it."""

    def __init__(self, check_bounds: bool = True, lanes: bool = False) -> None:
        self.check_bounds = check_bounds
        self.lanes = lanes

    def with_lanes(self) -> Machine:
        return Machine(self.check_bounds, lanes=True)

    def region(self, region: Region) -> Code:
        """The code of a region's block; of an absent `else`, code that does nothing."""
        return self.block(region.blocks[0]) if region.blocks else Code((), [], ())

    def block(self, block: Block) -> Code:
        ops = [op for op in block.ops if not has_trait(op, TERMINATOR)]
        ends = bool(block.ops) and has_trait(block.ops[-1], TERMINATOR)
        return self.code(block.args, ops, block.ops[-1].operands if ends else ())

    def code(self, args: Sequence[Value], ops: Sequence[Op], yields: Sequence[Value]) -> Code:
        """Code of a part of a block."""
        return Code(list(args), [(op, self.step(op)) for op in ops], list(yields))

    def step(self, op: Op) -> Step:
        rule = STEP_RULES.get(op.name)
        if rule is not None:
            return rule(op, self)
        if not has_trait(op, ELEMENTWISE):
            raise InternalError(f"interpreter, {describe(op)}: no rule for this op")
        if self.lanes or isinstance(op.result.type, (t.TensorType, t.VectorType)):
            return bind(op, array_meaning(op, lanes=self.lanes))
        return bind(op, scalar_meaning(op))


def bind(op: Op, meaning: Meaning) -> Step:
    """A step that applies `meaning` to the operands' values and keeps its answer as the result,
    checked against the result's type."""
    operands = list(op.operands)
    if not op.results:
        return lambda env: meaning(*[env[v] for v in operands])
    result = op.result
    if isinstance(result.type, (t.TensorType, t.MemRefType)):
        meaning = conform(result.type, meaning)
    return _assign(result, meaning, operands)


def _assign(result: Value, meaning: Meaning, operands: list[Value]) -> Step:
    if len(operands) == 1:
        x = operands[0]

        def unary(env: Env) -> None:
            env[result] = meaning(env[x])
        return unary
    if len(operands) == 2:
        a, b = operands

        def binary(env: Env) -> None:
            env[result] = meaning(env[a], env[b])
        return binary
    if len(operands) == 3:
        one, two, three = operands

        def ternary(env: Env) -> None:
            env[result] = meaning(env[one], env[two], env[three])
        return ternary

    def any_number(env: Env) -> None:
        env[result] = meaning(*[env[v] for v in operands])
    return any_number


def bind_scalar(op: Op, meaning: Meaning) -> Step:
    """`bind` for an answer that may have another scalar class than the result's type asks for."""
    if isinstance(op.result.type, (t.TensorType, t.VectorType, t.MemRefType)):
        return bind(op, meaning)
    convert = to_scalar(op.result.type)
    return bind(op, lambda *values: convert(meaning(*values)))


def describe(op: Op) -> str:
    """The op as a message names it: with its operands and the user's line."""
    operands = ", ".join(map(repr, op.operands[:6])) + (", ..." if len(op.operands) > 6 else "")
    place = f" at {op.location[0]}:{op.location[1]}" if op.location else ""
    return f"{op.name}({operands}){place}"
