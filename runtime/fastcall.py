"""Makes a kernel callable from Python in well under a microsecond.

`fastcall.ll` is a C function that serves every kernel, driven by a descriptor of the kernel's signature.
`build` compiles it, once a process, with the function that the compiler gives: the runtime has no compiler
of its own. `bind` makes a built-in Python function from it and a kernel.

The built-in takes positional arguments and answers `NotImplemented` where one needs conversion or is wrong.
`serve` gives a class of `Served` a `__call__` in C that also takes keywords, and converts arrays and lists that lose
nothing by it; what else there may be it leaves to the method `_call_slowly` of the class, which converts, or says
what is wrong (`loaded.py` has such a class for a kernel alone). On interpreters whose objects are not as
`fastcall.ll` takes them to be (other than CPython, free-threaded builds, ...) `bind` gives a function that does the
same through ctypes, and classes keep the `__call__` that they have.

Outputs of 128 KiB or more, for which malloc asks the system, begin at a multiple of 64 bytes, by a handler of memory
that NumPy asks for them alone, and are reused: the built-in keeps the array that it
returned last, and returns it again with new contents where nobody else holds it, its views included. So such a
kernel owns the memory of its last outputs until it is itself dropped.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from types import BuiltinFunctionType, FunctionType, WrapperDescriptorType
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from scancc.artifact import PARALLEL_FOR_SYMBOL, Param
from scancc.late_dataclasses import dataclass
from scancc.later import loaded_later
from scancc.runtime import images, interrupts, own_code
from scancc.runtime.cpu import Kernel

if TYPE_CHECKING:
    from scancc.runtime import threads
else:
    threads = loaded_later("scancc.runtime.threads")

GIL_NBYTES = 64 << 10
REUSE_NBYTES = 1 << 17  # fresh pages for two outputs of 1 MB took 1.9 ms, what was copied into them 0.1 ms

_MAX_SLOTS = 4096  # they stand on the stack
_OUT_OF_MEMORY = -1
_FLAG_ONE_OUTPUT, _FLAG_RELEASE_GIL = 1, 2
_METH_FASTCALL, _METH_KEYWORDS = 0x80, 0x2

_PTR, _I64 = ctypes.c_void_p, ctypes.c_int64


class _Input(ctypes.Structure):
    _fields_ = [
        ("dtype", _PTR),
        ("type_number", _I64),
        ("rank", _I64),
        ("itemsize", _I64),
        ("scalar_type", _PTR),
        ("numbers", _I64),
        ("low", _I64),
        ("high", _I64),
        ("dims", _PTR),
        ("converts", _I64),
        ("keyword", _PTR),
        ("held", _PTR),
    ]


class _Output(ctypes.Structure):
    _fields_ = [
        ("dtype", _PTR),
        ("rank", _I64),
        ("itemsize", _I64),
        ("last", _PTR),
        ("last_data", _PTR),
        ("last_flags", _I64),
    ]


class _Descriptor(ctypes.Structure):
    _fields_ = [
        ("run", _PTR),
        ("query", _PTR),
        ("n_inputs", _I64),
        ("n_outputs", _I64),
        ("n_slots", _I64),
        ("flags", _I64),
        ("gil_nbytes", _I64),
        ("reuse_nbytes", _I64),
        ("inputs", _PTR),
        ("outputs", _PTR),
        ("owner", _PTR),
        ("error", _PTR),
        ("workspace", _PTR),
        ("workspace_nbytes", _I64),
        ("workspace_busy", _I64),
        ("n_arguments", _I64),
    ]


class _Handler(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", _PTR),
        ("malloc", _PTR),
        ("calloc", _PTR),
        ("realloc", _PTR),
        ("free", _PTR),
    ]


class _MethodDef(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("method", _PTR),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


class _Array(ctypes.Structure):
    _fields_ = [
        ("refcount", ctypes.c_uint32),
        ("refcount_high", ctypes.c_uint32),
        ("type", _PTR),
        ("data", _PTR),
        ("nd", ctypes.c_int),
        ("dims", ctypes.POINTER(_I64)),
        ("strides", _PTR),
        ("base", _PTR),
        ("dtype", _PTR),
        ("flags", ctypes.c_int),
        ("weakrefs", _PTR),
    ]


class _Tuple(ctypes.Structure):
    _fields_ = [
        ("refcount", _I64),
        ("type", _PTR),
        ("size", _I64),
        ("items", _PTR * 2),
    ]


class _Descr(ctypes.Structure):
    """Of a member or of a slot of a type: what it rests on begins with its name."""

    _fields_ = [
        ("refcount", _I64),
        ("type", _PTR),
        ("of_type", _PTR),
        ("name", _PTR),
        ("qualified_name", _PTR),
        ("base", ctypes.POINTER(ctypes.c_char_p)),
    ]


class _Member(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("offset", _I64),
    ]


class _Dtype(ctypes.Structure):
    _fields_ = [
        ("refcount", _I64),
        ("type", _PTR),
        ("typeobj", _PTR),
        ("kind", ctypes.c_char),
        ("char", ctypes.c_char),
        ("byteorder", ctypes.c_char),
        ("former_flags", ctypes.c_char),
        ("type_number", ctypes.c_int),
    ]


@dataclass(frozen=True)
class _Code:
    library: images.Library
    call: int
    object_call: int
    release: int


_code: _Code | None = None
_building = threading.RLock()  # a signal's handler may compile, too


def _forget_other_threads() -> None:
    """In a child process: another thread of its parent may have held the lock, and is not here."""
    global _building
    _building = threading.RLock()
    if _code is not None:
        _main_thread_of(_code.library)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


def build(compile_ir: Callable[[str], bytes]) -> None:
    """Compile the fast caller with `compile_ir`, LLVM IR text to an object, or take it from the disk cache.

    `compile_ir` must aim at the machine's base features; an ImportError says that there is no compiler. Does nothing
    then, or where `is_supported()` is false.
    """
    global _code
    with _building:
        if _code is None and is_supported():
            with contextlib.suppress(ImportError):
                _code = _loaded(own_code.load("fastcall.ll", compile_ir))


def is_ready() -> bool:
    return _code is not None


@cache
def is_supported() -> bool:
    """Whether objects of this interpreter and this NumPy are laid out as `fastcall.ll` takes them to be."""
    return (
        sys.implementation.name == "cpython"
        and sys.byteorder == "little"
        and sys.platform != "win32"
        and ctypes.sizeof(ctypes.c_void_p) == 8
        and "t" not in sys.abiflags
        and images.loads_here()
        and _array_layout_holds()
        and _dtype_layout_holds()
        and _tuple_layout_holds()
        and _slot_offset() is not None
        and _call_slot() is not None
        and _numpy_api() is not None
    )


@dataclass(frozen=True)
class Argument:
    """What a call of `serve`'s may give for an input, beside an array by position. Python answers to a keyword that
    several inputs have.

    `held`: a list whose one element is the input's value; such inputs come last, and no call gives them.
    """

    keyword: str | None = None
    converts: bool = True
    held: list[Any] | None = None


def bind(kernel: Kernel, single_output: bool = False, long: bool = False,
         arguments: Sequence[Argument] | None = None) -> Callable[..., Any]:
    """A function of the kernel's inputs, by position; NotImplemented where an argument is not plain.

    Plain are arrays of the exact dtype, rank and fixed dimensions, C-contiguous and aligned, and for rank 0
    also Python and NumPy numbers. It returns the list of outputs, or with `single_output` the one output.
    `long`: the run may take long whatever the sizes, so release the GIL. `arguments`, one for each input: for
    `native`. A kernel that guesses sizes is called through ctypes, and so is every kernel where there is no fast
    caller.
    """
    if single_output and len(kernel.outputs) != 1:
        raise ValueError(f"{kernel.name} has {len(kernel.outputs)} outputs; single_output needs exactly one")
    interrupts.let_ask(kernel.library)
    if isinstance(kernel.library, images.Library) and PARALLEL_FOR_SYMBOL in kernel.library.symbols:
        threads.lend(kernel.library)
    if _code is None or kernel.n_slots > _MAX_SLOTS or kernel.guesses:
        return _through_ctypes(kernel, single_output)
    owner = _Owner(kernel, _code, single_output, long, arguments or [Argument(p.name) for p in kernel.inputs])
    capsule = _new_capsule(ctypes.addressof(owner.descriptor), None, _code.release)
    _inc_ref(owner)  # the capsule's; its destructor drops it
    builtin: Callable[..., Any] = _new_builtin(ctypes.addressof(owner.method), capsule, None)
    return builtin


class Served:
    """What has a place for a kernel's capsule, which code in C reads without asking for an attribute."""

    __slots__ = ("_native",)
    _native: object | None


