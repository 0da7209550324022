"""The seed's and the tutorial's programs give their numbers."""

import pytest

from tests.programs import seed, tutorial
from tests.programs.executors import EXECUTORS


@pytest.mark.parametrize("executor", EXECUTORS.values(), ids=EXECUTORS.keys())
@pytest.mark.parametrize("program", seed.PROGRAMS + tutorial.PROGRAMS, ids=lambda p: p.__qualname__)
def test_program(program, executor):
    program().check(executor)


@pytest.mark.parametrize("executor", EXECUTORS.values(), ids=EXECUTORS.keys())
def test_seed_counter_with_get_value_and_set_value(executor):
    case = seed.shared_counter()
    add = executor(case.inputs, case.outputs, case.updates)
    ((k, _),) = case.shared
    assert k.get_value() == 0
    assert add(3) == []
    assert k.get_value() == 3
    k.set_value(5)
    assert k.get_value() == 5
    assert add(3) == []
    assert k.get_value() == 8
