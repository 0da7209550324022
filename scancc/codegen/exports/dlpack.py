"""Calls with tensors of DLPack in LLVM IR: NAME_dlpack and NAME_dlpack_query, around the short ones.

    int32_t NAME_dlpack_query(void *const *inputs, void *const *outputs, int64_t *workspace_nbytes);
    int32_t NAME_dlpack(void *const *inputs, void *const *outputs, void *workspace, int64_t workspace_nbytes,
                        int64_t *values);

`inputs`, `outputs`: a `DLTensor *` for each in order, or a `DLManagedTensor *`, which begins with one; an output may
be NULL. A tensor that is not what the argument is has the status OTHER_TENSOR. The query writes the sizes of outputs
into their `shape`, and the call those that it wrote. The layout is that of dlpack.h, whose versioned tensors begin
otherwise and are passed by their `dl_tensor`.
"""

from __future__ import annotations

from collections.abc import Iterator

from scancc.artifact import N_INFO_SLOTS, Param

from .entry import NULL_POINTER, OTHER_TENSOR, Argument, Entry, Names

# data, device type and number, axes, code, bits, lanes, shape, strides, byte offset
_TENSOR = "%{name}_tensor = type {{ ptr, i32, i32, i32, i8, i8, i16, ptr, ptr, i64 }}"
_DATA, _DEVICE, _NDIM, _CODE, _BITS, _LANES, _SHAPE, _STRIDES, _OFFSET = 0, 1, 3, 4, 5, 6, 7, 8, 9
_CODES = {"int": 0, "uint": 1, "float": 2, "complex": 5, "bool": 6}
_HOSTS = (1, 3, 11)  # kDLCPU, kDLCUDAHost, kDLROCMHost


def dlpack_text(entry: Entry) -> str:
    """LLVM IR of the two; nothing where no one asked."""
    if not entry.dlpack:
        return ""
    query, call = Names(entry.name).dlpack_query, Names(entry.name).dlpack
    return "\n".join([_TENSOR.format(name=entry.name), _Adapter(entry).query(), _Adapter(entry).call(),
                      f"@{query}.{entry.interface} = alias i32 (ptr, ptr, ptr), ptr @{query}",
                      f"@{call}.{entry.interface} = alias i32 (ptr, ptr, ptr, i64, ptr), ptr @{call}", ""])


def header_lines(entry: Entry) -> tuple[list[str], dict[str, list[str]]]:
    """For the header: what is said of them, and their arguments."""
    if not entry.dlpack:
        return [], {}
    names = Names(entry.name)
    tensors = ["void *const *inputs", "void *const *outputs"]
    given = ", ".join(f"&{f.name}" for f in entry.fields if f.role in ("data", "value"))
    said = [f"{entry.name} for tensors of DLPack: a DLTensor * or DLManagedTensor * for each input and output in "
            f"order, for numbers, too, as in void *inputs[] = {{{given}}}. The query writes the sizes of outputs "
            "into their shape, the call those that it wrote. An output may be NULL, and so may need_nbytes, and "
            "values, which has those of a check."]
    return said, {names.dlpack_query: [*tensors, "int64_t *need_nbytes"],
                  names.dlpack: [*tensors, "void *workspace", "int64_t workspace_nbytes", "int64_t *values"]}


