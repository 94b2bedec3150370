"""
The images of one run: how each was typed, what is asked for it, and how far it has come.

What is typed is told apart here, a file from a URL. Nothing is opened and nothing is sent.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, assert_never
from urllib.parse import urlsplit

import attrs

from aidge_async import ModelAlternation, events
from aidge_async._core.pictures import masked_link
from aidge_async.cli.exits import UsageError


@attrs.define(kw_only=True)
class Job:
    """
    Hold one image and how far it has come.

    Args:
        image: How it is shown: the path as typed, or the URL without its query; `None` where only a token is known.
        key: Tells it from the others; saved pictures are called after it. `None` where only a token is known.
        request: What is asked for; `None` where a task is gone on with.
        token: What resumes its task, once it is accepted.
        task_id: The gateway's id of it.
        request_id: The gateway's id of the call that submitted it.
        under_way: Whether a submit was sent and its answer is not here.
        done: Whether its end was reported.
    """

    image: str | None = None
    key: str | None = None
    request: ModelAlternation | None = None
    token: str | None = None
    task_id: str | None = None
    request_id: str | None = None
    under_way: bool = False
    done: bool = False


class Board:
    """
    Follow the events of all jobs, so that nothing accepted is forgotten whatever ends the command.

    Args:
        jobs: All of them; their keys differ.
    """

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs = {job.key: job for job in jobs}
        self.faults: dict[str, str] = {}
        """Why a task was not told of when it was last asked after, by its id."""
        self._saved: defaultdict[str, list[Path]] = defaultdict(list)

    @property
    def jobs(self) -> list[Job]:
        """Return the jobs that are followed."""
        return list(self._jobs.values())

    def follow(self, job: Job) -> None:
        """Follow a job that was not named at the start."""
        self._jobs[job.key] = job

    def forget(self, key: str) -> Job:
        """Return a job whose end was reported, and keep nothing of it."""
        job = self._jobs.pop(key)
        if job.task_id is not None:
            self.faults.pop(job.task_id, None)
            self._saved.pop(job.task_id, None)
        return job

    def saved(self, task_id: str) -> list[Path]:
        """Return where the pictures of a task were saved so far, in order."""
        return self._saved[task_id]

    def __call__(self, event: events.Event) -> None:
        """Note what *event* says of a job."""
        match event:
            case events.SubmitStarted(key=key) if job := self._jobs.get(key):
                job.under_way = True
            case events.SubmitPostponed(key=key) | events.SubmitRefused(key=key) if job := self._jobs.get(key):
                job.under_way = False
            case events.TaskAccepted(key=key) if job := self._jobs.get(key):
                job.under_way = False
                job.token, job.task_id, job.request_id = event.token, event.task_id, event.request_id
            case events.AcceptanceUnrecorded(key=key) if job := self._jobs.get(key):
                job.under_way = False
                job.token, job.task_id = event.token, event.task_id
            case events.PollFaulted(task_id=task_id, reason=reason):
                self.faults[task_id] = reason
            case events.PictureSaved(task_id=task_id, path=path):
                self._saved[task_id].append(Path(path))
            case _:
                return


class Keys:
    """
    Derive keys that are all different, whatever case a file system tells apart.

    Args:
        taken: Keys that are in use.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {key.casefold() for key in taken}
        self._last: dict[str, int] = {}

    def derive(self, stem: str) -> str:
        """Return *stem*, or *stem* with the next number that is free, and take it."""
        folded = stem.casefold()
        number = self._last.get(folded, 0) + 1
        while (key := stem if number == 1 else f"{stem}-{number}").casefold() in self._taken:
            number += 1
        self._last[folded] = number
        self._taken.add(key.casefold())
        return key


def keys_for(images: Sequence[Path | str]) -> list[str]:
    """Return a key for each image: a file's stem, `image-3` for the third image where it is a URL; all different."""
    keys = Keys()
    return [keys.derive(stem) for stem in stems_of(images)]


def stems_of(images: Sequence[Path | str | bytes]) -> list[str]:
    """Return what keys are derived from."""
    return [image.stem if isinstance(image, Path) else f"image-{place}" for place, image in enumerate(images, 1)]


def read_images(typed: Sequence[str]) -> list[Path | str]:
    """
    Tell files from URLs.

    Raises:
        UsageError: A URL is not http(s).
    """
    return [read_image(text) for text in typed]


def read_image(text: str) -> Path | str:
    """
    Tell a file's path from a URL.

    Raises:
        UsageError: The URL is not http(s).
    """
    if "://" not in text:
        return Path(text)
    try:
        parts = urlsplit(text)
        usable = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or set(text) & set(" \t\r\n"):
        raise UsageError(f"{masked_link(text)!r} is no http(s) URL; give a file's path, or a URL the gateway can fetch")
    return text


def make_jobs(images: Sequence[Path | str], asked: Sequence[dict[str, Any]]) -> list[Job]:
    """
    Return a job for each of *images*, asking what stands at its place in *asked*.

    Raises:
        RequestError: A value breaks a rule.
    """
    return [
        Job(image=shown(image), key=key, request=ModelAlternation(image=image, **values))
        for image, key, values in zip(images, keys_for(images), asked, strict=True)
    ]


def shown(image: Path | str | bytes) -> str:
    """Return how an image is named to people; a URL loses its query, which may hold a signature."""
    match image:
        case str():
            return masked_link(image)
        case Path():
            return str(image)
        case bytes():
            return "image"
        case _:
            assert_never(image)
