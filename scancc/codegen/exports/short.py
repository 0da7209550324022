"""Short calls in LLVM IR: NAME_call and NAME_call_query, which take everything in one struct.

    typedef struct NAME_arguments {
        const double *x; int64_t x_n0; const int64_t *x_strides;     an input: NULL strides for a C-contiguous one
        double *y; int64_t y_n0; const int64_t *y_strides;           an output: NULL where it is not wanted
        void *workspace; int64_t workspace_nbytes;
        int64_t values[4];                                           for NAME_error, where a check failed
    } NAME_arguments;

NAME_call_query sets the sizes of outputs and `workspace_nbytes`, of what the struct has otherwise: strides, and
outputs that are wanted. NAME_call sets the sizes that it wrote. An output that is not wanted takes its place in the
workspace, unless there is code without it (`Without`).
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.artifact import N_INFO_SLOTS, Param
from scancc.late_dataclasses import dataclass

from .entry import Argument, Entry, Names
from .flat import Call, Copies, Function, Query, Tensor


def short_text(entry: Entry, copies: Copies, without: Sequence[Without] = ()) -> str:
    """LLVM IR of NAME_call and NAME_call_query. `without`: what they call where outputs are NULL."""
    return "\n".join([_no_strides(entry), _ShortCall(entry, copies, without=without).text(),
                      _ShortQuery(entry, copies, without=without).text()])


def short_text_without(entry: Entry, whole: Entry, kept: Sequence[int], copies: Copies) -> str:
    """The same of code that makes the outputs `kept` of `whole` alone, for the struct of `whole`."""
    return "\n".join([_no_strides(entry), _ShortCall(entry, copies, whole, kept).text(),
                      _ShortQuery(entry, copies, whole, kept).text(), *copies.texts])


def struct_text(entry: Entry) -> str:
    """The type of the struct, and second symbols with the interface's number."""
    members = ", ".join(f.llvm_type for f in entry.fields)
    names = Names(entry.name)
    return "\n".join([
        f"%{names.struct} = type {{ {members} }}",
        *(f"@{n}.{entry.interface} = alias i32 (ptr), ptr @{n}" for n in (names.call, names.call_query)), ""])


@dataclass(frozen=True)
class Without:
    """Code that leaves out `outputs`, and the symbols of its NAME_call and NAME_call_query."""

    outputs: frozenset[int]
    call: str
    call_query: str


def _no_strides(entry: Entry) -> str:
    axes = max((p.rank for p in (*entry.inputs, *entry.outputs)), default=0) or 1
    return f"@{entry.name}__no_strides = private unnamed_addr constant [{axes} x i64] zeroinitializer"


class _Struct(Function):
    """Reads members of the struct as what the other entries have as arguments.

    `whole`: the function that the struct is of, of whose outputs `kept` are those of `entry`.
    """

    def __init__(self, entry: Entry, copies: Copies, whole: Entry | None = None, kept: Sequence[int] = (),
                 without: Sequence[Without] = ()) -> None:
        super().__init__(entry, copies)
        self.whole = whole or entry
        self.kept = kept if whole else range(len(entry.outputs))
        self.without = without

    def load_members(self) -> None:
        """Members that are no arrays, under their names."""
        for number, field in enumerate(self.whole.fields):
            if field.role not in ("values", "size"):
                self.do(f"%{field.name} = load {field.llvm_type}, ptr {self.place(number)}")

    def go_without(self, symbols: Sequence[str]) -> None:
        """Where outputs are NULL that code leaves out: have it do the rest, and give its status."""
        optional = sorted(set().union(*(w.outputs for w in self.without)))
        if not optional:
            return
        null = {n: self.emit(f"icmp eq ptr %{self._output(n)}, null") for n in optional}
        for each, symbol in zip(self.without, symbols, strict=True):
            these = "true"
            for n in optional:
                these = self.all(these, null[n] if n in each.outputs else self.emit(f"xor i1 {null[n]}, true"))
            after = self.when(these)
            self.do(f"ret i32 {self.emit(f'call i32 @{symbol}(ptr %arguments.0)', 'status')}")
            self.label(after)

    def _output(self, index: int) -> str:
        field = self.member("out", index)
        assert field is not None
        return field.name

    def place(self, number: int) -> str:
        struct = Names(self.whole.name).struct
        return self.emit(f"getelementptr %{struct}, ptr %arguments.0, i32 0, i32 {number}", "member")

    def member(self, role: str, index: int = -1, axis: int = -1) -> Argument | None:
        if role in ("out", "size", "out_strides"):
            index = self.kept[index]
        wanted = (role, index, axis)
        return next((f for f in self.whole.fields if (f.role, f.index, f.axis) == wanted), None)

    def named(self, role: str) -> str:
        return next(f.name for f in self.whole.fields if f.role == role)

    def place_of(self, field: Argument) -> str:
        return self.place(self.whole.fields.index(field))

    def strides(self, role: str, index: int, dims: Sequence[str]) -> list[str]:
        """Those of the array that the struct points to; of a C-contiguous tensor where it is NULL."""
        field = self.member(f"{role}s", index)
        if field is None:
            return []
        null = self.emit(f"icmp eq ptr %{field.name}, null")
        source = self.emit(f"select i1 {null}, ptr @{self.entry.name}__no_strides, ptr %{field.name}")
        found, count = [], "1"
        for axis in reversed(range(len(dims))):
            given = self.emit(f"load i64, ptr {self.emit(f'getelementptr i64, ptr {source}, i64 {axis}')}, align 8")
            found.append(self.emit(f"select i1 {null}, i64 {count}, i64 {given}", "stride"))
            count = self.emit(f"mul i64 {count}, {dims[axis]}")
        return found[::-1]

    def on_failure(self, failed: str) -> None:
        """Give the caller the numbers of the check."""
        field = self.member("values")
        assert field is not None
        after = self.when(failed)
        values = self.place_of(field)
        for n in range(N_INFO_SLOTS):
            slot = self.emit(f"getelementptr i64, ptr {values}, i64 {n}")
            self.do(f"store i64 {self.get(self.workspace_slot + 2 + n)}, ptr {slot}, align 8")
        self.close(after)

    def finished(self, name: str) -> str:
        return self.signature(name, [("ptr", "arguments.0")])


