"""
A process that is attacked: what it did that it should not have done, and the most memory it ever held.

What is tried is the rows' matter.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

import attrs

from tests.matrix.scoring import Score

MOST: Final = 128_000_000  # bytes: eight contents of the heaviest that is taken, or one decoded picture of 3000x3000
_RIGHT: Final = "each as it must be"


@attrs.define(kw_only=True)
class Attacked:
    """Hold a process by its name, what it did wrong, and how often it was tried."""

    name: str
    process: "subprocess.Popen[str]"
    wrong: list[str] = attrs.field(factory=list)
    tried: int = 0

    def must(self, name: str, found: object, *allowed: object) -> None:
        """Note it where what was found is none of what is right."""
        self.tried += 1
        if found not in allowed:
            self.wrong.append(f"{name}: {found!r} is none of {allowed!r}"[:300])

    def most_memory(self) -> int:
        """Return the most bytes that the process ever held."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def open_files(self) -> int:
        """Return how many file descriptors it holds."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def suffer(self, attack: Callable[[Self], None], score: Score) -> None:
        """Run an attack, and state what it did wrong and what memory it took."""
        before, tried, wrong = self.most_memory(), self.tried, len(self.wrong)
        attack(self)
        missed, grew = self.wrong[wrong:], max(0, self.most_memory() - before)  # Linux counts roughly, so it may shrink
        name = f"{self.name}: {attack.__name__.replace('_', ' ')}"
        score(f"{name}: {self.tried - tried} attacks", missed or _RIGHT, _RIGHT, not missed)
        score(f"{name}: memory", f"{grew / 1e6:+.1f} MB", f"+{MOST / 1e6:.0f} MB", grew <= MOST)
