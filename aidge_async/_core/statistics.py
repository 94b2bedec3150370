"""
What a limiter tells about itself, as values.

Counts and rates only; who counts is `_io/limiter.py`.
"""

from collections.abc import Mapping
from typing import Literal

import attrs


@attrs.frozen(kw_only=True)
class PathStatistics:
    """
    Say how the calls of one API path, or all of them, are doing.

    Args:
        waiting: Calls that wait for a permit.
        in_flight: Calls that hold one.
        granted: Permits so far.
        refused: Calls that the gateway refused for their rate so far.
        rate: Starts a second that are asked for now; `None`: no limit.
        configured: What `Limits` says.
        held: Seconds for which nobody will start, because of a refusal.
    """

    waiting: int
    in_flight: int
    granted: int
    refused: int
    rate: float | None
    configured: float | Literal["learn"] | None
    held: float


@attrs.frozen(kw_only=True)
class LimiterStatistics:
    """
    Say who waits, who is in flight, and at which rates.

    Args:
        paths: By API path; one that was never called is not in it.
        total: All paths together; its rate is that of `total_rate`.
        uploads: Submits with image bytes that hold their place; those that wait for one are not among the waiting.
    """

    paths: Mapping[str, PathStatistics]
    total: PathStatistics
    uploads: int
