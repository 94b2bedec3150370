"""
Reads figures back that were remembered beyond a process: what is odd is refused here, and then left out as a whole.
"""

import math
from typing import Any


def number(value: Any, least: float, most: float) -> float:  # noqa: ANN401  it comes from a file
    """
    Return *value* if it is a number from *least* to *most*.

    Raises:
        TypeError: It is no number.
        ValueError: It is another one.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is no number")
    if not least <= value <= most:
        raise ValueError(f"{value!r} is not from {least:g} to {most:g}")
    return float(value)


def whole(value: Any, least: int, most: int) -> int:  # noqa: ANN401  it comes from a file
    """Return *value* if it is a whole number from *least* to *most*; raises as `number`."""
    found = number(value, least, most)
    if not found.is_integer():
        raise ValueError(f"{value!r} is not whole")
    return int(found)


def finite(value: float) -> float | None:
    """Return *value* as JSON can hold it; infinity is `None`."""
    return value if math.isfinite(value) else None
