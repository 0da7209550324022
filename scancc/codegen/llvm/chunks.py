"""Loops that threads may share: a chunk is a function, and who runs chunks is asked.

    for %c in 0..%n by %size threads {       store what the body uses in %context
      body                              ->   %status = scancc.share(%context, @NAME__run__chunk0, chunks, %size, info)
    }                                        if %status != 0: return it

The variable `scancc.parallel_for` points to two words, `run` and `user` (the runtime's pool): `run(user, body,
context, n)` calls `body(context, begin, end)` for parts of 0..n that together are all of it, in any order and at the
same time, and returns when all have. Without one, chunks run in order. Of checks that fail the first in order is
told, whoever comes to it first: as in a loop without threads.
"""

from __future__ import annotations

from ...artifact import INTERRUPTED, N_INFO_SLOTS, PARALLEL_FOR_SYMBOL
from ...ir.core import Op, Value, defined_in
from ...ir.ops import VIEW, has_trait
from ...ir.parts import Loop
from ..math import MathFunction
from .emitter import ASK, FunctionEmitter, Mem, Pair, llvm_type

_HEAD_NBYTES = 128  # of a context: what `_SHARE` keeps there
_LINE_NBYTES = 64  # what no vector exceeds


def is_shared(op: Op) -> bool:
    """Whether threads may share a loop."""
    return "threads" in op.attrs and not op.results and all(o.name != "scan.output_dims" for o in op.walk())


def share(e: FunctionEmitter, op: Op) -> None:
    """A loop whose rounds are chunks."""
    _, n, size = (e.value(v) for v in Loop(op).bounds)
    chunk = Chunk(e, op)
    e.out.functions.append(chunk.run())
    context = e.fresh()
    e.stack.append(f"  {context} = alloca [{chunk.nbytes} x i8], align {_LINE_NBYTES}")
    for (value, kind), place in zip(chunk.captured.items(), chunk.places, strict=True):
        e.line(f"store {kind} {value}, ptr {e.emit(f'getelementptr inbounds i8, ptr {context}, i64 {place}')}")
    up = e.emit(f"add i64 {n}, {e.emit(f'sub i64 {size}, 1')}")
    count, info = e.emit(f"sdiv i64 {up}, {size}"), e.emit(f"getelementptr i64, ptr %slots, i64 {e.n_slots}")
    shares = e.out.needed(share_function(e.out.interruptible))
    status = e.emit(f"call i32 @{shares}(ptr {context}, ptr @{chunk.name}, i64 {count}, i64 {size}, ptr {info})")
    failed, passed = e.new_label("fail"), e.new_label("pass")
    e.line(f"br i1 {e.emit(f'icmp eq i32 {status}, 0')}, label %{passed}, label %{failed}")
    e.start(failed)
    e.line(f"ret i32 {status}")
    e.start(passed)


