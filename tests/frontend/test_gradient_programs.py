"""Programs with gradients give their numbers on every executor."""

import pytest

from tests.programs import gradients
from tests.programs.executors import compile


@pytest.mark.usefixtures("every_executor")
@pytest.mark.parametrize("program", gradients.PROGRAMS, ids=lambda p: p.__qualname__)
def test_program(program):
    program().check(compile)
