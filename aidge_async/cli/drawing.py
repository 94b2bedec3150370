"""
Something live on the terminal, that makes way for lines: one place for what rich has to be told.

What is drawn is the caller's matter.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

import rich.live
from rich.console import Console, RenderableType


class Drawing:
    """
    Draw on a terminal, again and again.

    Args:
        picture: Returns what to draw; it is called ten times a second, in a thread of rich's.
        console: Where to.
        shown: Whether to draw; decided by the terminal where left out.
    """

    def __init__(self, picture: Callable[[], RenderableType], *, console: Console, shown: bool | None = None) -> None:
        self._picture = picture
        self._console = console
        self.shown = is_live(console) if shown is None else shown
        self._live: rich.live.Live | None = None

    def show(self) -> None:
        """Begin to draw."""
        if not self.shown:
            return
        # A new one each time: one that was stopped still counts on the lines it drew, and draws over what came after.
        self._live = rich.live.Live(
            get_renderable=self._picture,
            console=self._console,
            refresh_per_second=10,
            transient=True,
            # Results go to the real stdout; rich would print them on this console, which is stderr.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def hide(self) -> bool:
        """Stop drawing, leave nothing, and return whether anything was drawn."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()
        return live is not None

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """Make way for a line on the terminal inside the block."""
        drawn = self.hide()
        try:
            yield
        finally:
            if drawn:
                self.show()


def is_live(console: Console) -> bool:
    """Return whether something that moves may be drawn: a terminal that is not dumb, whatever FORCE_COLOR says."""
    return sys.stderr.isatty() and not console.is_dumb_terminal and os.environ.get("TERM", "").lower() != "unknown"
