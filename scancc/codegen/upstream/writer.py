"""Prints functions of loop IR in upstream dialects: by a rule for each op that they lack, the others as they are.

Ops are in the generic form, which versions read alike, but for those with groups of operands, whose sizes have had
two names; their own form has had one. Regions stay regions, but for loops and branches with a check in them, which
become blocks: from there a function can return.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from ...artifact import N_INFO_SLOTS, Check
from ...errors import UnsupportedError
from ...ir import types as t
from ...ir.core import Block, Op, Value, functions
from ...ir.dialects.arith import CMPF, CMPI
from ...ir.needs import BUFFERS, PLANNED, require
from ...ir.ops import CHECKS, OPS, has_trait
from ...ir.parts import PlannedFunc
from ...ir.printer import attribute_text
from ...ir.rules.memref import strides_of
from ..c_names import c_identifier

UPSTREAM = frozenset({"arith", "complex", "math", "memref", "scf", "vector"})
_SIZES, _INFO = t.MemRefType((None,), t.i64), t.MemRefType((N_INFO_SLOTS,), t.i64)


class Ref(NamedTuple):
    """A value of the text: its name and its type there."""

    name: str
    type: t.Type


def stored(type: t.Type) -> t.Type:
    """The type that an element has in memory."""
    return t.i8 if type == t.i1 else type


def plain(type: t.Type) -> t.MemRefType:
    """The type of a buffer as an interface has it."""
    assert isinstance(type, t.MemRefType)
    return t.MemRefType(type.shape, stored(type.element), type.strides)


def told(type: t.Type) -> t.Type:
    """The type of a value in the text. Buffers say their strides, and that they may begin anywhere, so that a part of
    one, or another shape of it, is as good as any other."""
    if not isinstance(type, t.MemRefType):
        return type
    return t.MemRefType(type.shape, stored(type.element), strides_of(type))


def shown(type: t.Type) -> t.Type:
    """The type that stands in the text: of vectors of complex numbers, which upstream has not, that of their parts,
    which take turns."""
    if not isinstance(type, t.VectorType) or not t.is_complex(type):
        return type
    return t.VectorType((2 * type.shape[0],), t.part(type))


class ModuleText:
    """The functions of a module, and those that they call."""

    def __init__(self) -> None:
        self.functions: list[str] = []
        self.called: dict[str, str] = {}
        self.globals: dict[str, str] = {}

    def call(self, name: str, text: str) -> str:
        """The symbol of a function that the module then has."""
        self.called.setdefault(name, text)
        return name

    def constant(self, data: t.Dense, type: t.MemRefType) -> str:
        """The symbol of a buffer of constant data."""
        if type.element == t.i8:  # which may be truth values
            data = t.Dense(data.data.astype("int8"), t.TensorType(type.shape, t.i8))
        text = f'initial_value = {data}, constant, sym_visibility = "private", type = {type}, alignment = 64 : i64'
        return self.globals.setdefault(text, f"scan_data_{len(self.globals)}")

    def __str__(self) -> str:
        data = [f'"memref.global"() {{sym_name = "{name}", {text}}} : () -> ()'
                for text, name in self.globals.items()]
        return "\n\n".join([*data, *self.functions, *self.called.values()]) + "\n"


def module_text(module: Op, checks: Sequence[Check], prefix: str = "") -> str:
    """The text of all functions of loop IR, with its `checks`, which have their numbers; `prefix` goes before names.
    UnsupportedError names what has no form there."""
    require(module, "the export to upstream dialects", (BUFFERS, PLANNED))
    out = ModuleText()
    for func in functions(module):
        out.functions.append(Writer(func, out, prefix).run())
    return f"{_statuses(checks)}{out}"


def _statuses(checks: Sequence[Check]) -> str:
    """What each status says, as comments."""
    lines = [f"// {check.code}  {' '.join(check.text().split())}\n" for check in checks]
    return "".join(["// Statuses, and what they say of the numbers {0}.. in %info:\n", *lines, "\n"] if lines else [])


class Writer:
    """Prints one function."""

    def __init__(self, func: Op, out: ModuleText, prefix: str = "") -> None:
        self.func, self.out, self.prefix = func, out, prefix
        self.arguments: dict[Value, Ref] = {}  # as the interface has them
        self.names: dict[Value, Ref] = {}
        self.lines: list[str] = []
        self.entry: list[str] = []  # memory on the stack: made once, in whatever loop it is used
        self.counter = 0
        self.depth = 1
        self.sizes, self.info = Ref("%sizes", _SIZES), Ref("%info", _INFO)
        self.checked = {parent for op in func.walk() if has_trait(op, CHECKS) for parent in _around(op)}

    # ---- lines ----

    def line(self, text: str) -> None:
        self.lines.append("  " * self.depth + text)

    def fresh(self) -> str:
        self.counter += 1
        return f"%{self.counter}"

    def label(self) -> str:
        self.counter += 1
        return f"^bb{self.counter}"

    def emit(self, name: str, operands: Sequence[Ref] = (), results: Sequence[t.Type] = (), attrs: str = "",
             goes_to: Sequence[str] = ()) -> list[Ref]:
        """Print an op; its results."""
        made = [Ref(self.fresh(), type) for type in results]
        left = f"{', '.join(r.name for r in made)} = " if made else ""
        after = f"[{', '.join(goes_to)}]" if goes_to else ""
        types = t.FunctionType(tuple(shown(r.type) for r in operands), tuple(map(shown, results)))
        braced = f" {{{attrs}}}" if attrs else ""
        self.line(f'{left}"{name}"({", ".join(r.name for r in operands)}){after}{braced} : {types}')
        return made

    def make(self, name: str, operands: Sequence[Ref], result: t.Type, attrs: str = "") -> Ref:
        """Print an op with one result."""
        return self.emit(name, operands, [result], attrs)[0]

    def binary(self, name: str, x: Ref, y: Ref) -> Ref:
        return self.make(name, [x, y], x.type)

    def number(self, value: float | int, type: t.Type) -> Ref:
        """A constant, in all lanes of a vector."""
        kind = t.element(type)
        number: t.FloatAttr | t.IntAttr = (
            t.FloatAttr(float(value), kind) if isinstance(kind, t.FloatType) else t.IntAttr(int(value), kind))
        if not isinstance(type, t.VectorType):
            return self.make("arith.constant", [], type, f"value = {number}")
        return self.make("vector.broadcast", [self.number(value, kind)], type)

    def index(self, value: int) -> Ref:
        return self.number(value, t.index)

    def compare(self, predicate: str, x: Ref, y: Ref) -> Ref:
        """By the name of the predicate of arith.cmpf or arith.cmpi."""
        is_float = isinstance(t.element(x.type), t.FloatType)
        place = (CMPF if is_float else CMPI).index(predicate)
        return self.make("arith.cmpf" if is_float else "arith.cmpi", [x, y], t.shaped(t.i1, x.type),
                         f"predicate = {place} : i64")

    def select(self, condition: Ref, x: Ref, y: Ref) -> Ref:
        return self.make("arith.select", [condition, x, y], x.type)

    def cast(self, ref: Ref, type: t.Type) -> Ref:
        """The same buffer under another type."""
        return ref if ref.type == type else self.make("memref.cast", [ref], type)

    def stack_memory(self, shape: Sequence[int], element: t.Type) -> Ref:
        """Memory on the stack, from the function's start on."""
        made, type = self.fresh(), t.MemRefType(tuple(shape), stored(element))
        self.entry.append(f"  {made} = memref.alloca() : {type}")
        name, general = self.fresh(), told(type)
        self.entry.append(f'  {name} = "memref.cast"({made}) : ({type}) -> {general}')
        return Ref(name, general)

    # ---- values and ops ----

    def ref(self, value: Value) -> Ref:
        return self.names[value]

    def refs(self, values: Sequence[Value]) -> list[Ref]:
        return [self.names[v] for v in values]

    def give(self, values: Sequence[Value], refs: Sequence[Ref]) -> None:
        self.names.update(zip(values, refs, strict=True))

    def write(self, op: Op) -> None:
        """Print an op: by its rule, else as it is."""
        rule = RULES.get(op.name)
        if rule is not None:
            rule(self, op)
        elif op.name.partition(".")[0] in UPSTREAM:
            self.copy(op)
        else:
            place = " ({}:{})".format(*op.location) if op.location else ""
            raise UnsupportedError(f"'{op.name}'{place} has no form in upstream dialects and in C's library; leave "
                                   "out what needs it, or export an object")

    def copy(self, op: Op) -> None:
        """Print an op as it is."""
        self.give(op.results, self.emit(op.name, self.refs(op.operands), [told(r.type) for r in op.results],
                                        attributes(op)))

    def write_all(self, block: Block) -> list[Ref]:
        """Print the ops of a block but for its end; what that hands on."""
        for op in block.ops[:-1]:
            self.write(op)
        return self.refs(block.terminator.operands)

    @contextmanager
    def region(self, arguments: Sequence[Ref] = ()) -> Iterator[None]:
        """What is printed within is in a region."""
        self.depth += 1
        if arguments:
            self.depth -= 1
            self.line(f"^bb0({', '.join(f'{r.name}: {shown(r.type)}' for r in arguments)}):")
            self.depth += 1
        yield
        self.depth -= 1

    def block(self, label: str, types: Sequence[t.Type] = ()) -> list[Ref]:
        """Begin a block; its arguments."""
        arguments = [Ref(self.fresh(), type) for type in types]
        listed = f"({', '.join(f'{r.name}: {shown(r.type)}' for r in arguments)})" if arguments else ""
        self.lines.append(f"{label}{listed}:")
        return arguments

    def go(self, label: str, operands: Sequence[Ref] = ()) -> None:
        self.emit("cf.br", operands, goes_to=[label])

    def go_if(self, condition: Ref, label: str, other: str) -> None:
        self.line(f"cf.cond_br {condition.name}, {label}, {other}")

    # ---- the function ----

    def run(self) -> str:
        name, args = self.prefix + self.func.attrs["sym_name"], self.func.body.args
        for arg in args:
            self.arguments[arg] = Ref(self._name_of(arg), plain(arg.type))
            self.names[arg] = self.cast(self.arguments[arg], told(arg.type))
        self.entry, self.lines = self.lines, []
        for op in self.func.body.ops:
            self.write(op)
        self.emit("func.return", [Ref(self.status(0), t.i32)])
        parameters = [*self.arguments.values(), self.sizes, self.info]
        types = t.FunctionType(tuple(r.type for r in parameters), (t.i32,))
        listed = ", ".join(f"{r.name}: {r.type}" for r in parameters)
        return "\n".join([
            '"func.func"() ({', f"^bb0({listed}):", *self.entry, *self.lines,
            f'}}) {{sym_name = "{name}", function_type = {types}, llvm.emit_c_interface}} : () -> ()'])

    def _name_of(self, arg: Value) -> str:
        """Its own name, where no other argument has it."""
        name = c_identifier(arg.name or f"arg{arg.index}")
        while f"%{name}" in [r.name for r in (self.sizes, self.info, *self.arguments.values())]:
            name += "_"
        return f"%{name}"

    def status(self, code: int) -> str:
        return self.number(code, t.i32).name

    def place_of(self, output: Value, axis: int = 0) -> int:
        """Where the size of an axis of an output stands in %sizes, or the bytes of the workspace."""
        before = 0
        for other in self._written():
            if other is output:
                return before + axis
            before += len(plain(other.type).shape)
        raise KeyError(output)

    def place_of_slot(self, slot: int) -> int:
        """The same, of a slot of the packed interface."""
        first = 0
        for arg in self.func.body.args:
            rank = len(plain(arg.type).shape)
            if first < slot <= first + rank:
                return self.place_of(arg, slot - first - 1)
            first += 1 + rank
        raise KeyError(slot)

    def _written(self) -> list[Value]:
        """Outputs and workspace; a query has them where the function has."""
        home = self.func.parent_op()
        name = self.func.attrs["sym_name"].removesuffix("__query")
        planned = [f for f in functions(home) if f.attrs["sym_name"] == name] if home is not None else []
        parts = PlannedFunc((planned or [self.func])[0])
        args = self.func.body.args
        return [args[v.index] for v in (*parts.outputs, parts.workspace)]


Rule = Callable[[Writer, Op], None]
RULES: dict[str, Rule] = {}


def exports(*names: str) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function
    return register


def attributes(op: Op) -> str:
    """The attributes that upstream's op has; marks say something to our passes alone."""
    declared = (name for name in OPS[op.name].attrs if name in op.attrs)
    return ", ".join(f"{name} = {attribute_text(op.attrs[name])}" for name in declared)


def _around(op: Op) -> Iterator[Op]:
    parent = op.parent_op()
    while parent is not None:
        yield parent
        parent = parent.parent_op()
