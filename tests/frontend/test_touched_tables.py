"""What a step touches of tables that it reads or writes at a few places: no more of them, in gradients too."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.frontend.gradients import grad, verify_grad
from scancc.ir.parser import parse
from tests.frontend.table_steps import (
    HANDED_ON,
    LAZILY_BACK,
    TOUCHED,
    UNDONE,
    I,
    J,
    N,
    bounded_slices,
    column_asked,
    ends_read,
    four_steps_ago,
    in_a_choice_in_a_choice_from_two_steps_ago,
    inc,
    lists_of_any_length_from_two_steps_ago,
    moved_and_changed,
    put,
    rows_asked,
    three_and_two_steps_ago,
    variables_of,
)
from tests.frontend.unrolled import gradients

WRITES = ("tensor.insert", "tensor.insert_slice", "scan.scatter", "tensor.extract_slice", "tensor.cast", "scf.if",
          "scan.scan")


def scans_of(case):
    """The scans of the gradient, in scan IR."""
    variables = variables_of(case)
    made = sc.function(variables, gradients(case, sc.scan, variables, 1), mode="reference")
    module = parse(made.dump("scan", form="generic"))
    return [op for op in module.walk() if op.name == "scan.scan"]


def of_unknown_length(value):
    return None in getattr(value.type, "shape", ())


@pytest.mark.parametrize("case", TOUCHED, ids=lambda case: case.__name__)
def test_a_step_makes_no_array_as_long_as_the_table(case):
    for scan in scans_of(case):
        made = [op for op in scan.walk() if op is not scan and any(map(of_unknown_length, op.results))]
        assert {op.name for op in made} <= set(WRITES)


@pytest.mark.parametrize("case", [*(c for c in TOUCHED if c is not column_asked), moved_and_changed, ends_read,
                                  rows_asked, bounded_slices, *UNDONE],
                         ids=lambda case: case.__name__)
def test_no_table_is_kept_a_step(case):
    """A stack of tables has two axes of unknown length."""
    for scan in scans_of(case):
        assert all(v.type.shape.count(None) < 2 for v in scan.results if of_unknown_length(v))


@pytest.mark.parametrize("case", [*(c for c in LAZILY_BACK if c is not in_a_choice_in_a_choice_from_two_steps_ago),
                                  *HANDED_ON, three_and_two_steps_ago, four_steps_ago,
                                  lists_of_any_length_from_two_steps_ago], ids=lambda case: case.__name__)
def test_no_state_is_copied(case):
    variables = variables_of(case)
    made = sc.function(variables, [case(sc.scan, *variables), *gradients(case, sc.scan, variables, 1)])
    assert not [remark for remark in made.remarks if "copied in each step" in str(remark)]


def sifted(b):
    """A number goes up a heap until it is in its place, and the least one is read."""
    def up(b, k):
        above = T.maximum((k - 1) // 2, 0)
        goes = T.and_(k > 0, b[above] > b[k])
        return [T.switch(goes, put(put(b[above], b[k])[k], b[above]), b), T.switch(goes, above, k)], sc.until(~goes)

    def step(i, j, b):
        rows, _ = sc.scan(up, outputs_info=[put(b[i], T.sin(b[j]) * b[i]), i], n_steps=4)[0]
        return rows[-1], rows[-1][0]
    rows, least = sc.scan(step, [T.constant(I), T.constant(J)], [b, None], n_steps=N)[0]
    return T.concatenate([rows[-1], least])


def added_up_and_asked(b):
    """A Fenwick tree: additions go up, sums are collected on the way down, each until the end."""
    def step(i, j, b):
        def up(b, k):
            return [inc(b[k], T.sin(b[0])), k + (k & -k)], sc.until(k + (k & -k) >= b.shape[0])
        rows = sc.scan(up, outputs_info=[b, i + 1], n_steps=8)[0][0][-1]

        def down(s, k):
            return [s + rows[k] ** 2, k - (k & -k)], sc.until(k - (k & -k) <= 0)
        return rows, sc.scan(down, outputs_info=[0.0, j + 1], n_steps=8)[0][0][-1]
    rows, sums = sc.scan(step, [T.constant(I), T.constant(J)], [b, None], n_steps=N)[0]
    return T.concatenate([rows[-1], sums])


def written_as_far_as_told(b):
    """Each step of the scan in a step reads what is beside the place that it writes, of one to four."""
    def step(i, j, b):
        rows, _ = sc.scan(lambda k, b: put(b[i + k], T.sin(b[i + k + 1]) * b[0]), T.arange(j + 1), b)
        return rows[-1]
    return sc.scan(step, [T.constant(I // 2), T.constant(J)], b)[0][-1]


@pytest.mark.parametrize("case", [sifted, added_up_and_asked, written_as_far_as_told],
                         ids=lambda case: case.__name__)
def test_inner_scans_whose_length_differs(case):
    """Natively, by differences; no table is kept a step."""
    verify_grad(case, [np.array([-0.3, 0.8, 0.1, 0.5, -0.6, 0.7])], n_tests=1)
    b = T.vector("b")
    rows = grad(case(b).sum(), b)
    for scan in (op for op in parse(sc.function([b], rows).dump("scan", form="generic")).walk()
                 if op.name == "scan.scan"):
        assert all(v.type.shape.count(None) < 2 for v in scan.results if of_unknown_length(v))
