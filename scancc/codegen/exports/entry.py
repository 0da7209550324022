"""The C signature of an exported function: one description for the adapter, the header and the manifest.

    int32_t NAME(inputs, outputs, workspace, workspace_nbytes)

Inputs come in the program's order: a number by value (a complex one by a pointer to its two parts), a
tensor as its pointer, each dimension that no earlier input has named, and one stride for each axis.
Outputs: the pointer, one stride for each axis, and where a loop may end early the number of rows
written. Dimensions known at compile time are not passed. Strides count elements, not bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import field

from scancc.artifact import ABI_VERSION, MOST_ELEMENTS, N_INFO_SLOTS, Check, Param
from scancc.calling import Calling
from scancc.errors import UnsupportedError
from scancc.late_dataclasses import dataclass
from scancc.process import kept_property

from ..c_names import ExportError, argument_name, check_name

NULL_POINTER = -1
NEGATIVE_DIMENSION = -2
WORKSPACE_TOO_SMALL = -3
NOT_CONTIGUOUS = -4
TOO_LARGE = -5
OTHER_TENSOR = -6

CALLER_ERRORS = {
    NULL_POINTER: "a pointer is NULL whose tensor has elements",
    NEGATIVE_DIMENSION: "a dimension is negative",
    WORKSPACE_TOO_SMALL: "the workspace is smaller than the query says",
    NOT_CONTIGUOUS: "sizes depend on the values of an input, which must be C-contiguous for the query",
    TOO_LARGE: f"an array would have more than 2**{MOST_ELEMENTS.bit_length() - 1} elements, or strides that lead "
    "further",
    OTHER_TENSOR: "a tensor of DLPack has another dtype, device, number of axes or length than its argument",
}


@dataclass(frozen=True)
class Scalar:
    """An element type in C and in LLVM. `n_parts` is 2 for complex numbers, which C sees as pairs."""

    c_type: str
    llvm_type: str
    nbytes: int
    n_parts: int = 1


SCALARS: dict[str, Scalar] = {
    "float64": Scalar("double", "double", 8),
    "float32": Scalar("float", "float", 4),
    "float16": Scalar("uint16_t", "i16", 2),
    "int64": Scalar("int64_t", "i64", 8),
    "int32": Scalar("int32_t", "i32", 4),
    "int16": Scalar("int16_t", "i16", 2),
    "int8": Scalar("int8_t", "i8", 1),
    "uint64": Scalar("uint64_t", "i64", 8),
    "uint32": Scalar("uint32_t", "i32", 4),
    "uint16": Scalar("uint16_t", "i16", 2),
    "uint8": Scalar("uint8_t", "i8", 1),
    "bool": Scalar("uint8_t", "i8", 1),
    "complex64": Scalar("float", "float", 8, 2),
    "complex128": Scalar("double", "double", 16, 2),
}


def scalar_of(param: Param) -> Scalar:
    if param.dtype not in SCALARS:
        raise UnsupportedError(
            f"{param.name} has dtype {param.dtype}, which has no type in C here; cast it to one of "
            f"{', '.join(SCALARS)}"
        )
    return SCALARS[param.dtype]


@dataclass(frozen=True)
class Argument:
    """One argument of a C function. `role` says what it is of parameter `index` (and of its `axis`).

    Roles of inputs: value, data, dim, stride; of outputs: out, out_stride, rows; of the query: size;
    of neither: workspace, workspace_nbytes, need_nbytes, staging_nbytes.
    Members of the struct of a short call are such, too, with roles strides, out_strides and values for arrays;
    `count`: how many elements the member itself is.
    """

    name: str
    c_type: str
    llvm_type: str
    role: str
    index: int = -1
    axis: int = -1
    count: int = 0

    @property
    def c_text(self) -> str:
        array = f"[{self.count}]" if self.count else ""
        return f"{self.c_type}{'' if self.c_type.endswith('*') else ' '}{self.name}{array}"


@dataclass(frozen=True)
class Variant:
    """The code of a function for one processor among several; `requires`: as `Entry.requires`."""

    name: str
    cpu: str
    features: str
    requires: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """A value that `Print` shows: what it was given, the value's name and type, and the scans around it."""

    text: str
    name: str
    attributes: tuple[str, ...]
    dtype: str
    rank: int
    scans: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """An exported function. For each input `dims` names its axes: equal names are one dimension.

    `early[j]`: the axes along which output j may be shorter than its query says. `query_reads[i]`: the sizes depend
    on the values of tensor i. `output_dims`: the dimension that an output's axis has, where it is an input's.
    `fast_math`: what was allowed to change a number; `fast_math_used`: the parts by which something did.
    `requires`: what the processor must have, in LLVM's words. `calling`: keywords, defaults, state, names of outputs.
    `threads`: a caller may say who runs its loops. `variants`: where there is code for several processors, these, the
    one that needs most first; what else is said of code is of the last one. `optional`: outputs without which there
    is code. `dlpack`: there are entries for tensors of DLPack. `prints`: what a caller may have printed.
    """

    name: str
    inputs: tuple[Param, ...]
    outputs: tuple[Param, ...]
    checks: tuple[Check, ...]
    dims: tuple[tuple[str, ...], ...] = ()
    early: tuple[tuple[int, ...], ...] = ()
    query_reads: tuple[bool, ...] = ()
    output_dims: tuple[tuple[str | None, ...], ...] = ()
    fast_math: str = "default"
    fast_math_used: tuple[str, ...] = ()
    memory: dict[str, object] = field(default_factory=dict)  # formulas of workspace, buffers, inputs and outputs
    requires: tuple[str, ...] = ()
    calling: Calling = Calling()
    threads: bool = False
    variants: tuple[Variant, ...] = ()
    optional: tuple[int, ...] = ()
    dlpack: bool = False
    prints: tuple[Shown, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name, Names(self.name).public)
        for param in self.inputs + self.outputs:
            scalar_of(param)

    @kept_property
    def arguments(self) -> tuple[Argument, ...]:
        """The arguments of NAME."""
        build = _Arguments(self)
        build.all_inputs()
        for index, param in enumerate(self.outputs):
            build.output(index, param)
        build.add("workspace", "void *", "ptr", "workspace")
        build.add("workspace_nbytes", "int64_t", "i64", "workspace_nbytes")
        return tuple(build.done)

    @kept_property
    def query_arguments(self) -> tuple[Argument, ...]:
        """The arguments of NAME_query."""
        build = _Arguments(self)
        build.all_inputs()
        for index, param in enumerate(self.outputs):
            for axis in range(param.rank):
                if param.shape[axis] is None:
                    build.add(f"{param.name}_n{axis}", "int64_t *", "ptr", "size", index, axis)
        build.add("workspace_nbytes", "int64_t *", "ptr", "need_nbytes")
        if self.has_tensor_outputs:
            build.add("staging_nbytes", "int64_t *", "ptr", "staging_nbytes")
        return tuple(build.done)

    @kept_property
    def fields(self) -> tuple[Argument, ...]:
        """The members of the struct of NAME_call, which have the names of arguments that stand for the same."""
        build = _Fields(self)
        for index, param in enumerate(self.inputs):
            build.take(("value", "data", "dim"), index)
            build.strides("strides", index, param)
        for index, param in enumerate(self.outputs):
            build.take(("out",), index)
            build.sizes(index, param)
            build.strides("out_strides", index, param)
        build.take(("workspace", "workspace_nbytes"), -1)
        build.add("values", "int64_t", f"[{N_INFO_SLOTS} x i64]", "values", count=N_INFO_SLOTS)
        return tuple(build.done)

    @kept_property
    def interface(self) -> str:
        """A number of the arguments of NAME and NAME_query, in hexadecimal: a header goes with objects of its own."""
        found = [(a.name, a.c_type, a.role, a.index, a.axis) for a in (*self.arguments, *self.query_arguments)]
        dtypes = [(p.dtype, p.shape) for p in (*self.inputs, *self.outputs)]
        return hashlib.sha256(repr((ABI_VERSION, found, dtypes)).encode()).hexdigest()[:8]

    @property
    def has_tensor_outputs(self) -> bool:
        return any(p.rank for p in self.outputs)

    def dim_name(self, index: int, axis: int) -> str:
        """The dimension of an input's axis; its own where the compiler found no shared name."""
        if index < len(self.dims) and axis < len(self.dims[index]):
            return self.dims[index][axis]
        return f"{self.inputs[index].name}_n{axis}"

    def early_axes(self, index: int) -> tuple[int, ...]:
        return self.early[index] if index < len(self.early) else ()

    def is_respread(self, index: int) -> bool:
        """Whether an output's rows may be shorter than the caller's, so that they are copied apart."""
        return any(self.early_axes(index)[-1:])

    def reads_in_query(self, index: int) -> bool:
        return index < len(self.query_reads) and self.query_reads[index]

    def dim_argument(self, index: int, axis: int) -> Argument | int:
        """The argument that holds an input's dimension, or the dimension itself where it is known."""
        known = self.inputs[index].shape[axis]
        if known is not None:
            return known
        wanted = self.dim_name(index, axis)
        return next(a for a in self.arguments if a.role == "dim" and self.dim_name(a.index, a.axis) == wanted)

    def output_dim_argument(self, index: int, axis: int) -> Argument | None:
        """The argument that an output's dimension always equals, if there is one."""
        name = self.output_dims[index][axis] if index < len(self.output_dims) else None
        found = (a for a in self.arguments if a.role == "dim" and self.dim_name(a.index, a.axis) == name)
        return next(found, None)


