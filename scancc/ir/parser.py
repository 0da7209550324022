"""Reads IR text: what the printer writes, and MLIR's generic form as far as our types reach.

`print_op(parse(text)) == text` holds for text that the printer wrote. Besides, this reads what
mlir-opt writes with `-mlir-print-op-generic`: `%0:2` and `%0#1`, attribute aliases, locations of all
kinds, also after the module, numbers without their type (an i64 or f64), constants as bytes, what upstream's
ops have by default (`fastmath`), a file that holds functions without a module.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeVar

from ..errors import ParseError
from . import types as t
from .core import Block, Location, Op, Region, Value, module
from .literals import affine_map, dense, dense_array, number_attribute, plain_type, unescape
from .ops import OPS
from .verifier import find_errors

DEEPEST = 64  # regions, lists or types inside each other

_TOKEN = re.compile(
    r"""(?:\s|//[^\n]*)*(?:
     (?P<value>%[A-Za-z0-9_$.-]+(?:\#[0-9]+)?)
    |(?P<type>(?:tensor|vector|memref|complex)<[^<>]*(?:<[^<>]*>[^<>]*)*>|index\b|[if][0-9]+\b)
    |(?P<string>"(?:[^"\\\n]|\\.)*")
    |(?P<number>-?0x[0-9A-Fa-f]+|[-+]?[0-9]+(?:\.[0-9]*(?:[eE][-+]?[0-9]+)?)?)
    |(?P<map>affine_map<\([^()]*\)\ *->\ *\([^()]*\)>)
    |(?P<dense>dense<(?:"[^"\n]*"|[^<>"]*)>)
    |(?P<array>array<[^<>]*>)
    |(?P<word>[A-Za-z_][\w$.]*)
    |(?P<hash>\#[A-Za-z_][\w$.]*(?:<[^<>]*>)?)
    |(?P<symbol>@(?:[A-Za-z_$.-][\w$.-]*|"(?:[^"\\\n]|\\.)*"))
    |(?P<block>\^[\w$.-]+)
    |(?P<punct>->|[(){}\[\],=:<>])
    |(?P<end>\Z)
    |(?P<bad>\S)
    )""",
    re.VERBOSE | re.ASCII,
)
_END = ("end", "", -1)

# What mlir-opt writes of ops that do not have it here, and what says nothing.
_DEFAULTS = frozenset({("fastmath", "#arith.fastmath<none>"), ("overflowFlags", "#arith.overflow<none>"),
                       ("nontemporal", "False")})

_Token = tuple[str, str, int]
_T = TypeVar("_T")


def parse(text: str, source: str = "<text>") -> Op:
    """The module in `text`; functions that stand alone get a module around them.

    Raises ParseError with line and column; `source` is the name of the text in it.
    """
    return _Parser(text, source).top_level()


BrokenRules = Callable[[Op], Iterable[tuple[Op, str]]]  # of a module: ops at fault, and what they break


def parse_verified(text: str, source: str = "<text>", rules: BrokenRules | None = None) -> Op:
    """`parse`, and a ParseError where the module breaks a rule of the verifier, or one of the caller's `rules`, with
    the line of each op at fault."""
    parser = _Parser(text, source)
    top = parser.top_level()
    errors = find_errors(top) or (list(rules(top)) if rules is not None else [])
    if errors:
        first = parser.tokens[0]  # where a module stands that the text does not have
        raise ParseError("\n".join(parser.error_text(f"'{op.name}': {message}", parser.places.get(op, first))
                                   for op, message in errors))
    return top


def read_module(data: bytes, source: str, rules: BrokenRules | None = None) -> Op:
    """The verified module in a file's bytes, which keeps the caller's `rules` too."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ParseError(f"{source}:{line}: the text is not UTF-8 ({error.reason})") from None
    return parse_verified(text, source, rules)


def parse_type(text: str) -> t.Type:
    """The type written as `text`."""
    parser = _Parser(text, "<type>")
    return parser.whole(parser.type)


