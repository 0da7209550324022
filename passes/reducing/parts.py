"""Complex arrays of which all readers take one part: the real one, or the imaginary one."""

from __future__ import annotations

from collections.abc import Iterator

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value
from scancc.ir.ops import operand
from scancc.ir.parts import Nest

PARTS = ("complex.re", "complex.im")


def part_read(array: Value) -> str | None:
    """The op that takes the one part of an array's elements that anybody reads, or None."""
    elements = [element for user in array.uses for element in _elements(user, array)]
    readers = [user.name if user.name in PARTS else "" for v in elements if v is not None for user in v.uses]
    names = set(readers) if None not in elements else set()
    return names.pop() if len(names) == 1 and "" not in names else None


def _elements(user: Op, array: Value) -> Iterator[Value | None]:
    """What stands for elements of an array that an op reads; None where it does more with it."""
    if user.name == "tensor.extract":
        yield user.result
    elif user.name == "linalg.generic" and array not in Nest(user).outputs:
        yield from (read.arg for read in Nest(user).reads if read.value is array)
    else:
        yield None


def is_part(array: Value) -> None:
    """Tell the readers of an array, which has real elements now, that they need not take its part."""
    for user in list(array.uses):
        for element in _elements(user, array):
            assert element is not None
            element.type = t.element(array.type)
            for part in list(element.uses):
                part.replace_by([element])
        if user.name == "linalg.generic" and Nest(user).copied is array:
            user.replace_by([array])


def part_of(b: Builder, number: Value, name: str) -> Value:
    """A part of a complex number, by the op's name."""
    if number.op is not None and number.op.name == "complex.create":
        return operand(number.op, name.partition(".")[2])
    return b.op(name, [number], [t.part(number.type)])