class _Arguments:
    """Collects arguments under names that are unique and legal in C and C++; NAME_run has `state` before them."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.done: list[Argument] = []
        self._taken = {f"{entry.name}_ask", f"{entry.name}_do"}  # what C of it calls
        self._taken |= {"state"} if entry.calling.states else set()
        self._seen_dims: set[str] = set()

    def add(self, name: str, c_type: str, llvm_type: str, role: str, index: int = -1, axis: int = -1) -> None:
        name = argument_name(name, self._taken)
        self._taken.add(name)
        self.done.append(Argument(name, c_type, llvm_type, role, index, axis))

    def all_inputs(self) -> None:
        for index, param in enumerate(self.entry.inputs):
            self._input(index, param)

    def _input(self, index: int, param: Param) -> None:
        scalar = scalar_of(param)
        if param.rank == 0 and scalar.n_parts == 1:
            self.add(param.name, scalar.c_type, scalar.llvm_type, "value", index)
            return
        self.add(param.name, f"const {scalar.c_type} *", "ptr", "data", index)
        for axis in range(param.rank):
            name = self.entry.dim_name(index, axis)
            if param.shape[axis] is None and name not in self._seen_dims:
                self._seen_dims.add(name)
                self.add(name, "int64_t", "i64", "dim", index, axis)
        for axis in range(param.rank):
            self.add(f"{param.name}_s{axis}", "int64_t", "i64", "stride", index, axis)

    def output(self, index: int, param: Param) -> None:
        self.add(param.name, f"{scalar_of(param).c_type} *", "ptr", "out", index)
        for axis in range(param.rank):
            self.add(f"{param.name}_s{axis}", "int64_t", "i64", "out_stride", index, axis)
        for axis in self.entry.early_axes(index):
            self.add(f"{param.name}_n{axis}", "int64_t *", "ptr", "length", index, axis)


class _Fields:
    """Collects the members of a short call's struct."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.done: list[Argument] = []
        self._taken = {a.name for a in entry.arguments}

    def take(self, roles: Sequence[str], index: int) -> None:
        """Arguments of NAME of these roles."""
        self.done += [a for a in self.entry.arguments if a.role in roles and a.index == index]

    def strides(self, role: str, index: int, param: Param) -> None:
        if param.rank:
            self.add(f"{param.name}_strides", "const int64_t *", "ptr", role, index)

    def sizes(self, index: int, param: Param) -> None:
        for axis in range(param.rank):
            if param.shape[axis] is None:
                self.add(f"{param.name}_n{axis}", "int64_t", "i64", "size", index, axis)

    def add(self, name: str, c_type: str, llvm_type: str, role: str, index: int = -1, axis: int = -1,
            count: int = 0) -> None:
        name = argument_name(name, self._taken)
        self._taken.add(name)
        self.done.append(Argument(name, c_type, llvm_type, role, index, axis, count))


