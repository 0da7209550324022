"""The flat C entry points of a function, as LLVM IR text around its packed entry points.

The generated code reads row-major tensors and writes row-major tensors (`NAME__run`, `NAME__query`, one
array of slots; see `artifact.py`). The adapter gives C what `entry.py` describes:

- `NAME` checks pointers and dimensions, packs inputs that are not C-contiguous into the workspace, calls
  the query, then the code, and copies outputs with other strides from the workspace to their place, and
  outputs whose rows only running the code tells the lengths of.
  Before the code runs nothing is written but the workspace.
- `NAME_query` gives the outputs' sizes, the bytes of workspace, and the bytes to add to it where an
  output's strides are not those of a C-contiguous array.
- `NAME_error` writes the text of a status (`error_texts.py`).

The workspace may start at any address: sizes include what it takes to start at a multiple of 64.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scancc.artifact import N_INFO_SLOTS, WORKSPACE_ALIGN_BYTES, Param
from scancc.late_dataclasses import dataclass

from ..llvm.extents import Emit, as_double, at_most, can_exist
from .entry import (
    NEGATIVE_DIMENSION,
    NOT_CONTIGUOUS,
    NULL_POINTER,
    TOO_LARGE,
    WORKSPACE_TOO_SMALL,
    Argument,
    Entry,
    Names,
    scalar_of,
)
from .error_texts import error_text


def flat_text(entry: Entry, copies: Copies | None = None) -> str:
    """LLVM IR that defines NAME, NAME_query and NAME_error; to be appended to the module's text.

    `copies`: functions of the module that copy arrays, which are defined here.
    """
    return "\n".join([calls_text(entry, copies or Copies(entry.name)), error_text(entry), numbered_text(entry)])


def calls_text(entry: Entry, copies: Copies) -> str:
    """LLVM IR of NAME and NAME_query."""
    call, query = Call(entry, copies).text(), Query(entry, copies).text()
    return "\n".join([call, query, *copies.texts])


def numbered_text(entry: Entry) -> str:
    """Second symbols of NAME and NAME_query, with the interface's number, which the header asks for."""
    return "\n".join([_numbered(entry, entry.name, entry.arguments),
                      _numbered(entry, Names(entry.name).flat_query, entry.query_arguments), ""])


def _numbered(entry: Entry, name: str, arguments: Sequence[Argument]) -> str:
    types = ", ".join(a.llvm_type for a in arguments)
    return f"@{name}.{entry.interface} = alias i32 ({types}), ptr @{name}"


@dataclass
class Tensor:
    """A tensor at run time; dimensions and strides are operands."""

    pointer: str
    dims: Sequence[str]
    strides: Sequence[str]
    nbytes: str
    contiguous: str


