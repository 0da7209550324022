"""What all tests share."""

import os
from collections.abc import Iterator

import pytest

# Matrices of tests are small: else they would never run the code for all sizes. test_small_sizes.py has it on.
os.environ.setdefault("SCANCC_SPECIALISE", "0")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true",
                     help="run the tests that have expected texts, and write these anew; read the diff")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-golden") and config.getoption("numprocesses", None):
        raise pytest.UsageError("--update-golden writes files of several cases, and processes would write over what "
                                "others wrote; leave out -n")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --update-golden, only tests that ask for the fixture `update_golden`."""
    if config.getoption("--update-golden"):
        items[:] = [item for item in items if "update_golden" in getattr(item, "fixturenames", ())]


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether the expected text is to be written anew, from --update-golden."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(params=["reference", "native"])
def every_executor(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs the test once on each executor."""
    from tests.programs.executors import executor

    with executor(request.param):
        yield request.param
