"""
The state of the emulated gateway: its settings, tasks, quota, limits, ledger and counts.

Time is asked of two clocks that are handed in, so virtual time drives it as well; no HTTP and no drawing comes in
here. Everything happens on one thread; other threads may read.
"""

import hashlib
import random
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Self

import attrs

from aidge_async._core.signing import Secret
from aidge_async.sandbox.admission import Account
from aidge_async.sandbox.commission import Commission, commission
from aidge_async.sandbox.fault_reading import Wish
from aidge_async.sandbox.faults import Faults
from aidge_async.sandbox.limits import SlidingSecond
from aidge_async.sandbox.photo import Photo
from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.sandbox.spool import SourceSpool
from aidge_async.sandbox.submission import Submission
from aidge_async.sandbox.tally import Tally

# A task is "submitted" for a tenth of its duration, at most a second, then "running".
_QUEUED_SHARE: Final = 0.1
_QUEUED_MOST: Final = 1.0


class ExhaustedError(Exception):
    """Raised when a submit asks for more pictures than its quota has left. Nothing was taken."""


@attrs.define(kw_only=True)
class Task:
    """
    One accepted submit.

    Args:
        at: Wall clock, epoch seconds.
        starts_at: Monotonic clock, as the two below.
        ends_at: When it becomes finished or failed.
        seen_at: When the first query saw its end.
    """

    task_id: str
    api: str
    fingerprint: str
    trial: bool
    at: float
    starts_at: float
    ends_at: float
    fails: bool
    commission: Commission
    queries: int = 0
    seen_at: float | None = None

    def status(self, now: float) -> str:
        """Return the status word at *now*."""
        if now < self.starts_at:
            return "submitted"
        if now < self.ends_at:
            return "running"
        return "failed" if self.fails else "finished"

    def as_ledger_line(self) -> dict[str, object]:
        """Return what the ledger tells of this task."""
        return {
            "task_id": self.task_id,
            "api": self.api,
            "fingerprint": self.fingerprint,
            "count": self.commission.count,
            "trial": self.trial,
            "at": self.at,
        }

    def as_statistics(self, now: float) -> dict[str, object]:
        """Return what the statistics tell of this task."""
        delay = None if self.seen_at is None else self.seen_at - self.ends_at
        return {"status": self.status(now), "queries": self.queries, "detection_delay": delay}


