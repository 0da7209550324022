"""A library that Python imports: PyInit_LIBRARY in LLVM IR, on Python's stable ABI, for 3.10 and later.

It runs a text in Python that calls the library's functions by what their manifests say (`module_source.py`), so no
code here knows a function's arguments. Python's functions are weak: a C program links and loads without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..c_names import ExportError
from ..target import Target

_EXEC, _FILE_INPUT = 2, 257  # Py_mod_exec, Py_file_input

_TEXT = """
@scancc.module.text = private unnamed_addr constant [{n_text} x i8] c"{text}"
@scancc.module.name = private unnamed_addr constant [{n_name} x i8] c"{name}\\00"
@scancc.module.slots = internal global [2 x {{ i32, ptr }}] [{{ i32, ptr }} {{ i32 {exec}, ptr @scancc.module.exec }},
  {{ i32, ptr }} zeroinitializer]
@scancc.module = internal global {{ i64, ptr, ptr, i64, ptr, ptr, ptr, i64, ptr, ptr, ptr, ptr, ptr }} {{ i64 1,
  ptr null, ptr null, i64 0, ptr null, ptr @scancc.module.name, ptr null, i64 0, ptr null, ptr @scancc.module.slots,
  ptr null, ptr null, ptr null }}
declare extern_weak ptr @PyModuleDef_Init(ptr)
declare extern_weak ptr @PyModule_GetDict(ptr)
declare extern_weak ptr @Py_CompileString(ptr, ptr, i32)
declare extern_weak ptr @PyEval_EvalCode(ptr, ptr, ptr)
declare extern_weak void @Py_DecRef(ptr)
define ptr @PyInit_{name}() nounwind {{
  %module = call ptr @PyModuleDef_Init(ptr @scancc.module)
  ret ptr %module
}}
define internal i32 @scancc.module.exec(ptr %module) nounwind {{
  %names = call ptr @PyModule_GetDict(ptr %module)
  %code = call ptr @Py_CompileString(ptr @scancc.module.text, ptr @scancc.module.name, i32 {file_input})
  %compiled = icmp ne ptr %code, null
  br i1 %compiled, label %run, label %fail
run:
  %result = call ptr @PyEval_EvalCode(ptr %code, ptr %names, ptr %names)
  call void @Py_DecRef(ptr %code)
  %ran = icmp ne ptr %result, null
  br i1 %ran, label %done, label %fail
done:
  call void @Py_DecRef(ptr %result)
  ret i32 0
fail:
  ret i32 -1
}}
"""

_LOADED = """
__builtins__ = builtins
FUNCTIONS = {names!r}
globals().update({{name: Function(ctypes.CDLL(__file__), name) for name in FUNCTIONS}})
__all__ = list(FUNCTIONS)
"""


def python_text(library: str, functions: Sequence[str], target: Target) -> str:
    """LLVM IR that makes a module LIBRARY of Python of the library with these functions."""
    if not (library.isidentifier() and library.isascii()):
        raise ExportError(f"{library!r} is no name of a module in Python; give the library another one, or leave "
                          "python out")
    if target.is_32_bit or target.system[0] not in ("linux", "freebsd"):
        raise ExportError(f"a module of Python is made for systems with ELF and 64 bits, and not for {target}; leave "
                          "python out")
    source = Path(__file__).with_name("module_source.py").read_bytes()
    source += _LOADED.format(names=tuple(functions)).encode()
    text = "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:02X}" for b in source + b"\0")
    return _TEXT.format(n_text=len(source) + 1, text=text, n_name=len(library) + 1, name=library, exec=_EXEC,
                        file_input=_FILE_INPUT)
