"""The reading form: the IR as people read it. It says of meaning what the generic form says, and is not read back.

How each op reads is declared with it, under ir/dialects. Here is what they have in common: which values have
lines, how blocks are laid out, and attributes that a declaration does not mention, which follow in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .. import types as t
from ..core import Block, Location, Op, functions
from ..ops import VIEW, WRITES, Parts, Reading, lookup
from .inlining import Inlining, is_all_that_is_yielded, is_literal, is_nest
from .names import Names
from .phrases import LOOSE, TIGHT, Phrase
from .reader import WIDTH, Reader
from .text import attribute_text

NESTED_WIDTH = 56  # of an expression that is read inside another
NOWHERE = -1


class Line(NamedTuple):
    """A line, and where in the user's file it comes from. `picked`: it is of an op that was asked for."""

    text: str
    location: Location | None = None
    picked: bool = False


def read(op: Op, names: Names | None = None, query: bool = True, pick: str = "") -> list[Line]:
    """A module, a function, or any op in lines. `query`: with functions that only compute sizes. `pick`: the lines
    of ops of that name are marked."""
    printer = _Printer(names or Names())
    printer.pick = pick
    if op.name != "builtin.module":
        return printer.op(op)
    lines: list[Line] = []
    for func in functions(op):
        name = func.attrs["sym_name"]
        left_out = not query and name.endswith("__query")
        lines += [Line("")] * bool(lines)
        lines += [Line(f"// {name} computes sizes; --query shows it")] if left_out else printer.op(func)
    return lines


def reading_text(op: Op, names: Names | None = None, query: bool = True) -> str:
    return "".join(f"{line.text}\n" for line in read(op, names, query))


class _Printer(Reader):
    """Lays out ops and blocks."""

    pick = ""  # the ops whose lines are marked

    def op(self, op: Op, inlining: Inlining | None = None) -> list[Line]:
        """The lines of an op; none where it is read as part of others."""
        lines = self._op(op, inlining)
        return [line._replace(picked=True) for line in lines] if op.name == self.pick else lines

    def _op(self, op: Op, inlining: Inlining | None) -> list[Line]:
        if self._is_read(op):
            return []
        self.shown = {"operandSegmentSizes"}
        if op.regions:
            return self._with_blocks(op)
        phrase = self._phrase(op)
        if _is_placed_by_others(op, inlining):
            self.mention("slice")
        marks = self._marks(op)
        if self._is_read(op):
            return []
        if not marks and len(phrase.text) <= self._room(op, phrase, inlining):
            self.read_in_place(op.result, phrase)
            return []
        after = f" {{{', '.join(marks)}}}" if marks else ""
        return _lines(self._named(op, phrase.text) + after, op.location)

    def _is_read(self, op: Op) -> bool:
        """Whether all results of an op have texts already."""
        return bool(op.results) and all(value in self.phrases for value in op.results)

    def _phrase(self, op: Op) -> Phrase:
        if lookup(op).hint:
            self.suggest_by(op, lookup(op).hint)
        reading = _reading(op)
        text = self.fill(op, reading) if isinstance(reading, str) else reading(op, self)
        return text if isinstance(text, Phrase) else Phrase("".join(map(str, text)), LOOSE)

    def _room(self, op: Op, phrase: Phrase, inlining: Inlining | None) -> int:
        """How long the text of an op may be, to be read where its value is used; in a nest, before its indices."""
        user = None if inlining is None else inlining.user(op)
        if user is None or is_nest(user) and phrase.binding < TIGHT:
            return NESTED_WIDTH if is_literal(op) else NOWHERE
        alone = lookup(user).results == "0" and len(user.operands) == 1
        return WIDTH if alone or WRITES in lookup(user).traits else NESTED_WIDTH

    def _named(self, op: Op, text: str) -> str:
        """The text after the names of the op's results."""
        names = ", ".join(map(self.define, op.results))
        return f"{names} = {text}" if names else text

    def _marks(self, op: Op) -> list[str]:
        return [_mark(key, value) for key, value in op.attrs.items() if key not in self.shown]

    # ---- blocks ----

    def _with_blocks(self, op: Op) -> list[Line]:
        """An op with blocks: in its user where it is one line and all that the block around it yields."""
        reading = _reading(op)
        assert not isinstance(reading, str), f"{op.name} has regions; a function says how it reads"
        with self.names.scope():
            first, *rest = reading(op, self)
            parts = [first, *(f"{mark} " for mark in self._marks(op)), *rest]
            alone = is_all_that_is_yielded(op)
            lines = self._assembled(op, "" if alone else self._named(op, ""), parts)
            if alone and len(lines) == 1:
                self.read_in_place(op.result, Phrase(lines[0].text, LOOSE))
                return []
            if alone:
                lines[0] = lines[0]._replace(text=self._named(op, lines[0].text), location=op.location)
        for value in op.results:
            self.define(value)
        return lines

    def _assembled(self, op: Op, text: str, parts: Parts) -> list[Line]:
        """Texts and blocks in turn; a short block stands on the line of the text before it."""
        lines: list[Line] = []
        for part in parts:
            if isinstance(part, str):
                text += part
                continue
            body = self._block(part)
            short = _on_one_line(body)
            if short is not None and self.fits(text + short):
                text += short
            else:
                lines += _lines(text + "{", op.location)
                lines += [line._replace(text=f"  {line.text}") for line in body]
                text = "}"
        return lines + _lines(text, op.location)

    def _block(self, block: Block) -> list[Line]:
        inlining = Inlining(block)
        self.depth += 1
        lines = [line for op in block.ops for line in self.op(op, inlining)]
        self.depth -= 1
        return lines


def _reading(op: Op) -> Reading:
    reading = lookup(op).reading
    assert reading is not None, f"{op.name} does not say how it reads"
    return reading


def _lines(text: str, location: Location | None) -> list[Line]:
    return [Line(line.rstrip(), location) for line in text.split("\n") if line]


def _on_one_line(body: Sequence[Line]) -> str | None:
    """A block of one line in braces; what it yields without the word."""
    if not body:
        return "{}"
    text = body[0].text.removeprefix("yield ")
    return f"{{ {text} }}" if len(body) == 1 and "{" not in text and not text.startswith("return") else None


def _is_placed_by_others(op: Op, inlining: Inlining | None) -> bool:
    """Whether the place of an op in its step needs no word: it is that of the op in whose line it may be read, or the
    op works on no numbers and waits for no state."""
    place, user = op.attrs.get("slice"), None if inlining is None else inlining.user(op)
    if not isinstance(place, str) or user is not None and place == user.attrs.get("slice"):
        return True
    if op.name == "tensor.extract" and len(op.operands) == 1:
        return True  # the one number of a nest
    return not place.startswith("cycle") and (
        VIEW in lookup(op).traits or any(value.type == t.index for value in op.results))


def _mark(key: str, value: object) -> str:
    """An attribute in words, `vector 16`; a flag is its name alone, a place in a step is what it is."""
    if key == "slice":
        return str(value)
    if value is True or value is None or value == t.IntAttr(1, t.i64) and not key.startswith("n_"):
        return key
    return f"not {key}" if value is False else f"{key} {attribute_text(value)}"