class Chunk(FunctionEmitter):
    """Prints the function of a chunk: `captured`, what it uses from outside, comes by way of a context in memory."""

    def __init__(self, outer: FunctionEmitter, loop: Op) -> None:
        super().__init__(loop, outer.out, outer.name + outer.new_label("__chunk"))
        self.outer = outer
        self.captured: dict[str, str] = {}  # a name outside -> its type
        self.are_apart = True  # no two pointers are of one piece of memory

    @property
    def places(self) -> list[int]:
        """Where in the context each captured value is; a vector has a line of its own."""
        found, end = [], _HEAD_NBYTES
        for kind in self.captured.values():
            nbytes = _LINE_NBYTES if kind.startswith("<") else 8
            found.append(-(-end // nbytes) * nbytes)
            end = found[-1] + nbytes
        return found

    @property
    def nbytes(self) -> int:
        return max(self.places, default=_HEAD_NBYTES) + _LINE_NBYTES

    def run(self) -> str:
        """The function of a context and a chunk's first round."""
        loop = self.func
        for value in dict.fromkeys(v for op in loop.walk() if op is not loop for v in op.operands):
            if not defined_in(value, loop.body):
                self._capture(value)
        self.env[Loop(loop).counter] = "%first"
        for op in loop.body.ops[:-1]:
            self.op(op)
        return "\n".join([self._body_text(), self._entry_text()])

    def _body_text(self) -> str:
        """The chunk's rounds: apart, as those of a whole function are, so that pointers are `noalias`."""
        apart = "noalias nocapture " if self.are_apart else ""
        params = [f"{kind} {apart if kind == 'ptr' else ''}{_inside(name)}, " for name, kind in self.captured.items()]
        head = f"{''.join(params)}ptr %context, i64 %first, ptr noalias nocapture %slots"
        return "\n".join([f"define internal i32 @{self.name}__body({head}) noinline nounwind {{", "entry:",
                          *self.stack, *self.lines, "  ret i32 0", *self.endings, "}"])

    def _entry_text(self) -> str:
        """Takes what the rounds use out of the context."""
        loads = []
        for (outside, kind), place in zip(self.captured.items(), self.places, strict=True):
            name = _inside(outside)
            loads += [f"  {name}_p = getelementptr inbounds i8, ptr %context, i64 {place}",
                      f"  {name} = load {kind}, ptr {name}_p"]
        given = "".join(f"{kind} {_inside(name)}, " for name, kind in self.captured.items())
        return "\n".join([f"define internal i32 @{self.name}(ptr %context, i64 %first, ptr %slots) nounwind {{",
                          *loads,
                          f"  %status = call i32 @{self.name}__body({given}ptr %context, i64 %first, ptr %slots)",
                          "  ret i32 %status", "}"])

    def asking(self) -> str:
        """Also whether this loop is to end as another thread has found."""
        return f"@{self.out.needed(_ASK_IN_CHUNK)}(ptr %context)"

    def _capture(self, value: Value) -> None:
        """Give a value from outside its form here; a view of memory is made again, from the whole of it."""
        if value in self.env:
            return
        form, made = self.outer.env[value], value.op
        if isinstance(form, Mem) and made is not None and has_trait(made, VIEW):
            for v in made.operands:
                self._capture(v)
            self.op(made)
        elif isinstance(form, Mem):
            known = made.name in _APART if made is not None else value.block is self.outer.func.body
            self.are_apart = self.are_apart and known
            dims, strides = (tuple(self._name(n, "i64") for n in names) for names in (form.dims, form.strides))
            self.env[value] = Mem(self._name(form.pointer, "ptr"), dims, strides, form.element)
        elif isinstance(form, Pair):
            (kind, _) = self.flat_types(value.type)
            self.env[value] = Pair(self._name(form.re, kind), self._name(form.im, kind))
        else:
            self.env[value] = self._name(form, llvm_type(value.type))

    def _name(self, outside: str, kind: str) -> str:
        """The name here of an operand outside; a constant is itself."""
        if not outside.startswith("%"):
            return outside
        self.captured.setdefault(outside, kind)
        return _inside(outside)


_APART = ("memref.alloca", "scan.buffer_constant")


def _inside(name: str) -> str:
    return f"%from_{name[1:]}"


def share_function(interruptible: bool) -> MathFunction:
    """Runs chunks, or has them run; the variable is the runtime's to set, or the library's own."""
    linkage = "hidden" if interruptible else "internal"
    return MathFunction("scancc.share", _SHARE.replace("LINKAGE", linkage), ())


_ASK_IN_CHUNK = MathFunction("scancc.ask_in_chunk", """
define internal i1 @scancc.ask_in_chunk(ptr %context) noinline {
  %stop = load atomic i64, ptr %context acquire, align 8
  %goes.on = icmp eq i64 %stop, 0
  br i1 %goes.on, label %ask, label %stopped
ask:
  %answer = call i1 @scancc.ask()
  ret i1 %answer
stopped:
  ret i1 true
}""", (ASK,))

# A context begins with: 0 whether to stop at once, 8 the first chunk that failed, 16 its status, 24 what its message
# tells, 56 a lock, 64 the function of a chunk, 72 the rounds of a chunk.
_SHARE = f"""@{PARALLEL_FOR_SYMBOL} = LINKAGE global ptr null
define internal i32 @scancc.share(ptr %context, ptr %chunk, i64 %n, i64 %size, ptr %info) noinline nounwind {{
  %first.at = getelementptr i8, ptr %context, i64 8
  %lock.at = getelementptr i8, ptr %context, i64 56
  %chunk.at = getelementptr i8, ptr %context, i64 64
  %size.at = getelementptr i8, ptr %context, i64 72
  store i64 0, ptr %context, align 8
  store i64 -1, ptr %first.at, align 8
  store i64 0, ptr %lock.at, align 8
  store ptr %chunk, ptr %chunk.at, align 8
  store i64 %size, ptr %size.at, align 8
  %how = load atomic ptr, ptr @{PARALLEL_FOR_SYMBOL} acquire, align 8
  %alone = icmp eq ptr %how, null
  %several = icmp sgt i64 %n, 1
  %not.alone = xor i1 %alone, true
  %together = and i1 %not.alone, %several
  br i1 %together, label %ask, label %serial
ask:
  %run = load ptr, ptr %how, align 8
  %user.at = getelementptr ptr, ptr %how, i64 1
  %user = load ptr, ptr %user.at, align 8
  call void %run(ptr %user, ptr @scancc.chunks, ptr %context, i64 %n)
  br label %done
serial:
  call void @scancc.chunks(ptr %context, i64 0, i64 %n)
  br label %done
done:
  %stop = load atomic i64, ptr %context acquire, align 8
  %goes.on = icmp eq i64 %stop, 0
  br i1 %goes.on, label %look, label %stopped
stopped:
  ret i32 {INTERRUPTED}
look:
  %first = load atomic i64, ptr %first.at acquire, align 8
  %fine = icmp eq i64 %first, -1
  br i1 %fine, label %passed, label %failed
passed:
  ret i32 0
failed:
  %told = getelementptr i8, ptr %context, i64 24
  %status.at = getelementptr i8, ptr %context, i64 16
  %numbers = load [{N_INFO_SLOTS} x i64], ptr %told, align 8
  store [{N_INFO_SLOTS} x i64] %numbers, ptr %info, align 8
  %status = load i32, ptr %status.at, align 8
  ret i32 %status
}}
define internal void @scancc.chunks(ptr %context, i64 %begin, i64 %end) noinline nounwind {{
entry:
  %info = alloca [{N_INFO_SLOTS} x i64], align 8
  %first.at = getelementptr i8, ptr %context, i64 8
  %status.at = getelementptr i8, ptr %context, i64 16
  %told = getelementptr i8, ptr %context, i64 24
  %lock.at = getelementptr i8, ptr %context, i64 56
  %chunk.at = getelementptr i8, ptr %context, i64 64
  %size.at = getelementptr i8, ptr %context, i64 72
  %chunk = load ptr, ptr %chunk.at, align 8
  %size = load i64, ptr %size.at, align 8
  br label %next
next:
  %i = phi i64 [ %begin, %entry ], [ %after, %fine ]
  %inside = icmp slt i64 %i, %end
  br i1 %inside, label %look, label %done
look:
  %stop = load atomic i64, ptr %context acquire, align 8
  %goes.on = icmp eq i64 %stop, 0
  %known = load atomic i64, ptr %first.at acquire, align 8
  %counts = icmp ult i64 %i, %known
  %wanted = and i1 %goes.on, %counts
  br i1 %wanted, label %round, label %done
round:
  %start = mul i64 %i, %size
  store [{N_INFO_SLOTS} x i64] zeroinitializer, ptr %info, align 8
  %status = call i32 %chunk(ptr %context, i64 %start, ptr %info)
  %passed = icmp eq i32 %status, 0
  br i1 %passed, label %fine, label %failed
fine:
  %after = add i64 %i, 1
  br label %next
failed:
  %interrupted = icmp eq i32 %status, {INTERRUPTED}
  br i1 %interrupted, label %end.all, label %lock
end.all:
  store atomic i64 1, ptr %context release, align 8
  ret void
lock:
  %got = cmpxchg ptr %lock.at, i64 0, i64 1 acquire monotonic
  %mine = extractvalue {{ i64, i1 }} %got, 1
  br i1 %mine, label %compare, label %lock
compare:
  %old = load atomic i64, ptr %first.at monotonic, align 8
  %earlier = icmp ult i64 %i, %old
  br i1 %earlier, label %keep, label %unlock
keep:
  %numbers = load [{N_INFO_SLOTS} x i64], ptr %info, align 8
  store [{N_INFO_SLOTS} x i64] %numbers, ptr %told, align 8
  store i32 %status, ptr %status.at, align 8
  store atomic i64 %i, ptr %first.at release, align 8
  br label %unlock
unlock:
  store atomic i64 0, ptr %lock.at release, align 8
  ret void
done:
  ret void
}}"""
