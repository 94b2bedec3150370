"""
What is wanted of a batch, checked.

Carrying it out is `batch.py`'s matter.
"""

import math
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sized
from pathlib import Path
from typing import Generic, Self, TypeAlias

import attrs

from aidge_async._core.operation import ResultT_co, TaskRequest
from aidge_async.errors import RequestError

Drawn: TypeAlias = TaskRequest[ResultT_co] | tuple[str, TaskRequest[ResultT_co]]


@attrs.frozen(kw_only=True)
class BatchPlan(Generic[ResultT_co]):
    """
    Hold what is wanted of a batch.

    Args:
        source: Where requests come from.
        total: How many there are, where that is known.
        window: Most requests drawn and not delivered.
        in_order: Whether outcomes come in the order of their requests.
        folder: Where pictures are saved; `None`: they are not.
        deadline: Seconds for each request from being drawn, infinite for none.
        task_deadline: Seconds for each task from being accepted, where *deadline* is infinite.
        brake: Submissions in doubt in a row after which submitting pauses; `None`: it never does.
        retry_failed: Whether what failed before the batch is bought again.
    """

    source: Iterator[Drawn[ResultT_co]] | AsyncIterator[Drawn[ResultT_co]]
    total: int | None
    window: int
    in_order: bool
    folder: Path | None
    deadline: float
    task_deadline: float
    brake: int | None
    retry_failed: bool

    @classmethod
    def of(
        cls,
        requests: Iterable[Drawn[ResultT_co]] | AsyncIterable[Drawn[ResultT_co]],
        *,
        window: int,
        order: str,
        save_to: str | Path | None,
        deadline: float | None,
        task_deadline: float,
        brake: int | None,
        retry_failed: bool = False,
    ) -> Self:
        """
        Return the plan of what a user wants.

        Raises:
            RequestError: A value breaks a rule; nothing was drawn.
        """
        _count("window", window)
        if brake is not None:
            _count("brake", brake)
        if order not in {"completed", "input"}:
            raise RequestError(f"'order' must be 'completed' or 'input' (got {order!r}); choose one")
        return cls(
            source=_source_of(requests),
            total=len(requests) if isinstance(requests, Sized) else None,
            window=window,
            in_order=order == "input",
            folder=None if save_to is None else Path(save_to),
            deadline=_seconds(deadline),
            task_deadline=task_deadline,
            brake=brake,
            retry_failed=retry_failed,
        )


def _count(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise RequestError(f"{name!r} must be a whole number from 1 (got {value!r}); change it")


def _source_of(
    requests: Iterable[Drawn[ResultT_co]] | AsyncIterable[Drawn[ResultT_co]],
) -> Iterator[Drawn[ResultT_co]] | AsyncIterator[Drawn[ResultT_co]]:
    if isinstance(requests, AsyncIterable):
        return aiter(requests)
    if isinstance(requests, Iterable) and not isinstance(requests, (str, bytes)):
        return iter(requests)
    raise RequestError(
        f"'requests' must be an iterable or async iterable of requests (got {type(requests).__name__}); pass a list"
    )


def _seconds(deadline: float | None) -> float:
    if deadline is None:
        return math.inf
    if isinstance(deadline, bool) or not isinstance(deadline, (int, float)) or not deadline > 0:
        raise RequestError(f"'deadline' must be seconds over 0 (got {deadline!r}); leave it out for none")
    return deadline