def native(bound: Callable[..., Any]) -> object | None:
    """What an instance of a class that is served has as its `_native`: of what `bind` gave, if it can."""
    return getattr(bound, "__self__", None) if isinstance(bound, BuiltinFunctionType) else None


def serve(cls: type[Served]) -> None:
    """Give the class a `__call__` in C, for instances whose `_native` is not None; does nothing without `build`.

    The others, and calls that need more, go to `cls._call_slowly(self, *args, **kwargs)`. The `__call__` is one as
    types in C have it, so that Python calls it without looking for a method: a sixth of what a small call costs.
    """
    if _code is not None and not isinstance(cls.__dict__.get("__call__"), WrapperDescriptorType):
        cls.__call__ = _new_wrapper(cls, _call_slot(), _code.object_call)  # type: ignore[method-assign]


def _through_ctypes(kernel: Kernel, single_output: bool) -> Callable[..., Any]:
    return (lambda *values: kernel(*values)[0]) if single_output else (lambda *values: kernel(*values))


# --- descriptors --------------------------------------------------------------------------------------


class _Owner:
    """What a built-in needs, and what must live as long as it does.

    It must not refer to the built-in: the garbage collector cannot see through the capsule.
    """

    def __init__(self, kernel: Kernel, code: _Code, single_output: bool, long: bool,
                 arguments: Sequence[Argument]) -> None:
        params = kernel.inputs + kernel.outputs
        self.kernel = kernel
        self.dtypes = {p.dtype: np.dtype(p.dtype) for p in params}
        self.dims = [_dims(p) for p in kernel.inputs]
        self.arguments = arguments
        times = Counter(a.keyword for a in arguments)
        self.keywords = [sys.intern(a.keyword) if a.keyword and times[a.keyword] == 1 else None for a in arguments]
        self.inputs = (_Input * len(kernel.inputs))(
            *(_input(p, self.dtypes[p.dtype], d) for p, d in zip(kernel.inputs, self.dims, strict=True))
        )
        for entry, argument, keyword in zip(self.inputs, arguments, self.keywords, strict=True):
            entry.converts, entry.keyword = argument.converts, id(keyword) if keyword else None
            entry.held = None if argument.held is None else id(argument.held)
        self.outputs = (_Output * len(kernel.outputs))(
            *(_output(p, self.dtypes[p.dtype]) for p in kernel.outputs)
        )
        self.error = _error_function(kernel)
        self.method = _MethodDef(kernel.name.encode(), code.call, _METH_FASTCALL, None)
        self.descriptor = _Descriptor(
            run=kernel.run_address,
            query=kernel.query_address,
            n_inputs=len(kernel.inputs),
            n_arguments=sum(argument.held is None for argument in arguments),
            n_outputs=len(kernel.outputs),
            n_slots=kernel.n_slots,
            flags=_FLAG_ONE_OUTPUT * single_output + _FLAG_RELEASE_GIL * long,
            gil_nbytes=GIL_NBYTES,
            reuse_nbytes=REUSE_NBYTES,
            inputs=ctypes.addressof(self.inputs),
            outputs=ctypes.addressof(self.outputs),
            owner=id(self),
            error=id(self.error),
        )


