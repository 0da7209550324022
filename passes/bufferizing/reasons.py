"""Why a state is not in one buffer, in words: which op reads it after which other one, with the user's lines."""

from __future__ import annotations

from scancc.ir.core import Value
from scancc.ir.ops import operand
from scancc.ir.parts import Carry, ScanView
from scancc.ir.remarks import remark
from scancc.ir.wording import bytes_said, what

from .aliases import shares_memory
from .chains import Link
from .order import Order, Use


def name_of(carry: Carry) -> str:
    """The user's name of a state, else what makes it."""
    made = carry.next.op
    return f"'{carry.arg.name}'" if carry.arg.name or made is None else f"that {what(made)} makes"


def say_copied(scan: ScanView, carry: Carry, link: Link, use: Use) -> None:
    """A remark on a state that one link of its chain copies in each step."""
    size = bytes_said(carry.init)
    head = f"the state {name_of(carry)} is copied in each step{f', {size}' if size else ''}: "
    if use.op is link.op:
        why, hint = f"{what(use.op)} reads parts of it that it has written by then", "read them before, by themselves"
    else:
        why = f"{what(use.op)} reads it after a write, {what(link.op)}"
        hint = "read it before it is written"
    remark("bufferize", scan.op, False, head + why, "" if _is_of_a_gradient(carry) else hint)


def _is_of_a_gradient(carry: Carry) -> bool:
    """Whether a derivative made the state, and no user can order its reads and writes."""
    return (carry.arg.name or "").startswith("grad_")


def why_made_anew(link: Link, use: Use) -> str:
    """What keeps a loop over arrays from writing over the old state: it writes all, so that nothing is copied."""
    if use.op is link.op:
        return f"{what(link.op)} reads other elements of the old one while it makes the new one"
    return f"{what(use.op)} reads the old one after {what(link.op)} has made the new one"


def why_framed(link: Link) -> str:
    """Why a state of which each step makes one window has two buffers."""
    made = operand(link.op, "source").op
    assert made is not None
    return f"{what(made)} reads around the elements that it makes; what is outside them both have from the start"


def why_two_buffers(order: Order, scan: ScanView, carry: Carry) -> str:
    """What keeps a new state, which is made anew, from being made where the old one is."""
    made = carry.next.op
    if made is None:
        return "each step hands on another value, which is copied"
    if made.name == "scf.if":
        return f"{what(made)} takes it from one array or from another"
    reads = [v for inner in made.walk() for v in inner.operands]
    if _share(carry.arg, reads):
        return f"{what(made)} reads all of the old one while it makes the new one"
    late = order.late(carry.arg, made)
    if late:
        return f"{what(late[0].op)} reads the old one after {what(made)} has made the new one"
    if scan.op.body.terminator.operands.count(carry.next) > 1:
        return f"{what(made)} makes what the step also gives as another result or state"
    return f"{what(made)} makes the new one in memory of its own"


def _share(value: Value, others: list[Value]) -> bool:
    return any(shares_memory(v, value) for v in others)
