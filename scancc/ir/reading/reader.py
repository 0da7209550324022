"""What the declarations of ops ask for when they say how an op reads: names and texts of values, sizes, attributes,
and templates with their holes filled."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence

from .. import types as t
from ..core import Op, Value
from ..ops import ELEMENTWISE, group, has_trait, lookup, operand
from .inlining import is_literal
from .names import Names, plain
from .phrases import LOOSE, TIGHT, UNARY, Hole, Phrase, binding_of, holes
from .text import attribute_text, lanes_text, number_text, shape_text, type_text

WIDTH = 100  # of a line, where it can be broken
_FURTHER = "    "  # before the lines on which an op goes on
_LETTERS = "ijklmnpqrs"


class Reader:
    """Knows how every value in sight is read."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.phrases: dict[Value, Phrase] = {}
        self.counters: dict[Op, Sequence[str]] = {}  # of a nest, for `linalg.index`
        self.shown: set[str] = set()  # attributes that are in the text of the op being read
        self.depth = 0
        self._hints: dict[Value, str] = {}
        self._sizes: dict[Value, Sequence[str | None]] = {}

    # ---- values ----

    def use(self, value: Value, binding: int = LOOSE) -> str:
        """The text of an operand."""
        return self.phrases[value].within(binding) if value in self.phrases else "%<undefined>"

    def uses(self, values: Sequence[Value]) -> str:
        return self.packed([self.use(value) for value in values])

    def define(self, value: Value, instead: str | None = None) -> str:
        """The name of a value that comes into sight here: its own or a hint, or one `instead`."""
        name = self.names.give(value, instead or self._wanted(value))
        self.bind(value, name)
        return name

    def read_in_place(self, value: Value, phrase: Phrase) -> None:
        """Let a value be read where it is used, without a name; others may still be named after it."""
        self.phrases[value] = phrase
        self.names.want(value, self._wanted(value))

    def _wanted(self, value: Value) -> str | None:
        return plain(value.name) or self._hints.get(value)

    def bind(self, value: Value, text: str) -> None:
        """Let a value be read as `text` wherever it is used."""
        self.phrases[value] = Phrase(text)

    def suggest(self, value: Value, *words: str | int | Value) -> None:
        """A name for a value that has none: words, numbers, and names of others; nothing where one has no name."""
        texts = [self._word(word) for word in words]
        if all(texts):
            self._hints.setdefault(value, "_".join(map(str, texts)))

    def suggest_like(self, value: Value, other: Value) -> None:
        """A name for a value that has none: that of another, or what its op would be called."""
        if other.name:
            self.suggest(value, other.name)
        elif other.op is not None:
            self.suggest_by(other.op, lookup(other.op).hint, value)

    def _word(self, word: str | int | Value) -> str | None:
        if not isinstance(word, Value):
            return str(word)
        number = self.number(word)
        return str(number) if isinstance(number, int) and number >= 0 else self.names.root(word)

    def name_counter(self, value: Value) -> str:
        """The name of a loop's counter; a letter where it has none, or one that a loop around it has."""
        if value.name is not None and not (value.name in _LETTERS and self.names.is_taken(value.name)):
            return self.define(value)
        return self.define(value, next((c for c in _LETTERS if not self.names.is_taken(c)), "i"))

    def count(self, nest: Op, n: int) -> Sequence[str]:
        """Names for the `n` counters of a nest: letters, other ones than those of a nest around it."""
        around, taken = nest.parent_op(), 0
        while around is not None:
            taken += len(self.counters.get(around, ()))
            around = around.parent_op()
        self.counters[nest] = [_LETTERS[i] if i < len(_LETTERS) else f"i{i}" for i in range(taken, taken + n)]
        return self.counters[nest]

    def number(self, value: Value) -> int | float | None:
        """The number that a literal is in all its elements."""
        found = number_of(value)
        return None if found is None else found.value

    def is_read_in_place(self, value: Value) -> bool:
        """Whether what makes the value is read where it is used, and has no line."""
        return not self.use(value).startswith("%")

    # ---- sizes ----

    def sizes(self, value: Value) -> list[str]:
        """The sizes of a shaped value: numbers, the operands of the op that makes it, or `dim`."""
        shape, made = getattr(value.type, "shape", ()), value.op
        if made is not None and value not in self._sizes and "dims" in lookup(made).groups:
            rest = iter(group(made, "dims"))
            return [self.use(next(rest)) if n is None else str(n) for n in shape]
        known = self._sizes.get(value) or [None] * len(shape)
        return [str(n) if n is not None else size or f"dim({self.use(value, TIGHT)}, {axis})"
                for axis, (n, size) in enumerate(zip(shape, known, strict=True))]

    def remember_sizes(self, value: Value, sizes: Sequence[str | None]) -> None:
        """What the sizes of a value are called where its op has no operands for them."""
        self._sizes[value] = sizes

    def entry(self, entry: int | Value, binding: int = LOOSE) -> str:
        """A number that an attribute has, or an operand."""
        return str(entry) if isinstance(entry, int) else self.use(entry, binding)

    # ---- attributes ----

    def attribute(self, op: Op, name: str) -> str:
        """The text of an attribute, which then need not follow in words."""
        self.mention(name)
        value = op.attrs.get(name)
        return value if isinstance(value, str) else attribute_text(value)

    def mention(self, *names: str) -> None:
        """Say that the text has these attributes in it."""
        self.shown.update(names)

    # ---- lines ----

    def listed(self, word: str, entries: Sequence[str]) -> str:
        """`word(a, b)`, or nothing."""
        return f"{word}({self.packed(entries)})" if entries else ""

    def packed(self, entries: Sequence[str]) -> str:
        """Entries with commas, as many on a line as go there."""
        lines = [""]
        for entry in entries:
            if lines[-1] and not self.fits(lines[-1] + entry + 3 * _FURTHER):
                lines.append("")
            lines[-1] += (", " if lines[-1] else "") + entry
        return f",\n{_FURTHER}{_FURTHER}".join(lines)

    def clauses(self, *texts: str) -> str:
        """Those that are not empty, on one line if that is not too long, else each on its own."""
        said = [*filter(None, texts)]
        line = " ".join(said)
        return line if self.fits(line) and "\n" not in line else f"\n{_FURTHER}".join(said)

    def fits(self, line: str) -> bool:
        return len(line) + 2 * self.depth <= WIDTH

    # ---- templates ----

    def fill(self, op: Op, template: str) -> Phrase:
        """A template with its holes filled."""
        text = "".join(
            hole.before if hole.field is None else self._before(op, hole, template) + self._content(op, hole)
            for hole in holes(template, lookup(op).results == "0"))
        return Phrase(text, binding_of(template))

    def _before(self, op: Op, hole: Hole, template: str) -> str:
        """What stands before a hole; an operator that is rounded as it is written has a `!`."""
        if hole.before[:1] == " " and op.attrs.get("exact") is True and LOOSE < binding_of(template) < TIGHT:
            self.mention("exact")
            return hole.before.rstrip() + "! "
        return hole.before

    def _content(self, op: Op, hole: Hole) -> str:
        field = hole.field or ""
        if field.startswith("@"):
            return self.attribute(op, field[1:])
        if field in _OF_OP:
            return _OF_OP[field](self, op)
        return ", ".join(self.operand(op, v, hole.binding) for v in group(op, field))

    def operand(self, op: Op, value: Value, binding: int = LOOSE) -> str:
        """An operand; a literal without its type where another operand tells it."""
        number = number_of(value)
        if number is None or not _is_told(op, value):
            return self.use(value, binding)
        text = number_text(number.value, number.type, typed=False)
        return Phrase(text, UNARY if text.startswith("-") else TIGHT).within(binding)

    def result_type(self, op: Op) -> str:
        """The type of the result, of which the open sizes are the operands `dims`."""
        return type_text(op.result.type, self.sizes(op.result) if "dims" in lookup(op).groups else None)

    def suggest_by(self, op: Op, hint: str, value: Value | None = None) -> None:
        """Name the result of an op, or another value, after the operands that a hint mentions."""
        words: list[str | Value] = []
        for before, field, _, _ in string.Formatter().parse(hint):
            words += [before.strip("_")] if before.strip("_") else []
            words += group(op, field) if field else []
        if words:
            self.suggest(value or op.result, *words)