class _Adapter:
    """Writes one function, which fills the struct of a short call."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.names = Names(entry.name)
        self.lines = [f"  %a = alloca %{self.names.struct}, align 16"]
        self._n = 0

    def query(self) -> str:
        self._fill()
        self._ask()
        for index, axis, size in self._sizes():
            self._report(index, axis, size)
        nbytes = self._load("i64", self._member(self._field("workspace_nbytes")))
        some = self._emit("icmp ne ptr %workspace_nbytes, null")
        self._when(some, [f"store i64 {nbytes}, ptr %workspace_nbytes, align 8"])
        return self._text(self.names.dlpack_query, "ptr %inputs, ptr %outputs, ptr %workspace_nbytes")

    def call(self) -> str:
        self._fill()
        self._ask("%values")
        for index, axis, size in self._sizes():
            self._refuse_unless(self._emit(f"icmp eq i64 {size}, {self._length(index, axis)}"), OTHER_TENSOR)
        for role in ("workspace", "workspace_nbytes"):
            field = self._field(role)
            self.lines.append(f"  store {field.llvm_type} %{role}, ptr {self._member(field)}")
        self._run(self.names.call, "%values")
        for index, axis, size in self._sizes():
            self._report(index, axis, size)
        return self._text(self.names.dlpack,
                          "ptr %inputs, ptr %outputs, ptr %workspace, i64 %workspace_nbytes, ptr %values")

    # ---- the struct ----

    def _fill(self) -> None:
        self.lines.append(f"  store %{self.names.struct} zeroinitializer, ptr %a")
        for index, param in enumerate(self.entry.inputs):
            self._fill_input(index, param)
        for index, param in enumerate(self.entry.outputs):
            self._fill_output(index, param)

    def _fill_input(self, index: int, param: Param) -> None:
        tensor = self._tensor("%inputs", index)
        self._refuse_unless(self._emit(f"icmp ne ptr {tensor}, null"), NULL_POINTER)
        self._check(tensor, param)
        data = self._data(tensor)
        if (value := self._find("value", index)) is not None:
            self._refuse_unless(self._emit(f"icmp ne ptr {data}, null"), NULL_POINTER)
            data = self._load(value.llvm_type, data)
        self._put(value or self._field("data", index), data)
        for axis in range(param.rank):
            self._fill_length(index, axis, self._load("i64", self._axis(tensor, axis)))
        if param.rank:
            self._put(self._field("strides", index), self._part(tensor, _STRIDES, "ptr"))

    def _fill_length(self, index: int, axis: int, length: str) -> None:
        """Axes that are one dimension have one length."""
        known = self.entry.dim_argument(index, axis)
        if isinstance(known, Argument) and (known.index, known.axis) == (index, axis):
            self._put(known, length)
            return
        wanted = str(known) if isinstance(known, int) else self._load("i64", self._member(known))
        self._refuse_unless(self._emit(f"icmp eq i64 {length}, {wanted}"), OTHER_TENSOR)

    def _fill_output(self, index: int, param: Param) -> None:
        tensor, n = self._output(index), self._next()
        there = self._emit(f"icmp ne ptr {tensor}, null")
        self.lines += [f"  br i1 {there}, label %there.{n}, label %after.{n}", f"there.{n}:"]
        self._check(tensor, param)
        for axis, known in enumerate(param.shape):
            if known is not None:
                length = self._load("i64", self._axis(tensor, axis))
                self._refuse_unless(self._emit(f"icmp eq i64 {length}, {known}"), OTHER_TENSOR)
        self._put(self._field("out", index), self._data(tensor))
        if param.rank:
            self._put(self._field("out_strides", index), self._part(tensor, _STRIDES, "ptr"))
        self.lines += [f"  br label %after.{n}", f"after.{n}:"]

    def _check(self, tensor: str, param: Param) -> None:
        """The tensor's dtype, number of axes and device."""
        kind = param.dtype.rstrip("0123456789")
        bits = 8 if kind == "bool" else int(param.dtype[len(kind):])
        for part, type, wanted in ((_NDIM, "i32", [param.rank]), (_BITS, "i8", [bits - 256 if bits > 127 else bits]),
                                   (_LANES, "i16", [1]), (_DEVICE, "i32", [*_HOSTS]),
                                   (_CODE, "i8", [_CODES[kind], *[_CODES["uint"]] * (kind == "bool")])):
            found, same = self._part(tensor, part, type), "false"
            for value in wanted:
                same = self._emit(f"or i1 {same}, {self._emit(f'icmp eq {type} {found}, {value}')}")
            self._refuse_unless(same, OTHER_TENSOR)

    # ---- what is called ----

    def _ask(self, values: str = "null") -> None:
        self._run(self.names.call_query, values)

    def _run(self, symbol: str, values: str) -> None:
        status, n = self._emit(f"call i32 @{symbol}(ptr %a)"), self._next()
        failed = self._emit(f"icmp ne i32 {status}, 0")
        self.lines += [f"  br i1 {failed}, label %fail.{n}, label %ok.{n}", f"fail.{n}:"]
        if values != "null":
            some, member = self._emit(f"icmp ne ptr {values}, null"), self._member(self._field("values"))
            self._when(some, [line for slot in range(N_INFO_SLOTS) for line in (
                f"%from.{n}.{slot} = getelementptr i64, ptr {member}, i64 {slot}",
                f"%to.{n}.{slot} = getelementptr i64, ptr {values}, i64 {slot}",
                f"%value.{n}.{slot} = load i64, ptr %from.{n}.{slot}, align 8",
                f"store i64 %value.{n}.{slot}, ptr %to.{n}.{slot}, align 8")])
        self.lines += [f"  ret i32 {status}", f"ok.{n}:"]

    def _sizes(self) -> Iterator[tuple[int, int, str]]:
        """Of each output's axis that the struct has a size for: that size."""
        for field in self.entry.fields:
            if field.role == "size":
                yield field.index, field.axis, self._load("i64", self._member(field))

    def _report(self, index: int, axis: int, size: str) -> None:
        """Store a length in the shape of an output that is there."""
        tensor, n = self._output(index), self._next()
        there = self._emit(f"icmp ne ptr {tensor}, null")
        self.lines += [f"  br i1 {there}, label %there.{n}, label %after.{n}", f"there.{n}:"]
        self.lines += [f"  store i64 {size}, ptr {self._axis(tensor, axis)}, align 8", f"  br label %after.{n}",
                       f"after.{n}:"]

    def _length(self, index: int, axis: int) -> str:
        """A length of an output; what is not wanted has the one that it should have."""
        tensor, n = self._output(index), self._next()
        size = self._load("i64", self._member(self._field("size", index, axis)))
        there = self._emit(f"icmp ne ptr {tensor}, null")
        self.lines += [f"  br label %before.{n}", f"before.{n}:",
                       f"  br i1 {there}, label %there.{n}, label %after.{n}", f"there.{n}:"]
        given = self._load("i64", self._axis(tensor, axis))
        self.lines += [f"  br label %after.{n}", f"after.{n}:"]
        return self._emit(f"phi i64 [ {given}, %there.{n} ], [ {size}, %before.{n} ]")

    # ---- tensors and members ----

    def _output(self, index: int) -> str:
        return self._tensor("%outputs", index)

    def _tensor(self, list: str, index: int) -> str:
        return self._load("ptr", self._emit(f"getelementptr ptr, ptr {list}, i64 {index}"))

    def _part(self, tensor: str, part: int, type: str) -> str:
        kind = f"%{self.entry.name}_tensor"
        return self._load(type, self._emit(f"getelementptr {kind}, ptr {tensor}, i32 0, i32 {part}"))

    def _data(self, tensor: str) -> str:
        data, offset = self._part(tensor, _DATA, "ptr"), self._part(tensor, _OFFSET, "i64")
        return self._emit(f"getelementptr i8, ptr {data}, i64 {offset}")

    def _axis(self, tensor: str, axis: int) -> str:
        """Where a tensor's length along an axis stands."""
        return self._emit(f"getelementptr i64, ptr {self._part(tensor, _SHAPE, 'ptr')}, i64 {axis}")

    def _find(self, role: str, index: int = -1, axis: int = -1) -> Argument | None:
        wanted = (role, index, axis)
        return next((f for f in self.entry.fields if (f.role, f.index, f.axis) == wanted), None)

    def _field(self, role: str, index: int = -1, axis: int = -1) -> Argument:
        found = self._find(role, index, axis)
        assert found is not None
        return found

    def _member(self, field: Argument) -> str:
        number = self.entry.fields.index(field)
        return self._emit(f"getelementptr %{self.names.struct}, ptr %a, i32 0, i32 {number}")

    def _put(self, field: Argument, value: str) -> None:
        self.lines.append(f"  store {field.llvm_type} {value}, ptr {self._member(field)}")

    # ---- instructions ----

    def _next(self) -> int:
        self._n += 1
        return self._n

    def _emit(self, instruction: str) -> str:
        name = f"%v.{self._next()}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def _load(self, type: str, place: str) -> str:
        return self._emit(f"load {type}, ptr {place}")

    def _refuse_unless(self, condition: str, status: int) -> None:
        n = self._next()
        self.lines += [f"  br i1 {condition}, label %ok.{n}, label %fail.{n}", f"fail.{n}:", f"  ret i32 {status}",
                       f"ok.{n}:"]

    def _when(self, condition: str, lines: list[str]) -> None:
        n = self._next()
        self.lines += [f"  br i1 {condition}, label %then.{n}, label %after.{n}", f"then.{n}:",
                       *(f"  {line}" for line in lines), f"  br label %after.{n}", f"after.{n}:"]

    def _text(self, name: str, arguments: str) -> str:
        head = f"define signext i32 @{name}({arguments}) nounwind {{"
        return "\n".join([head, "entry:", *self.lines, "  ret i32 0", "}"])
