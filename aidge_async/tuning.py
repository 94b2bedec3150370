"""
How a client treats the gateway, as values: how much at once, how long to wait, when to ask.

Whose account it is and where is `config.py`'s matter.
"""

from typing import Any, Final, Literal, Self, TypeAlias

import attrs

from aidge_async._core import gateway
from aidge_async._core.schedule import FixedInterval, Schedule
from aidge_async.errors import SettingsError

RateLimit: TypeAlias = float | Literal["learn"] | None

_MOST_NUMBER: Final = 1e9  # seconds, or calls a second: 32 years, or no limit


def _positive_or_none(instance: object, attribute: "attrs.Attribute[Any]", value: float | None) -> None:
    if value is not None:
        _positive(instance, attribute, value)


def _rate(instance: object, attribute: "attrs.Attribute[Any]", value: RateLimit) -> None:
    if value is not None and not (isinstance(value, str) and value == "learn"):
        _positive(instance, attribute, value, "change it, let 'learn' find it, or None for no limit")


def _positive(
    instance: object, attribute: "attrs.Attribute[Any]", value: float | str, next_step: str = "change it"
) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < _MOST_NUMBER:
        raise SettingsError(
            f"{attribute.name!r} of {type(instance).__name__} must be a number over 0 and under 1e9 "
            f"(got {value!r}); {next_step}"
        )


def _count(instance: object, attribute: "attrs.Attribute[Any]", value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SettingsError(
            f"{attribute.name!r} of {type(instance).__name__} must be a whole number from 1 (got {value!r}); change it"
        )


@attrs.frozen(kw_only=True)
class Limits:
    """
    How much may be asked of the gateway at once and in a second.

    Args:
        submit_rate: Submits a second. 2 is the vendor's default for other asynchronous APIs; none is published for
            this one. `None`: no limit of ours. `"learn"`: the rate that the gateway takes is found and followed.
        query_rate: Queries a second. The newest documentation names no limit; 10 keeps 50 tasks polled every 5 s.
            `None` and `"learn"`: as for *submit_rate*.
        total_rate: Calls of both kinds a second, where the account has such a limit; submits then go first, and queries
            keep a fifth of it. `None`: no such limit. `"learn"`: there is one, to be found.
        in_flight: Calls at the gateway at once, which is also the number of connections.
        uploads: Submits with image bytes on the wire at once; four measured best for the event loop.

    A rate is lowered to what the gateway took where it refuses calls, and comes back; `aidge_async/_core/rate.py` says
    how. A limit to be learned costs refusals: about one call in 100 at 20/s, one in 25 at 1/s; they buy nothing.
    """

    submit_rate: RateLimit = attrs.field(default=gateway.SUBMITS_PER_SECOND, validator=_rate)
    query_rate: RateLimit = attrs.field(default=10.0, validator=_rate)
    total_rate: RateLimit = attrs.field(default=None, validator=_rate)
    in_flight: int = attrs.field(default=16, validator=_count)
    uploads: int = attrs.field(default=4, validator=_count)


@attrs.frozen(kw_only=True)
class Deadlines:
    """
    How long to wait, all in seconds.

    Args:
        connect: For one connection.
        submit: For the answer to one submit attempt, upload included.
        query: For the answer to one query.
        task: For an accepted task, where the caller names no deadline. How long tasks take is not documented; tens of
            seconds are normal for such models.
        unreachable: How long a submit is tried again while nothing at all can be sent, before `NotSentError`;
            `None`: until the caller's deadline.
        shield: How long a submit that is on its way is waited for after its caller was cancelled.
        download: For one picture, a second link included where its first one fails.
    """

    connect: float = attrs.field(default=10.0, validator=_positive)
    submit: float = attrs.field(default=60.0, validator=_positive)
    query: float = attrs.field(default=30.0, validator=_positive)
    task: float = attrs.field(default=900.0, validator=_positive)
    unreachable: float | None = attrs.field(default=60.0, validator=_positive_or_none)
    shield: float = attrs.field(default=10.0, validator=_positive)
    download: float = attrs.field(default=120.0, validator=_positive)


@attrs.frozen
class Polling:
    """
    Say when tasks are asked after; make one with `Polling.learned` or `Polling.every`.

    Args:
        kind: How the next poll is found.
        seconds: The interval of `every`, or the poll cost of `learned`.
    """

    kind: Literal["every", "learned"]
    seconds: float

    def __attrs_post_init__(self) -> None:
        """Refuse here what a schedule would refuse later."""
        self.schedule()

    @classmethod
    def every(cls, seconds: float) -> Self:
        """Poll each task every *seconds* (at least 1); a task's end is then known *seconds* / 2 late on average."""
        return cls("every", seconds)

    @classmethod
    def learned(cls, poll_cost: float = 1.0) -> Self:
        """
        Poll when the tasks before suggest it: seldom while an end is unlikely, often when it is due.

        What was learned lasts as long as the client, for each operation and count of pictures. Polls are never less
        than 1 s apart. A client that has learned nothing expects tasks of tens of seconds (median 15 s).

        Args:
            poll_cost: Seconds of delay that one poll is worth, over 0 and at most 3600. More polls less often.
        """
        return cls("learned", poll_cost)

    def schedule(self) -> Schedule:
        """Return a schedule that has learned nothing yet, for one client."""
        if self.kind == "every":
            return FixedInterval(self.seconds)
        from aidge_async._core.learned import LearnedSchedule  # importing the library must not cost its tables

        return LearnedSchedule(self.seconds)
