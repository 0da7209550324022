"""What a function is compiled to does not depend on what else was asked of its graph before: derivatives add rows and
states to the scans that are there, and nobody else sees them."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc import stages
from scancc.ir.printer import print_op
from tests.programs import users


def text(inputs, outputs):
    f = sc.function(inputs, outputs, mode="reference", on_unused_input="ignore", name="f")
    return lowered(f)


def lowered(f):
    return print_op(stages.lower(f.program), locations=False)


def slope(cost, by):
    return sc.grad(cost, by)


MODELS = [make for make in users.MODELS if users.build(make).wrt]


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_functions_and_gradients_of_one_graph(make):
    def graph():
        model = users.build(make)
        return model.inputs, model.cost, [model.inputs[n] for n in model.wrt]

    inputs, cost, _ = graph()
    alone = text(inputs, cost)
    inputs, cost, by = graph()
    of_all = text(inputs, slope(cost, by))
    inputs, cost, by = graph()
    of_last = text(inputs, slope(cost, by[-1]))

    inputs, cost, by = graph()
    f = sc.function(inputs, cost, mode="reference", on_unused_input="ignore", name="f")
    last, every, again = (slope(cost, v) for v in (by[-1], by, by))
    assert lowered(f) == text(inputs, cost) == alone
    assert text(inputs, last) == of_last
    assert text(inputs, every) == text(inputs, again) == of_all


x, a, s0 = T.vector("x"), T.scalar("a"), T.scalar("s0")
SLOPES = T.matrix("F")


def _product():
    P, _ = sc.scan(lambda y, P: T.dot(T.dot(SLOPES, P), SLOPES.T) + y, sequences=x, outputs_info=T.eye(3))
    return (P[-1]**2).sum()


def _choices():
    def step(v, s):
        u = sc.ifelse(T.gt(v, 0), T.tanh(a * s) * v, s)
        return sc.ifelse(T.gt(v, 0), T.sin(u * a), u + v)
    s, _ = sc.scan(step, sequences=x, outputs_info=s0)
    return (s * T.exp(s)).sum()


def _until():
    s, _ = sc.scan(lambda v, s: (T.tanh(a * s + v), sc.until(T.gt(s, 3.))), sequences=x, outputs_info=s0)
    return T.exp(s).sum()


def _nested():
    def step(v, s):
        inner, _ = sc.scan(lambda w, r: T.tanh(a * r + w), sequences=x, outputs_info=s)
        return inner[-1] * v
    s, _ = sc.scan(step, sequences=x, outputs_info=s0)
    return T.sqr(s).sum()


def _blocks(checkpoints):
    def cost():
        s, _ = sc.scan(lambda v, s: T.tanh(a * s + T.sin(v)), sequences=x, outputs_info=s0, checkpoints=checkpoints)
        return s[-1]
    return cost


COSTS = {"a product with a turned matrix": _product, "choices": _choices, "until": _until, "a nest": _nested,
         "blocks": _blocks("sqrt"), "blocks of five": _blocks(5), "the fewest bytes": _blocks("states")}
ASKED = {
    "a gradient": lambda cost, by: sc.grad(cost, by),
    "a second one": lambda cost, by: sc.grad(sc.grad(cost, by).sum(), by),
    "a movement": lambda cost, by: sc.Rop(cost, by, T.ones_like(by)),
    "the movement of a gradient": lambda cost, by: sc.Rop(sc.grad(cost, by), by, T.ones_like(by)),
}


def by_of(name):
    return SLOPES if name.startswith("a product") else a


@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize("asked", ASKED)
def test_one_derivative_behind_others(name, asked):
    make, ask, by = COSTS[name], ASKED[asked], by_of(name)
    inputs = [x, a, s0, SLOPES]
    alone, value = text(inputs, ask(make(), by)), text(inputs, make())
    cost = make()
    others = [sc.grad(cost, x), sc.grad(cost, by, max_bytes=10**6), *(other(cost, by) for other in ASKED.values())]
    assert text(inputs, ask(cost, by)) == alone
    assert text(inputs, cost) == value
    numbers = np.linspace(0.1, 0.9, 12), 0.7, 0.3, np.eye(3) + 0.1
    together = sc.function(inputs, [cost, *others, ask(cost, by)], on_unused_input="ignore")(*numbers)
    found = sc.function(inputs, [make(), ask(make(), by)], on_unused_input="ignore")(*numbers)
    np.testing.assert_allclose([together[0], *np.ravel(together[-1])], [found[0], *np.ravel(found[1])], rtol=1e-12)


def test_the_last_state_of_a_scan():
    def rows():
        s, _ = sc.scan(lambda v, s: T.tanh(a * s + v), sequences=x, outputs_info=s0)
        return s

    alone, s = text([x, a, s0], rows()[1:]), rows()
    sc.final_state(s)
    assert text([x, a, s0], s[1:]) == alone


def test_derivatives_by_name_leave_the_function_as_it_was():
    f = sc.function([x, a, s0], _until(), name="f")
    before = lowered(f)
    f.derivative("vjp", wrt="a")
    f.derivative("value_and_grad")
    assert lowered(f) == before
    assert f.derivative("value_and_grad").dump("scan") == sc.function(
        [x, a, s0], _until(), name="f").derivative("value_and_grad").dump("scan")