def parse_attribute(text: str) -> Any:
    """The attribute written as `text`."""
    parser = _Parser(text, "<attribute>")
    return parser.whole(parser.attribute)


class _Parser:
    """Recursive descent over a list of tokens; `self.i` is the next one."""

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source
        self.tokens: list[_Token] = [
            (m.lastgroup, m[m.lastgroup], m.start(m.lastgroup))
            for m in _TOKEN.finditer(text) if m.lastgroup]
        self.tokens += [_END] * 3
        self.i = 0
        self.values: dict[str, Value] = {}
        self.trail: list[str] = []  # the defined names, in order
        self.aliases: dict[str, Any] = {}
        self.pending: list[tuple[Op, _Token]] = []  # ops whose location's alias comes later
        self.places: dict[Op, _Token] = {}  # where each op stands
        self.depth = 0

    # ---- tokens ----

    def fail(self, message: str, token: _Token | None = None) -> NoReturn:
        raise ParseError(self.error_text(message, token or self.tokens[self.i]))

    def error_text(self, message: str, token: _Token) -> str:
        """The message with the line and column of a token, and that line."""
        position = token[2] if token[2] >= 0 else len(self.text)
        line = self.text.count("\n", 0, position) + 1
        start = self.text.rfind("\n", 0, position) + 1
        shown = self.text[start:].split("\n", 1)[0]
        column = position - start + 1
        return f"{self.source}:{line}:{column}: {message}\n  {shown}\n  {' ' * (column - 1)}^"

    def found(self) -> str:
        kind, text, _ = self.tokens[self.i]
        return "the end of the text" if kind == "end" else f"'{text}'"

    def accept(self, text: str) -> bool:
        if self.tokens[self.i][1] != text:
            return False
        self.i += 1
        return True

    def expect(self, text: str, where: str = "") -> None:
        if self.tokens[self.i][1] != text:
            self.fail(f"expected '{text}'{where}, found {self.found()}")
        self.i += 1

    def take(self, kind: str, what: str) -> str:
        if self.tokens[self.i][0] != kind:
            self.fail(f"expected {what}, found {self.found()}")
        self.i += 1
        return self.tokens[self.i - 1][1]

    def count(self, what: str) -> int:
        """A plain decimal number of 32 bits."""
        text = self.tokens[self.i][1]
        if not text.isdigit():
            self.fail(f"expected {what}, found {self.found()}")
        if len(text) > 9 and (len(text) > 10 or int(text) >= 1 << 32):
            self.fail(f"{what} is below 2**32, not {text[:20]}")
        return int(self.take("number", what))

    def deeper(self, rule: Callable[[], Any]) -> Any:
        """What `rule` reads one level further in."""
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail(f"more than {DEEPEST} levels inside each other")
        found = rule()
        self.depth -= 1
        return found

    def whole(self, rule: Callable[[], _T]) -> _T:
        value = rule()
        if self.tokens[self.i][0] != "end":
            self.fail(f"expected nothing more, found {self.found()}")
        return value

    def checked(self, function: Any, *args: Any) -> Any:
        """Call `function`; its ValueError is about the last token."""
        try:
            return function(*args)
        except (ValueError, OverflowError) as error:
            self.fail(str(error), self.tokens[self.i - 1])

    # ---- structure ----

    def top_level(self) -> Op:
        block = Block()
        while self.tokens[self.i][0] != "end":
            if self.tokens[self.i][0] == "hash":
                self.alias()
            else:
                block.append(self.op())
        for op, token in self.pending:
            op.location = self.known_alias(token)
        if len(block.ops) == 1 and block.ops[0].name == "builtin.module":
            block.ops[0].parent = None
            return block.ops[0]
        return module(block.ops)

    def alias(self) -> None:
        name = self.take("hash", "an alias")
        if name in self.aliases:
            self.fail(f"the alias {name} is defined twice", self.tokens[self.i - 1])
        self.expect("=")
        is_location = self.tokens[self.i][1] == "loc"
        self.aliases[name] = self.location_body() if is_location else self.attribute()

    def known_alias(self, token: _Token) -> Any:
        if token[1] not in self.aliases:
            self.fail(f"the alias {token[1]} is not defined in this text", token)
        return self.aliases[token[1]]

    def op(self) -> Op:
        names = self.result_names()
        at = self.tokens[self.i]
        name = unescape(self.take("string", 'an op in the generic form ("dialect.name"(...) : ...)'))
        operands, operand_tokens = self.operands()
        attrs = self.properties()
        regions = self.regions() if self.tokens[self.i][1] == "(" else []
        if self.tokens[self.i][1] == "{":
            attrs.update(self.attribute_dict())
        self.expect(":", f" and the type of '{name}'")
        types = self.function_type()
        self.check_operands(operands, operand_tokens, types.inputs, at)
        if len(types.results) != len(names):
            self.fail(f"'{name}' has {len(types.results)} results by its type and {len(names)} names", at)
        op = Op(name, operands, types.results, _without_defaults(name, attrs), regions)
        self.places[op] = at
        for key, value in zip(names, op.results, strict=True):
            self.define(key, value, at)
        self.location(op)
        return op

    def result_names(self) -> list[str]:
        names: list[str] = []
        if self.tokens[self.i][0] != "value":
            return names
        while True:
            name = self.take("value", "a result's name")
            if self.accept(":"):
                names += self.numbered(name, self.count("a number of results"))
            else:
                names.append(name)
            if not self.accept(","):
                break
        self.expect("=")
        return names

    def numbered(self, name: str, count: int) -> list[str]:
        """The names of `%0:2`: `%0#0` and `%0#1`, and of the first of them also `%0`."""
        if not 1 <= count <= len(self.tokens):  # each has a type
            self.fail(f"there are not {count} results", self.tokens[self.i - 1])
        return [name] if count == 1 else [f"{name}#{k}" for k in range(count)]

    def operands(self) -> tuple[list[Value], list[_Token]]:
        self.expect("(")
        values: list[Value] = []
        tokens: list[_Token] = []
        while self.tokens[self.i][0] == "value":
            token = self.tokens[self.i]
            value = self.values.get(token[1].removesuffix("#0")) or self.values.get(token[1])
            value = value or self.values.get(f"{token[1]}#0")
            if value is None:
                self.fail(self.undefined(token[1]))
            values.append(value)
            tokens.append(token)
            self.i += 1
            if not self.accept(","):
                break
        self.expect(")", " after the operands")
        return values, tokens

    def undefined(self, name: str) -> str:
        near = difflib.get_close_matches(name, self.values, 1)
        hint = f"; did you mean {near[0]}" if near else ""
        return f"{name} is not defined before this op{hint}"

    def check_operands(self, operands: list[Value], tokens: list[_Token], types: tuple[t.Type, ...],
                       at: _Token) -> None:
        if len(types) != len(operands):
            self.fail(f"the type gives {len(types)} operands, the op has {len(operands)}", at)
        for value, token, type in zip(operands, tokens, types, strict=True):
            if value.type is not type and value.type != type:
                self.fail(f"{token[1]} is {value.type} where it is defined and {type} here", token)

    def define(self, name: str, value: Value, at: _Token) -> None:
        if name in self.values:
            self.fail(f"{name} is defined twice", at)
        self.trail.append(name)
        self.values[name] = value
        plain = name[1:]
        if "#" in plain:
            plain = plain.replace("#", "_")
        value.name = None if plain[0].isdigit() else plain

    def regions(self) -> list[Region]:
        regions = []
        self.expect("(")
        while True:
            self.expect("{", " before a region")
            mark = len(self.trail)
            regions.append(self.deeper(self.region))
            for name in self.trail[mark:]:  # names end with their region
                del self.values[name]
            del self.trail[mark:]
            if not self.accept(","):
                break
        self.expect(")", " after the regions")
        return regions

    def region(self) -> Region:
        blocks = []
        if self.tokens[self.i][0] != "block":
            blocks.append(self.block_ops(Block()))
        while self.tokens[self.i][0] == "block":
            self.i += 1
            blocks.append(self.block_ops(self.block_args()))
        self.expect("}", " after a region")
        return Region(blocks)

    def block_args(self) -> Block:
        block = Block()
        if self.accept("("):
            while self.tokens[self.i][0] == "value":
                at = self.tokens[self.i]
                name = self.take("value", "an argument")
                self.expect(":")
                self.define(name, block.add_arg(self.type()), at)
                self.location_of_argument()
                if not self.accept(","):
                    break
            self.expect(")", " after the block's arguments")
        self.expect(":", " after the block's label")
        return block

    def location_of_argument(self) -> None:
        if self.tokens[self.i][1] == "loc":
            self.location(Op("an argument"))  # arguments keep none

    def block_ops(self, block: Block) -> Block:
        while self.tokens[self.i][0] in ("value", "string"):
            block.append(self.op())
        return block

    # ---- types ----

    def type(self) -> t.Type:
        kind, text, _ = self.tokens[self.i]
        if kind == "type":
            self.i += 1
            found: t.Type = self.checked(plain_type, text)
            return found
        if text == "(":
            function: t.FunctionType = self.deeper(self.function_type)
            return function
        self.fail(f"expected a type, found {self.found()}")

    def function_type(self) -> t.FunctionType:
        inputs = self.type_list()
        self.expect("->", " in a function's type")
        if self.tokens[self.i][1] == "(":
            return t.FunctionType(inputs, self.type_list())
        return t.FunctionType(inputs, (self.type(),))

    def type_list(self) -> tuple[t.Type, ...]:
        self.expect("(", " before a list of types")
        types = []
        while self.tokens[self.i][1] != ")":
            types.append(self.type())
            if not self.accept(","):
                break
        self.expect(")", " after a list of types")
        return tuple(types)

    # ---- attributes ----

    def properties(self) -> dict[str, Any]:
        if not self.accept("<"):
            return {}
        attrs = self.attribute_dict()
        self.expect(">")
        return attrs

    def attribute_dict(self) -> dict[str, Any]:
        self.expect("{")
        attrs: dict[str, Any] = {}
        while self.tokens[self.i][1] != "}":
            kind, text, _ = self.tokens[self.i]
            if kind not in ("word", "string", "type"):
                self.fail(f"expected an attribute's name, found {self.found()}")
            self.i += 1
            key = unescape(text) if kind == "string" else text
            if key in attrs:
                self.fail(f"the attribute '{key}' is given twice", self.tokens[self.i - 1])
            attrs[key] = self.entry(key) if self.accept("=") else None
            if not self.accept(","):
                break
        self.expect("}", " after the attributes")
        return attrs

    def entry(self, key: str) -> Any:
        value = self.attribute()
        if key == "value" and isinstance(value, bool):
            return t.IntAttr(int(value), t.i1)  # a constant; elsewhere `true` is a plain bool
        return value

    def attribute(self) -> Any:
        kind, text, _ = token = self.tokens[self.i]
        rule = _ATTRIBUTES.get(kind)
        if rule is not None:
            return rule(self)
        if text == "{":
            return self.deeper(self.attribute_dict)
        if text == "(":
            return self.type()
        self.i += 1
        if text in ("true", "false"):
            return text == "true"
        if text == "unit":
            return None
        if text == "[":
            return self.deeper(self.list_attribute)
        self.i -= 1
        self.fail(f"expected an attribute, found {self.found()}", token)

    def list_attribute(self) -> list[Any]:
        values = []
        while self.tokens[self.i][1] != "]":
            values.append(self.attribute())
            if not self.accept(","):
                break
        self.expect("]", " after a list")
        return values

    def number_attribute(self) -> Any:
        """`1 : i32`; without a type an i64, with a point an f64."""
        text = self.take("number", "a number")
        if self.accept(":"):
            return self.checked(number_attribute, text, self.type())
        return self.checked(number_attribute, text, t.f64 if "." in text else t.i64)

    def dense_attribute(self) -> t.Dense:
        text = self.take("dense", "a constant")
        self.expect(":")
        constant: t.Dense = self.checked(dense, text[len("dense<"):-1], self.type())
        return constant

    def dialect_attribute(self) -> Any:
        token = self.tokens[self.i]
        self.i += 1
        if token[1].startswith("#linalg.iterator_type<"):
            return t.Iterator(token[1][len("#linalg.iterator_type<"):-1])
        return t.DialectAttr(token[1]) if "<" in token[1] else self.known_alias(token)

    def token_attribute(self, function: Any) -> Any:
        self.i += 1
        return self.checked(function, self.tokens[self.i - 1][1])

    # ---- locations ----

    def location(self, op: Op) -> None:
        if self.tokens[self.i][1] != "loc":
            return
        alias = self.tokens[self.i + 2]
        if alias[0] == "hash" and alias[1] not in self.aliases:
            self.i += 3
            self.expect(")", " after a location")
            self.pending.append((op, alias))
        else:
            op.location = self.location_body()

    def location_body(self) -> Location | None:
        self.expect("loc")
        self.expect("(")
        found = self.inner_location()
        self.expect(")", " after a location")
        return found

    def inner_location(self) -> Location | None:
        """A file's line and column; of a location made of several the first one with a line."""
        kind, text, _ = token = self.tokens[self.i]
        self.i += 1
        if kind == "hash":
            return self.aliases.get(text)
        if kind == "string":
            return self.line_or_name(unescape(text))
        if text == "unknown":
            return None
        if text in ("callsite", "fused"):
            found: Location | None = self.deeper(self.callsite if text == "callsite" else self.fused)
            return found
        self.fail(f"expected a location, found '{text}'", token)

    def line_or_name(self, text: str) -> Location | None:
        """`"f.py":1:2`, also with the end of a range, or `"name"`, also of a location."""
        if self.accept("("):
            inner: Location | None = self.deeper(self.inner_location)
            self.expect(")", " after a location")
            return inner
        if not self.accept(":"):
            return None
        line = self.count("a line")
        column = self.count("a column") if self.accept(":") else 1
        if self.accept("to"):
            self.accept(":")
            while self.tokens[self.i][0] == "number":
                self.count("a place")
                self.accept(":")
        return text, line, column

    def callsite(self) -> Location | None:
        self.expect("(")
        callee = self.inner_location()
        self.expect("at", " and the place of the call")
        caller = self.inner_location()
        self.expect(")", " after a call's location")
        return callee or caller

    def fused(self) -> Location | None:
        if self.accept("<"):
            self.attribute()
            self.expect(">", " after what a fused location says")
        self.expect("[")
        places = []
        while self.tokens[self.i][1] != "]":
            places.append(self.inner_location())
            if not self.accept(","):
                break
        self.expect("]", " after the locations")
        return next(filter(None, places), None)


def _without_defaults(name: str, attrs: dict[str, Any]) -> dict[str, Any]:
    """The attributes but those of upstream's ops which say nothing, and which ours do not have."""
    known = OPS.get(name)
    if known is None:
        return attrs
    return {key: value for key, value in attrs.items()
            if (key, str(value)) not in _DEFAULTS and (key != "operandSegmentSizes" or known.segmented)}


_ATTRIBUTES: dict[str, Any] = {
    "number": _Parser.number_attribute,
    "string": lambda p: unescape(p.take("string", "a string")),
    "type": _Parser.type,
    "dense": _Parser.dense_attribute,
    "hash": _Parser.dialect_attribute,
    "map": lambda p: p.token_attribute(affine_map),
    "array": lambda p: p.token_attribute(dense_array),
    "symbol": lambda p: p.token_attribute(lambda text: t.Symbol(unescape(text[1:]) if text[1] == '"' else text[1:])),
}