class Names:
    """The symbols of an entry."""

    def __init__(self, entry: str) -> None:
        self.run = f"{entry}__run"
        self.query = f"{entry}__query"
        self.flat_query = f"{entry}_query"
        self.error = f"{entry}_error"
        self.supported = f"{entry}_supported"
        self.missing = f"{entry}__missing"
        self.init, self.state = f"{entry}_init", f"{entry}_state"
        self.call, self.call_query, self.struct = f"{entry}_call", f"{entry}_call_query", f"{entry}_arguments"
        self.run_state, self.run_query = f"{entry}_run", f"{entry}_run_query"
        self.snapshot, self.manifest = f"{entry}_snapshot", f"{entry}_manifest"
        self.parallel_for, self.set_parallel_for = f"{entry}_parallel_for", f"{entry}_set_parallel_for"
        self.variant, self.set_variant = f"{entry}_variant", f"{entry}_set_variant"
        self.dlpack, self.dlpack_query = f"{entry}_dlpack", f"{entry}_dlpack_query"
        self.print, self.printed, self.set_print = f"{entry}_print", f"{entry}_printed", f"{entry}_set_print"
        self.public = (entry, self.run, self.query, self.flat_query, self.error, self.supported, self.missing,
                       self.init, self.state, self.call, self.call_query, self.struct, self.run_state, self.run_query,
                       self.snapshot, self.manifest, self.parallel_for, self.set_parallel_for, self.variant,
                       self.set_variant, self.dlpack, self.dlpack_query, self.print, self.printed, self.set_print)


def seldom_called(entry: Entry) -> list[str]:
    """The symbols of what is called once for many calls of NAME."""
    names = Names(entry.name)
    return [names.flat_query, names.call_query, names.error, names.missing, names.supported, names.dlpack_query,
            names.run_query]


def check_distinct(entries: Sequence[Entry]) -> None:
    """Refuse functions of one library of which two define the same symbol."""
    owner: dict[str, str] = {}
    for name in (e.name for e in entries):
        for symbol in Names(name).public:
            if owner.get(symbol) == name:
                raise ExportError(
                    f"two functions are named {name!r}; give each a name of its own, sc.function(..., name=...)"
                )
            if symbol in owner:
                raise ExportError(
                    f"the functions {owner[symbol]!r} and {name!r} would both define {symbol!r}; name one otherwise, "
                    "sc.function(..., name=...)"
                )
            owner[symbol] = name
