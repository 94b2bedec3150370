"""
What all faults have in common: which calls a rule is about, when it strikes, and what it may do to one.

Values only. The kinds stand in `fault_wires.py` and `fault_answers.py`, the rules in force and their counts in
`faults.py`; nothing here touches a call.
"""

import random
from email.utils import formatdate
from typing import Any, ClassVar, Final

import attrs

from aidge_async._core import gateway
from aidge_async.sandbox.answers import Answer
from aidge_async.sandbox.calls import CALL_KINDS, CallKind, kind_of_api
from aidge_async.sandbox.checks import SandboxError, flag, number, refusal, text, whole, whole_number
from aidge_async.sandbox.wire import Ending

ANY: Final = "any"
MADE: Final = "made by a fault of the sandbox"
EVERYWHERE: Final[frozenset[CallKind]] = frozenset(CALL_KINDS)

_STATUS_CODES: Final = range(200, 600)
_FAR: Final = 10_000_000_000  # seconds, three centuries: absurd, and still a date


@attrs.frozen(kw_only=True)
class Whole:
    """Send the answer as it is."""


@attrs.frozen(kw_only=True)
class Cut:
    """Send the first *at* bytes of the answer, head included (`None`: all of it), then end the connection."""

    at: int | None
    how: Ending


@attrs.frozen(kw_only=True)
class Drip:
    """Send one byte every *interval* seconds, then close."""

    interval: float


@attrs.frozen(kw_only=True)
class Never:
    """Send nothing; close after *seconds*, or as soon as the caller or the server goes."""

    seconds: float


Delivery = Whole | Cut | Drip | Never


@attrs.frozen(kw_only=True)
class Strike:
    """
    What a fault knows of the call that it strikes.

    Args:
        request_id: For an answer that is made from nothing.
        now: The gateway's clock, epoch seconds.
        chance: Of this strike alone; the same seed gives the same bytes.
    """

    request_id: str
    now: float
    chance: random.Random


def _without_prefix(calls: object) -> object:
    return calls.removeprefix(gateway.PATH_PREFIX) if isinstance(calls, str) else calls


def _check_calls(fault: "Fault", _: "attrs.Attribute[Any]", value: object) -> None:
    about = fault.about
    if isinstance(value, str):
        if value == ANY or value in about - {"other"}:
            return
        if value.startswith("/") and kind_of_api(value) in about:
            return
    names = ", ".join(name for name in CALL_KINDS if name in about and name != "other")
    raise SandboxError(f"'calls' must be {names}, any, or the API path of one for {fault.kind} (got {value!r})")


@attrs.frozen(kw_only=True)
class Fault:
    """
    A rule: on which calls a fault strikes, and when. With none of the three conditions it always does.

    Args:
        calls: `"submit"`, `"query"`, `"object"` (links of pictures), `"any"`, or one API path, `/rest` or not.
        probability: Share of the matching calls that are struck, drawn by chance.
        nth: Only the nth matching call is struck, the first being 1.
        next: Only the next so many matching calls are struck.
        seed: Decides chance and random bytes: the same rule strikes the same calls again.
    """

    kind: ClassVar[str]
    about: ClassVar[frozenset[CallKind]] = EVERYWHERE
    reads: ClassVar[bool] = True

    calls: str = attrs.field(default=ANY, converter=_without_prefix, validator=_check_calls)
    probability: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(number(0, 1, "calls in one"))
    )
    nth: int | None = attrs.field(default=None, validator=whole(1, "calls"))
    next: int | None = attrs.field(default=None, validator=whole(1, "calls"))
    seed: int = attrs.field(default=0, validator=whole_number)

    def __attrs_post_init__(self) -> None:
        """Refuse two conditions at once."""
        given = [name for name in ("probability", "nth", "next") if getattr(self, name) is not None]
        if len(given) > 1:
            raise SandboxError(f"'{given[1]}' must be left out where '{given[0]}' is given (got both)")

    @property
    def accepts(self) -> bool:
        """Whether a struck call is processed: a good submit is then in the ledger."""
        return True

    @property
    def wait_before(self) -> float:
        """Seconds between the call's last byte and its processing."""
        return 0.0

    @property
    def wait_after(self) -> float:
        """Seconds between processing and answer."""
        return 0.0

    def spoil(self, answer: Answer, strike: Strike) -> Answer:  # noqa: ARG002  for the kinds that need it
        """Return what is sent in the place of *answer*, which is empty where the call is not processed."""
        return answer

    def delivery(self) -> Delivery:
        """Return how the answer reaches the caller."""
        return Whole()

    def is_about(self, kind: CallKind, path: str) -> bool:
        """Tell whether a call of that kind, to that path, is one of this rule's."""
        return kind in self.about and self.calls in (ANY, kind, path)

    def as_json(self) -> dict[str, object]:
        """Return the rule as the control plane takes and shows it."""
        fields = {name: value for name, value in attrs.asdict(self).items() if value is not None}
        return {"kind": self.kind, **fields}


def check_http_status(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """Take an HTTP status that ends an exchange."""
    if isinstance(value, bool) or value not in _STATUS_CODES:
        raise refusal(attribute, "an HTTP status from 200 to 599", value)


def _check_hint(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if isinstance(value, str):
        if not value.isascii() or not value.isprintable():
            raise refusal(attribute, "a number of seconds, or the text of a Retry-After field", value)
    elif value is not None:
        number(-_FAR, _FAR, "seconds")(_, attribute, value)


@attrs.frozen(kw_only=True)
class Unprocessed(Fault):
    """A fault before the gateway's work, unless *accept* says that the work is done all the same."""

    accept: bool = attrs.field(default=False, validator=flag)

    @property
    def accepts(self) -> bool:
        """As told."""
        return self.accept


@attrs.frozen(kw_only=True)
class Refusal(Unprocessed):
    """
    A fault that says no and may say when to come again.

    Args:
        retry_after: Seconds, or the text of the field as it is sent; `None` sends no Retry-After.
        retry_after_date: Say the seconds as an HTTP-date by the gateway's clock, RFC 9110, 10.2.3.
    """

    status: int = attrs.field(default=200, validator=check_http_status)
    message: str = attrs.field(default=MADE, validator=text)
    retry_after: float | str | None = attrs.field(default=None, validator=_check_hint)
    retry_after_date: bool = attrs.field(default=False, validator=flag)

    def __attrs_post_init__(self) -> None:
        """Refuse a date that nothing says the time of."""
        super().__attrs_post_init__()
        if self.retry_after_date and not isinstance(self.retry_after, int | float):
            raise SandboxError(
                f"'retry_after' must be a number of seconds where 'retry_after_date' is true (got {self.retry_after!r})"
            )

    def hinted(self, answer: Answer, strike: Strike) -> Answer:
        """Return *answer* with the Retry-After field, where there is one."""
        hint = self.retry_after
        if hint is None:
            return answer
        if isinstance(hint, float) and hint.is_integer():
            hint = int(hint)  # RFC 9110 knows whole seconds only; a fraction is sent as it is
        value = str(hint)
        if self.retry_after_date and not isinstance(hint, str):
            value = formatdate(strike.now + hint, usegmt=True)
        return answer.changed((b"retry-after", value.encode()))