def _is_told(op: Op, literal: Value) -> bool:
    """Whether another operand has the type of a literal: of an elementwise op, or the array that it is written to."""
    if has_trait(op, ELEMENTWISE):
        others = [v.type for v in op.operands if number_of(v) is None]
        return literal.type in (others if hasattr(literal.type, "shape") else map(t.element, others))
    written = operand(op, "dest") if "dest" in lookup(op).groups else None
    return written is not None and literal is op.operands[0] and literal.type == t.element(written.type)


def number_of(value: Value) -> t.IntAttr | t.FloatAttr | None:
    """The number that a literal is in all its elements; None for any other value."""
    op = value.op
    if op is None or not is_literal(op):
        return None
    number = op.attrs.get("value")
    if number is None and "value" in lookup(op).groups:
        return number_of(op.operands[0])
    return number if isinstance(number, (t.IntAttr, t.FloatAttr)) else None


def _number_type(type: t.Type) -> str:
    """What a number is converted to: the lanes of a vector are in its name, a tensor's shape is the operand's."""
    return type_text(type if isinstance(type, t.VectorType) else t.element(type))


_OF_OP: dict[str, Callable[[Reader, Op], str]] = {
    "name": lambda r, op: op.name.partition(".")[2],
    "operands": lambda r, op: ", ".join(r.operand(op, v) for v in op.operands),
    "type": Reader.result_type,
    "content": lambda r, op: r.result_type(op).removeprefix("&"),
    "element": lambda r, op: _number_type(op.result.type),
    "shape": lambda r, op: shape_text((), r.sizes(op.result)),
    "lanes": lambda r, op: lanes_text((op.results or op.operands)[0].type),
}
