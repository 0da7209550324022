"""Prints loop IR as LLVM IR text.

Each function but a query becomes an internal body whose pointers are `noalias`, and an entry
`i32 @NAME(ptr %slots)` with the packed ABI that unpacks the slots and calls it. Structured loops are
printed rotated (a guard, then a do-while), so that few LLVM passes are needed afterwards. Nothing is
allocated and nothing is called but elementary functions, which are printed along, and `mem*`.

Values: scalars and vectors are LLVM operands; a complex number is a pair of operands (`Pair`), and so is a vector of
them, a vector of real parts and one of imaginary parts, which are put together where they are stored; a buffer is a
`Mem`: pointer, sizes and element strides, known at compile time where they can be.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from functools import cache

from scancc.late_dataclasses import dataclass

from ...artifact import INTERRUPTED, POLL_SYMBOL
from ...errors import UnsupportedError
from ...ir import types as t
from ...ir.core import Block, Op, Value, functions
from ...ir.ops import LOOP, has_trait
from ..math import Closure, MathFunction, define, shared_modules
from ..target import Target
from .halved_vectors import width_attributes

Operand = str


@dataclass(frozen=True)
class Pair:
    """A complex number, or a vector of them, as two operands."""

    re: Operand
    im: Operand


@dataclass(frozen=True)
class Mem:
    """A buffer: pointer to element 0, sizes and element strides (operands; constants are digits)."""

    pointer: Operand
    dims: tuple[Operand, ...]
    strides: tuple[Operand, ...]
    element: t.Type


Emitted = str | Pair | Mem

ASK = MathFunction("scancc.ask", f"""@{POLL_SYMBOL} = hidden global ptr null
define internal i1 @scancc.ask() noinline {{
  %function = load ptr, ptr @{POLL_SYMBOL}
  %none = icmp eq ptr %function, null
  br i1 %none, label %no, label %call
call:
  %answer = call i32 %function()
  %raised = icmp ne i32 %answer, 0
  ret i1 %raised
no:
  ret i1 false
}}""", ())

LONG_QUERY = 200  # lines; an object has 2 ms of its own
MOST_INLINED = 16  # calls of one elementary function in a module


@dataclass(frozen=True)
class Registers:
    """A processor's vector registers: how wide, and how many."""

    nbytes: int = 16
    count: int = 16
    late_masks: bool = False  # of comparisons: `Target.has_late_masks`
    blends: bool = False  # `Target.has_blends`

    @classmethod
    def of(cls, target: Target) -> Registers:
        return cls(target.vector_bytes, target.n_vectors, target.has_late_masks, target.has_blends)


LEAST = Registers()


@dataclass(frozen=True)
class Parts:
    """A module, and modules of shared functions that it calls, each after those that it calls in turn.

    `queries`: a module of those queries that are not in `main`; empty where there are none.
    """

    main: str
    shared: tuple[str, ...]
    queries: str = ""


@dataclass
class ModuleText:
    """What a module prints to: function texts, the elementary functions they call, declarations."""

    fma: bool = True
    interruptible: bool = False  # long loops may ask whether to go on
    registers: Registers = Registers()
    functions: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)  # those that may be a module of their own
    math: dict[str, MathFunction] = field(default_factory=dict)
    n_calls: Counter[str] = field(default_factory=Counter)  # by symbol of an elementary function
    declares: dict[str, None] = field(default_factory=dict)
    constants: dict[bytes, str] = field(default_factory=dict)

    def constant(self, data: bytes) -> str:
        """The symbol of read-only data."""
        return self.constants.setdefault(data, f"@scancc.data.{len(self.constants)}")

    def _constant_text(self, data: bytes, symbol: str) -> str:
        text = "".join(f"\\{byte:02X}" for byte in data)
        return f'{symbol} = private unnamed_addr constant [{len(data)} x i8] c"{text}", align 64'

    def text(self) -> str:
        """All of it, as one module."""
        return self._with([*self.functions, *self.queries], self._closure(apart=False))

    def parts(self) -> Parts:
        """The module without the shared functions, and these, which a machine compiles once."""
        closure = self._closure(apart=True)
        shared = tuple(shared_modules(closure.shared.values()).values())
        queries = "\n".join([*self.queries, *self.declares]) + "\n" if self.queries else ""
        return Parts(self._with(self.functions, closure), shared, queries)

    def _closure(self, apart: bool) -> Closure:
        closure = Closure(apart, declares=dict(self.declares))
        for function in self.math.values():
            closure.add(function)
        return closure

    def _with(self, functions: Sequence[str], called: Closure) -> str:
        data = [self._constant_text(*item) for item in self.constants.items()]
        parts = [*data, *functions, *map(self._math_text, called.defined.values()), *called.declares]
        return "\n".join(parts) + "\n"

    def _math_text(self, function: MathFunction) -> str:
        """An elementary function, to be inlined unless so many calls would make LLVM's time grow without end."""
        often = self.n_calls[function.symbol] > MOST_INLINED
        return function.text.replace(" alwaysinline ", " noinline ", 1) if often else function.text

    def needed(self, function: MathFunction) -> str:
        """The symbol of a function that the module then has."""
        self.math.setdefault(function.symbol, function)
        return function.symbol

    def math_call(self, name: str, dtype: str, width: int, exponent: float | None = None) -> str:
        symbol = self.needed(define(name, dtype, width, self.fma, exponent))
        self.n_calls[symbol] += 1
        return symbol

    def intrinsic(self, name: str, result: str, *args: str) -> str:
        self.declares.setdefault(f"declare {result} @{name}({', '.join(args)})")
        return name


