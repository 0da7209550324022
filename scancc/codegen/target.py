"""What code is generated for: an LLVM triple, a processor, its features; or an NVIDIA GPU.

LLVM ends the whole process on some unknown processors, triples and features. So that no text of a
user's can do that, `parse` compares names with its own lists first, and tries what the lists do not
hold (a new processor, any explicit features) in a process of its own.
"""

from __future__ import annotations

import difflib
import functools
import itertools
import platform
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from scancc.late_dataclasses import dataclass

from ..config import config
from ..errors import ScanccError
from .binding import binding
from .cpu_names import CPU_NAMES, PTX_VERSIONS

PTX_TRIPLE = "nvptx64-nvidia-cuda"
PROBE_TIMEOUT_S = 60

_VENDORS = frozenset({"unknown", "pc", "apple", "w64"})
_SYSTEMS = frozenset({"linux", "none", "freebsd", "wasi", "unknown", "macosx", "windows"})
_ENVIRONMENTS = frozenset({"gnu", "musl", "elf", "android", "msvc", "eabi", "eabihf", "gnueabi", "gnueabihf",
                           "musleabi", "musleabihf"})
_ARCH_ALIASES = {"amd64": "x86_64", "arm64": "aarch64", "arm": "armv7", "armv7a": "armv7", "armv7l": "armv7"}
_SYSTEM_ALIASES = {"darwin": "macosx", "macos": "macosx", "win": "windows", "mingw": "windows"}
_APPLE = "apple-macosx11.0.0"  # the first system of apple-m1; what a Mach-O object must say
_IEEE_ARM = "-neon,-d32"  # its vectors take subnormal numbers for 0; half the registers are there on all ARMv7
_RV64GC = "+m,+a,+f,+d,+c"  # what Linux's distributions and bare toolchains mean by riscv64


class TargetError(ScanccError, ValueError):
    """The text given for a target names something that LLVM does not have."""


@dataclass(frozen=True)
class Target:
    """`kind` is "cpu" or "ptx"; `sm` is the GPU's compute capability, `features` LLVM's "+a,-b"."""

    triple: str
    cpu: str
    features: str = ""
    kind: str = "cpu"
    sm: str | None = None

    @property
    def arch(self) -> str:
        return self.triple.split("-")[0]

    @property
    def system(self) -> tuple[str, str]:
        """The system and its environment, as `("linux", "gnu")`; the environment may be empty."""
        words = [*self.triple.split("-")[2:], "", ""]
        return re.sub(r"[\d.]+$", "", words[0]), words[1]

    @property
    def writes_elf(self) -> bool:
        """Whether objects are in the format of Linux, which no system of Apple's or Microsoft's reads."""
        return self.arch != "wasm32" and self.system[0] not in ("macosx", "windows")

    @property
    def is_32_bit(self) -> bool:
        """Whether pointers have 32 bits; sizes have 64 everywhere."""
        return self.arch == "wasm32" or self.is_arm32

    @property
    def is_arm32(self) -> bool:
        return self.arch.startswith(("armv", "thumbv"))

    @property
    def has_fma(self) -> bool:
        """Whether a fused multiply-add is one instruction here; decides the bits of elementary functions."""
        if self.arch != "x86_64":
            return not self.is_32_bit
        return _x86_has(self, "fma")

    @property
    def calls_for_halves(self) -> bool:
        """Whether LLVM converts float16 by calls of `halves.CONVERSIONS`."""
        return self.arch == "x86_64" and not _x86_has(self, "f16c")

    @property
    def vector_bytes(self) -> int:
        """The width of a vector register, in bytes."""
        if self.kind == "ptx":
            return 4
        if self.is_32_bit:
            return 16 if "+simd128" in self.features else 8
        if self.arch != "x86_64":
            return 16
        return 64 if _x86_has(self, "avx512f") else 32 if _x86_has(self, "avx") else 16

    @property
    def n_vectors(self) -> int:
        """How many vector registers there are."""
        return 32 if self.vector_bytes == 64 or self.arch == "aarch64" else 16

    @property
    def has_late_masks(self) -> bool:
        """Whether a comparison takes longer to a register for masks than to a vector: 3 cycles and 2 (Zen 4). On
        Intel's processors a choice by such a vector takes longer."""
        return self.cpu in ("znver4", "znver5") and self.vector_bytes == 64

    @property
    def has_blends(self) -> bool:
        """Whether a vector's mask chooses between scalar floats: LLVM makes one of a comparison that has one reader,
        and branches around choices by others. With registers for masks it does not."""
        return _x86_has(self, "sse4.1") and self.vector_bytes < 64

    def __str__(self) -> str:
        return self.sm if self.sm else ":".join(filter(None, (self.triple, self.cpu, self.features)))


