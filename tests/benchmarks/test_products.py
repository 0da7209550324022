"""The grid of products computes what NumPy does, in each of its forms."""

from __future__ import annotations

import pytest

from benchmarks import products


@pytest.mark.parametrize("form", products.FORMS)
def test_a_cell(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "ROUND_S", 0.0)
    function = products.compiled(form, "complex64")
    assert products.ratio(function, form, "complex64", (3, 4, 5)) > 0