class Function:
    """Writes one function: instructions with fresh names, and early returns."""

    def __init__(self, entry: Entry, copies: Copies) -> None:
        self.entry, self.copies = entry, copies
        self.names = Names(entry.name)
        self.allocas: list[str] = []
        self.lines: list[str] = []
        self._n = 0

    def fresh(self, hint: str) -> str:
        self._n += 1
        return f"{hint}.{self._n}"

    def emit(self, instruction: str, hint: str = "v") -> str:
        """Append an instruction that has a result; its operand."""
        name = f"%{self.fresh(hint)}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def do(self, instruction: str) -> None:
        self.lines.append(f"  {instruction}")

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")

    def fail_if(self, condition: str, status: str | int) -> None:
        fail, go_on = self.fresh("fail"), self.fresh("ok")
        self.do(f"br i1 {condition}, label %{fail}, label %{go_on}")
        self.label(fail)
        self.do(f"ret i32 {status}")
        self.label(go_on)

    def fail_unless(self, condition: str, status: str | int) -> None:
        self.fail_if(self.emit(f"xor i1 {condition}, true"), status)

    def when(self, condition: str) -> str:
        """Open a block that runs where `condition` holds; the label to close it with."""
        inside, after = self.fresh("then"), self.fresh("after")
        self.do(f"br i1 {condition}, label %{inside}, label %{after}")
        self.label(inside)
        return after

    def close(self, after: str) -> None:
        self.do(f"br label %{after}")
        self.label(after)

    def any(self, a: str, b: str) -> str:
        return self.emit(f"or i1 {a}, {b}")

    def all(self, a: str, b: str) -> str:
        return self.emit(f"and i1 {a}, {b}")

    def add(self, a: str, b: str) -> str:
        return self.emit(f"add i64 {a}, {b}")

    def rounded(self, nbytes: str) -> str:
        """Up to a multiple of the workspace's alignment."""
        beyond = self.add(nbytes, str(WORKSPACE_ALIGN_BYTES - 1))
        return self.emit(f"and i64 {beyond}, {-WORKSPACE_ALIGN_BYTES}")

    # ---- slots of the packed ABI ----

    def open_slots(self) -> None:
        n = sum(p.n_slots for p in self.entry.inputs + self.entry.outputs) + 2 + N_INFO_SLOTS
        self.allocas.append(f"  %slots.0 = alloca [{n} x i64], align 16")

    def slot(self, index: int) -> str:
        return self.emit(f"getelementptr i64, ptr %slots.0, i64 {index}", "slot")

    def put(self, index: int, value: str, type: str = "i64") -> None:
        self.do(f"store {type} {value}, ptr {self.slot(index)}")

    def get(self, index: int) -> str:
        return self.emit(f"load i64, ptr {self.slot(index)}")

    def first_slot(self, group: str, index: int) -> int:
        params = self.entry.inputs if group == "inputs" else self.entry.inputs + self.entry.outputs
        count = index if group == "inputs" else len(self.entry.inputs) + index
        return sum(p.n_slots for p in params[:count])

    @property
    def workspace_slot(self) -> int:
        return sum(p.n_slots for p in self.entry.inputs + self.entry.outputs)

    def clear_other_slots(self) -> None:
        """All slots after the inputs hold 0 before the query."""
        for index in range(self.first_slot("outputs", 0), self.workspace_slot + 2 + N_INFO_SLOTS):
            self.put(index, "0")

    def call_packed(self, symbol: str) -> None:
        """Call a packed entry; a check that fails ends this function too."""
        status = self.emit(f"call i32 @{symbol}(ptr %slots.0)", "status")
        failed = self.emit(f"icmp ne i32 {status}, 0")
        self.on_failure(failed)
        self.fail_if(failed, status)

    def on_failure(self, failed: str) -> None:
        """What to do before a failed check ends this function."""

    # ---- tensors ----

    def tensor(self, pointer: str, param: Param, dims: Sequence[str], strides: Sequence[str]) -> Tensor:
        """Sizes of a tensor, and whether its strides are those of a row-major one; fails where it cannot be."""
        if not dims:
            return Tensor(pointer, dims, strides, str(scalar_of(param).nbytes), "true")
        given = ", ".join(f"i64 {number}" for number in (*dims, *strides))
        layout = self.emit(f"call i64 @{self.copies.layout(len(dims))}({given})", "layout")
        self.fail_if(self.emit(f"icmp slt i64 {layout}, 0"), TOO_LARGE)
        nbytes = self.emit(f"mul i64 {self.emit(f'lshr i64 {layout}, 1')}, {scalar_of(param).nbytes}")
        return Tensor(pointer, dims, strides, nbytes, self.emit(f"trunc i64 {layout} to i1"))

    def refuse_null(self, pointer: str, nbytes: str) -> None:
        null = self.emit(f"icmp eq ptr {pointer}, null")
        self.fail_if(self.all(null, self.emit(f"icmp ne i64 {nbytes}, 0")), NULL_POINTER)

    def check_inputs(self) -> dict[int, Tensor]:
        """Refuse negative dimensions, then null pointers; the tensors among the inputs by index."""
        for argument in self.entry.arguments:
            if argument.role == "dim":
                self.fail_if(self.emit(f"icmp slt i64 %{argument.name}, 0"), NEGATIVE_DIMENSION)
        tensors = {}
        for index, param in enumerate(self.entry.inputs):
            data = self._argument("data", index)
            if data is None:
                continue
            dims = [self._dim(index, axis) for axis in range(param.rank)]
            tensor = self.tensor(data, param, dims, self.strides("stride", index, dims))
            self.refuse_null(data, tensor.nbytes)
            tensors[index] = tensor
        return tensors

    def _argument(self, role: str, index: int) -> str | None:
        return next((f"%{a.name}" for a in self.entry.arguments if (a.role, a.index) == (role, index)), None)

    def _arguments(self, role: str, index: int) -> list[str]:
        return [f"%{a.name}" for a in self.entry.arguments if (a.role, a.index) == (role, index)]

    def named(self, role: str) -> str:
        """The name of the argument of a role of its own."""
        return next(a.name for a in self.entry.arguments if a.role == role)

    def strides(self, role: str, index: int, dims: Sequence[str]) -> list[str]:
        """The strides of an input or output of these dimensions."""
        return self._arguments(role, index)

    def _dim(self, index: int, axis: int) -> str:
        found = self.entry.dim_argument(index, axis)
        return str(found) if isinstance(found, int) else f"%{found.name}"

    def put_inputs(self, tensors: dict[int, Tensor], pointers: dict[int, str]) -> None:
        """Fill the slots of the inputs; a number goes to memory of its own."""
        for index, param in enumerate(self.entry.inputs):
            first = self.first_slot("inputs", index)
            if index in tensors:
                self.put(first, pointers[index], "ptr")
                for axis, dim in enumerate(tensors[index].dims):
                    self.put(first + 1 + axis, dim)
            else:
                self.put(first, self._number(index, param), "ptr")

    def _number(self, index: int, param: Param) -> str:
        scalar = scalar_of(param)
        value = self._argument("value", index)
        assert value is not None
        if param.dtype == "bool":
            value = self.emit(f"zext i1 {self.emit(f'icmp ne i8 {value}, 0')} to i8")
        place = f"%{self.fresh('number')}"
        self.allocas.append(f"  {place} = alloca {scalar.llvm_type}, align {scalar.nbytes}")
        self.do(f"store {scalar.llvm_type} {value}, ptr {place}, align {scalar.nbytes}")
        return place

    def pack_nbytes(self, tensors: dict[int, Tensor]) -> dict[int, str]:
        """The workspace that the copy of each tensor takes; 0 where it is used in place."""
        return {
            index: self.emit(f"select i1 {t.contiguous}, i64 0, i64 {self.rounded(t.nbytes)}", "pack")
            for index, t in tensors.items()
        }

    def total(self, values: Sequence[str]) -> str:
        sum_ = "0"
        for value in values:
            sum_ = self.add(sum_, value)
        return sum_

    def signature(self, name: str, arguments: Sequence[tuple[str, str]]) -> str:
        body = "\n".join([*self.allocas, *self.lines])
        listed = ", ".join(f"{type} %{arg}" for type, arg in arguments)
        return f"define signext i32 @{name}({listed}) nounwind {{\nentry.0:\n{body}\n}}\n"


