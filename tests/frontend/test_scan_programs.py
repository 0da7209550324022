"""The example programs give their numbers."""

import pytest

from tests.programs import masks, seed, tutorial
from tests.programs.executors import compile

pytestmark = pytest.mark.usefixtures("every_executor")


@pytest.mark.parametrize("program", seed.PROGRAMS + tutorial.PROGRAMS + masks.PROGRAMS, ids=lambda p: p.__qualname__)
def test_program(program):
    program().check(compile)


def test_seed_counter_with_get_value_and_set_value():
    case = seed.shared_counter()
    add = compile(case.inputs, case.outputs, case.updates)
    ((k, _),) = case.shared
    assert k.get_value() == 0
    assert add(3) == []
    assert k.get_value() == 3
    k.set_value(5)
    assert k.get_value() == 5
    assert add(3) == []
    assert k.get_value() == 8
