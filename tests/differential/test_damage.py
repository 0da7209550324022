"""Damaged IR text ends in an error with its line, or compiles; texts that once ended otherwise."""

from __future__ import annotations

import random

import pytest

from tests.differential.damage import check, damaged, dumps, texts


@pytest.mark.long
@pytest.mark.parametrize("number", range(6))
def test_damaged_text_is_refused_with_its_line_or_compiles(number: int) -> None:
    assert {check(text) for text in texts(number, 40)} <= {"refused", "compiled"}


def test_what_is_not_damaged_compiles() -> None:
    assert check(dumps()[0]) == "compiled"


def test_damage_is_the_same_each_time() -> None:
    first, second = (damaged(dumps()[3], random.Random(6)) for _ in range(2))
    assert first == second != dumps()[3]
