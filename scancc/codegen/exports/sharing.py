"""Who runs the chunks of an exported function's loops: a parallel-for of the caller's, or nobody but the caller.

    typedef struct NAME_parallel_for { void (*run)(void *user, ...); void *user; } NAME_parallel_for;
    void NAME_set_parallel_for(const NAME_parallel_for *how);

The struct is as `llvm/chunks.py` reads it. An exported library starts no threads.
"""

from __future__ import annotations

from scancc.artifact import PARALLEL_FOR_SYMBOL

from .entry import Entry, Names


def setter_text(entry: Entry, text: str) -> str:
    """LLVM IR of NAME_set_parallel_for, for a module of which `text` is the rest; nothing where no one asked."""
    if not entry.threads:
        return ""
    unused = "" if f"@{PARALLEL_FOR_SYMBOL} =" in text else f"@{PARALLEL_FOR_SYMBOL} = internal global ptr null\n"
    return (f"{unused}define void @{Names(entry.name).set_parallel_for}(ptr %how) nounwind {{\n"
            f"  store atomic ptr %how, ptr @{PARALLEL_FOR_SYMBOL} release, align 8\n  ret void\n}}\n")


def header_lines(entry: Entry) -> tuple[list[str], list[str]]:
    """For the header: what is said of it, and its declarations."""
    if not entry.threads:
        return [], []
    struct, setter = Names(entry.name).parallel_for, Names(entry.name).set_parallel_for
    said = [f"Who runs the loops of {entry.name} whose rounds need no other ones.",
            "  run(user, body, context, n) calls body(context, begin, end) for parts that together are 0 to n, each "
            "number in one part, in any order, in any threads, and returns when all calls have returned. The results "
            "are the same to the bit, and so is the status.",
            f"  {setter} is for all later calls, which read the struct: it must stay. NULL, as at first: a call does "
            "all in its own thread."]
    return said, [
        f"typedef struct {struct} {{",
        "    void (*run)(void *user, void (*body)(void *context, int64_t begin, int64_t end), void *context,",
        "        int64_t n);", "    void *user;", f"}} {struct};", f"void {setter}(const {struct} *how);"]