def _dims(param: Param) -> ctypes.Array[ctypes.c_int64]:
    return (_I64 * max(param.rank, 1))(*(-1 if d is None else d for d in param.shape))


def _input(param: Param, dtype: np.dtype[Any], dims: ctypes.Array[ctypes.c_int64]) -> _Input:
    numbers, low, high = _accepted_numbers(dtype)
    return _Input(
        dtype=id(dtype),
        type_number=dtype.num,
        rank=param.rank,
        itemsize=dtype.itemsize,
        scalar_type=id(dtype.type),
        numbers=numbers,
        low=low,
        high=high,
        dims=ctypes.addressof(dims),
    )


def _accepted_numbers(dtype: np.dtype[Any]) -> tuple[int, int, int]:
    """Which Python numbers fill an input of rank 0, and the range of the integers among them."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return 3, int(limits.min), min(int(limits.max), 2**63 - 1)
    return {"float64": 1, "float32": 2, "bool": 4}.get(dtype.name, 0), 0, 0


def _output(param: Param, dtype: np.dtype[Any]) -> _Output:
    return _Output(dtype=id(dtype), rank=param.rank, itemsize=dtype.itemsize)


def _error_function(kernel: Kernel) -> Callable[..., NoReturn]:
    def error(status: int, *info: int) -> NoReturn:
        if status == _OUT_OF_MEMORY:
            raise MemoryError(f"{kernel.name} needs a workspace of {info[0]} bytes, which cannot be had")
        kernel.fail(status, *info)

    return error


# --- loading the code ---------------------------------------------------------------------------------


def _main_thread_of(library: images.Library) -> None:
    address = library.address("host.main_thread")
    ctypes.c_int64.from_address(address).value = threading.main_thread().ident or 0


def _loaded(library: images.Library) -> _Code:
    _inc_ref(library)  # never unloaded: built-ins may be called until the process ends
    method = _MethodDef(b"_call_by_name", library.address("scancc_method"), _METH_FASTCALL | _METH_KEYWORDS, None)
    by_name = _new_method(Served, ctypes.addressof(method))
    _for_ever.append((method, by_name))
    ours = {"method": id(by_name), "native": _slot_offset() or 0}
    for name, address in (_host_addresses() | _memory_addresses(library) | ours).items():
        ctypes.c_void_p.from_address(library.address("host." + name)).value = address
    interrupts.install(library.address("scancc_poll"), library.address("scancc_raised"))
    return _Code(library, *(library.address(f"scancc_{name}") for name in ("call", "object_call", "release")))


_PYTHON_FUNCTIONS = """
PyCapsule_GetPointer PyErr_Clear PyErr_Occurred PyEval_RestoreThread PyEval_SaveThread PyFloat_AsDouble
PyList_GetItem PyList_New PyList_SetItem PyList_Size PyLong_AsLongLong PyMem_RawFree PyMem_RawMalloc
PyObject_CallFunction PyObject_VectorcallDict PyObject_VectorcallMethod PyTuple_GetItem PyTuple_Size Py_DecRef
Py_IncRef PyGILState_Ensure PyGILState_Release PyErr_CheckSignals PyErr_Fetch PyThread_get_thread_ident
"""
# Places in NumPy's table of API functions; they are part of its ABI.
_NUMPY_FUNCTIONS = {"PyArray_ScalarAsCtype": 62, "PyArray_NewFromDescr": 94, "PyArray_FromArray": 109,
                    "PyArray_SetBaseObject": 282, "PyDataMem_SetHandler": 304}
_METHOD, _OUT = sys.intern("_call_slowly"), sys.intern("out")
_NUMPY_ARRAY_TYPE = 2


def _host_addresses() -> dict[str, int]:
    api = _numpy_api()
    assert api is not None, "is_supported was asked first"
    addresses = {name: _address_of(name) for name in _PYTHON_FUNCTIONS.split()}
    addresses |= {name: api[index] for name, index in _NUMPY_FUNCTIONS.items()}
    addresses |= {"time": images.function_of_c("time"), "main_thread": threading.main_thread().ident or 0}
    objects: dict[str, object] = {"PyArray_Type": np.ndarray, "PyFloat_Type": float, "PyLong_Type": int}
    objects |= {"PyList_Type": list, "PyTuple_Type": tuple, "call_slowly": _METHOD, "out": _OUT}
    objects |= {"Py_NotImplemented": NotImplemented, "Py_True": True, "Py_None": None}
    return addresses | {name: id(value) for name, value in objects.items()}


def _memory_addresses(library: images.Library) -> dict[str, int]:
    """What aligned memory is had from, and the handler that has it for NumPy, which lives as long as the code."""
    functions = {name: library.address(f"scancc_aligned_{name}") for name in ("malloc", "calloc", "realloc", "free")}
    handler = _Handler(b"scancc_aligned", 1, None, **functions)
    capsule = _new_capsule(ctypes.addressof(handler), b"mem_handler", None)
    _for_ever.append((handler, capsule))
    addresses = {name: images.function_of_c(name) for name in ("aligned_alloc", "calloc", "realloc", "free")}
    large_pages = sys.platform == "linux" and os.environ.get("NUMPY_MADVISE_HUGEPAGE", "1") != "0"
    return addresses | {"aligned": id(capsule), "madvise": images.function_of_c("madvise") if large_pages else 0}


_for_ever: list[tuple[ctypes.Structure, object]] = []  # as code is


def _address_of(name: str) -> int:
    return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0


@cache
def _numpy_api() -> Any:
    """NumPy's table of API functions, or None where it cannot be found or is not as expected."""
    package = "numpy._core" if hasattr(np, "_core") else "numpy.core"  # before NumPy 2
    capsule = getattr(import_module(package + "._multiarray_umath"), "_ARRAY_API", None)
    if capsule is None:
        return None
    table = ctypes.cast(_pointer_of(capsule, None), ctypes.POINTER(ctypes.c_size_t))
    return table if table[_NUMPY_ARRAY_TYPE] == id(np.ndarray) else None


