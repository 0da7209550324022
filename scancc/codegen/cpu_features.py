"""What a processor must have to run the code of a target, and code that asks whether this one has it.

The table holds the features that LLVM uses by itself in the arithmetic that scancc prints, in LLVM's words: others
(encryption, atomics, hints) never end a process. Sources: Intel's manual, volume 2, CPUID; AMD's, volume 3, appendix
E; Linux, Documentation/arch/arm64/elf_hwcaps.rst; Apple, "Determining instruction set characteristics".
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

from .binding import binding
from .llvm_access import exclusive
from .target import Target


class Feature(NamedTuple):
    """Bit `bit` of the number that `word` names; `state`: what of XCR0 the system must save beside it."""

    word: str
    bit: int
    state: int = 0


_AVX, _AVX512, _APX = 0x6, 0xE6, 1 << 19


def _rows(word: str, state: int, text: str) -> dict[str, Feature]:
    """Features of a word from 'name bit name bit ...'."""
    words = text.split()
    return {name: Feature(word, int(bit), state) for name, bit in zip(words[::2], words[1::2], strict=True)}


# The words of x86-64: leaf, subleaf and register of CPUID; of aarch64: what the system's getauxval gives.
FEATURES: dict[str, dict[str, Feature]] = {
    "x86_64": {
        **_rows("1.0.c", 0, "sse3 0 ssse3 9 sse4.1 19 sse4.2 20 movbe 22 popcnt 23"),
        **_rows("1.0.c", _AVX, "fma 12 avx 28 f16c 29"),
        **_rows("7.0.b", 0, "bmi 3 bmi2 8"),
        **_rows("7.0.b", _AVX, "avx2 5"),
        **_rows("7.0.b", _AVX512, "avx512f 16 avx512dq 17 avx512ifma 21 avx512cd 28 avx512bw 30 avx512vl 31"),
        **_rows("7.0.c", 0, "gfni 8"),
        **_rows("7.0.c", _AVX512, "avx512vbmi 1 avx512vbmi2 6 avx512vnni 11 avx512bitalg 12 avx512vpopcntdq 14"),
        **_rows("7.0.d", _AVX512, "avx512fp16 23"),
        **_rows("7.1.a", _AVX, "avxvnni 4 avxifma 23"),
        **_rows("7.1.a", _AVX512, "avx512bf16 5"),
        **_rows("7.1.d", _AVX, "avxvnniint8 4 avxneconvert 5 avxvnniint16 10"),
        **_rows("7.1.d", _APX, "egpr 21 push2pop2 21 ppx 21 ndd 21 ccmp 21 nf 21 cf 21 zu 21"),
        **_rows("80000001.0.c", 0, "lzcnt 5 sse4a 6 tbm 21"),
        **_rows("80000001.0.c", _AVX, "xop 11 fma4 16"),
    },
    "aarch64": {
        **_rows("16", 0, "fullfp16 10 rdm 12 jsconv 13 complxnum 14 dotprod 20 sve 22 fp16fml 23 flagm 27"),
        **_rows("26", 0, "sve2 1 altnzcv 7 fptoint 8 i8mm 13 bf16 14 cssc 34 mops 43"),
    },
}  # fmt: skip
# What a Mac may lack: its processors begin with the M1, which has the rest. The words are names of sysctl.
_OF_MACS = {name: Feature(f"FEAT_{name.upper()}", 0) for name in ("sve", "sve2", "i8mm", "bf16", "cssc", "mops")}
_BASE = {"x86_64": "x86-64", "aarch64": "generic"}


def required(target: Target) -> tuple[str, ...]:
    """The features that code for a target may use beyond every processor of its architecture."""
    known = _table(target) if target.kind == "cpu" else {}
    said = {word[1:]: word[0] == "+" for word in target.features.split(",") if word}
    if all(name in said for name in known):  # as of the machine at hand: LLVM need not be asked
        return tuple(name for name in known if said[name])
    return _asked(target)


def _table(target: Target) -> dict[str, Feature]:
    return _OF_MACS if _is_mac(target) else FEATURES.get(target.arch, {})


def _is_mac(target: Target) -> bool:
    return (target.arch, target.system[0]) == ("aarch64", "macosx")


@functools.cache
@exclusive
def _asked(target: Target) -> tuple[str, ...]:
    """The features that LLVM gives a target: it inlines one with a feature more only where the caller has it too."""
    llvm, names = binding(), _table(target)
    processor = llvm.Target.from_triple(target.triple).create_target_machine(cpu=_BASE[target.arch], features="")
    module = llvm.parse_assembly("\n".join(_question(n, name, target) for n, name in enumerate(names)))
    module.triple = target.triple
    builder = llvm.create_pass_builder(processor, llvm.create_pipeline_tuning_options(speed_level=1))
    builder.getModulePassManager().run(module, builder)
    return tuple(name for n, name in enumerate(names) if not _calls(module.get_function(f"ask.{n}")))


def _question(number: int, feature: str, target: Target) -> str:
    processor, given = f'"target-cpu"="{target.cpu}"', [target.features] if target.features else []
    return (
        f"define internal i32 @has.{number}(i32 %x) {processor} "
        f'"target-features"="{",".join([*given, f"+{feature}"])}" {{\n  %y = add i32 %x, 1\n  ret i32 %y\n}}\n'
        f'define i32 @ask.{number}(i32 %x) {processor} "target-features"="{target.features}" {{\n'
        f"  %y = call i32 @has.{number}(i32 %x)\n  ret i32 %y\n}}\n"
    )


def _calls(function: Any) -> bool:
    return any(i.opcode == "call" for block in function.blocks for i in block.instructions)


# ---- the question in an object ----


def check_text(entry: str, features: Sequence[str], target: Target) -> str:
    """LLVM IR of ENTRY__missing, whose bit n says that `features[n]` is not there, and of ENTRY_supported."""
    missing, called = missing_text(f"{entry}__missing", entry, features, target)
    base = _base(features, target)
    return (
        f"{missing}define signext i32 @{entry}_supported() {base} {{\n  %m = call i64 @{entry}__missing()\n"
        f"  %none = icmp eq i64 %m, 0\n  %yes = zext i1 %none to i32\n  ret i32 %yes\n}}\n{called}"
    )


def missing_text(name: str, entry: str, features: Sequence[str], target: Target) -> tuple[str, str]:
    """LLVM IR of a function NAME that gives what is missing of `features`, a bit each; and of what it calls.

    It runs on every processor of the architecture. Where no system says what there is, nothing is missing.
    """
    rows = [_table(target)[feature] for feature in features]
    body = _Question(entry)
    missing = "0"
    if rows and can_ask(target):
        ask = body.x86 if target.arch == "x86_64" else body.macos if _is_mac(target) else body.linux
        missing = ask(rows)
    lines = "\n".join(body.lines)
    text = f"define i64 @{name}() {_base(features, target)} {{\nentry:\n{lines}\n  ret i64 {missing}\n}}\n"
    return text, body.declarations


def _base(features: Sequence[str], target: Target) -> str:
    """The attributes of what every processor of the architecture runs."""
    return f'nounwind "target-cpu"="{_BASE[target.arch]}" "target-features"=""' if features else "nounwind"


def can_ask(target: Target) -> bool:
    """Whether code for a target finds out what its processor has."""
    return target.arch == "x86_64" or (target.arch in FEATURES and target.system[0] in ("linux", "macosx"))


class _Question:
    """Writes ENTRY__missing."""

    def __init__(self, entry: str) -> None:
        self.entry = entry
        self.lines: list[str] = []
        self.declarations = ""

    def emit(self, instruction: str) -> str:
        name = f"%q{len(self.lines)}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def x86(self, rows: Sequence[Feature]) -> str:
        self.declarations = _cpuid_text(self.entry)
        words = {word: self._register(word) for word in dict.fromkeys(row.word for row in rows)}
        state = self._saved_state() if any(row.state for row in rows) else "0"
        return self._mask(rows, words, state)

    def linux(self, rows: Sequence[Feature]) -> str:
        """By getauxval, which a program without Linux's C library lacks: then nothing is known to be missing."""
        self.declarations = "declare extern_weak i64 @getauxval(i64)\n"
        there = self.emit("icmp ne ptr @getauxval, null")
        self.lines += [f"  br i1 {there}, label %ask, label %unknown", "unknown:", "  ret i64 0", "ask:"]
        words = {word: self.emit(f"call i64 @getauxval(i64 {word})")
                 for word in dict.fromkeys(row.word for row in rows)}
        return self._mask(rows, words, "0")

    def macos(self, rows: Sequence[Feature]) -> str:
        """By sysctl, which every program there has; what a system has no name for is missing."""
        self.declarations = _sysctl_text(self.entry)
        words = {row.word: self.emit(f"call i64 @{self.entry}__sysctl(ptr @{self.entry}__{row.word})")
                 for row in rows}
        return self._mask(rows, words, "0")

    def _mask(self, rows: Sequence[Feature], words: dict[str, str], state: str) -> str:
        mask = "0"
        for number, row in enumerate(rows):
            bit = self.emit(f"and i64 {words[row.word]}, {1 << row.bit}")
            missing = self.emit(f"icmp eq i64 {bit}, 0")
            if row.state:
                saved = self.emit(f"and i64 {state}, {row.state}")
                missing = self.emit(f"or i1 {missing}, {self.emit(f'icmp ne i64 {saved}, {row.state}')}")
            mask = self.emit(f"or i64 {mask}, {self.emit(f'select i1 {missing}, i64 {1 << number}, i64 0')}")
        return mask

    def _leaf(self, leaf: int, subleaf: int, part: int) -> str:
        registers = self.emit(f"call x86_64_sysvcc {{ i64, i64 }} @{self.entry}__cpuid(i32 {leaf}, i32 {subleaf})")
        return self.emit(f"extractvalue {{ i64, i64 }} {registers}, {part}")

    def _register(self, word: str) -> str:
        """A register of a leaf; 0 where the processor has no such leaf, for which it would give that of another."""
        text, subleaf, register = word.split(".")
        leaf, (part, high) = int(text, 16), divmod("abcd".index(register), 2)
        there = self._reaches(self._leaf(leaf & 0x80000000, 0, 0), leaf)
        if subleaf != "0":
            there = self.emit(f"and i1 {there}, {self._reaches(self._leaf(leaf, 0, 0), int(subleaf))}")
        found = self.emit(f"lshr i64 {self._leaf(leaf, int(subleaf), part)}, {32 * high}")
        return self.emit(f"select i1 {there}, i64 {found}, i64 0")

    def _reaches(self, last: str, number: int) -> str:
        return self.emit(f"icmp uge i64 {self.emit(f'and i64 {last}, 4294967295')}, {number}")

    def _saved_state(self) -> str:
        """XCR0, the registers that the system saves; 0 where it does not say."""
        enabled = self.emit(f"and i64 {self._register('1.0.c')}, {1 << 27}")
        says = self.emit(f"icmp ne i64 {enabled}, 0")
        self.lines += [f"  br i1 {says}, label %read, label %old", "old:", "  br label %known", "read:"]
        number = self.emit(f"call x86_64_sysvcc i64 @{self.entry}__xgetbv()")
        self.lines += ["  br label %known", "known:"]
        return self.emit(f"phi i64 [ {number}, %read ], [ 0, %old ]")


