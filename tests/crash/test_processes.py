"""Four processes buy one batch through one journal while a random one is killed every second and started again."""

import contextlib
import os
import random
import time
from pathlib import Path

import pytest

from aidge_async.sandbox.server import running_sandbox
from aidge_async.sandbox.settings import SandboxSettings
from tests.crash.audit import audited, check_complete
from tests.crash.children import child
from tests.crash.test_kill import LOSSY, SLOW

ITEMS = 300
PROCESSES = 4
KILLS = int(os.environ.get("AIDGE_KILLS", "30")) // 6
EVERY = 1.0  # seconds

pytestmark = pytest.mark.slow


@pytest.mark.timeout(600 + 6 * KILLS)
@pytest.mark.parametrize("faults", [SLOW, LOSSY], ids=["answered", "lossy"])
def test_processes_on_one_journal_buy_each_picture_once(faults: list[dict[str, object]], tmp_path: Path) -> None:
    """Whoever of them dies, the others go on with what it left, and none buys what another has."""
    chance, killed = random.Random(7), 0
    while killed < KILLS:
        folder = tmp_path / f"after {killed} kills"
        folder.mkdir()
        with running_sandbox(SandboxSettings(duration=0.2), faults=faults) as sandbox, contextlib.ExitStack() as stack:
            crew = [stack.enter_context(child(sandbox, folder, ITEMS)) for _ in range(PROCESSES)]
            while killed < KILLS:
                time.sleep(EVERY)  # real processes, real time
                if all(one.ended_within(0) for one in crew):
                    break
                place = chance.randrange(PROCESSES)
                killed += not crew[place].ended_within(0)
                crew[place].kill()
                crew[place] = stack.enter_context(child(sandbox, folder, ITEMS))
            told = [one.outcomes() for one in crew]
            books = audited(folder, sandbox, ITEMS)
        check_complete(books, folder, ITEMS)
        doubts = len(books.in_doubt)
        for outcomes in told:
            assert outcomes["Succeeded"] == ITEMS - doubts, (outcomes, doubts)
            assert set(outcomes) <= {"Succeeded", "InDoubt"}