def _prototype(result: Any, name: str, *arguments: Any) -> Any:
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_inc_ref = _prototype(None, "Py_IncRef", ctypes.py_object)
_pointer_of = _prototype(_PTR, "PyCapsule_GetPointer", ctypes.py_object, ctypes.c_char_p)
_new_capsule = _prototype(ctypes.py_object, "PyCapsule_New", _PTR, ctypes.c_char_p, _PTR)
_new_method = _prototype(ctypes.py_object, "PyDescr_NewMethod", ctypes.py_object, _PTR)
_new_wrapper = _prototype(ctypes.py_object, "PyDescr_NewWrapper", ctypes.py_object, _PTR, _PTR)
_new_builtin = _prototype(ctypes.py_object, "PyCFunction_NewEx", _PTR, ctypes.py_object, _PTR)


# --- is the interpreter as expected? ------------------------------------------------------------------


def _array_layout_holds() -> bool:
    array = np.zeros((2, 3))
    view = array[1:]
    fields, of_view = _Array.from_address(id(array)), _Array.from_address(id(view))
    if fields.type != id(np.ndarray) or fields.nd != 2 or fields.data != array.ctypes.data:
        return False
    had_weakrefs = bool(fields.weakrefs)
    reference = weakref.ref(array)
    n_references = sys.getrefcount(array) - 1
    return (
        fields.refcount == n_references
        and fields.dims[0] == 2
        and fields.dims[1] == 3
        and fields.dtype == id(array.dtype)
        and fields.flags == array.flags.num
        and fields.base is None
        and of_view.base == id(array)
        and not had_weakrefs
        and bool(fields.weakrefs)
        and reference() is array
    )


