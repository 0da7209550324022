"""Dumps: what each pass changed, margins, and what a stage has not."""

from __future__ import annotations

import io
import re
import textwrap

import pytest

import scancc as sc
import scancc.tensor as T
from scancc import pipeline
from scancc.ir.parser import parse
from scancc.views import PassDump, View

TEXT = '''"func.func"() ({
^bb0(%a: f64):
  %x = "math.exp"(%a) : (f64) -> f64
  %y = "math.exp"(%a) : (f64) -> f64
  %z = "arith.addf"(%x, %y) : (f64, f64) -> f64
  "func.return"(%z) : (f64) -> ()
}) {sym_name = "f", function_type = (f64) -> f64} : () -> ()
'''


def passes_of(view: View, only_changed: bool = False) -> str:
    stream, module = io.StringIO(), parse(TEXT)
    pipeline.run(module, "cse,dce", on_pass=PassDump(stream, view, module, only_changed))
    return stream.getvalue()


def test_the_change_of_each_pass() -> None:
    assert passes_of(View()) == textwrap.dedent('''\
        // ---- after cse ----
        @@ -1,6 +1,5 @@
         func f(%a: f64) -> f64 {
           %x = exp(%a)
        -  %y = exp(%a)
        -  %z = %x + %y
        +  %z = %x + %x
           return %z
         }

        // ---- after dce (no change) ----

        ''')
    assert "dce" not in passes_of(View(), only_changed=True)


def test_all_of_the_ir_after_each_pass() -> None:
    assert passes_of(View(full=True), only_changed=True) == textwrap.dedent('''\
        // ---- after cse ----
        func f(%a: f64) -> f64 {
          %x = exp(%a)
          %z = %x + %x
          return %z
        }

        ''')
    module = parse(passes_of(View("generic"), only_changed=True))
    assert [op.name for op in module.body.ops[0].body.ops] == ["math.exp", "arith.addf", "func.return"]


def test_a_pass_that_writes_all_anew_shows_the_new_text() -> None:
    x = T.vector("x")
    text = sc.function([x], T.exp(x), name="f").dump("loop", after_each_pass=True)
    bufferized = re.search(r"// ---- after bufferize ----\n(.*?)\n\n", text, re.DOTALL)
    assert bufferized is not None and bufferized[1].startswith("func f(%x: &f64[%x_n0]")


def test_values_keep_their_names_from_pass_to_pass() -> None:
    """What a pass leaves alone is no change, though values before it go."""
    module = parse(TEXT.replace('%z = "arith.addf"(%x, %y)', '%z = "arith.addf"(%y, %y)').replace("%x", "%0").replace(
        "%y", "%1").replace("%z", "%2"))
    stream = io.StringIO()
    pipeline.run(module, "dce", on_pass=PassDump(stream, View(), module))
    assert re.findall("^[-+].*", stream.getvalue(), re.MULTILINE) == ["-  %0 = exp(%a)"]


def test_the_users_lines_stand_in_the_margin() -> None:
    x = T.vector("x")
    y = T.exp(x)
    lines = sc.function([x], y * y, name="f").dump("scan", locations=True).splitlines()
    margins = [re.match(r"(.*?) +\| (.*)", line) for line in lines]
    assert all(margins)
    places = [m[1] for m in margins if m and m[1]]
    assert places and all(re.fullmatch(r"tests/insight/test_dumps\.py:\d+", place) for place in places)
    assert any(m and m[2].strip() == "// y = T.exp(x)" for m in margins)


@pytest.mark.parametrize(("arguments", "words"), [
    ({"stage": "loops"}, "there is no stage 'loops'; the stages are graph, scan, loop, mlir-upstream, llvm, asm"),
    ({"form": "mlir"}, "there is no form 'mlir'; the forms of IR are reading, generic"),
    ({"stage": "llvm", "after_each_pass": True}, "the stage 'llvm' has no IR, to which after_each_pass"),
])
def test_what_is_not_there_is_refused(arguments: dict[str, object], words: str) -> None:
    x = T.vector("x")
    with pytest.raises(ValueError, match=re.escape(words)):
        sc.function([x], x + 1).dump(**arguments)  # type: ignore[arg-type]
