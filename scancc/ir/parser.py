"""Reads IR text: what the printer writes, and MLIR's generic form as far as our types reach.

`print_op(parse(text)) == text` holds for text that the printer wrote. Besides, this reads what
mlir-opt writes with `-mlir-print-op-generic`: `%0:2` and `%0#1`, attribute aliases, locations after
the module, a file that holds functions without a module.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import numpy as np

from ..errors import ParseError
from . import types as t
from .core import Block, Location, Op, Region, Value, module

_TOKEN = re.compile(
    r"""(?:\s+|//[^\n]*)*(?:
     (?P<value>%[A-Za-z0-9_$.]+(?:\#\d+)?)
    |(?P<type>(?:tensor|vector|memref|complex)<[^<>]*(?:<[^<>]*>[^<>]*)*>|index\b|[if]\d+\b)
    |(?P<string>"(?:[^"\\\n]|\\.)*")
    |(?P<number>-?0x[0-9A-Fa-f]+|[-+]?\d+(?:\.\d*(?:[eE][-+]?\d+)?)?)
    |(?P<map>affine_map<\([^()]*\)\ *->\ *\([^()]*\)>)
    |(?P<dense>dense<[^<>]*>)
    |(?P<array>array<[^<>]*>)
    |(?P<word>[A-Za-z_][\w$.]*)
    |(?P<hash>\#[A-Za-z_][\w$.]*(?:<[^<>]*>)?)
    |(?P<symbol>@(?:[A-Za-z_$.-][\w$.-]*|"(?:[^"\\\n]|\\.)*"))
    |(?P<block>\^[\w$.-]+)
    |(?P<punct>->|[(){}\[\],=:<>])
    |(?P<bad>\S)
    )""",
    re.VERBOSE,
)
_SHAPE = re.compile(r"((?:(?:\?|\d+)x)*)(.*)", re.DOTALL)
_STRIDED = re.compile(r"strided<\[([^\]]*)\](?:, offset: (?:\?|\d+))?>")
_ELEMENT = re.compile(r"[^\[\],\s()]+|\([^()]*\)")
_ESCAPE = re.compile(r'\\([0-9A-Fa-f]{2}|[nt"\\])')
_MAP = re.compile(r"affine_map<\(([^()]*)\)\s*->\s*\(([^()]*)\)>")
_END = ("end", "", -1)

_Token = tuple[str, str, int]
_T = TypeVar("_T")


def parse(text: str, source: str = "<text>") -> Op:
    """The module in `text`; functions that stand alone get a module around them.

    Raises ParseError with line and column; `source` is the name of the text in it.
    """
    return _Parser(text, source).top_level()


def parse_type(text: str) -> t.Type:
    """The type written as `text`."""
    parser = _Parser(text, "<type>")
    return parser.whole(parser.type)


def parse_attribute(text: str) -> Any:
    """The attribute written as `text`."""
    parser = _Parser(text, "<attribute>")
    return parser.whole(parser.attribute)


# ---- types and constants that are one token ----


@functools.lru_cache(maxsize=4096)
def _plain_type(text: str) -> t.Type:
    """The type of one type token; ValueError says what is wrong with it."""
    if text == "index":
        return t.index
    if text[0] in "if" and text[1:].isdigit():
        return _number_type(text)
    kind, inner = text[:-1].split("<", 1)
    if kind == "complex":
        element = _plain_type(inner)
        if not isinstance(element, t.FloatType):
            raise ValueError(f"complex numbers are of f32 or f64, not {inner}")
        return t.ComplexType(element)
    return _shaped_type(kind, inner)


def _number_type(text: str) -> t.Type:
    width = int(text[1:])
    if text[0] == "f":
        if width not in (16, 32, 64):
            raise ValueError(f"there is no float type {text}; there are f16, f32 and f64")
        return t.FloatType(width)
    return t.IntType(width)


def _shaped_type(kind: str, inner: str) -> t.Type:
    match = _SHAPE.match(inner)
    assert match is not None
    element_text, *rest = _split(match[2])
    element = _plain_type(_checked(element_text))
    shape = tuple(None if n == "?" else int(n) for n in match[1].split("x")[:-1])
    if kind == "memref":
        return _buffer_type(shape, element, rest)
    if rest:
        raise ValueError(f"a {kind} has a shape and an element type only, not '{', '.join(rest)}'")
    if kind == "tensor":
        return t.TensorType(shape, element)
    if None in shape:
        raise ValueError("a vector's shape is known at compile time")
    return t.VectorType(tuple(n for n in shape if n is not None), element)


def _buffer_type(shape: tuple[int | None, ...], element: t.Type, rest: list[str]) -> t.Type:
    strides: tuple[int | None, ...] | None = None
    if rest and (match := _STRIDED.fullmatch(rest[0])):
        strides = tuple(None if s.strip() == "?" else int(s) for s in match[1].split(",") if s.strip())
        rest = rest[1:]
    space = int(rest.pop()) if rest and rest[0].isdigit() else 0
    if rest:
        raise ValueError(f"a memref has strided<[..], offset: ?> and a memory space, not '{rest[0]}'")
    return t.MemRefType(shape, element, strides, space)


def _checked(text: str) -> str:
    if not re.fullmatch(r"index|[if]\d+|complex<.*>", text):
        raise ValueError(f"'{text}' is no element type; there are i1 to i64, f16 to f64, index, complex<f64>")
    return text


def _split(text: str) -> list[str]:
    """The parts between commas that lie in no bracket."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        depth += (char in "<[(") - (char in ">])")
        if char == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [*parts, text[start:].strip()]


@functools.lru_cache(maxsize=1024)
def _affine_map(text: str) -> t.AffineMap:
    match = _MAP.fullmatch(text)
    assert match is not None
    dims = [d.strip() for d in match[1].split(",") if d.strip()]
    results = [r.strip() for r in match[2].split(",") if r.strip()]
    unknown = [r for r in results if r != "0" and r not in dims]
    if unknown:
        raise ValueError(f"a map's results are loop dimensions or 0, not '{unknown[0]}'")
    return t.AffineMap(len(dims), tuple(None if r == "0" else dims.index(r) for r in results))


def _dense_array(text: str) -> t.DenseArray:
    kind, _, values = text[len("array<"):-1].partition(":")
    if not re.fullmatch(r"i\d+", kind.strip()):
        raise ValueError(f"an array attribute is of integers (array<i64: 1, 2>), not of '{kind.strip()}'")
    numbers = tuple(int(v) for v in values.split(",") if v.strip())
    return t.DenseArray(t.IntType(int(kind.strip()[1:])), numbers)


def _dense(body: str, type: t.Type) -> t.Dense:
    """The constant between the angle brackets of `dense<...>`."""
    if not isinstance(type, t.TensorType) or None in type.shape:
        raise ValueError(f"dense<...> is of a tensor whose shape is known, not {type}")
    shape = tuple(n for n in type.shape if n is not None)
    kind = t.numpy_dtype(type.element)
    numbers = [_scalar(text, type.element) for text in _ELEMENT.findall(body)]
    if len(numbers) == 1 and "[" not in body:
        return t.Dense(np.full(shape, numbers[0], kind), type)
    if "".join(_ELEMENT.sub("0", body).split()) != "".join(_skeleton(shape).split()) and body.strip():
        raise ValueError(f"the brackets hold {len(numbers)} elements in another shape than {type}")
    return t.Dense(np.array(numbers, kind).reshape(shape), type)


def _skeleton(shape: tuple[int, ...]) -> str:
    return "[" + ",".join([_skeleton(shape[1:])] * shape[0]) + "]" if shape else "0"


def _scalar(text: str, type: t.Type) -> Any:
    if isinstance(type, t.ComplexType):
        parts = text.strip("()").split(",")
        if len(parts) != 2:
            raise ValueError(f"'{text}' is no complex number; write (1.0, 2.0)")
        value = np.zeros((), t.numpy_dtype(type))
        value.real, value.imag = (_scalar(p.strip(), type.element) for p in parts)
        return value[()]
    if text in ("true", "false"):
        return text == "true"
    if isinstance(type, t.FloatType):
        return _float_bits(text, type) if text.startswith("0x") else float(text)
    return int(text, 0) if "x" in text else int(text)


def _float_bits(text: str, type: t.FloatType) -> Any:
    kind = t.numpy_dtype(type)
    return np.array(int(text, 16), f"u{kind.itemsize}").view(kind)[()]


def _number_attribute(text: str, type: t.Type) -> t.IntAttr | t.FloatAttr:
    if isinstance(type, t.FloatType):
        return t.FloatAttr(float(_scalar(text, type)), type)
    if isinstance(type, (t.IntType, t.IndexType)):
        return t.IntAttr(int(_scalar(text, type)), type)
    raise ValueError(f"a number has an integer, index or float type, not {type}")


def _unescape(token: str) -> str:
    if "\\" not in token:
        return token[1:-1]
    named = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
    return _ESCAPE.sub(lambda m: named.get(m[1]) or chr(int(m[1], 16)), token[1:-1])


class _Parser:
    """Recursive descent over a list of tokens; `self.i` is the next one."""

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source
        self.tokens: list[_Token] = [
            (m.lastgroup, m[m.lastgroup], m.start(m.lastgroup))
            for m in _TOKEN.finditer(text) if m.lastgroup]
        self.tokens += [("end", "", len(text)), _END]
        self.i = 0
        self.values: dict[str, Value] = {}
        self.trail: list[str] = []  # the defined names, in order
        self.aliases: dict[str, Any] = {}
        self.pending: list[tuple[Op, _Token]] = []  # ops whose location's alias comes later

    # ---- tokens ----

    def fail(self, message: str, token: _Token | None = None) -> NoReturn:
        position = (token or self.tokens[self.i])[2]
        line = self.text.count("\n", 0, position) + 1
        start = self.text.rfind("\n", 0, position) + 1
        shown = self.text[start:].split("\n", 1)[0]
        column = position - start + 1
        raise ParseError(f"{self.source}:{line}:{column}: {message}\n  {shown}\n  {' ' * (column - 1)}^")

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
        """A plain decimal number."""
        text = self.tokens[self.i][1]
        if not (text.isascii() and text.isdigit()):
            self.fail(f"expected {what}, found {self.found()}")
        return int(self.take("number", what))

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
        self.expect("=")
        if self.tokens[self.i][1] == "loc":
            self.aliases[name] = self.location_body()
        else:
            self.aliases[name] = self.attribute()

    def known_alias(self, token: _Token) -> Any:
        if token[1] not in self.aliases:
            self.fail(f"the alias {token[1]} is not defined in this text", token)
        return self.aliases[token[1]]

    def op(self) -> Op:
        names = self.result_names()
        at = self.tokens[self.i]
        name = _unescape(self.take("string", 'an op ("dialect.name")'))
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
        op = Op(name, operands, types.results, attrs, regions)
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
                count = self.count("a number of results")
                names += [name] if count == 1 else [f"{name}#{k}" for k in range(count)]
            else:
                names.append(name)
            if not self.accept(","):
                break
        self.expect("=")
        return names

    def operands(self) -> tuple[list[Value], list[_Token]]:
        self.expect("(")
        values: list[Value] = []
        tokens: list[_Token] = []
        while self.tokens[self.i][0] == "value":
            token = self.tokens[self.i]
            value = self.values.get(token[1])
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
            regions.append(self.region())
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
            self.location(Op("ignored"))

    def block_ops(self, block: Block) -> Block:
        while self.tokens[self.i][0] in ("value", "string"):
            block.append(self.op())
        return block

    # ---- types ----

    def type(self) -> t.Type:
        kind, text, _ = self.tokens[self.i]
        if kind == "type":
            self.i += 1
            found: t.Type = self.checked(_plain_type, text)
            return found
        if text == "(":
            return self.function_type()
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
            key = _unescape(text) if kind == "string" else text
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
        self.i += 1
        if text in ("true", "false"):
            return text == "true"
        if text == "[":
            return self.list_attribute()
        if text == "{":
            self.i -= 1
            return self.attribute_dict()
        self.i -= 1
        if text == "(":
            return self.type()
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
        text = self.take("number", "a number")
        if self.accept(":"):
            return self.checked(_number_attribute, text, self.type())
        return float(text) if "." in text else int(text, 0)

    def dense_attribute(self) -> t.Dense:
        text = self.take("dense", "a constant")
        self.expect(":")
        constant: t.Dense = self.checked(_dense, text[len("dense<"):-1], self.type())
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
        if self.tokens[self.i + 2][0] == "hash":
            token = self.tokens[self.i + 2]
            self.i += 3
            self.expect(")", " after a location")
            if token[1] in self.aliases:
                op.location = self.aliases[token[1]]
            else:
                self.pending.append((op, token))
        else:
            op.location = self.location_body()

    def location_body(self) -> Location | None:
        self.expect("loc")
        self.expect("(")
        found: Location | None = None
        if not self.accept("unknown"):
            file = _unescape(self.take("string", "a file's name"))
            self.expect(":")
            line = self.count("a line")
            self.expect(":")
            found = (file, line, self.count("a column"))
        self.expect(")", " after a location")
        return found


_ATTRIBUTES: dict[str, Any] = {
    "number": _Parser.number_attribute,
    "string": lambda p: _unescape(p.take("string", "a string")),
    "type": _Parser.type,
    "dense": _Parser.dense_attribute,
    "hash": _Parser.dialect_attribute,
    "map": lambda p: p.token_attribute(_affine_map),
    "array": lambda p: p.token_attribute(_dense_array),
    "symbol": lambda p: p.token_attribute(lambda text: t.Symbol(text[1:].strip('"'))),
}