def _dtype_layout_holds() -> bool:
    for name in ("<f8", ">f8", "?", "<i8"):
        dtype = np.dtype(name)
        fields = _Dtype.from_address(id(dtype))
        if fields.type_number != dtype.num or fields.byteorder.decode() != dtype.byteorder:
            return False
    return True


def _tuple_layout_holds() -> bool:
    pair = (object(), object())
    fields = _Tuple.from_address(id(pair))
    return fields.size == 2 and list(fields.items) == [id(item) for item in pair]


@cache
def _slot_offset() -> int | None:
    """Where in an object of `Served` its slot is, or None where that cannot be told."""
    descr, served, value = _Descr.from_address(id(Served.__dict__["_native"])), Served(), object()
    if descr.of_type != id(Served) or descr.base[0] != b"_native":
        return None
    offset: int = ctypes.cast(descr.base, ctypes.POINTER(_Member))[0].offset
    served._native = value
    inside = 0 < offset <= Served.__basicsize__ - ctypes.sizeof(_PTR)
    return offset if inside and _PTR.from_address(id(served) + offset).value == id(value) else None


@cache
def _call_slot() -> int | None:
    """CPython's description of what `__call__` is in a type, or None where it is not as expected."""
    descr = _Descr.from_address(id(FunctionType.__call__))
    if type(FunctionType.__call__) is not WrapperDescriptorType or descr.of_type != id(FunctionType):
        return None
    return ctypes.cast(descr.base, _PTR).value if descr.base[0] == b"__call__" else None