def print_module(module: Op, fma: bool = True, interruptible: bool = False,
                 registers: Registers = LEAST) -> ModuleText:
    """LLVM IR text of all functions of a loop-IR module.

    `fma`: the target has a fused multiply-add, which elementary functions may use. `interruptible`: see
    `interrupts.py`. `registers` decide the tiles of products.
    """
    out = ModuleText(fma, interruptible, registers=registers)
    for func in functions(module):
        text = FunctionEmitter(func, out).run()
        (out.queries if _stands_alone(func, text) else out.functions).append(text)
    return out


def _stands_alone(func: Op, text: str) -> bool:
    """Whether a query is long, goes straight on, and calls nothing of the module."""
    return (_is_query(func) and text.count("\n") > LONG_QUERY and "@scancc." not in text
            and not _has_loops(func))


def _is_query(func: Op) -> bool:
    return "return_slots" in func.attrs


def _has_loops(func: Op) -> bool:
    return any(has_trait(op, LOOP) for op in func.walk())


def emit_module(module: Op, fma: bool = True, interruptible: bool = False, registers: Registers = LEAST) -> str:
    """See `print_module`; as one text."""
    return print_module(module, fma, interruptible, registers).text()


@cache
def llvm_type(type: t.Type, memory: bool = False) -> str:
    """LLVM's text of a scalar or vector type; truth values take a byte in memory."""
    if isinstance(type, t.VectorType):
        return f"<{type.shape[0]} x {llvm_type(type.element, memory)}>"
    if type == t.i1:
        return "i8" if memory else "i1"
    if type == t.index:
        return "i64"
    if isinstance(type, t.FloatType):
        return {16: "half", 32: "float", 64: "double"}[type.width]
    return str(type)


@cache
def stored_type(element: t.Type) -> str:
    """LLVM's text of an element in memory."""
    if isinstance(element, t.ComplexType):
        return f"{{ {llvm_type(element.element)}, {llvm_type(element.element)} }}"
    return llvm_type(element, memory=True)


