"""Each program gives what its NumPy twin gives."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

NOT_PROGRAMS = ("program", "test_programs", "told")
NAMES = sorted(p.stem for p in Path(__file__).parent.glob("[a-z]*.py") if p.stem not in NOT_PROGRAMS)


@pytest.mark.parametrize("name", NAMES)
def test_a_program_of_a_user(name: str) -> None:
    made = import_module(f"tests.users.{name}").program()
    found, expected = made.function(*made.arguments), made.expected
    pairs = [(found, expected)]
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        pairs = [(found[key], expected[key]) for key in expected]
    elif isinstance(found, list):
        pairs = list(zip(found, expected, strict=True))
    for value, wanted in pairs:
        np.testing.assert_allclose(value, wanted, rtol=1e-6)