class World:
    """
    Hold everything that the sandbox remembers.

    Args:
        settings: What the sandbox is told to be.
        monotonic: Seconds on a clock that never goes back; durations and limits are measured on it.
        wall: Epoch seconds; signatures, links and the ledger are dated by it.
        faults: The rules of faults at the start; `world.faults` adds, clears and lists them.
    """

    def __init__(
        self,
        settings: SandboxSettings | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        faults: Iterable[Wish] = (),
    ) -> None:
        self.settings = settings or SandboxSettings()
        self.monotonic = monotonic
        self.wall = wall
        self.account = Account(key_name=self.settings.key_name, secret=Secret(self.settings.key_secret))
        self.sources = SourceSpool()
        self.faults = Faults(faults)
        self._started = self.settings
        self._resets = -1
        self._replies = 0
        self.reset()

    def __repr__(self) -> str:
        return f"<World tasks={len(self._tasks)} quota_left={self.settings.quota} resets={self._resets}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the kept pictures from the disk."""
        self.sources.close()

    def reset(self) -> None:
        """Forget tasks and counts, go back to settings and faults of the start; task ids are never given twice."""
        self.settings = self._started
        self._resets += 1
        self._tasks: dict[str, Task] = {}
        self._admitted: dict[str, SlidingSecond] = {}
        self._admitted_in_all = SlidingSecond()
        self.tally = Tally()
        self.faults.restart()
        self.sources.close()

    def reconfigure(self, changes: Mapping[str, object]) -> None:
        """
        Change settings from now on: durations of later tasks, limits, and the pictures left in a quota.

        Raises:
            SandboxError: A name or a value is refused; nothing was changed.
        """
        self.settings = self.settings.changed(changes)

    def next_request_id(self) -> str:
        """Return an id for the next reply, 32 hex digits as the gateway's are."""
        self._replies += 1
        return f"{self.settings.seed & 0xFFFFFFFF:08x}{self._resets:08x}{self._replies:016x}"

    def exceeded_limit(self, path: str) -> str | None:
        """Count a call against the limits, or return the limit that it would exceed; such a call is not counted."""
        now = self.monotonic()
        admitted = self._admitted.setdefault(path, SlidingSecond())
        here, in_all = self.settings.rate_limit, self.settings.total_rate_limit
        if here is not None and admitted.count(now) >= here:
            return f"{path} takes at most {here} calls in any second"
        if in_all is not None and self._admitted_in_all.count(now) >= in_all:
            return f"all APIs together take at most {in_all} calls in any second"
        admitted.add(now)
        self._admitted_in_all.add(now)
        return None

    def accept(
        self, submission: Submission, *, api: str, trial: bool, content: bytes | None, photo: Photo | None
    ) -> Task:
        """
        Draw on the quota and begin a task.

        Args:
            content: The picture, sent or fetched; `None` where a stand-in is to be drawn.
            photo: Its header.

        Raises:
            ExhaustedError: The quota has fewer pictures left than the submission asks for.
        """
        self._draw_on_quota(submission.count, trial=trial)
        source = self.sources.put(content) if content else None
        now, fingerprint = self.monotonic(), submission.fingerprint(source if submission.image else None)
        seed = f"{self.settings.seed}/{len(self._tasks)}"
        chance = random.Random(seed)  # noqa: S311  a scenario to be repeated, nothing to be kept secret
        duration = self.settings.duration * chance.lognormvariate(0, self.settings.spread)
        task = Task(
            # The fingerprint keeps two sandboxes of one seed from naming different wishes alike.
            task_id=_task_id(f"{seed}/{self._resets}/{fingerprint}"),
            api=api,
            fingerprint=fingerprint,
            trial=trial,
            at=self.wall(),
            starts_at=now + min(_QUEUED_MOST, _QUEUED_SHARE * duration),
            ends_at=now + duration,
            fails=chance.random() < self.settings.failure_rate,
            commission=commission(submission, photo=photo, source=source, seed=seed),
        )
        self._tasks[task.task_id] = task
        return task

    def query(self, task_id: str, *, trial: bool) -> Task | None:
        """Return the task of that id, and note that it was asked after; `None` where the caller has no such task."""
        task = self._tasks.get(task_id)
        if task is None or task.trial != trial:
            return None
        task.queries += 1
        now = self.monotonic()
        if task.seen_at is None and now >= task.ends_at:
            task.seen_at = now
        return task

    def finished_task(self, task_id: str) -> Task | None:
        """Return the task of that id where it has pictures."""
        task = self._tasks.get(task_id)
        return task if task is not None and task.status(self.monotonic()) == "finished" else None

    def ledger(self) -> list[dict[str, object]]:
        """Return every accepted submit, in order; what was refused is not in it."""
        return [task.as_ledger_line() for task in list(self._tasks.values())]

    def statistics(self) -> dict[str, object]:
        """Return the counts, and for every task the seconds from its end to the first query that saw it."""
        now = self.monotonic()
        return {
            **self.tally.as_json(),
            "quota_left": self.settings.quota,
            "trial_quota_left": self.settings.trial_quota,
            "tasks": {task.task_id: task.as_statistics(now) for task in list(self._tasks.values())},
        }

    def _draw_on_quota(self, count: int, *, trial: bool) -> None:
        name = "trial_quota" if trial else "quota"
        left: int | None = getattr(self.settings, name)
        if left is None:
            return
        if left < count:
            raise ExhaustedError(f"{left} pictures left, {count} asked for")
        self.settings = self.settings.changed({name: left - count})


def _task_id(seed: str) -> str:
    return str(uuid.UUID(bytes=hashlib.sha256(seed.encode()).digest()[:16], version=4))