class Call(Function):
    """Writes NAME."""

    def text(self) -> str:
        self.body()
        return self.signature(self.entry.name, [(a.llvm_type, a.name) for a in self.entry.arguments])

    def body(self) -> None:
        self.open_slots()
        tensors = self.check_inputs()
        for index, param in enumerate(self.entry.outputs):
            if param.rank == 0:
                self.check_number(index)
        self._open_workspace()
        packed = self._pack_inputs(tensors)
        self.put_inputs(tensors, packed)
        self.clear_other_slots()
        self.call_packed(self.names.query)
        outputs = self._place_outputs()
        self.call_packed(self.names.run)
        self._finish(outputs)
        self.do("ret i32 0")

    def check_number(self, index: int) -> None:
        """Refuse NULL for an output of rank 0."""
        self.refuse_null(self.output_pointer(index), "1")

    def output_pointer(self, index: int) -> str:
        """Where an output goes."""
        pointer = self._argument("out", index)
        assert pointer is not None
        return pointer

    def _open_workspace(self) -> None:
        """The first aligned address, and the bytes from there: none where the pointer is NULL."""
        workspace, nbytes = (f"%{self.named(role)}" for role in ("workspace", "workspace_nbytes"))
        start = self.emit(f"ptrtoint ptr {workspace} to i64")
        skipped = self.emit(f"sub i64 {self.rounded(start)}, {start}")
        self.base = self.emit(f"getelementptr i8, ptr {workspace}, i64 {skipped}", "base")
        left = self.emit(f"sub i64 {nbytes}, {skipped}")
        none = self.any(self.emit(f"icmp eq ptr {workspace}, null"), self.emit(f"icmp slt i64 {nbytes}, {skipped}"))
        self.left = self.emit(f"select i1 {none}, i64 0, i64 {left}", "left")
        self.used = "0"

    def _take(self, nbytes: str) -> str:
        """An address for `nbytes` (a multiple of the alignment) of the workspace."""
        place = self.emit(f"getelementptr i8, ptr {self.base}, i64 {self.used}", "place")
        self.used = self.add(self.used, nbytes)
        return place

    def _refuse_small_workspace(self, need: str) -> None:
        some = self.emit(f"icmp ne i64 {need}, 0")
        self.fail_if(self.all(some, self.emit(f"icmp sgt i64 {need}, {self.left}")), WORKSPACE_TOO_SMALL)

    def _pack_inputs(self, tensors: dict[int, Tensor]) -> dict[int, str]:
        """Copy tensors that are not C-contiguous to the workspace; where each is to be read."""
        needs = self.pack_nbytes(tensors)
        self._refuse_small_workspace(self.total(list(needs.values())))
        pointers = {}
        for index, tensor in tensors.items():
            place = self._take(needs[index])
            pointers[index] = self.emit(
                f"select i1 {tensor.contiguous}, ptr {tensor.pointer}, ptr {place}", "packed"
            )
            if tensor.dims:
                after = self.when(self.emit(f"xor i1 {tensor.contiguous}, true"))
                symbol = self.copies.symbol("pack", self.entry.inputs[index])
                self.do(f"call ptr @{symbol}(ptr {place}, {_listed(tensor)})")
                self.close(after)
        return pointers

    def _place_outputs(self) -> list[tuple[Tensor, str]]:
        """Check outputs against their sizes and point each slot to its array or to the workspace."""
        placed = []
        for index, param in enumerate(self.entry.outputs):
            first = self.first_slot("outputs", index)
            pointer = self.output_pointer(index)
            if param.rank == 0:
                self.put(first, pointer, "ptr")
                placed.append((Tensor(pointer, (), (), "0", "true"), pointer))
                continue
            dims = [self.get(first + 1 + axis) for axis in range(param.rank)]
            tensor = self.tensor(pointer, param, dims, self.strides("out_stride", index, dims))
            if self.entry.is_respread(index):
                tensor.contiguous = "false"
            self.check_output(tensor)
            need = self.emit(f"select i1 {tensor.contiguous}, i64 0, i64 {self.rounded(tensor.nbytes)}")
            place = self._take(need)
            target = self.emit(f"select i1 {tensor.contiguous}, ptr {pointer}, ptr {place}", "target")
            self.put(first, target, "ptr")
            placed.append((tensor, target))
        need = self.get(self.workspace_slot + 1)
        self._refuse_small_workspace(self.add(self.used, need))
        self.put(self.workspace_slot, self._take("0"), "ptr")
        return placed

    def check_output(self, tensor: Tensor) -> None:
        """Refuse NULL for an output that has elements."""
        self.refuse_null(tensor.pointer, tensor.nbytes)

    def _finish(self, outputs: list[tuple[Tensor, str]]) -> None:
        """Copy staged outputs to their place, with the sizes that the code wrote; report lengths."""
        for index, (tensor, source) in enumerate(outputs):
            param = self.entry.outputs[index]
            first = self.first_slot("outputs", index)
            if param.rank:
                after = self.when(self.is_copied(tensor))
                tensor.dims = [self.get(first + 1 + axis) for axis in range(param.rank)]
                self.do(f"call ptr @{self.copies.symbol('spread', param)}(ptr {source}, {_listed(tensor)})")
                self.close(after)
            self.report(index, first)

    def is_copied(self, tensor: Tensor) -> str:
        """Whether an output goes from the workspace to its place."""
        return self.emit(f"xor i1 {tensor.contiguous}, true")

    def report(self, index: int, first: int) -> None:
        """Store the lengths that the code wrote of an output, where a loop may end early."""
        for axis, length in zip(self.entry.early_axes(index), self._arguments("length", index), strict=True):
            after = self.when(self.emit(f"icmp ne ptr {length}, null"))
            self.do(f"store i64 {self.get(first + 1 + axis)}, ptr {length}")
            self.close(after)


