"""NAME_error in LLVM IR: the text of a status, with the numbers of the check that failed.

    int64_t NAME_error(int32_t status, const int64_t *values, char *buffer, int64_t n)

writes as snprintf does: at most `n` bytes, the last of them 0, and gives how many the whole text has without it.
`values`: those of the struct of a short call; NULL where they are not known, for which `?` stands.

A text holds a byte 1 to 4 where a number goes. No library is called, so that the code runs where there is none.
"""

from __future__ import annotations

import re

from scancc.artifact import N_INFO_SLOTS

from .entry import CALLER_ERRORS, Entry, Names

_PRINTERS = """
define internal void @{name}__put(ptr %buffer, i64 %n, ptr %end, i8 %c) nounwind {{
  %at = load i64, ptr %end, align 8
  %next = add i64 %at, 1
  store i64 %next, ptr %end, align 8
  %room = icmp slt i64 %next, %n
  br i1 %room, label %write, label %done
write:
  %place = getelementptr i8, ptr %buffer, i64 %at
  store i8 %c, ptr %place, align 1
  br label %done
done:
  ret void
}}
define internal void @{name}__digits(ptr %buffer, i64 %n, ptr %end, i64 %x) nounwind {{
  %rest = udiv i64 %x, 10
  %some = icmp ne i64 %rest, 0
  br i1 %some, label %first, label %last
first:
  call void @{name}__digits(ptr %buffer, i64 %n, ptr %end, i64 %rest)
  br label %last
last:
  %digit = urem i64 %x, 10
  %small = trunc i64 %digit to i8
  %c = add i8 %small, 48
  call void @{name}__put(ptr %buffer, i64 %n, ptr %end, i8 %c)
  ret void
}}
define internal void @{name}__number(ptr %buffer, i64 %n, ptr %end, i64 %x) nounwind {{
  %below = icmp slt i64 %x, 0
  br i1 %below, label %minus, label %digits
minus:
  call void @{name}__put(ptr %buffer, i64 %n, ptr %end, i8 45)
  br label %digits
digits:
  %negated = sub i64 0, %x
  %size = select i1 %below, i64 %negated, i64 %x
  call void @{name}__digits(ptr %buffer, i64 %n, ptr %end, i64 %size)
  ret void
}}
"""

_WRITER = """
define i64 @{symbol}(i32 %status, ptr %values, ptr %buffer, i64 %n) nounwind {{
entry:
  %end = alloca i64, align 8
  store i64 0, ptr %end, align 8
  %message = call ptr @{name}__message(i32 %status)
  %known = icmp ne ptr %values, null
  br label %next
next:
  %at = phi ptr [ %message, %entry ], [ %after, %letter ], [ %after, %unknown ], [ %after, %number ]
  %c = load i8, ptr %at, align 1
  %after = getelementptr i8, ptr %at, i64 1
  %is_number = icmp ule i8 %c, {most}
  br i1 %is_number, label %special, label %letter
letter:
  call void @{name}__put(ptr %buffer, i64 %n, ptr %end, i8 %c)
  br label %next
special:
  %is_end = icmp eq i8 %c, 0
  br i1 %is_end, label %finish, label %value
value:
  br i1 %known, label %number, label %unknown
unknown:
  call void @{name}__put(ptr %buffer, i64 %n, ptr %end, i8 63)
  br label %next
number:
  %before = add i8 %c, -1
  %index = zext i8 %before to i64
  %slot = getelementptr i64, ptr %values, i64 %index
  %x = load i64, ptr %slot, align 8
  call void @{name}__number(ptr %buffer, i64 %n, ptr %end, i64 %x)
  br label %next
finish:
  %length = load i64, ptr %end, align 8
  %some = icmp sgt i64 %n, 0
  br i1 %some, label %terminate, label %done
terminate:
  %last = sub i64 %n, 1
  %fits = icmp slt i64 %length, %last
  %stop = select i1 %fits, i64 %length, i64 %last
  %place = getelementptr i8, ptr %buffer, i64 %stop
  store i8 0, ptr %place, align 1
  br label %done
done:
  ret i64 %length
}}
"""


def error_text(entry: Entry) -> str:
    """LLVM IR of NAME_error and what it calls."""
    names = {"name": entry.name, "symbol": Names(entry.name).error, "most": N_INFO_SLOTS}
    numbered = f"@{{symbol}}.{entry.interface} = alias i64 (i32, ptr, ptr, i64), ptr @{{symbol}}\n"
    return "".join([_messages(entry), *(text.format(**names) for text in (_PRINTERS, _WRITER, numbered))])


def _messages(entry: Entry) -> str:
    """A function from a status to its text."""
    texts = {0: "no error", **CALLER_ERRORS, **{c.code: c.text() for c in entry.checks}}
    listed: list[tuple[int | None, str]] = [*texts.items(), (None, "unknown status")]
    constants, cases, blocks = [], [], []
    for n, (status, text) in enumerate(listed):
        data = _marked(text)
        symbol = f"@{entry.name}__message_{n}"
        constants.append(f'{symbol} = private unnamed_addr constant [{len(data)} x i8] c"{_escaped(data)}", align 1')
        if status is not None:
            cases.append(f"    i32 {status}, label %m{n}")
        blocks.append(f"{'other' if status is None else f'm{n}'}:\n  ret ptr {symbol}")
    return "\n".join([
        *constants, f"define internal ptr @{entry.name}__message(i32 %status) nounwind {{", "entry:",
        "  switch i32 %status, label %other [", *cases, "  ]", *blocks, "}"])


def _marked(text: str) -> bytes:
    """The bytes of a text, ended by 0; a number's place is a byte."""
    plain = re.sub(r"[\0-\4]", " ", text)
    for n in range(N_INFO_SLOTS):
        plain = plain.replace(f"{{{n}}}", chr(n + 1))
    return plain.encode() + b"\0"


def _escaped(data: bytes) -> str:
    return "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:02X}" for b in data)