@functools.cache
def host() -> Target:
    """The machine at hand, with the features that its processor and system really offer."""
    llvm = binding()
    features = llvm.get_host_cpu_features()
    text = ",".join(("+" if on else "-") + name for name, on in sorted(features.items()))
    system = "-elf" if sys.platform == "win32" else ""  # LLVM's linker loads no COFF with unwind tables
    return Target(llvm.get_process_triple() + system, llvm.get_host_cpu_name(), text)


# What each level of x86-64 has beside the one before (System V ABI, AMD64, 3.1.1), in LLVM's words.
_LEVELS = {
    "x86-64": (), "x86-64-v2": ("cx16", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3"),
    "x86-64-v3": ("avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave"),
    "x86-64-v4": ("avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"),
}  # fmt: skip


@functools.cache
def levels() -> tuple[str, ...]:
    """The processors without a name of their own whose code this machine runs, from the least on."""
    if host_arch() != "x86_64":
        return ("generic",)
    there = {word[1:] for word in host().features.split(",") if word[0] == "+"}
    return tuple(itertools.takewhile(lambda level: there.issuperset(_LEVELS[level]), _LEVELS))


def local() -> Target:
    """What code is compiled for that names no target: `config.cpu` of this machine."""
    if config.cpu == "native":
        return host()
    if config.cpu != "generic" and config.cpu not in levels():
        raise TargetError(f"config.cpu is {config.cpu!r}, which this machine does not run; it runs native, "
                          f"{', '.join(levels())}")
    return Target(host().triple, config.cpu)


def target_of(given: object) -> Target:
    """A target, the text of one, or None for this machine, as a target."""
    if given is None:
        return local()
    if isinstance(given, Target):
        return given
    if not isinstance(given, str):
        raise TypeError(f"target is {given!r}; give a text such as 'native', 'x86-64-v3' or 'sm_90'")
    return parse(given)


@functools.cache
def parse(text: str) -> Target:
    """The target that a text names; TargetError, with near names, where there is none.

    `native`; a processor (`x86-64-v3`, `znver4`, `neoverse-n1`); a triple or architecture, and after
    colons a processor and features (`aarch64-linux-gnu:cortex-a72:+sve`); a GPU (`sm_90`).
    """
    text = text.strip()
    if text in ("native", "host", ""):
        return host()
    if text.startswith("sm_"):
        return _gpu(text)
    triple, cpu, features = _split(text)
    target = Target(_checked_triple(triple), cpu or "generic", _checked_features(features))
    _check_cpu(target)
    if target.arch == "armv7":
        return replace(target, features=",".join(filter(None, (_IEEE_ARM, target.features))))
    return _rv64gc(target) if target.arch == "riscv64" and target.cpu == "generic" else target


def _rv64gc(target: Target) -> Target:
    """The least processor that systems for riscv64 run on; LLVM's has neither products nor floats."""
    return replace(target, cpu="generic-rv64", features=",".join(filter(None, (_RV64GC, target.features))))


def _gpu(sm: str) -> Target:
    if sm not in PTX_VERSIONS:
        raise TargetError(
            f"there is no GPU target {sm!r}; compute capabilities are {', '.join(PTX_VERSIONS)}"
            + _near(sm, PTX_VERSIONS)
        )
    return Target(PTX_TRIPLE, sm, f"+ptx{PTX_VERSIONS[sm]}", kind="ptx", sm=sm)


def _split(text: str) -> tuple[str, str, str]:
    """Triple, processor and features of a text; a processor alone brings its architecture's triple."""
    first, *rest = text.split(":")
    if len(rest) > 2:
        raise TargetError(f"the target {text!r} has more than three parts; the form is TRIPLE:CPU:FEATURES")
    if _arch(first) is not None:
        return first, *(rest + ["", ""])[:2]  # type: ignore[return-value]
    if len(rest) > 1:
        raise TargetError(_unknown_arch(first))
    return _triple_of_cpu(first), first, rest[0] if rest else ""


def _triple_of_cpu(cpu: str) -> str:
    arch = _arch_of_cpu(cpu)
    return f"{arch}-{_APPLE}" if cpu.startswith("apple-") else _default_triple(arch)


def _arch(triple: str) -> str | None:
    """The architecture that a triple starts with, as LLVM spells it; None where it is no triple."""
    if triple in _ARCH_ALIASES:
        return _ARCH_ALIASES[triple]
    head = triple.split("-")[0]
    head = _ARCH_ALIASES.get(head, head)
    return head if head in CPU_NAMES else None


def _arch_of_cpu(cpu: str) -> str:
    machine = host_arch()
    for arch in sorted(CPU_NAMES, key=lambda a: a != machine):
        if cpu in CPU_NAMES[arch]:
            return arch
    if not _WORD.fullmatch(cpu) or not _accepted(_default_triple(machine), cpu, ""):
        raise TargetError(_unknown_arch(cpu))
    return machine


def host_arch() -> str:
    """This machine's architecture in LLVM's spelling, found without LLVM."""
    machine = platform.machine().lower()
    return _ARCH_ALIASES.get(machine, machine)


def _default_triple(arch: str) -> str:
    if arch == "wasm32":
        return f"{arch}-unknown-unknown"
    if arch.startswith("thumbv"):
        return f"{arch}-unknown-none-eabi"
    return f"{arch}-unknown-linux-gnu{'eabihf' if arch == 'armv7' else ''}"


def _checked_triple(triple: str) -> str:
    """`triple` in four words (LLVM reads shorter ones by position), each of them known."""
    arch = _arch(triple)
    if arch is None:
        raise TargetError(_unknown_arch(triple))
    words = [] if triple in _ARCH_ALIASES else triple.split("-")[1:]
    if not words:
        return _default_triple(arch)
    vendor = words.pop(0) if words[0] in _VENDORS else "unknown"
    system = _system(words.pop(0)) if words and _system(words[0]) in _SYSTEMS else None
    environment = words.pop(0) if words and words[0] in _ENVIRONMENTS else ""
    if system == "macosx":
        return f"{arch}-{_APPLE}"
    if system == "windows" and not environment:
        environment = "gnu" if vendor == "w64" else "msvc"
    if words or system is None:
        known = _SYSTEMS | _ENVIRONMENTS | _VENDORS
        word = words[0] if words else vendor
        raise TargetError(
            f"the word {word!r} of the triple {triple!r} names no system that scancc writes objects for; "
            f"systems are {', '.join(sorted(_SYSTEMS))}{_near(word, known)}"
        )
    return "-".join(filter(None, (arch, vendor.replace("w64", "pc"), system, environment)))


def _system(word: str) -> str:
    """A triple's system without its version, as LLVM calls it."""
    bare = re.sub(r"[\d.]+$", "", word)
    return _SYSTEM_ALIASES.get(bare, bare)


_WORD = re.compile(r"[A-Za-z0-9_.+-]{1,64}")
_FEATURE = re.compile(r"[+-][a-z0-9][A-Za-z0-9_.-]{0,40}")


def _checked_features(features: str) -> str:
    for feature in filter(None, features.split(",")):
        if not _FEATURE.fullmatch(feature):
            raise TargetError(
                f"the feature {feature!r} does not start with + or -; "
                "features are a list such as '+avx2,-avx512f'"
            )
    return features


def _check_cpu(target: Target) -> None:
    known = CPU_NAMES[target.arch]
    if target.cpu in known and not target.features:
        return
    if not _WORD.fullmatch(target.cpu) or not _accepted(target.triple, target.cpu, ""):
        raise TargetError(f"LLVM has no processor {target.cpu!r} for {target.arch}{_near(target.cpu, known)}")
    if target.features and not _accepted(target.triple, target.cpu, target.features):
        raise TargetError(
            f"LLVM cannot compile for {target.cpu} with the features {target.features!r}; "
            "leave out the ones that it does not know"
        )


def _unknown_arch(text: str) -> str:
    names = {name for names in CPU_NAMES.values() for name in names} | set(CPU_NAMES) | set(PTX_VERSIONS)
    return (
        f"there is no target {text!r}; a target is 'native', a processor such as x86-64-v3 or neoverse-n1, "
        f"a triple such as aarch64-linux-gnu, or a GPU such as sm_90{_near(text, names)}"
    )


def _near(word: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, sorted(names), n=3)
    return f" (did you mean {' or '.join(close)}?)" if close else ""


_PROBE = """
import sys
import llvmlite.binding as llvm
llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()
triple, cpu, features = sys.argv[1:]
machine = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features, reloc="pic")
module = llvm.parse_assembly('''
define double @probe(ptr %p, double %x) {
  %a = load <4 x double>, ptr %p
  %b = fmul <4 x double> %a, %a
  %c = extractelement <4 x double> %b, i32 0
  %d = fadd double %c, %x
  ret double %d
}''')
module.triple = triple
module.data_layout = str(machine.target_data)
machine.emit_object(module)
print("compiled")
"""


@functools.cache
def _accepted(triple: str, cpu: str, features: str) -> bool:
    """Whether LLVM compiles for this processor, asked in a process that LLVM may end."""
    command = [sys.executable, "-c", _PROBE, triple, cpu, features]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == "compiled" and "is not a recognized" not in done.stderr


@functools.cache
def _x86_has(target: Target, feature: str) -> bool:
    """Whether the code for an x86-64 target may use a feature; LLVM answers through a macro of its own."""
    for word in reversed(target.features.split(",")):
        if word[1:] == feature:
            return word[0] == "+"
    return feature in _implied_features(target.cpu)


_V3 = frozenset({"avx", "avx2", "f16c", "fma"})
_V4 = _V3 | {"avx512f", "avx512vl", "avx512dq", "avx512bw"}
_WITH_V4 = re.compile(
    r"x86-64-v4|znver[45]|skx|skylake[-_]avx512|cascadelake|cooperlake|cannonlake|icelake.*|tigerlake|rocketlake"
    r"|sapphirerapids|emeraldrapids|graniterapids.*|diamondrapids"
)
_WITH_V3 = re.compile(
    r"x86-64-v3|znver[123]|bdver4|haswell|broadwell|skylake|core-avx2|core_[45]th_gen_avx(_tsx)?|knl|knm|mic_avx512"
    r"|alderlake|arrowlake.*|lunarlake|meteorlake|raptorlake|pantherlake|gracemont|sierraforest|grandridge"
    r"|clearwaterforest"
)


def _implied_features(cpu: str) -> frozenset[str]:
    """The vector features among those that a processor's name stands for; fewer where in doubt."""
    if _WITH_V4.fullmatch(cpu):
        return _V4
    if _WITH_V3.fullmatch(cpu):
        return _V3
    return frozenset()


def machine_options(target: Target) -> dict[str, Any]:
    """What llvmlite's `create_target_machine` takes for this target."""
    return {
        "cpu": target.cpu,
        "features": target.features,
        "reloc": "pic" if target.kind == "cpu" else "default",
        "codemodel": "small",
    }
