"""
How a row of the matrix states its figures, and fails where one misses its bar.

What is printed of them is the scoreboard's matter; what is tried, the rows'.
"""

import os
from collections.abc import Generator
from typing import Any, Final, Protocol

import pytest

VARIABLE: Final = "AIDGE_MATRIX"
PROPERTY: Final = "score"  # of a test's report, a list of its figures


class Score(Protocol):
    """States one figure of a row."""

    def __call__(self, tried: str, figure: object, bar: object, held: bool) -> None:
        """
        State it; the row fails at its end where *held* is false, so that its other figures are told as well.

        Args:
            tried: What was done, with its counts and seeds.
            figure: What came of it, with its unit.
            bar: What it is held against.
            held: Whether it is within the bar.
        """
        ...


@pytest.fixture
def score(request: pytest.FixtureRequest) -> Score:
    """Return what takes a row's figures."""
    properties = request.node.user_properties

    def state(tried: str, figure: object, bar: object, held: bool) -> None:
        properties.append((PROPERTY, {"tried": tried, "figure": str(figure), "bar": str(bar), "held": bool(held)}))
        print(f"{tried}: {figure}, bar {bar}: {'held' if held else 'MISSED'}")  # noqa: T201  for -s

    return state


@pytest.fixture
def full() -> bool:
    """Return whether a row takes the counts of the table instead of those that fit `.ci/run`."""
    return os.environ.get(VARIABLE) == "full"


def stated(properties: list[tuple[str, object]]) -> list[dict[str, Any]]:
    """Return the figures among a test's properties."""
    return [value for name, value in properties if name == PROPERTY and isinstance(value, dict)]


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Fail a row that missed a bar, or that stated no figure at all."""
    result = yield
    figures = stated(pyfuncitem.user_properties)
    missed = [f"{figure['tried']}: {figure['figure']}, bar {figure['bar']}" for figure in figures if not figure["held"]]
    if missed or not figures:
        pytest.fail("\n".join(missed) or "the row states no figure", pytrace=False)
    return result
