"""What every test of the runtime starts from."""

import pytest

from scancc.runtime import fastcall
from tests.runtime.kernels import compile_ir


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test reads or writes the user's cache."""
    monkeypatch.setenv("SCANCC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("SCANCC_CACHE", raising=False)
    monkeypatch.delenv("SCANCC_CACHE_MB", raising=False)


@pytest.fixture
def fast_caller(own_cache):
    """The fast caller, built; a test that needs it is skipped where the interpreter has another layout."""
    if not fastcall.is_supported():
        pytest.skip("the fast caller does not know this interpreter's objects")
    fastcall.build(compile_ir)
