"""What all tests share."""

from collections.abc import Iterator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write expected texts anew; read the diff")


@pytest.fixture(params=["reference", "native"])
def every_executor(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs the test once on each executor."""
    from tests.programs.executors import executor

    with executor(request.param):
        yield request.param
