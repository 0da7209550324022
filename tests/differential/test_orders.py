"""Random orders of passes, and the requirements that a wrong order names."""

from __future__ import annotations

import re

import pytest

from scancc import pipeline
from scancc.errors import PassOrderError
from scancc.frontend.program.program import make_program
from scancc.ir.core import Op
from scancc.ir.parser import parse_verified
from scancc.stages import lower
from tests.differential.orders import check, runs
from tests.programs import masks, seed


def lowered() -> Op:
    case = seed.tanh_of_each_row()
    return lower(make_program(case.inputs, case.outputs, case.updates))


@pytest.mark.long
@pytest.mark.parametrize("number", range(8))
def test_random_orders_give_the_same_numbers_or_say_what_they_need(number: int) -> None:
    for make, passes in runs(number, 12):
        check(make, passes)


@pytest.mark.parametrize("passes", [
    "fuse,fuse", "fuse,licm", "licm,fuse,licm,fuse", "fuse,cse,fuse,dce", "fuse,canonicalize,licm"])
def test_passes_compose(passes: str) -> None:
    for make in (seed.tanh_of_each_row, seed.power_of_a_matrix, masks.picks_of_a_matrix):
        assert check(make, [*passes.split(","), "bufferize", "plan-memory", "licm", "cse"]) is None


@pytest.mark.parametrize(("passes", "message"), [
    ("bufferize", "the pass 'bufferize' cannot run here: 'scan.dot' (*) is not in a loop nest; run `fuse` before"),
    ("plan-memory",
     "the pass 'plan-memory' cannot run here: @function is not in loop form, of buffers only; run `bufferize`"),
    ("fuse,bufferize,plan-memory,map-to-gpu,plan-memory,map-to-gpu",
     "the pass 'map-to-gpu' cannot run here: @function__kernel* is a kernel already; it runs once"),
    ("fuse,lanes,bufferize,plan-memory,vectorize,map-to-gpu",
     "the pass 'map-to-gpu' cannot run here: 'vector.*makes a vector, and a thread has one lane; leave out"),
    ("fuse,bufferize,bufferize", "the pass 'bufferize' cannot run here: @function has buffers already; it runs once"),
    ("fuse,bufferize,map-to-gpu",
     "the pass 'map-to-gpu' cannot run here: @function has no plan of its memory; run `plan-memory`"),
])
def test_a_pass_says_what_it_needs(passes: str, message: str) -> None:
    pattern = ".*".join(map(re.escape, message.split("*")))
    with pytest.raises(PassOrderError, match=pattern):
        pipeline.run(lowered(), passes)


def test_a_nest_that_is_not_as_fuse_makes_it() -> None:
    top = parse_verified('''"func.func"() ({
^bb0(%v: tensor<?xf64>):
  %r = "linalg.generic"(%v) ({
  ^bb0(%a: f64):
    "linalg.yield"(%a) : (f64) -> ()
  }) {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = [#linalg.iterator_type<parallel>],
      operandSegmentSizes = array<i32: 0, 1>} : (tensor<?xf64>) -> tensor<?xf64>
  "func.return"(%r) : (tensor<?xf64>) -> ()
}) {sym_name = "f", function_type = (tensor<?xf64>) -> tensor<?xf64>} : () -> ()''')
    with pytest.raises(PassOrderError, match="'linalg.generic' is not as `fuse` makes it"):
        pipeline.run(top, "bufferize")
