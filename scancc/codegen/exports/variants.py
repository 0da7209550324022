"""One function for several processors: which code runs is chosen at the first call, by asking the processor.

    const char *NAME_variant(void);                     the code that calls run
    int32_t NAME_set_variant(const char *name);         another one; NULL: the best again

Each public entry is a jump to that of the variant that was chosen; `SCANCC_VARIANT` in the environment names one for
all libraries that have it and processors that run it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scancc.late_dataclasses import dataclass

from ..c_names import ExportError
from ..cpu_features import can_ask, missing_text, required
from ..target import Target
from .entry import Entry, Names, Variant

_ENVIRONMENT = "SCANCC_VARIANT"


def ordered(targets: Sequence[Target]) -> list[Target]:
    """Targets of one library, the one that needs most first; ExportError where they cannot be told apart."""
    for target in targets if len(targets) > 1 else ():
        if target.kind != "cpu" or not can_ask(target):
            raise ExportError(f"no code asks at run time what a processor of {target} has, so a library has one "
                              "target there; give one")
        if (target.arch, target.system) != (targets[0].arch, targets[0].system):
            raise ExportError(f"{target} and {targets[0]} are different machines; the targets of one library are "
                              "processors of one machine")
    if len(set(targets)) < len(targets):
        raise ExportError(f"the targets {', '.join(map(str, targets))} are not all different; give each once")
    return sorted(targets, key=lambda t: (-len(required(t)), t.cpu == "generic"))


def variants(targets: Sequence[Target]) -> tuple[Variant, ...]:
    """The variants of a library for `targets`; none where it has one target."""
    if len(targets) < 2:
        return ()
    cpus = [t.cpu for t in targets]
    names = [f"{t.cpu}:{t.features}" if t.features and cpus.count(t.cpu) > 1 else t.cpu for t in targets]
    return tuple(Variant(name, t.cpu, t.features, required(t)) for name, t in zip(names, targets, strict=True))


def suffixes(found: Sequence[Variant]) -> list[str]:
    """What stands behind the symbols of each variant."""
    return ["." + re.sub(r"\W", "_", v.cpu) + f".{n}" for n, v in enumerate(found)] or [""]


def variants_text(entry: Entry, target: Target) -> str:
    """LLVM IR of the public entries of a function in variants, and of the choice."""
    choice = _Choice(entry, target)
    return "\n".join([*_jumps(entry), choice.text()])


def _jumps(entry: Entry) -> Iterator[str]:
    names = Names(entry.name)
    slots, struct = [("ptr", "slots.0")], [("ptr", "arguments.0")]
    flat, query = ([(a.llvm_type, a.name) for a in listed] for listed in (entry.arguments, entry.query_arguments))
    for name, arguments, result in (
        (names.run, slots, "i32"), (names.query, slots, "i32"), (entry.name, flat, "signext i32"),
        (names.flat_query, query, "signext i32"), (names.call, struct, "signext i32"),
        (names.call_query, struct, "signext i32"),
    ):
        yield _jump(entry, name, ", ".join(f"{type} %{argument}" for type, argument in arguments), result)


def _jump(entry: Entry, name: str, arguments: str, result: str) -> str:
    """A function that goes on as the one of the variant, with the caller's own frame."""
    cases, blocks = [], []
    for n, suffix in enumerate(suffixes(entry.variants)):
        cases.append(f"i32 {n}, label %v.{n}")
        blocks.append(f"v.{n}:\n  %s.{n} = musttail call {result} @{name}{suffix}({arguments})\n  ret i32 %s.{n}")
    return "\n".join([
        f"define {result} @{name}({arguments}) nounwind {{", "entry.0:",
        f"  %variant.0 = call i32 @{entry.name}__chosen()",
        f"  switch i32 %variant.0, label %v.{len(cases) - 1} [ {' '.join(cases)} ]", *blocks, "}"])


