"""
Shows on a terminal how far things are: an observer of the client's events, drawn by rich on stderr.

Where stderr is no terminal nothing is drawn, and only what a person must hear of is written, a line each.
"""

import contextlib
import math
from collections.abc import Callable, Mapping
from typing import Final, Self

import rich.progress
from rich.console import Console, Group
from rich.text import Text

from aidge_async import events
from aidge_async.cli.drawing import Drawing
from aidge_async.cli.unrecorded import Unrecorded

_MOST_ROWS: Final = 10  # images with a row of their own; more would push the bar off a small terminal
_LABEL_CHARACTERS: Final = 24


class Progress:
    """
    Draw a bar over all images and a row for each of few.

    Args:
        labels: What to call each image, by its key.
        warn: Writes a line about something that a person must hear of.
        shown: Whether to draw; decided by the terminal where left out.
    """

    def __init__(self, labels: Mapping[str, str], *, warn: Callable[[str], None], shown: bool | None = None) -> None:
        self._warn = warn
        self._unrecorded = Unrecorded(warn)
        self._keys: dict[str, str] = {}  # by task id; a task that was accepted before is the only row, of key ""
        self._unknown_words: set[str] = set()
        console = Console(stderr=True)
        self._rows = rich.progress.Progress(
            rich.progress.SpinnerColumn("dots" if _speaks_unicode(console) else "line", finished_text=" "),
            rich.progress.TextColumn("{task.description}", style="bold", markup=False),
            rich.progress.TextColumn("{task.fields[state]}", style="dim", markup=False),
            _Elapsed(),
            console=console,
        )
        self._total = rich.progress.Progress(
            rich.progress.TextColumn(" "),
            rich.progress.BarColumn(bar_width=28, complete_style="cyan", finished_style="green"),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TextColumn("{task.fields[news]}", style="yellow", markup=False),
            console=console,
        )
        self._bar = self._total.add_task("", total=len(labels), news="")
        rows = labels.items() if len(labels) <= _MOST_ROWS else ()
        self._row = {
            key: self._rows.add_task(_short(label), total=1, start=False, state="waiting") for key, label in rows
        }
        self._drawing = Drawing(lambda: Group(self._rows, self._total), console=console, shown=shown)

    def __enter__(self) -> Self:
        self._drawing.show()
        return self

    def __exit__(self, *_: object) -> None:
        self._drawing.hide()

    def hidden(self) -> contextlib.AbstractContextManager[None]:
        """Make way for a line on the terminal inside the block."""
        return self._drawing.hidden()

    def done(self, key: str, *, outcome: str) -> None:
        """Show that nothing more comes for *key*."""
        self._state(key, outcome)
        self._total.advance(self._bar)
        if key in self._row:
            self._rows.update(self._row[key], completed=1)
            self._rows.stop_task(self._row[key])

    def __call__(self, event: events.Event) -> None:
        """Show what *event* tells."""
        match event:
            case events.ImageWarned(warning=text):
                self._warn(text)
            case events.ClockCorrected(offset=offset):
                self._warn(
                    f"this machine's clock is {abs(offset):.0f} s {'behind' if offset > 0 else 'ahead'}; corrected"
                )
            case events.SubmitStarted(key=key):
                self._news("")
                self._state(key, "sending")
            case events.SubmitPostponed(key=key, wait=wait, reason=reason):
                self._postponed(key, wait, reason)
            case events.TaskAccepted(key=key, task_id=task_id):
                self._keys[task_id] = key
                self._state(key, "accepted")
            case _:
                self._task(event)

    def _task(self, event: events.Event) -> None:
        match event:
            case events.TaskPolled(task_id=task_id, word=word, known=known):
                self._news("")
                self._state(self._keys.get(task_id, ""), one_word(word))
                if not known and word not in self._unknown_words:
                    self._unknown_words.add(word)
                    self._warn(f"the gateway calls a task {word!r}, which is taken for running")
            case events.PollFaulted(task_id=task_id, wait=wait):
                self._state(self._keys.get(task_id, ""), f"no answer, asking again in {_seconds(wait)}")
            case events.TaskSettled(task_id=task_id, succeeded=True):
                self._state(self._keys.get(task_id, ""), "fetching")
            case events.RecordFailed() | events.AcceptanceUnrecorded():
                self._unrecorded.heard(event)
            case _:
                return

    def _postponed(self, key: str, wait: float, reason: str) -> None:
        told = "cannot connect" if reason.startswith("nothing was sent") else "asked to wait"
        self._state(key, f"{told}, trying again in {_seconds(wait)}")
        if not self._row:
            self._news(f"{told}, trying again in {_seconds(wait)}")

    def _state(self, key: str | None, state: str) -> None:
        if key not in self._row:
            return
        row = self._row[key]
        self._rows.update(row, state=state)
        if not self._rows.tasks[row].started:
            self._rows.start_task(row)

    def _news(self, text: str) -> None:
        self._total.update(self._bar, news=text)


class _Elapsed(rich.progress.ProgressColumn):
    """Seconds since a row began to move."""

    def render(self, task: rich.progress.Task) -> Text:
        """Return the text of one row."""
        elapsed = task.finished_time if task.finished else task.elapsed
        return Text("" if elapsed is None else f"{elapsed:.0f} s", style="dim", justify="right")


def one_word(word: str) -> str:
    """Return the gateway's status word as people write it."""
    return word.lower().replace("_", " ") or "running"


def _short(label: str) -> str:
    return label if len(label) <= _LABEL_CHARACTERS else f"…{label[1 - _LABEL_CHARACTERS :]}"


def _seconds(wait: float) -> str:
    return f"{max(1, math.ceil(wait))} s"


def _speaks_unicode(console: Console) -> bool:
    return console.encoding.lower().startswith("utf")
