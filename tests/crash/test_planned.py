"""
A process that plans requests is killed at random moments and started again, until all of them came to an end.

AIDGE_KILLS says how often (30), as in `test_kill.py`; each seed is good for ten.
"""

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from aidge_async._core.source import Source
from aidge_async._io.sqlite_reader import read_journal
from aidge_async.journal import Entry, State
from aidge_async.sandbox.server import RunningSandbox, running_sandbox
from aidge_async.sandbox.settings import SandboxSettings
from tests.crash.children import child
from tests.crash.test_kill import KILLS_A_SEED, SLOW

ITEMS = 40
SEEDS = range(max(1, int(os.environ.get("AIDGE_KILLS", "30")) // (3 * KILLS_A_SEED)))

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_planned_is_bought_once_whenever_it_is_killed(seed: int, tmp_path: Path) -> None:
    """What `plan` returned for is never forgotten, nothing is paid twice, and the spool holds only what is in doubt."""
    chance, kept = random.Random(seed), set[str]()
    with running_sandbox(SandboxSettings(duration=0.2, seed=seed), faults=SLOW) as sandbox:
        for _ in range(KILLS_A_SEED):
            with child(sandbox, tmp_path, ITEMS, "tests.crash.planner") as running:
                running.begun()
                running.ended_within(chance.uniform(0.5, 2.5))
                kept |= {f"sku-{said}" for said in running.kill() if said.isdigit()}
                assert kept <= set(entries_in(tmp_path))
        with child(sandbox, tmp_path, ITEMS, "tests.crash.planner") as running:
            assert running.outcomes() == {}
        check(tmp_path, sandbox)


def check(folder: Path, sandbox: RunningSandbox) -> None:
    """Compare the journal, the spool and the saved pictures with what the gateway sold."""
    entries = entries_in(folder)
    doubts = {key: entry for key, entry in entries.items() if entry.state is State.IN_DOUBT}
    done = {key: entry for key, entry in entries.items() if entry.state is State.SUCCEEDED}
    assert len(done) + len(doubts) == len(entries) == ITEMS
    sold = Counter(line["fingerprint"] for line in sandbox.world.ledger())
    assert [fingerprint for fingerprint, times in sold.items() if times > 1] == [], "paid twice"
    assert len(done) <= len(sold) <= ITEMS
    assert {entry.task_id for entry in done.values()} <= {line["task_id"] for line in sandbox.world.ledger()}
    assert {path for entry in done.values() for path in entry.paths} == {
        str(path) for path in (folder / "out").iterdir() if path.suffix != ".part"
    }
    needed = {Source.read(entry.source or "").sha256 for entry in doubts.values()}
    spooled = {path.name for path in (folder / "journal-spool").iterdir() if path.suffix != ".part"}
    # A kill between the record of a task and the end of its spooled picture leaves a file that is swept in an hour.
    assert needed <= spooled
    assert len(spooled - needed) <= KILLS_A_SEED * 4


def entries_in(folder: Path) -> dict[str, Entry]:
    """Return what the journal holds, by key."""
    if not (folder / "journal").exists():
        return {}
    with read_journal(folder / "journal") as reader:
        return {entry.key: entry for entry in reader.entries()}