@dataclass
class _Choice:
    """Writes NAME_variant, NAME_set_variant and what they and the jumps call."""

    entry: Entry
    target: Target

    def text(self) -> str:
        fields = {"name": self.entry.name, "public": Names(self.entry.name).variant,
                  "setter": Names(self.entry.name).set_variant, "last": len(self.entry.variants) - 1,
                  "named": self._named(), "best": self._best(), "texts": self._texts(), "asked": self._asked()}
        return "\n".join([*self._questions(), _CHOICE.format(**fields)])

    def _questions(self) -> Iterator[str]:
        """For each variant its name, and a function that says what it lacks here."""
        called = ""
        for n, variant in enumerate(self.entry.variants):
            data = variant.name.encode() + b"\0"
            text = "".join(f"\\{byte:02X}" for byte in data)
            yield (f'@{self.entry.name}__variant_{n} = private unnamed_addr constant [{len(data)} x i8] c"{text}"')
            missing, more = missing_text(f"{self.entry.name}__missing.{n}", self.entry.name, variant.requires,
                                         self.target)
            called = called or more
            yield missing.replace("define ", "define internal ", 1)
        # What they call comes with the question that every object has, unless its code needs nothing.
        if called and not self.entry.requires:
            yield called
        if self._has_environment():
            name = _ENVIRONMENT.encode() + b"\0"
            yield f"declare {'extern_weak ' if self.target.writes_elf else ''}ptr @getenv(ptr)"
            yield (f"@{self.entry.name}__environment = private unnamed_addr constant [{len(name)} x i8] "
                   f'c"{_ENVIRONMENT}\\00"')

    def _has_environment(self) -> bool:
        return self.target.system[0] in ("linux", "freebsd", "macosx")

    def _asked(self) -> str:
        if not self._has_environment():
            return "  br label %search"
        return (f"  %there = icmp ne ptr @getenv, null\n  br i1 %there, label %read, label %search\nread:\n"
                f"  %given = call ptr @getenv(ptr @{self.entry.name}__environment)\n"
                f"  %said = icmp ne ptr %given, null\n  br i1 %said, label %compare, label %search\ncompare:\n"
                f"  %wanted = call i32 @{self.entry.name}__named(ptr %given)\n"
                "  %known = icmp sge i32 %wanted, 0\n  br i1 %known, label %take, label %search\ntake:\n"
                "  ret i32 %wanted")

    def _named(self) -> str:
        """Of a name the number of its variant, where the processor runs that."""
        lines, name = [], self.entry.name
        for n in range(len(self.entry.variants)):
            lines += [f"at.{n}:", f"  %same.{n} = call i1 @{name}__same(ptr %given, ptr @{name}__variant_{n})",
                      f"  br i1 %same.{n}, label %ask.{n}, label %at.{n + 1}", f"ask.{n}:",
                      f"  %lacks.{n} = call i64 @{name}__missing.{n}()",
                      f"  %runs.{n} = icmp eq i64 %lacks.{n}, 0",
                      f"  %found.{n} = select i1 %runs.{n}, i32 {n}, i32 -1",
                      f"  ret i32 %found.{n}"]
        return "\n".join([*lines, f"at.{len(self.entry.variants)}:", "  ret i32 -1"])

    def _best(self) -> str:
        lines = []
        for n in range(len(self.entry.variants) - 1):
            lines += [f"try.{n}:", f"  %lacks.{n} = call i64 @{self.entry.name}__missing.{n}()",
                      f"  %runs.{n} = icmp eq i64 %lacks.{n}, 0",
                      f"  br i1 %runs.{n}, label %give.{n}, label %try.{n + 1}", f"give.{n}:", f"  ret i32 {n}"]
        last = len(self.entry.variants) - 1
        return "\n".join([*lines, f"try.{last}:", f"  ret i32 {last}"])

    def _texts(self) -> str:
        value = f"@{self.entry.name}__variant_0"
        lines = []
        for n in range(1, len(self.entry.variants)):
            lines += [f"  %is.{n} = icmp eq i32 %chosen, {n}",
                      f"  %text.{n} = select i1 %is.{n}, ptr @{self.entry.name}__variant_{n}, ptr {value}"]
            value = f"%text.{n}"
        return "\n".join([*lines, f"  ret ptr {value}"])


_CHOICE = """
@{name}__choice = internal global i32 -1
define internal i32 @{name}__chosen() nounwind {{
  %now = load atomic i32, ptr @{name}__choice monotonic, align 4
  %is = icmp sge i32 %now, 0
  br i1 %is, label %done, label %choose
done:
  ret i32 %now
choose:
  %best = call i32 @{name}__best()
  %pair = cmpxchg ptr @{name}__choice, i32 -1, i32 %best monotonic monotonic
  %before = extractvalue {{ i32, i1 }} %pair, 0
  %first = extractvalue {{ i32, i1 }} %pair, 1
  %chosen = select i1 %first, i32 %best, i32 %before
  ret i32 %chosen
}}
define internal i32 @{name}__best() noinline nounwind {{
entry:
{asked}
search:
  br label %try.0
{best}
}}
define internal i32 @{name}__named(ptr %given) nounwind {{
entry:
  br label %at.0
{named}
}}
define internal i1 @{name}__same(ptr %a, ptr %b) nounwind {{
entry:
  br label %next
next:
  %n = phi i64 [ 0, %entry ], [ %more, %equal ]
  %pa = getelementptr i8, ptr %a, i64 %n
  %pb = getelementptr i8, ptr %b, i64 %n
  %ca = load i8, ptr %pa
  %cb = load i8, ptr %pb
  %same = icmp eq i8 %ca, %cb
  br i1 %same, label %equal, label %no
equal:
  %more = add i64 %n, 1
  %end = icmp eq i8 %ca, 0
  br i1 %end, label %yes, label %next
yes:
  ret i1 true
no:
  ret i1 false
}}
define ptr @{public}() nounwind {{
  %chosen = call i32 @{name}__chosen()
{texts}
}}
define signext i32 @{setter}(ptr %given) nounwind {{
entry:
  %none = icmp eq ptr %given, null
  br i1 %none, label %store, label %search
search:
  %found = call i32 @{name}__named(ptr %given)
  %unknown = icmp slt i32 %found, 0
  br i1 %unknown, label %refuse, label %store
store:
  %n = phi i32 [ -1, %entry ], [ %found, %search ]
  store atomic i32 %n, ptr @{name}__choice monotonic, align 4
  ret i32 1
refuse:
  ret i32 0
}}
"""


def header_lines(entry: Entry) -> tuple[list[str], list[str]]:
    """For the header: what is said of it, and its declarations."""
    if not entry.variants:
        return [], []
    names = Names(entry.name)
    said = [f"{entry.name} is there for {', '.join(v.name for v in entry.variants)}: its first call takes the "
            "first of these that the processor runs, or the one that SCANCC_VARIANT in the environment names.",
            f"  {names.variant} gives the name of the one that calls run.",
            f"  {names.set_variant} takes another one from the next call on (NULL: the best again) and gives 1; "
            "where none has the name, or the processor lacks something for it, it gives 0 and nothing changes. Their "
            "numbers may differ in the last bits, and so may the workspace: ask the query again."]
    return said, [f"const char *{names.variant}(void);", f"int32_t {names.set_variant}(const char *name);"]
