"""
The rules that values of settings and faults keep, as attrs validators that refuse in one sentence.

A rule of one value alone; what holds between two stands where both are.
"""

import math
from collections.abc import Callable
from typing import Any

import attrs

Validator = Callable[[object, "attrs.Attribute[Any]", object], None]


class SandboxError(Exception):
    """Raised when the sandbox cannot be what it is told to be. The message is one sentence; correct what it names."""


def refusal(attribute: "attrs.Attribute[Any]", rule: str, value: object) -> SandboxError:
    """Return the error that names the field, its rule and what was given."""
    return SandboxError(f"'{attribute.name}' must be {rule} (got {value!r})")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def text(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Take printable text."""
    if not isinstance(value, str) or not value or not value.isprintable() or value != value.strip():
        raise refusal(attribute, "printable text without white space around it", value)


def number(least: float, most: float, unit: str) -> Validator:
    """Take a number of *unit* in that range."""

    def check(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if not _is_number(value) or not least <= value <= most:  # type: ignore[operator]  # it is a number
            raise refusal(attribute, f"a number of {unit} from {least:g} to {most:g}", value)

    return check


def whole(least: int, unit: str) -> Validator:
    """Take a whole number of *unit*, or `None`."""

    def check(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise refusal(attribute, f"a whole number of {unit}, at least {least}, or left out", value)

    return check


def whole_number(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Take any whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise refusal(attribute, "a whole number", value)


def flag(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Take true or false."""
    if not isinstance(value, bool):
        raise refusal(attribute, "true or false", value)


def one_of(*allowed: object) -> Validator:
    """Take one of *allowed*."""

    def check(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if isinstance(value, bool) or value not in allowed:
            raise refusal(attribute, f"one of {', '.join(map(str, allowed))}", value)

    return check
