"""Small kernels in LLVM IR, compiled with llvmlite: the runtime is tested without scancc's compiler."""

from __future__ import annotations

from functools import cache

import llvmlite.binding as llvm

from scancc.artifact import Artifact, Check, Param


@cache
def _machine():
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(reloc="pic", codemodel="small", opt=2)


def compile_ir(text: str) -> bytes:
    module = llvm.parse_assembly(text)
    module.verify()
    passes = llvm.create_pass_builder(_machine(), llvm.create_pipeline_tuning_options(2))
    passes.getModulePassManager().run(module, passes)
    return _machine().emit_object(module)


def artifact(text: str, inputs, outputs, checks=(), name="k") -> Artifact:
    """`text` defines @run and @query; the signature is given as (name, dtype, shape) rows."""
    return Artifact(
        name=name,
        target="cpu",
        triple="",
        cpu="",
        features="",
        code=_compiled(text),
        run_symbol="run",
        query_symbol="query",
        inputs=tuple(Param(*row) for row in inputs),
        outputs=tuple(Param(*row) for row in outputs),
        checks=tuple(Check(*row) for row in checks),
    )


@cache
def _compiled(text: str) -> bytes:
    return compile_ir(text)


AXPB = """
; y = a*x + b over x's n elements.  slots: a | x n | b | y n | ws, nbytes | info
define i32 @query(ptr %a) {
  %n.at = getelementptr i64, ptr %a, i64 2
  %n = load i64, ptr %n.at
  %out = getelementptr i64, ptr %a, i64 5
  store i64 %n, ptr %out
  ret i32 0
}
define i32 @run(ptr %a) {
entry:
  %a.p = load ptr, ptr %a
  %x.at = getelementptr i64, ptr %a, i64 1
  %x = load ptr, ptr %x.at
  %n.at = getelementptr i64, ptr %a, i64 2
  %n = load i64, ptr %n.at
  %b.at = getelementptr i64, ptr %a, i64 3
  %b.p = load ptr, ptr %b.at
  %y.at = getelementptr i64, ptr %a, i64 4
  %y = load ptr, ptr %y.at
  %scale = load double, ptr %a.p
  %shift = load double, ptr %b.p
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %body, label %done
body:
  %x.i = getelementptr double, ptr %x, i64 %i
  %v = load double, ptr %x.i
  %m = fmul double %v, %scale
  %s = fadd double %m, %shift
  %y.i = getelementptr double, ptr %y, i64 %i
  store double %s, ptr %y.i
  %next = add i64 %i, 1
  br label %loop
done:
  ret i32 0
}
"""