class FunctionEmitter:
    """Prints one function: its packed entry and its body.

    In code for Python LLVM does not optimise what goes straight on, once a call: entries, and queries without loops.
    They are a fifth of the lines of small programs.
    """

    outlines = True  # nests that are equal

    def __init__(self, func: Op, out: ModuleText, name: str = "") -> None:
        self.func = func
        self.out = out
        self.name = name or func.attrs["sym_name"] + ("" if _is_query(func) else "__run")
        self.lines: list[str] = []
        self.env: dict[Value, Emitted] = {}
        self.counter = 0
        self.label = "entry"
        self.endings: list[str] = []  # blocks behind all others
        self.stack: list[str] = []  # what makes memory on the stack: at the entry, so that no loop does it again
        self.spare: dict[t.Type, list[str]] = {}  # such memory that nobody uses at this point
        self.falling: dict[str, str | None] = {}  # counter of a loop around -> its opposite, if asked for
        self.factors: dict[str, str] = {}  # sizes that the function has as doubles (`extents.py`)
        self.products: dict[tuple[str, str], str] = {}  # that were computed before, whatever runs
        self.slots: dict[Value, int] = {}  # buffer argument -> first slot
        self.n_slots = 0
        self.orders: dict[Block, frozenset[Value]] = {}  # (`lane_orders.py`)
        self.nests: Mapping[Op, object] | None = {}  # equal ones (`outlining.py`); None: not yet looked for

    def asking(self) -> str:
        """The call that says whether a handler raised."""
        return f"@{self.out.needed(ASK)}()"

    def interrupted(self) -> str:
        """The label of the block that ends the function where a handler raised."""
        self.endings = ["interrupted:", f"  ret i32 {INTERRUPTED}"]
        return "interrupted"

    # ---- printing ----

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def fresh(self) -> str:
        self.counter += 1
        return f"%v{self.counter}"

    def emit(self, text: str) -> str:
        """Print `%new = text` and give the new name."""
        name = self.fresh()
        self.lines.append(f"  {name} = {text}")
        return name

    def new_label(self, hint: str) -> str:
        self.counter += 1
        return f"{hint}{self.counter}"

    def start(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.label = label

    def value(self, v: Value) -> str:
        operand = self.env[v]
        assert isinstance(operand, str), f"{v!r} is not a scalar or vector"
        return operand

    def mem(self, v: Value) -> Mem:
        operand = self.env[v]
        assert isinstance(operand, Mem), f"{v!r} is not a buffer"
        return operand

    def pair(self, v: Value) -> Pair:
        operand = self.env[v]
        assert isinstance(operand, Pair), f"{v!r} is not complex"
        return operand

    # ---- memory on the stack ----

    def stack_memory(self, type: t.MemRefType) -> str:
        free = self.spare.setdefault(type, [])
        if free:
            return free.pop()
        count, pointer = math.prod(n or 0 for n in type.shape), self.fresh()
        nbytes = count * t.nbytes(type.element)
        self.stack.append(f"  {pointer} = alloca [{nbytes} x i8], align 64")
        return pointer

    def free_stack_memory(self, type: t.Type, pointer: str) -> None:
        self.spare[type].append(pointer)

    # ---- integer arithmetic on sizes, folded where both sides are digits ----

    def imul(self, a: str, b: str) -> str:
        if a == "1" or b == "1":
            return b if a == "1" else a
        if a == "0" or b == "0":
            return "0"
        if a.lstrip("-").isdigit() and b.lstrip("-").isdigit():
            return str(int(a) * int(b))
        return self.emit(f"mul nsw i64 {a}, {b}")

    def iadd(self, a: str, b: str) -> str:
        if a == "0" or b == "0":
            return b if a == "0" else a
        if a.lstrip("-").isdigit() and b.lstrip("-").isdigit():
            return str(int(a) + int(b))
        return self.emit(f"add nsw i64 {a}, {b}")

    def product(self, a: str, b: str) -> str:
        """A product that later ops of the block being printed find, too."""
        found = self.products.get((a, b))
        if found is None:
            found = self.products[a, b] = self.imul(a, b)
        return found

    @contextmanager
    def apart(self) -> Iterator[None]:
        """What is printed meanwhile may not run before what comes later."""
        known = self.products
        self.products = known.copy()
        yield
        self.products = known

    def contiguous(self, dims: Sequence[str]) -> tuple[str, ...]:
        """Row-major element strides."""
        strides = ["1"] * len(dims)
        for axis in range(len(dims) - 2, -1, -1):
            strides[axis] = self.product(strides[axis + 1], dims[axis + 1])
        return tuple(strides)

    # ---- the function ----

    def run(self) -> str:
        """The function; a query writes sizes alone, the others have a body apart, whose pointers are `noalias`."""
        params, loads = self._unpack()
        if self.outlines and not _is_query(self.func):
            self.nests = None
        for op in self.func.body.ops:
            self.op(op)
        body = "\n".join([*self.stack, *self.lines, *self.endings])
        is_query = _is_query(self.func)
        kept = "noinline optnone " if self.out.interruptible and not (is_query and _has_loops(self.func)) else ""
        head = f"define i32 @{self.name}(ptr noalias nocapture %slots) {kept}nounwind {{"
        if is_query:
            return "\n".join([head, "entry:", *loads, body, "}"])
        entry = "\n".join([
            head, *loads,
            f"  %status = call i32 @{self.name}__body({', '.join(params)}, ptr %slots)",
            "  ret i32 %status", "}"])
        args = ", ".join(f"{p.split(' ')[0]} {self._attrs(p)}{p.split(' ')[1]}" for p in params)
        width = width_attributes(self.func, body, self.out.registers.nbytes)
        return (f"define internal i32 @{self.name}__body({args}, ptr noalias nocapture %slots) "
                f"noinline nounwind{width} {{\nentry:\n{body}\n}}\n{entry}")

    @staticmethod
    def _attrs(param: str) -> str:
        return "noalias nocapture " if param.startswith("ptr") else ""

    def _unpack(self) -> tuple[list[str], list[str]]:
        """Parameters of the body, and the entry's loads of them from the slots."""
        params: list[str] = []
        loads: list[str] = []
        slot = 0
        for number, arg in enumerate(self.func.body.args):
            type = arg.type
            assert isinstance(type, t.MemRefType), "loop-IR functions take buffers only"
            self.slots[arg] = slot
            slot = self._load_slot(loads, params, "ptr", f"%a{number}", slot)
            dims = []
            for axis in range(len(type.shape)):
                name = f"%a{number}_d{axis}"
                slot = self._load_slot(loads, params, "i64", name, slot)
                dims.append(name)
            fixed = tuple(d if n is None else str(n) for d, n in zip(dims, type.shape, strict=True))
            self.env[arg] = Mem(f"%a{number}", fixed, self.contiguous(fixed), type.element)
        self.n_slots = slot
        return params, loads

    @staticmethod
    def _load_slot(loads: list[str], params: list[str], type: str, name: str, slot: int) -> int:
        loads.append(f"  {name}_p = getelementptr i64, ptr %slots, i64 {slot}")
        loads.append(f"  {name} = load {type}, ptr {name}_p")
        params.append(f"{type} {name}")
        return slot + 1

    def store_slot(self, slot: int, value: str) -> None:
        pointer = self.emit(f"getelementptr i64, ptr %slots, i64 {slot}")
        self.line(f"store i64 {value}, ptr {pointer}")

    def op(self, op: Op) -> None:
        emitter = EMITTERS.get(op.name)
        if emitter is None:
            raise UnsupportedError(f"no LLVM emitter for the op '{op.name}'; it must be lowered before")
        emitter(self, op)

    def block(self, block: Block) -> list[Emitted]:
        """Print the ops of a region's block; give the operands of its terminator."""
        with self.apart():
            for op in block.ops[:-1]:
                self.op(op)
        return [self.env[v] for v in block.terminator.operands]

    # ---- values carried around loops and branches: flattened to LLVM operands ----

    def flatten(self, value: Emitted) -> list[str]:
        if isinstance(value, Pair):
            return [value.re, value.im]
        return [value.pointer] if isinstance(value, Mem) else [value]

    def flat_types(self, type: t.Type) -> list[str]:
        if isinstance(type, t.MemRefType):
            return ["ptr"]
        return [llvm_type(t.parts(type))] * (2 if t.is_complex(type) else 1)

    def unflatten(self, like: Emitted, operands: Sequence[str]) -> Emitted:
        """The value of which `operands` are the parts; buffers keep the shape of `like`."""
        if isinstance(like, Pair):
            return Pair(*operands)
        if isinstance(like, Mem):
            with self.apart():  # of a loop's arguments, too
                return Mem(operands[0], like.dims, self.contiguous(like.dims), like.element)
        return operands[0]

    def phis(self, types: Sequence[str], arms: Sequence[tuple[Sequence[str], str]]) -> list[str]:
        """What comes from different blocks; what is the same in all of them, as sizes are, needs no instruction."""
        return [arms[0][0][i] if all(ops[i] == arms[0][0][i] for ops, _ in arms) else
                self.emit(f"phi {type} " + ", ".join(f"[ {ops[i]}, %{label} ]" for ops, label in arms))
                for i, type in enumerate(types)]

    # ---- element addresses ----

    def address(self, mem: Mem, indices: Sequence[str]) -> str:
        linear = "0"
        for index, stride in zip(indices, mem.strides, strict=True):
            linear = self.iadd(linear, self._distance(index, stride))
        if linear == "0":
            return mem.pointer
        return self.emit(f"getelementptr inbounds {stored_type(mem.element)}, ptr {mem.pointer}, i64 {linear}")

    def _distance(self, index: str, stride: str) -> str:
        """`index * stride`; backwards, of the counter that falls: an address of x86 adds, and never subtracts."""
        if stride[0] == "-" and index in self.falling:
            return self.product(self.opposite(index), stride[1:])
        return self.product(index, stride)

    def opposite(self, counter: str) -> str:
        """A loop's counter times -1, which the loop carries."""
        found = self.falling[counter] = self.falling[counter] or self.fresh()
        return found

    def load(self, pointer: str, type: t.Type, order: Sequence[int] = ()) -> Emitted:
        """`order`: which of adjacent complex numbers each lane has; else as they stand."""
        if isinstance(type, t.ComplexType):
            kind, align = llvm_type(type.element), t.nbytes(type.element)
            second = self.emit(f"getelementptr inbounds {kind}, ptr {pointer}, i64 1")
            return Pair(self.emit(f"load {kind}, ptr {pointer}, align {align}"),
                        self.emit(f"load {kind}, ptr {second}, align {align}"))
        if t.is_complex(type):
            return self._load_pairs(pointer, type, order or range(width_of(type)))
        kind, align = llvm_type(type, memory=True), t.nbytes(type)
        loaded = self.emit(f"load {kind}, ptr {pointer}, align {align}")
        if t.element(type) == t.i1:
            return self.emit(f"icmp ne {kind} {loaded}, {'zeroinitializer' if kind[0] == '<' else '0'}")
        return loaded

    def store(self, value: Emitted, pointer: str, type: t.Type, order: Sequence[int] = ()) -> None:
        if isinstance(value, Pair):
            if isinstance(type, t.VectorType):
                self._store_pairs(value, pointer, type, order or range(width_of(type)))
                return
            assert isinstance(type, t.ComplexType)
            kind, align = llvm_type(type.element), t.nbytes(type.element)
            second = self.emit(f"getelementptr inbounds {kind}, ptr {pointer}, i64 1")
            self.line(f"store {kind} {value.re}, ptr {pointer}, align {align}")
            self.line(f"store {kind} {value.im}, ptr {second}, align {align}")
            return
        assert isinstance(value, str)
        kind = llvm_type(type, memory=True)
        if t.element(type) == t.i1:
            value = self.emit(f"zext {llvm_type(type)} {value} to {kind}")
        self.line(f"store {kind} {value}, ptr {pointer}, align {t.nbytes(type)}")

    def _load_pairs(self, pointer: str, type: t.Type, order: Sequence[int]) -> Pair:
        """Adjacent complex numbers: their parts take turns in memory."""
        part, n = t.part(type), width_of(type)
        both = f"<{2 * n} x {llvm_type(part)}>"
        loaded = self.emit(f"load {both}, ptr {pointer}, align {t.nbytes(part)}")
        return Pair(*(self.emit(f"shufflevector {both} {loaded}, {both} poison, {mask(2 * i + side for i in order)}")
                      for side in (0, 1)))

    def _store_pairs(self, value: Pair, pointer: str, type: t.Type, order: Sequence[int]) -> None:
        part, n = t.part(type), width_of(type)
        kind = f"<{n} x {llvm_type(part)}>"
        turns = mask(lane for i in range(n) for lane in (order.index(i), n + order.index(i)))
        both = self.emit(f"shufflevector {kind} {value.re}, {kind} {value.im}, {turns}")
        self.line(f"store <{2 * n} x {llvm_type(part)}> {both}, ptr {pointer}, align {t.nbytes(part)}")


Emitter = Callable[[FunctionEmitter, Op], None]
EMITTERS: dict[str, Emitter] = {}


def emits(*names: str) -> Callable[[Emitter], Emitter]:
    def register(function: Emitter) -> Emitter:
        for name in names:
            EMITTERS[name] = function
        return function
    return register


def width_of(type: t.Type) -> int:
    return type.shape[0] if isinstance(type, t.VectorType) else 1


def mask(lanes: Iterable[int]) -> str:
    """LLVM's text of which lanes a shuffle takes."""
    places = [f"i32 {lane}" for lane in lanes]
    return f"<{len(places)} x i32> <{', '.join(places)}>"


def suffix(type: t.Type) -> str:
    """LLVM's overload suffix: f64, v8f64, i32."""
    kind = t.element(type)
    base = "i64" if kind == t.index else str(kind)
    return f"v{width_of(type)}{base}" if isinstance(type, t.VectorType) else base
