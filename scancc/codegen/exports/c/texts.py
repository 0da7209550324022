"""NAME_error, NAME_manifest and NAME_supported in C."""

from __future__ import annotations

import re

from scancc.artifact import N_INFO_SLOTS

from ..entry import CALLER_ERRORS, Entry, Names
from .definitions import function, public

_ERROR = """\
static void {name}_put(char *buffer, int64_t n, int64_t *end, char c)
{{
    *end += 1;
    if (*end < n)
        buffer[*end - 1] = c;
}}

static void {name}_digits(char *buffer, int64_t n, int64_t *end, uint64_t x)
{{
    if (x >= 10)
        {name}_digits(buffer, n, end, x / 10);
    {name}_put(buffer, n, end, (char)('0' + x % 10));
}}

"""
_ERROR_BODY = """\
int64_t end = 0;
for (const char *at = {name}_message(status); *at != 0; ++at) {{
    if (*at > {most}) {{
        {name}_put(buffer, n, &end, *at);
    }} else if (values == NULL) {{
        {name}_put(buffer, n, &end, '?');
    }} else {{
        const int64_t x = values[*at - 1];
        if (x < 0)
            {name}_put(buffer, n, &end, '-');
        {name}_digits(buffer, n, &end, x < 0 ? 0 - (uint64_t)x : (uint64_t)x);
    }}
}}
if (n > 0)
    buffer[end < n - 1 ? end : n - 1] = 0;
return end;"""


def error_text(entry: Entry) -> str:
    """NAME_error: in its texts a byte 1 to 4 stands where a number goes."""
    texts = {0: "no error", **CALLER_ERRORS, **{c.code: c.text() for c in entry.checks}}
    cases = [line for status, text in texts.items()
             for line in (f"case {status}:", f"    return {literal(_marked(text))};")]
    message = function(f"static const char *{entry.name}_message(", ["int32_t status"],
                        ["switch (status) {", *cases, "default:", '    return "unknown status";', "}"], True)
    body = _ERROR_BODY.format(name=entry.name, most=N_INFO_SLOTS).splitlines()
    return message + "\n" + _ERROR.format(name=entry.name) + public(
        entry, Names(entry.name).error, "int64_t",
        ["int32_t status", "const int64_t *values", "char *buffer", "int64_t n"], body)


def _marked(text: str) -> str:
    """A text in which a byte stands where a number goes."""
    plain = re.sub(r"[\0-\4]", " ", text)
    for n in range(N_INFO_SLOTS):
        plain = plain.replace(f"{{{n}}}", chr(n + 1))
    return plain


_LETTERS = {ord(letter): f"\\{letter}" for letter in '"\\?'} | {ord("\n"): "\\n"}


def literal(text: str) -> str:
    """A string of C."""
    return '"' + "".join(_LETTERS.get(b, chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in text.encode()) + '"'


def processor_text(entry: Entry) -> str:
    """A compiler that made code for a processor has said so itself: nothing is known to be missing."""
    names = Names(entry.name)
    return "\n".join([function(f"int64_t {names.missing}(", [], ["return 0;"]),
                      function(f"int32_t {names.supported}(", [], [f"return {names.missing}() == 0;"])])


def manifest_text(entry: Entry, data: bytes) -> str:
    """NAME_manifest; longer than a string need be for every compiler."""
    text = data[:-1].decode()
    rows = "\n".join(f"    {literal(text[at:at + 96])}" for at in range(0, len(text), 96))
    return (f"/* What the manifest says of {entry.name}, as JSON. */\n"
            f"__extension__ static const char {entry.name}__manifest[] =\n{rows};\n\n"
            + function(f"const char *{Names(entry.name).manifest}(", [], [f"return {entry.name}__manifest;"]))