def _sysctl_text(entry: str) -> str:
    """A function that gives the number under a name, 0 where there is none, and the names."""
    names = [f"hw.optional.arm.{row.word}" for row in _OF_MACS.values()]
    texts = [f'@{entry}__{row.word} = private unnamed_addr constant [{len(name) + 1} x i8] c"{name}\\00"\n'
             for row, name in zip(_OF_MACS.values(), names, strict=True)]
    return "".join(texts) + _SYSCTL.format(entry=entry)


_SYSCTL = """\
declare i32 @sysctlbyname(ptr, ptr, ptr, ptr, i64)
define internal i64 @{entry}__sysctl(ptr %name) nounwind {{
  %value = alloca i64
  %nbytes = alloca i64
  store i64 0, ptr %value
  store i64 8, ptr %nbytes
  %status = call i32 @sysctlbyname(ptr %name, ptr %value, ptr %nbytes, ptr null, i64 0)
  %known = icmp eq i32 %status, 0
  %found = load i64, ptr %value
  %number = select i1 %known, i64 %found, i64 0
  ret i64 %number
}}
"""


def _cpuid_text(entry: str) -> str:
    """Two functions in machine code, called as System V does: llvmlite reads assembly for this machine only.

    The code stands before a body that never runs; weak, so that nobody believes that body.
    """
    return (
        _in_bytes(f"{{ i64, i64 }} @{entry}__cpuid(i32 %leaf, i32 %subleaf)", "{ i64, i64 } zeroinitializer", _CPUID)
        + _in_bytes(f"i64 @{entry}__xgetbv()", "i64 0", _XGETBV)
    )


def _in_bytes(head: str, result: str, code: str) -> str:
    data = bytes.fromhex(code)
    text = "".join(f"\\{byte:02X}" for byte in data)
    return (f"define weak hidden x86_64_sysvcc {head} nounwind prologue [{len(data)} x i8] c\"{text}\" {{\n"
            f"  ret {result}\n}}\n")


# push rbx; mov eax, edi; mov ecx, esi; cpuid; shl rbx, 32; or rax, rbx; shl rdx, 32; or rdx, rcx; pop rbx; ret
_CPUID = "53 89f8 89f1 0fa2 48c1e320 4809d8 48c1e220 4809ca 5b c3"
# xor ecx, ecx; xgetbv; shl rdx, 32; or rax, rdx; ret
_XGETBV = "31c9 0f01d0 48c1e220 4809d0 c3"
