"""Where states live: each kind gives the numbers that the step means, in memory of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from scancc import pipeline
from scancc.ir.interpreter import run_program
from scancc.ir.parser import parse
from scancc.ir.parts import Carry
from scancc.passes.bufferizing import scans
from scancc.passes.bufferizing.context import Context
from scancc.passes.bufferizing.stacks import Rows
from scancc.passes.bufferizing.states import State, state_of

VECTOR = "tensor<?xf64>"
MAP = "affine_map<(d0) -> (d0)>"
OPEN = "array<i64: -9223372036854775808>"
PART, PLACE = (f"{{static_offsets = {OPEN}, static_sizes = {OPEN}, static_strides = array<i64: 1>, "
               f"operandSegmentSizes = array<i32: {sizes}>}}" for sizes in ("1, 1, 1, 0", "1, 1, 1, 1, 0"))
TAIL = (f"{{indexing_maps = [{MAP}, {MAP}], iterator_types = [#linalg.iterator_type<parallel>], "
        f"operandSegmentSizes = array<i32: 1, 1>}} : ({VECTOR}, {VECTOR}) -> {VECTOR}")


def doubled(new: str, old: str) -> str:
    """Twice a vector, element by element."""
    return f'''
    {new}room = "tensor.empty"(%s) : (index) -> {VECTOR}
    {new} = "linalg.generic"({old}, {new}room) ({{
    ^bb0({new}x: f64, {new}out: f64):
      {new}y = "arith.addf"({new}x, {new}x) : (f64, f64) -> f64
      "linalg.yield"({new}y) : (f64) -> ()
    }}) {TAIL}'''


def turned(new: str, old: str) -> str:
    """A vector backwards: elements are read after others were written."""
    return f'''
    {new}room = "tensor.empty"(%s) : (index) -> {VECTOR}
    {new}last = "arith.subi"(%s, %one) : (index, index) -> index
    {new} = "linalg.generic"({old}, {new}room) ({{
    ^bb0({new}x: f64, {new}out: f64):
      {new}i = "linalg.index"() {{dim = 0 : i64}} : () -> index
      {new}j = "arith.subi"({new}last, {new}i) : (index, index) -> index
      {new}y = "tensor.extract"({old}, {new}j) : ({VECTOR}, index) -> f64
      "linalg.yield"({new}y) : (f64) -> ()
    }}) {TAIL}'''


def written(new: str, old: str) -> str:
    """A vector with 77 in front."""
    return f'{new} = "tensor.insert"(%mark, {old}, %zero) : (f64, {VECTOR}, index) -> {VECTOR}'


def program(step: str, yields: str, after: str = "", returns: str = "%last") -> str:
    """A scan of n steps from twice x, whose second yielded value is kept as rows."""
    keeps = "," in yields
    vectors, results = [", ".join([VECTOR] * (1 + text.count(","))) for text in (yields, returns)]
    rows, sizes, types, segments = (
        (", %rows", ", %n, %s", ", index, index", "1, 1") if keeps else ("", "", "", "0, 0"))
    return f'''"func.func"() ({{
    ^bb0(%x: {VECTOR}, %k: i64):
      %zero = "arith.constant"() {{value = 0 : index}} : () -> index
      %one = "arith.constant"() {{value = 1 : index}} : () -> index
      %two = "arith.constant"() {{value = 2 : index}} : () -> index
      %mark = "arith.constant"() {{value = 77.0 : f64}} : () -> f64
      %n = "arith.index_cast"(%k) : (i64) -> index
      %s = "tensor.dim"(%x, %zero) : ({VECTOR}, index) -> index
      {doubled("%first", "%x")}
      %last{rows} = "scan.scan"(%n, %first{sizes}) ({{
      ^bb0(%t: index, %h: {VECTOR}):
        {step}
        "scan.yield"({yields}) : ({vectors}) -> ()
      }}) {{depths = [1 : i64], until = false, operandSegmentSizes = array<i32: 1, 0, 1, {segments}>}}
        : (index, {VECTOR}{types}) -> ({VECTOR}{", tensor<?x?xf64>" if keeps else ""})
      {after}
      "func.return"({returns}) : ({results}) -> ()
    }}) {{sym_name = "f", function_type = ({VECTOR}, i64) -> ({results})}} : () -> ()'''


PROGRAMS = {
    "row": ("RowState", program(doubled("%new", "%h"), "%new, %new")),
    "a nest in place": ("InPlaceState", program(doubled("%new", "%h"), "%new")),
    "an update in place": ("InPlaceState", program(written("%new", "%h"), "%new")),
    "unchanged": ("InPlaceState", program("", "%h")),
    "read elsewhere": ("SwapState", program(turned("%new", "%h"), "%new")),
    "a view read later": ("SwapState", program(f'''
        %p = "tensor.extract_slice"(%h, %zero, %s) {PART} : ({VECTOR}, index, index) -> {VECTOR}
        {doubled("%new", "%h")}
        {doubled("%late", "%p")}''', "%new, %late")),
    "read later": ("SwapState", program(doubled("%new", "%h"), "%new, %h")),
    "row, and a write into the initial value afterwards": ("RowState", program(
        doubled("%new", "%h"), "%new, %new", returns="%v, %last",
        after=written("%w", "%first") + doubled("%v", "%w"))),
    "a write into another name of what is read afterwards": ("InPlaceState", program(
        doubled("%new", "%h"), "%new", returns="%v, %late", after=f'''
      %c = "tensor.cast"(%first) : ({VECTOR}) -> {VECTOR}
      {written("%w", "%c")}
      {doubled("%v", "%w")}
      {doubled("%late", "%first")}''')),
    "a part of an array moved within another name of it": ("InPlaceState", program(
        doubled("%new", "%h"), "%new", returns="%v, %last", after=f'''
      %c = "tensor.cast"(%first) : ({VECTOR}) -> {VECTOR}
      %p = "tensor.extract_slice"(%first, %zero, %two) {PART} : ({VECTOR}, index, index) -> {VECTOR}
      %w = "tensor.insert_slice"(%p, %c, %one, %two) {PLACE} : ({VECTOR}, {VECTOR}, index, index) -> {VECTOR}
      {doubled("%v", "%w")}''')),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("n_steps", [0, 1, 3])
def test_a_state_in_memory_has_the_numbers_of_the_step(name: str, n_steps: int) -> None:
    args = [np.array([1.0, 2.0, 3.0]), n_steps]
    module = parse(PROGRAMS[name][1])
    expected = run_program(module, "f", args)
    pipeline.run(module, "bufferize,plan-memory")
    for found, value in zip(run_program(module, "f", args), expected, strict=True):
        np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize("name", PROGRAMS)
def test_which_kind_of_place_a_state_gets(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = []

    def record(c: Context, carry: Carry, stacks: Sequence[Rows]) -> State:
        kinds.append(type(made := state_of(c, carry, stacks)).__name__)
        return made
    monkeypatch.setattr(scans, "state_of", record)
    kind, text = PROGRAMS[name]
    pipeline.run(parse(text), "bufferize")
    assert kinds == [kind]