def _listed(tensor: Tensor) -> str:
    return ", ".join([f"ptr {tensor.pointer}", *(f"i64 {v}" for v in (*tensor.dims, *tensor.strides))])


class Query(Function):
    """Writes NAME_query."""

    def text(self) -> str:
        self.body()
        return self.signature(self.names.flat_query, [(a.llvm_type, a.name) for a in self.entry.query_arguments])

    def body(self) -> None:
        self.open_slots()
        tensors = self.check_inputs()
        for index, tensor in tensors.items():
            if self.entry.reads_in_query(index):
                self.fail_if(self.emit(f"xor i1 {tensor.contiguous}, true"), NOT_CONTIGUOUS)
        self.put_inputs(tensors, {index: t.pointer for index, t in tensors.items()})
        self.clear_other_slots()
        self.call_packed(self.names.query)
        self.store_sizes(tensors)
        self.finish()

    def finish(self) -> None:
        self.do("ret i32 0")

    def need(self, tensors: dict[int, Tensor]) -> str:
        """The bytes of workspace where every output is C-contiguous."""
        packs = self.total(list(self.pack_nbytes(tensors).values()))
        copied = [n for n in range(len(self.entry.outputs)) if self.entry.is_respread(n)]
        return self.add(self.add(packs, self._staging(copied)), self.get(self.workspace_slot + 1))

    def store_sizes(self, tensors: dict[int, Tensor]) -> None:
        need = self.need(tensors)
        for argument in self.entry.query_arguments:
            if argument.role == "size":
                slot = self.first_slot("outputs", argument.index) + 1 + argument.axis
                self._store(argument.name, self.get(slot))
            elif argument.role == "need_nbytes":
                self._store(argument.name, self.with_alignment(need))
            elif argument.role == "staging_nbytes":
                self._store(argument.name, self.with_alignment(self._staging(range(len(self.entry.outputs)))))

    def _staging(self, outputs: Iterable[int]) -> str:
        """Bytes for copies of these outputs, as far as they are tensors."""
        sizes = []
        for index in outputs:
            param = self.entry.outputs[index]
            first = self.first_slot("outputs", index)
            if param.rank:
                dims = [self.get(first + 1 + axis) for axis in range(param.rank)]
                sizes.append(self.rounded(self.tensor("null", param, dims, ["1"] * param.rank).nbytes))
        return self.total(sizes)

    def with_alignment(self, nbytes: str) -> str:
        """What the caller must give so that `nbytes` are left after aligning; nothing stays nothing."""
        none = self.emit(f"icmp eq i64 {nbytes}, 0")
        return self.emit(f"select i1 {none}, i64 0, i64 {self.add(nbytes, str(WORKSPACE_ALIGN_BYTES - 1))}")

    def _store(self, name: str, value: str) -> None:
        after = self.when(self.emit(f"icmp ne ptr %{name}, null"))
        self.do(f"store i64 {value}, ptr %{name}")
        self.close(after)


