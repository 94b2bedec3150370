"""
Another process on the same journal: `python -m tests.io.journal_process PATH STEP ...`.

It says each step on stdout and waits for a line on stdin before the next, so that the test decides when it dies.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.to_thread

from aidge_async._core.lifecycle import Entry, State
from aidge_async._io.sqlite_journal import SqliteJournal
from aidge_async.errors import JournalError, TakenError
from tests.io.journals import entry

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def process(*arguments: object) -> Iterator["Process"]:
    """Run one, and end it."""
    command = [sys.executable, "-m", "tests.io.journal_process", *map(str, arguments)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        yield Process(child)
    finally:
        child.kill()
        child.communicate(timeout=30)


class Process:
    """One that runs."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        assert child.stdin is not None
        assert child.stdout is not None
        self._stdin, self._stdout = child.stdin, child.stdout

    def said(self) -> str:
        """Return the next line that it says."""
        return self._stdout.readline().strip()

    def go_on(self) -> None:
        """Let it take the next step."""
        self._stdin.write("\n")
        self._stdin.flush()

    def kill(self) -> None:
        """End it with SIGKILL, wherever it stands."""
        self._child.kill()
        self._child.wait(timeout=30)


async def say(text: str) -> None:
    """Say it, and wait until the parent answers."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
    await anyio.to_thread.run_sync(sys.stdin.readline)


async def walk(journal: SqliteJournal, key: str) -> None:
    """Buy step by step."""
    task = {"token": f"aidge1.{key}", "task_id": key * 8}
    await say("open")
    await journal.record(entry(State.SENDING, key=key))
    await say("sending")
    await journal.record(entry(State.ACCEPTED, key=key, **task))
    await say("accepted")


async def race(journal: SqliteJournal, keys: list[str], ledger: Path) -> None:
    """Buy each of *keys* unless it is known, as the engine does; note each purchase in *ledger*, say the tokens."""
    await say("open")
    tokens = [await _bought(journal, key, ledger) for key in keys]
    await say(" ".join(tokens))


async def _bought(journal: SqliteJournal, key: str, ledger: Path) -> str:
    while True:
        found: Entry | None = await journal.find(key)
        if found is not None and found.token is not None:
            return found.token
        try:
            await journal.record(entry(State.SENDING, key=key))
        except TakenError:
            continue
        with ledger.open("a", encoding="ascii") as file:
            file.write(f"{key}\n")
        await anyio.sleep(0.01)
        token = f"aidge1.{key}"
        await journal.record(entry(State.ACCEPTED, key=key, token=token, task_id=key))
        return token


async def fill(journal: SqliteJournal) -> None:
    """Record until the disk is full, say so, and whether the journal still reads."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    recorded = 0
    try:
        for number in range(10_000):
            await journal.record(entry(State.SENDING, key=f"{number}" * 50))
            recorded += 1
    except JournalError as error:
        await say(str(error))
    await say(f"{recorded} {len(await journal.list())}")


async def main(*arguments: str) -> None:
    """Take the steps that were asked for."""
    path, step, *rest = arguments
    async with SqliteJournal(path) as journal:
        if step == "walk":
            await walk(journal, *rest)
        elif step == "race":
            await race(journal, rest[1].split(","), Path(rest[0]))
        else:
            await fill(journal)


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
