"""Prints a function of loop IR as C.

Values are expressions: one that is used once, in the block that makes it, is written where it is used, others get a
name, the user's where there is one. What reads memory is named before something writes memory. A complex number is a
pair of expressions; a buffer is a `Mem`: a pointer, sizes and element strides. Carried values are variables.

Vectors are of the GNU extension. What C has no sign for, or what must wrap, goes lane by lane (`elementwise`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import field

from scancc.codegen.c_names import argument_name
from scancc.errors import UnsupportedError
from scancc.ir import types as t
from scancc.ir.core import Block, Location, Op, Value
from scancc.ir.ops import int_attr
from scancc.late_dataclasses import dataclass

from ..entry import Names
from .library import HALF, CFunction
from .lines import bare, is_closed, without_unused, wrapped
from .types import c_type, vector_typedef

_OF_THE_FILE = ("lane", "half", "copy", "move", "can_exist", "to_half", "from_half", "array")  # no names of values
_LONGEST = 70  # an expression that is written where it is used


@dataclass(frozen=True)
class Expr:
    """An expression of C. `reads`: memory. `opposite`: what is true where it is not."""

    text: str
    reads: bool = False
    opposite: str = ""

    @property
    def closed(self) -> str:
        """It as an operand."""
        return self.text if is_closed(self.text) else f"({self.text})"


@dataclass(frozen=True)
class Pair:
    """A complex number."""

    re: Expr
    im: Expr


@dataclass(frozen=True)
class Mem:
    """A buffer: pointer to element 0, sizes and element strides, all words. `constant`: nobody writes it."""

    pointer: str
    dims: tuple[str, ...]
    strides: tuple[str, ...]
    element: t.Type
    constant: bool = False

    @property
    def c_type(self) -> str:
        return f"{'const ' if self.constant else ''}{c_type(self.element, memory=True)} *"


Operand = Expr | Pair | Mem


@dataclass
class FileText:
    """What a file of C prints to: types, functions of the library, data, functions."""

    fma: bool = True
    place: Callable[[str], str] = str  # how a source file is called
    typedefs: dict[str, None] = field(default_factory=dict)
    library: dict[str, CFunction] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)  # text of an array behind its name -> its name

    def need(self, function: CFunction) -> str:
        """The name of a function that the file then has."""
        self.library.setdefault(function.name, function)
        return function.name

    def type(self, type: t.Type) -> str:
        if isinstance(type, t.VectorType):
            self.typedefs.setdefault(vector_typedef(type))
        return c_type(type)

    def constant(self, kind: str, numbers: Sequence[str]) -> str:
        """The name of a constant array."""
        text = f"static const {kind} {{name}}[{len(numbers)}] = {{{{\n{_rows(numbers)}\n}}}};\n"
        return self.data.setdefault(text, f"data{len(self.data)}")

    def data_texts(self) -> list[str]:
        return [text.format(name=name) for text, name in self.data.items()]


def _rows(numbers: Sequence[str]) -> str:
    lines, line = [], "   "
    for number in numbers:
        if len(line) + len(number) > 100:
            lines.append(line)
            line = "   "
        line += f" {number},"
    return "\n".join([*lines, line])


class FunctionPrinter:
    """Prints a function of the entry `name`: its body, which gets what it uses of the slots, and its packed entry.

    `static`: nobody else calls that.
    """

    def __init__(self, func: Op, out: FileText, name: str, static: bool = False) -> None:
        self.func, self.out, self.static = func, out, static
        self.is_query = "return_slots" in func.attrs
        self.body = f"{name}_{'sizes' if self.is_query else 'work'}"
        self.entry = Names(name).query if self.is_query else Names(name).run
        self.lines: list[str] = []
        self.depth = 1
        self.env: dict[Value, Operand] = {}
        self.taken = {"slots", self.body, self.entry, *_OF_THE_FILE}
        self.waiting: dict[Value, None] = {}  # expressions that read memory and are not written yet
        self.slots: dict[Value, int] = {}  # buffer argument -> first slot
        self.n_slots = 0
        self.params: dict[str, tuple[str, int]] = {}  # of the body: name -> type and slot
        self.place: Location | None = None
        self.hints: dict[Value, str] = {}  # names for values that have none
        self.sizes: set[Value] = set()  # numbers made of sizes and counters

    # ---- lines ----

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def open(self, head: str) -> None:
        self.line(f"{head} {{")
        self.depth += 1

    def close(self, after: str = "") -> None:
        self.depth -= 1
        self.line(f"}}{after}")

    def need(self, function: CFunction) -> str:
        return self.out.need(function)

    def fresh(self, wanted: str | None) -> str:
        """A name that the function does not have yet."""
        name = argument_name(re.sub(r"\W", "_", wanted or "v", flags=re.ASCII).strip("_") or "v")
        if re.search(r"_[fiu](8|16|32|64)$|^data\d+$", name):  # those of the library
            name += "_"
        stem, number = name, 1
        while name in self.taken:
            number += 1
            name = f"{stem}_{number}"
        self.taken.add(name)
        return name

    # ---- values ----

    def expr(self, value: Value) -> Expr:
        """The expression of a value, which is written now."""
        found = self.env[value]
        assert isinstance(found, Expr), f"{value!r} is a number or a vector"
        self.waiting.pop(value, None)
        return found

    def text(self, value: Value) -> str:
        return self.expr(value).text

    def closed(self, value: Value) -> str:
        return self.expr(value).closed

    def word(self, value: Value) -> str:
        """A name or number for a value that is written several times."""
        found = self.expr(value)
        if not re.fullmatch(r"-?[\w.]+|U?INT64_C\(-?\d+\)", found.text):  # a constant has uses in other blocks, too
            found = self.env[value] = Expr(self.named(value, found.text))
        return found.text

    def mem(self, value: Value) -> Mem:
        found = self.env[value]
        assert isinstance(found, Mem), f"{value!r} is a buffer"
        return found

    def pair(self, value: Value) -> Pair:
        found = self.env[value]
        assert isinstance(found, Pair), f"{value!r} is complex"
        return found

    def hint(self, value: Value) -> str | None:
        return value.name or self.hints.get(value)

    def named(self, value: Value, text: str) -> str:
        name = self.fresh(self.hint(value))
        self.line(f"const {self.out.type(value.type)} {name} = {text};")
        return name

    def define(self, value: Value, text: str, reads: bool = False, opposite: str = "") -> None:
        """Give a value its expression: where it is used, if that is one place that runs as often."""
        if isinstance(value.type, t.VectorType) or len(text) > _LONGEST or not _is_used_once(value):
            if value.uses:
                self.env[value] = Expr(self.named(value, text))
            return
        self.env[value] = Expr(text, reads, opposite)
        if reads:
            self.waiting[value] = None

    def settle(self) -> None:
        """Name what reads memory, before something writes it."""
        for value in list(self.waiting):
            self.env[value] = Expr(self.named(value, self.text(value)))

    def rounded(self, type: t.Type, text: str) -> str:
        """A result of float arithmetic, which of 16 bits is a float's."""
        return f"{self.need(HALF)}({text})" if t.element(type) == t.f16 else text

    def elementwise(self, op: Op, form: Callable[..., str], sign: str = "") -> None:
        """`form` makes the expression of a number from those of the operands, as operands; for each lane of a vector.
        `sign`: what C has for whole vectors."""
        operands = [self.expr(v) for v in op.operands]
        reads = any(e.reads for e in operands)
        if not isinstance(op.result.type, t.VectorType):
            self.define(op.result, form(*(e.closed for e in operands)), reads)
        elif sign and t.is_float(op.result.type) and t.element(op.result.type) != t.f16:
            self.define(op.result, f" {sign} ".join(e.closed for e in operands))
        else:
            self.lanes(op.result, lambda lane: form(*(f"{e.text}[{lane}]" for e in operands)))

    def calls(self, op: Op, called: str, half: bool = True, n_operands: int | None = None) -> None:
        """A function of numbers of the operands, of the first `n_operands` where that is given."""
        def form(*args: str) -> str:
            call = f"{called}({', '.join(map(bare, args[:n_operands]))})"
            return self.rounded(op.result.type, call) if half else call
        self.elementwise(op, form)

    def lanes(self, result: Value, form: Callable[[str], str]) -> None:
        """A vector, lane by lane."""
        assert isinstance(result.type, t.VectorType)
        name = self.fresh(self.hint(result))
        self.line(f"{self.out.type(result.type)} {name} = {{0}};")
        self.line(f"for (int lane = 0; lane < {result.type.shape[0]}; ++lane)")
        self.line(f"    {name}[lane] = {form('lane')};")
        self.env[result] = Expr(name)

    # ---- values as variables: a complex number is two, a buffer its pointer and, where they may differ, sizes ----

    def parts(self, value: Value, sizes: bool = False) -> list[str]:
        found = self.env[value]
        if isinstance(found, Pair):
            return [found.re.text, found.im.text]
        return [found.pointer, *(found.dims if sizes else ())] if isinstance(found, Mem) else [self.text(value)]

    def variables(self, value: Value, like: Operand, sizes: bool = False) -> tuple[list[tuple[str, str]], Operand]:
        """Types and new names for a value of the form of `like`, and what then stands for it."""
        name = self.hint(value)
        if isinstance(like, Pair):
            kind, names = c_type(value.type), [self.fresh(f"{name or 'z'}_{part}") for part in ("re", "im")]
            return [(f"{kind} ", n) for n in names], Pair(*map(Expr, names))
        if isinstance(like, Mem):
            pointer = self.fresh(name or "part")
            dims = tuple(self.fresh(f"{name or 'part'}_n{axis}") if sizes else dim
                         for axis, dim in enumerate(like.dims))
            mem = Mem(pointer, dims, self.contiguous(dims), like.element, like.constant)
            return [(like.c_type, pointer), *(("int64_t ", dim) for dim in dims if sizes)], mem
        only = self.fresh(name)
        return [(f"{self.out.type(value.type)} ", only)], Expr(only)

    # ---- arithmetic on sizes, which does not wrap ----

    def product(self, a: str, b: str) -> str:
        """A word for a product of two."""
        if a.isdigit() and b.isdigit():
            return str(int(a) * int(b))
        if "1" in (a, b) or "0" in (a, b):
            return "0" if "0" in (a, b) else b if a == "1" else a
        return self.size(f"{a} * {b}")

    def size(self, text: str) -> str:
        name = self.fresh("n")
        self.line(f"const int64_t {name} = {text};")
        return name

    def contiguous(self, dims: Sequence[str]) -> tuple[str, ...]:
        """Row-major element strides; a product is written where it is used."""
        strides = ["1"] * len(dims)
        for axis in range(len(dims) - 2, -1, -1):
            strides[axis] = _times(strides[axis + 1], dims[axis + 1])
        return tuple(strides)

    # ---- memory ----

    def index(self, mem: Mem, indices: Sequence[str]) -> str:
        """Which element lies at `indices`, given as operands."""
        terms = [_times(i, s) for i, s in zip(indices, mem.strides, strict=True)]
        return " + ".join(term for term in terms if term != "0") or "0"

    def address(self, mem: Mem, indices: Sequence[str]) -> str:
        """A pointer to an element; of a complex number to its first part."""
        index = self.index(mem, indices)
        if index == "0":
            return mem.pointer
        return f"{mem.pointer} + {f'2 * ({index})' if isinstance(mem.element, t.ComplexType) else index}"

    # ---- the function ----

    def run(self) -> str:
        """Body and entry."""
        self._arguments()
        for op in self.func.body.ops:
            self.op(op)
        self.lines = without_unused(self.lines)
        used = set(re.findall(r"\w+", "\n".join(self.lines)))
        params = [(kind, name, slot) for name, (kind, slot) in self.params.items() if name in used]
        taken = [f"{_restrict(kind)}{name}" for kind, name, _ in params] + ["int64_t *slots"] * ("slots" in used)
        given = [f"({kind.rstrip()})(intptr_t)slots[{slot}]" if "*" in kind else f"slots[{slot}]"
                 for kind, _, slot in params] + ["slots"] * ("slots" in used)
        unused = [] if given else ["    (void)slots;"]
        packed = f"int32_t {self.entry}(int64_t *slots)"
        return "\n".join([
            wrapped(f"static int32_t {self.body}(", taken or ["void"]), "{", *self.lines, "}", "",
            *([f"static {packed}"] if self.static else [f"{packed};", packed]), "{", *unused,
            wrapped(f"    return {self.body}(", given) + ";", "}", ""])

    def _arguments(self) -> None:
        n_inputs = int_attr(self.func, "n_inputs", 0) or len(self.func.body.args)
        for number, arg in enumerate(self.func.body.args):
            type = arg.type
            assert isinstance(type, t.MemRefType), "loop-IR functions take buffers only"
            self.slots[arg] = self.n_slots
            name, dims = self.fresh(arg.name if type.shape else f"{arg.name}_p"), []
            for axis, known in enumerate(type.shape):
                dims.append(str(known) if known is not None else self.fresh(f"{arg.name}_n{axis}"))
                if known is None:
                    self.params[dims[-1]] = ("int64_t ", self.n_slots + 1 + axis)
            mem = Mem(name, tuple(dims), self.contiguous(dims), type.element, self.is_query or number < n_inputs)
            self.params[name] = (mem.c_type, self.n_slots)
            self.env[arg] = mem
            self.n_slots += 1 + len(dims)

    def op(self, op: Op) -> None:
        printer = PRINTERS.get(op.name)
        if printer is None:
            raise UnsupportedError(f"no C printer for the op '{op.name}'; it must be lowered before")
        first = len(self.lines)
        before = self.place
        printer(self, op)
        if len(self.lines) > first and op.location is not None and not op.regions:
            self._say_place(op.location, first, before)

    def _say_place(self, place: Location, first: int, before: Location | None) -> None:
        """A comment with the user's line, where another one begins."""
        if before is None or before[:2] != place[:2]:
            indent = self.lines[first][: len(self.lines[first]) - len(self.lines[first].lstrip())]
            self.lines.insert(first, f"{indent}/* {self.out.place(place[0])}:{place[1]} */")
            self.place = place

    def block(self, block: Block) -> None:
        """The ops of a region's block without its terminator."""
        for op in block.ops[:-1]:
            self.op(op)


def _is_used_once(value: Value) -> bool:
    """Whether the only use is by an op beside the one that makes it."""
    if sum(value.uses.values()) != 1:
        return False
    (user,) = value.uses
    return user.parent is value.block


def _times(a: str, b: str) -> str:
    """A product as an operand of a sum; of words or closed expressions."""
    if "0" in (a, b):
        return "0"
    if "1" in (a, b):
        return b if a == "1" else a
    if "-1" in (a, b):
        return f"-{b if a == '-1' else a}"
    return str(int(a) * int(b)) if a.isdigit() and b.isdigit() else f"{a} * {b}"


def _restrict(kind: str) -> str:
    return f"{kind}restrict " if "*" in kind else kind


Printer = Callable[[FunctionPrinter, Op], None]
PRINTERS: dict[str, Printer] = {}


def prints(*names: str) -> Callable[[Printer], Printer]:
    def register(function: Printer) -> Printer:
        for name in names:
            PRINTERS[name] = function
        return function
    return register