class Copies:
    """The functions that an entry needs for arrays: for each rank `layout`, and for each direction, rank and element
    size one that copies.

    `layout` takes dimensions and strides, and returns twice the number of elements, and 1 more where the strides are
    those of a row-major array; -1 where there can be no such array, or an element would be out of reach.
    `pack` copies from strided to row-major memory, `spread` back; a function of rank r calls the one of
    rank r - 1 for each row. Each takes the row-major pointer, the strided pointer, dimensions and
    strides, and returns the row-major pointer after what it copied.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.texts: dict[str, None] = {}

    def layout(self, rank: int) -> str:
        symbol = f"{self.prefix}__layout_r{rank}"
        self.texts[_layout(symbol, rank)] = None
        return symbol

    def symbol(self, direction: str, param: Param) -> str:
        scalar = scalar_of(param)
        return self._define(direction, param.rank, scalar.nbytes, scalar.nbytes // scalar.n_parts)

    def _define(self, direction: str, rank: int, nbytes: int, align: int) -> str:
        symbol = f"{self.prefix}__{direction}_r{rank}_{nbytes}_{align}"
        if rank == 0:
            self.texts[_copy_element(symbol, direction, nbytes, align)] = None
        else:
            inner = self._define(direction, rank - 1, nbytes, align)
            self.texts[_copy_rows(symbol, inner, rank, nbytes)] = None
        return symbol


def _copy_element(symbol: str, direction: str, nbytes: int, align: int) -> str:
    type = f"i{8 * nbytes}" if nbytes <= 8 else f"<{nbytes // 8} x i64>"
    source, target = ("%strided", "%dense") if direction == "pack" else ("%dense", "%strided")
    return (
        f"define internal ptr @{symbol}(ptr %dense, ptr %strided) alwaysinline nounwind {{\n"
        f"  %x = load {type}, ptr {source}, align {align}\n"
        f"  store {type} %x, ptr {target}, align {align}\n"
        f"  %after = getelementptr i8, ptr %dense, i64 {nbytes}\n"
        f"  ret ptr %after\n}}\n"
    )


def _copy_rows(symbol: str, inner: str, rank: int, nbytes: int) -> str:
    arguments = [*(f"i64 %n{a}" for a in range(rank)), *(f"i64 %s{a}" for a in range(rank))]
    passed = [*(f"i64 %n{a}" for a in range(1, rank)), *(f"i64 %s{a}" for a in range(1, rank))]
    return (
        f"define internal ptr @{symbol}(ptr %dense, ptr %strided, {', '.join(arguments)}) nounwind {{\n"
        f"entry:\n"
        f"  %some = icmp sgt i64 %n0, 0\n"
        f"  br i1 %some, label %loop, label %done\n"
        f"loop:\n"
        f"  %i = phi i64 [ 0, %entry ], [ %next, %loop ]\n"
        f"  %to = phi ptr [ %dense, %entry ], [ %after, %loop ]\n"
        f"  %offset = mul i64 %i, %s0\n"
        f"  %bytes = mul i64 %offset, {nbytes}\n"
        f"  %row = getelementptr i8, ptr %strided, i64 %bytes\n"
        f"  %after = call ptr @{inner}({', '.join(['ptr %to', 'ptr %row', *passed])})\n"
        f"  %next = add nuw nsw i64 %i, 1\n"
        f"  %more = icmp slt i64 %next, %n0\n"
        f"  br i1 %more, label %loop, label %done\n"
        f"done:\n"
        f"  %end = phi ptr [ %dense, %entry ], [ %after, %loop ]\n"
        f"  ret ptr %end\n}}\n"
    )


def _layout(symbol: str, rank: int) -> str:
    lines: list[str] = []

    def emit(instruction: str) -> str:
        lines.append(f"  %v.{len(lines)} = {instruction}")
        return f"%v.{len(lines) - 1}"

    dims, strides = ([f"%{letter}{axis}" for axis in range(rank)] for letter in "ns")
    count, contiguous = "1", "true"
    for dim, stride in zip(reversed(dims), reversed(strides), strict=True):
        same = emit(f"or i1 {emit(f'icmp eq i64 {stride}, {count}')}, {emit(f'icmp sle i64 {dim}, 1')}")
        contiguous = emit(f"and i1 {contiguous}, {same}")
        count = emit(f"mul i64 {count}, {dim}")
    contiguous = emit(f"or i1 {contiguous}, {emit(f'icmp eq i64 {count}, 0')}")
    reached = emit(f"or i1 {contiguous}, {_in_reach(emit, dims, strides)}")
    possible = emit(f"and i1 {reached}, {can_exist(emit, dims)}")
    code = emit(f"or i64 {emit(f'shl i64 {count}, 1')}, {emit(f'zext i1 {contiguous} to i64')}")
    lines.append(f"  ret i64 {emit(f'select i1 {possible}, i64 {code}, i64 -1')}")
    arguments = ", ".join(f"i64 {name}" for name in (*dims, *strides))
    return "\n".join([f"define internal i64 @{symbol}({arguments}) nounwind {{", *lines, "}", ""])


def _in_reach(emit: Emit, dims: Sequence[str], strides: Sequence[str]) -> str:
    """Whether no element is further from the first than an array may have elements."""
    reach = "0.0"
    for dim, stride in zip(dims, strides, strict=True):
        last = as_double(emit, emit(f"sub i64 {dim}, 1"))
        turned = emit(f"sub i64 0, {stride}")
        step = emit(f"select i1 {emit(f'icmp slt i64 {stride}, 0')}, i64 {turned}, i64 {stride}")
        reach = emit(f"fadd double {reach}, {emit(f'fmul double {last}, {as_double(emit, step)}')}")
    return at_most(emit, reach)
