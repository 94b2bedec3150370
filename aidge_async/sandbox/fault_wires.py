"""
The kinds of faults that leave the answer's words alone: they end the connection, or play with time.

Nothing is sent and nothing waits here (that is `mischief.py`), and no kind knows when it strikes (`faults.py`).
"""

from typing import ClassVar, Final

import attrs

from aidge_async.sandbox.answers import Answer
from aidge_async.sandbox.checks import flag, number, one_of, whole
from aidge_async.sandbox.fault_rules import Cut, Delivery, Drip, Fault, Never, Strike
from aidge_async.sandbox.wire import Ending

_DAY: Final = 86_400  # seconds; whoever waits longer has forgotten the rule
_CENTURY: Final = 36_500 * _DAY  # a clock may well stand at its epoch


@attrs.frozen(kw_only=True)
class DropBeforeReading(Fault):
    """Reset the connection when the head of the call has arrived; nothing is processed."""

    kind: ClassVar[str] = "drop_before_reading"
    reads: ClassVar[bool] = False

    @property
    def accepts(self) -> bool:
        """No."""
        return False

    def delivery(self) -> Delivery:
        """Break the connection at once."""
        return Cut(at=0, how="reset")


@attrs.frozen(kw_only=True)
class AcceptThenDrop(Fault):
    """Do the work, then end the connection without a byte, in the way of *how*."""

    kind: ClassVar[str] = "accept_then_drop"
    how: Ending = attrs.field(default="reset", validator=one_of("reset", "close"))

    def delivery(self) -> Delivery:
        """End the connection before the first byte."""
        return Cut(at=0, how=self.how)


@attrs.frozen(kw_only=True)
class ResetAt(Fault):
    """Reset the connection at byte *at* of the answer, head included."""

    kind: ClassVar[str] = "reset_at"
    at: int = attrs.field(default=0, validator=whole(0, "bytes"))

    def delivery(self) -> Delivery:
        """Cut the answer."""
        return Cut(at=self.at, how="reset")


@attrs.frozen(kw_only=True)
class CloseAt(Fault):
    """Close the connection at byte *at* of the answer, head included."""

    kind: ClassVar[str] = "close_at"
    at: int = attrs.field(default=0, validator=whole(0, "bytes"))

    def delivery(self) -> Delivery:
        """Cut the answer."""
        return Cut(at=self.at, how="close")


@attrs.frozen(kw_only=True)
class Delay(Fault):
    """Wait *seconds*, then go on as always: after the work, or with *before* before it."""

    kind: ClassVar[str] = "delay"
    seconds: float = attrs.field(validator=number(0, _DAY, "seconds"))
    before: bool = attrs.field(default=False, validator=flag)

    @property
    def wait_before(self) -> float:
        """The wait, or none."""
        return self.seconds if self.before else 0.0

    @property
    def wait_after(self) -> float:
        """The wait, or none."""
        return 0.0 if self.before else self.seconds


@attrs.frozen(kw_only=True)
class Stall(Fault):
    """Do the work and never answer; after *seconds* the connection is closed (300: longer than clients wait)."""

    kind: ClassVar[str] = "stall"
    seconds: float = attrs.field(default=300.0, validator=number(0, _DAY, "seconds"))

    def delivery(self) -> Delivery:
        """Deliver nothing."""
        return Never(seconds=self.seconds)


@attrs.frozen(kw_only=True)
class Dripping(Fault):
    """Answer one byte every *interval* seconds, head included."""

    kind: ClassVar[str] = "drip"
    interval: float = attrs.field(default=0.01, validator=number(0, _DAY, "seconds"))

    def delivery(self) -> Delivery:
        """Drip."""
        return Drip(interval=self.interval)


@attrs.frozen(kw_only=True)
class WrongLength(Fault):
    """Announce *missing* bytes more than come, then close."""

    kind: ClassVar[str] = "wrong_length"
    missing: int = attrs.field(default=100, validator=whole(1, "bytes"))

    def spoil(self, answer: Answer, strike: Strike) -> Answer:  # noqa: ARG002
        """Change what the head says of the length."""
        return answer.changed((b"content-length", str(len(answer.content) + self.missing).encode()))

    def delivery(self) -> Delivery:
        """Send all that is there, then close."""
        return Cut(at=None, how="close")


@attrs.frozen(kw_only=True)
class Clock(Fault):
    """
    Set the gateway's clock off by *offset* seconds: its check of timestamps and its Date field.

    Other rules may strike the same call.
    """

    kind: ClassVar[str] = "clock"
    offset: float = attrs.field(validator=number(-_CENTURY, _CENTURY, "seconds"))
