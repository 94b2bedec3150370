"""
How rules of faults are written: as values, as JSON objects, or as lines of a command.

What the rules then do is not known here.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from aidge_async.sandbox import fault_answers, fault_wires, fault_words
from aidge_async.sandbox.checks import SandboxError
from aidge_async.sandbox.contents import UnreadableError, read_json, shown
from aidge_async.sandbox.fault_rules import ANY, Fault

KINDS: Final[Mapping[str, type[Fault]]] = {
    kind.kind: kind
    for kind in (
        fault_wires.DropBeforeReading,
        fault_wires.AcceptThenDrop,
        fault_wires.ResetAt,
        fault_wires.CloseAt,
        fault_wires.Delay,
        fault_wires.Stall,
        fault_wires.Dripping,
        fault_wires.WrongLength,
        fault_wires.Clock,
        fault_answers.Status,
        fault_words.BusinessCode,
        fault_words.GatewayCode,
        fault_answers.Redirect,
        fault_answers.Html,
        fault_words.UnknownTask,
        fault_answers.ExpiredLink,
        fault_answers.Truncated,
        fault_answers.Garbage,
        fault_answers.BadGzip,
        fault_answers.Empty,
        fault_answers.WrongContentType,
        fault_words.NoTaskId,
        fault_words.UnknownStatus,
        fault_words.FinishedWithoutImages,
    )
}

Wish = Fault | Mapping[str, object] | str


def read_wishes(wishes: Iterable[Wish]) -> tuple[Fault, ...]:
    """
    Return the rules that *wishes* describe.

    Raises:
        SandboxError: One cannot be; where there are several, the message says which.
    """
    listed = list(wishes)
    faults = []
    for number, wish in enumerate(listed, 1):
        try:
            faults.append(_read(wish))
        except SandboxError as error:
            raise SandboxError(f"rule {number}: {error}" if len(listed) > 1 else str(error)) from None
    return tuple(faults)


def _read(wish: object) -> Fault:
    if isinstance(wish, Fault):
        return wish
    if isinstance(wish, str):
        wish = _parsed(wish)
    if not isinstance(wish, Mapping):
        raise SandboxError(f"a rule must be an object with a 'kind' (got {shown(wish)})")
    fields: dict[str, Any] = {str(name): value for name, value in wish.items() if value is not None}
    kind = _kind(fields.pop("kind", None))
    known = {field.name: field.default for field in attrs.fields(kind)}
    strange = next((name for name in fields if name not in known), None)
    if strange is not None:
        raise SandboxError(f"{strange[:60]!r} is no field of the kind {kind.kind}; it takes {', '.join(known)}")
    missing = next((name for name in known if known[name] is attrs.NOTHING and name not in fields), None)
    if missing is not None:
        raise SandboxError(f"{missing!r} is required for the kind {kind.kind}")
    return kind(**fields)


def _kind(name: object) -> type[Fault]:
    if isinstance(name, str) and name in KINDS:
        return KINDS[name]
    near = difflib.get_close_matches(name[:60], KINDS, n=1) if isinstance(name, str) else []
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise SandboxError(f"'kind' must be one of {', '.join(KINDS)} (got {shown(name)}){hint}")


def _parsed(line: str) -> object:
    """Return the fields of `calls:kind,field=value,...`; a line that begins with a brace is JSON."""
    if line.lstrip().startswith("{"):
        try:
            return read_json(line)
        except UnreadableError as error:
            raise SandboxError(f"a rule that begins with '{{' must be one JSON object, but {error}") from None
    head, *pairs = line.split(",")
    calls, _, kind = head.rpartition(":")
    fields: dict[str, object] = {"kind": kind.strip(), "calls": calls.strip() or ANY}
    for pair in pairs:
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not name or name in fields:
            rule = "calls:kind,field=value,... with each field once, or JSON where a value holds a comma"
            raise SandboxError(f"a rule is written as {rule} (got {pair!r})")
        fields[name] = _value(value)
    return fields


def _value(text: str) -> object:
    try:
        return read_json(text)
    except UnreadableError:
        return text
