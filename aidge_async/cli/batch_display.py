"""
Shows how far a batch is in two or three lines, however many rows it has.

Where stderr is no terminal nothing is drawn; `sentence` is what a log is told now and then instead.
"""

import contextlib
import math
from collections import Counter
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from aidge_async import BatchStatistics, events
from aidge_async.cli.drawing import Drawing
from aidge_async.cli.output import complain
from aidge_async.cli.unrecorded import Unrecorded

# The gravest first: what does not fit into a line is cut off at its end.
_WORDS: Final = {
    "succeeded": ("succeeded", "green"),
    "in_doubt": ("in doubt", "red"),
    "failed": ("failed", "red"),
    "not_submitted": ("not submitted", "red"),
    "unfinished": ("unfinished", "yellow"),
}
_MINUTE: Final = 60
_HOUR: Final = 3600


class BatchDisplay:
    """
    Draw a bar, the counts and, where there is any, what keeps the batch waiting.

    Args:
        shown: Whether to draw; decided by the terminal where left out.
    """

    def __init__(self, *, shown: bool | None = None) -> None:
        self._unknown_words: set[str] = set()
        self._unrecorded = Unrecorded(self.notice)
        self._news = ""
        self._checked: int | None = 0
        self.counts: Counter[str] = Counter()
        self.total = 0
        self._facts: BatchStatistics | None = None
        self._drawing = Drawing(self._picture, console=Console(stderr=True), shown=shown)

    def __enter__(self) -> Self:
        self._drawing.show()
        return self

    def __exit__(self, *_: object) -> None:
        self._drawing.hide()

    @property
    def drawn(self) -> bool:
        """Return whether anything is drawn at all."""
        return self._drawing.shown

    def hidden(self) -> contextlib.AbstractContextManager[None]:
        """Make way for a line on the terminal inside the block."""
        return self._drawing.hidden()

    def notice(self, text: str, *, command: str | None = None) -> None:
        """Write one line on stderr; *command* stands alone below it, ready to be copied whole."""
        with self.hidden():
            complain(text, command=command)

    def checked(self) -> None:
        """Show that one more row was looked at."""
        self._checked = (self._checked or 0) + 1

    def buying(self, total: int) -> None:
        """Show from now on how far the buying of *total* rows is."""
        self._checked, self.total = None, total

    def tell(self, statistics: BatchStatistics) -> None:
        """Show what the batch says of itself."""
        self._facts = statistics

    def done(self, outcome: str) -> None:
        """Count an outcome."""
        self.counts[outcome] += 1

    def sentence(self) -> str:
        """Return how far it is, in one sentence."""
        counts = ", ".join(f"{number:,} {word}" for number, word, _ in self._counts())
        told = [f"{self.counts.total():,} of {self.total:,} rows", counts, ", ".join(self._pace())]
        return "; ".join(part for part in told if part)

    def __call__(self, event: events.Event) -> None:
        """Show what *event* tells about the way to the gateway; rows have no line of their own."""
        match event:
            case events.SubmitPostponed(wait=wait, reason=reason):
                told = "cannot connect" if reason.startswith("nothing was sent") else "asked to wait"
                self._news = f"{told}, trying again in {max(1, math.ceil(wait))} s"
            case events.SubmitStarted() | events.TaskAccepted():
                self._news = ""
            case events.TaskPolled(word=word, known=False) if word not in self._unknown_words:
                self._unknown_words.add(word)
                self.notice(f"the gateway calls a task {word!r}, which is taken for running")
            case events.SubmitsPaused(wait=wait):
                self._news = f"answers fail to come; nothing is submitted for {lasting(wait)}"
            case events.ClockCorrected(offset=offset):
                way = "behind" if offset > 0 else "ahead"
                self.notice(f"this machine's clock is {abs(offset):.0f} s {way}; corrected")
            case events.RecordFailed() | events.AcceptanceUnrecorded():
                self._unrecorded.heard(event)
            case _:
                return

    def _picture(self) -> RenderableType:
        if self._checked is not None:
            return Text(f"  checking rows and images: {self._checked:,}", style="dim")
        first = Table.grid(padding=(0, 2))
        bar = ProgressBar(
            total=max(1, self.total),
            completed=self.counts.total(),
            width=28,
            complete_style="cyan",
            finished_style="green",
        )
        first.add_row(Text(" "), bar, Text(f"{self.counts.total():,}/{self.total:,}"), *map(Text, self._pace()))
        counts = Text("    ", no_wrap=True, overflow="ellipsis")
        for place, (number, word, style) in enumerate(self._counts()):
            counts.append(" · " if place else "", "dim").append(f"{number:,} {word}", style)
        news = [Text(f"    {self._news}", style="yellow")] if self._news else []
        return Group(first, counts, *news)

    def _counts(self) -> list[tuple[int, str, str]]:
        told = [(self.counts[name], word, style) for name, (word, style) in _WORDS.items() if self.counts[name]]
        running = self._facts.in_flight if self._facts else 0
        return [*told, (running, "running", "dim")] if running else told

    def _pace(self) -> list[str]:
        if self._facts is None or not self._facts.rate:
            return []
        rate = self._facts.rate
        told = f"{rate:.1f} a second" if rate >= 1 else f"{rate * _MINUTE:.1f} a minute"
        left = self._facts.time_left
        return [told] if left is None else [told, f"{lasting(left)} left"]


def lasting(seconds: float) -> str:
    """Return a time as people say it, in the two units that matter."""
    whole = math.ceil(seconds)
    if whole < 2 * _MINUTE:
        return f"{whole} s"
    if whole < 2 * _HOUR:
        return f"{whole // _MINUTE} min"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