# Running sums of a matrix's rows, in a workspace, until a sum of column 0 exceeds the limit.
# slots: 0 x 1 n 2 m | 3 limit | 4 y 5 n 6 m | 7 last | 8 ws 9 nbytes | 10.. info
CUMSUM_UNTIL = """
declare ptr @memset(ptr, i32, i64)
declare ptr @memcpy(ptr, ptr, i64)
define i32 @query(ptr %a) {
  %n.at = getelementptr i64, ptr %a, i64 1
  %n = load i64, ptr %n.at
  %m.at = getelementptr i64, ptr %a, i64 2
  %m = load i64, ptr %m.at
  %none = icmp eq i64 %m, 0
  %info = getelementptr i64, ptr %a, i64 10
  store i64 %n, ptr %info
  br i1 %none, label %bad, label %good
bad:
  ret i32 7
good:
  %on.at = getelementptr i64, ptr %a, i64 5
  store i64 %n, ptr %on.at
  %om.at = getelementptr i64, ptr %a, i64 6
  store i64 %m, ptr %om.at
  %nb.at = getelementptr i64, ptr %a, i64 9
  %nb = mul i64 %m, 8
  store i64 %nb, ptr %nb.at
  ret i32 0
}
define i32 @run(ptr %a) {
entry:
  %x = load ptr, ptr %a
  %n.at = getelementptr i64, ptr %a, i64 1
  %n = load i64, ptr %n.at
  %m.at = getelementptr i64, ptr %a, i64 2
  %m = load i64, ptr %m.at
  %l.at = getelementptr i64, ptr %a, i64 3
  %l.p = load ptr, ptr %l.at
  %limit = load double, ptr %l.p
  %y.at = getelementptr i64, ptr %a, i64 4
  %y = load ptr, ptr %y.at
  %last.at = getelementptr i64, ptr %a, i64 7
  %last = load ptr, ptr %last.at
  %ws.at = getelementptr i64, ptr %a, i64 8
  %ws = load ptr, ptr %ws.at
  %ws.int = ptrtoint ptr %ws to i64
  %low = and i64 %ws.int, 63
  %unaligned = icmp ne i64 %low, 0
  br i1 %unaligned, label %bad, label %start
bad:
  ret i32 8
start:
  %nb = mul i64 %m, 8
  %z = call ptr @memset(ptr %ws, i32 0, i64 %nb)
  br label %rows
rows:
  %i = phi i64 [ 0, %start ], [ %i.next, %check ]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %row, label %done
row:
  %base = mul i64 %i, %m
  br label %cols
cols:
  %j = phi i64 [ 0, %row ], [ %j.next, %cols ]
  %k = add i64 %base, %j
  %x.k = getelementptr double, ptr %x, i64 %k
  %v = load double, ptr %x.k
  %w.j = getelementptr double, ptr %ws, i64 %j
  %w = load double, ptr %w.j
  %s = fadd double %v, %w
  store double %s, ptr %w.j
  %j.next = add i64 %j, 1
  %again = icmp slt i64 %j.next, %m
  br i1 %again, label %cols, label %copy
copy:
  %y.i = getelementptr double, ptr %y, i64 %base
  %c = call ptr @memcpy(ptr %y.i, ptr %ws, i64 %nb)
  br label %check
check:
  %i.next = add i64 %i, 1
  %first = load double, ptr %ws
  %over = fcmp ogt double %first, %limit
  br i1 %over, label %done, label %rows
done:
  %rows.done = phi i64 [ %i, %rows ], [ %i.next, %check ]
  %on.at = getelementptr i64, ptr %a, i64 5
  store i64 %rows.done, ptr %on.at
  store i64 %rows.done, ptr %last
  ret i32 0
}
"""

EXP_SCALAR = """
declare double @exp(double)
define i32 @query(ptr %a) {
  ret i32 0
}
define i32 @run(ptr %a) {
  %x.p = load ptr, ptr %a
  %x = load double, ptr %x.p
  %e = call double @exp(double %x)
  %y.at = getelementptr i64, ptr %a, i64 1
  %y = load ptr, ptr %y.at
  store double %e, ptr %y
  ret i32 0
}
"""


def identity(bits: str) -> str:
    """A kernel that copies its one scalar; `bits` is its LLVM type."""
    return f"""
define i32 @query(ptr %a) {{
  ret i32 0
}}
define i32 @run(ptr %a) {{
  %x.p = load ptr, ptr %a
  %x = load {bits}, ptr %x.p
  %y.at = getelementptr i64, ptr %a, i64 1
  %y = load ptr, ptr %y.at
  store {bits} %x, ptr %y
  ret i32 0
}}
"""


def axpb() -> Artifact:
    scalars = ("a", "float64", ()), ("x", "float64", (None,)), ("b", "float64", ())
    return artifact(AXPB, scalars, [("y", "float64", (None,))], name="axpb")


def cumsum_until() -> Artifact:
    return artifact(
        CUMSUM_UNTIL,
        [("x", "float64", (None, None)), ("limit", "float64", ())],
        [("y", "float64", (None, None)), ("n", "int64", ())],
        [(7, "ValueError", "x has no columns, with {0} rows and {braces}"), (8, "RuntimeError", "unaligned")],
        name="cumsum_until",
    )