class _ShortCall(_Struct, Call):
    """Writes NAME_call."""

    def text(self) -> str:
        self.load_members()
        self.go_without([w.call for w in self.without])
        self.body()
        return self.finished(self.names.call)

    def check_number(self, index: int) -> None:
        """NULL is as good as any."""

    def output_pointer(self, index: int) -> str:
        given = f"%{self._output(index)}"
        if self.entry.outputs[index].rank:
            return given
        place = f"%{self.fresh('unwanted')}"
        self.allocas.append(f"  {place} = alloca [2 x i64], align 16")
        null = self.emit(f"icmp eq ptr {given}, null")
        return self.emit(f"select i1 {null}, ptr {place}, ptr {given}")

    def check_output(self, tensor: Tensor) -> None:
        """One that is not wanted is made in the workspace."""
        wanted = self.emit(f"icmp ne ptr {tensor.pointer}, null")
        tensor.contiguous = self.all(tensor.contiguous, wanted)

    def is_copied(self, tensor: Tensor) -> str:
        wanted = self.emit(f"icmp ne ptr {tensor.pointer}, null")
        return self.all(wanted, self.emit(f"xor i1 {tensor.contiguous}, true"))

    def report(self, index: int, first: int) -> None:
        for axis in range(self.entry.outputs[index].rank):
            if (field := self.member("size", index, axis)) is not None:
                self.do(f"store i64 {self.get(first + 1 + axis)}, ptr {self.place_of(field)}")


class _ShortQuery(_Struct, Query):
    """Writes NAME_call_query."""

    def text(self) -> str:
        self.load_members()
        self.body()
        return self.finished(self.names.call_query)

    def finish(self) -> None:
        self.go_without([w.call_query for w in self.without])
        super().finish()

    def store_sizes(self, tensors: dict[int, Tensor]) -> None:
        total = self.need(tensors)
        for index, param in enumerate(self.entry.outputs):
            dims = [self.get(self.first_slot("outputs", index) + 1 + axis) for axis in range(param.rank)]
            for axis, dim in enumerate(dims):
                if (field := self.member("size", index, axis)) is not None:
                    self.do(f"store i64 {dim}, ptr {self.place_of(field)}")
            if dims and not self.entry.is_respread(index):  # the others are counted already
                total = self.add(total, self._of_output(index, param, dims))
        field = self.member("workspace_nbytes")
        assert field is not None
        self.do(f"store i64 {self.with_alignment(total)}, ptr {self.place_of(field)}")

    def _of_output(self, index: int, param: Param, dims: Sequence[str]) -> str:
        """Bytes for an output that is not written where it belongs."""
        tensor = self.tensor(f"%{self._output(index)}", param, dims, self.strides("out_stride", index, dims))
        wanted = self.emit(f"icmp ne ptr {tensor.pointer}, null")
        in_place = self.all(tensor.contiguous, wanted)
        return self.emit(f"select i1 {in_place}, i64 0, i64 {self.rounded(tensor.nbytes)}")
