"""
A process that buys a batch is killed at random moments and started again, until the batch ends.

AIDGE_KILLS says how often (30); each seed is good for ten. With lost answers it is a third of that.
"""

import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from aidge_async.sandbox.server import running_sandbox
from aidge_async.sandbox.settings import SandboxSettings
from tests.crash.audit import Books, audited, check_complete
from tests.crash.child import IN_FLIGHT
from tests.crash.children import child

ITEMS = 200
KILLS_A_SEED = 10
SEEDS = range(max(1, int(os.environ.get("AIDGE_KILLS", "30")) // KILLS_A_SEED))
LOSSY_SEEDS = range(1_000, 1_000 + max(1, len(SEEDS) // 3))
LONGEST_LIFE = 1.8  # seconds of work until the kill; a batch that nobody interrupts takes about three
# A submit takes a while at the gateway, before or after its work, so that kills find some on their way.
SLOW: list[dict[str, Any]] = [
    {"kind": "delay", "calls": "submit", "seconds": 0.04, "before": True, "probability": 0.5},
    {"kind": "delay", "calls": "submit", "seconds": 0.04},
]
LOSSY: list[dict[str, Any]] = [{"kind": "accept_then_drop", "calls": "submit", "probability": 0.1}, *SLOW]

pytestmark = pytest.mark.slow


def batch_with_kills(
    folder: Path, chance: random.Random, kills: int, faults: list[dict[str, Any]]
) -> tuple[Books, int]:
    """Work a batch through at most so many kills; return its books and how many there were."""
    folder.mkdir()
    killed = 0
    with running_sandbox(SandboxSettings(duration=0.2, seed=chance.randrange(1000)), faults=faults) as sandbox:
        while True:
            with child(sandbox, folder, ITEMS) as running:
                running.begun()
                if killed == kills or running.ended_within(chance.uniform(0, LONGEST_LIFE)):
                    outcomes = running.outcomes()
                    break
            killed += 1
        books = audited(folder, sandbox, ITEMS)
    check_complete(books, folder, ITEMS)
    doubts = len(books.in_doubt)
    assert outcomes == {"Succeeded": ITEMS - doubts, **({"InDoubt": doubts} if doubts else {})}
    return books, killed


def story(folder: Path, seed: int, faults: list[dict[str, Any]]) -> Counter[str]:
    """Kill ten times, over as many batches as that takes; return what there was of batches, sales and doubts."""
    chance, left, number = random.Random(seed), KILLS_A_SEED, 0
    seen: Counter[str] = Counter()
    while left:
        books, killed = batch_with_kills(folder / f"{number}", chance, left, faults)
        died = [entry.at for entry in books.in_doubt.values() if "process" in (entry.reason or "")]
        assert len(died) <= killed * IN_FLIGHT  # no more than were on their way
        sold = sum(key in books.sold for key in books.in_doubt)
        print(f"{killed} kills; in doubt {len(books.in_doubt)}, {sold} of them sold; {books.arrived} submits arrived")  # noqa: T201  for -s
        seen.update(batches=1, kills=killed, sold=len(books.sold), in_doubt=len(books.in_doubt), in_doubt_and_sold=sold)
        left, number = left - killed, number + 1
    return seen


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_batch_buys_each_picture_once_and_loses_none(seed: int, tmp_path: Path) -> None:
    """Whenever it is killed: nothing is paid twice, no task is lost, and all else but doubts is saved in the end."""
    story(tmp_path, seed, SLOW)


@pytest.mark.parametrize("seed", LOSSY_SEEDS)
def test_killed_batch_with_lost_answers_keeps_its_books(seed: int, tmp_path: Path) -> None:
    """The same where one submit in ten is accepted and its answer lost."""
    story(tmp_path, seed, LOSSY)
