"""The same line typed again: it goes on where it stopped, and buys nothing twice."""

import signal
from collections import Counter
from pathlib import Path

import attrs
import pytest

from aidge_async._core.lifecycle import State
from aidge_async._io.sqlite_reader import read_journal
from aidge_async.sandbox.server import RunningSandbox
from tests.cli.conftest import Use
from tests.cli.support import FAST, MODEL, accepted, buy, reported, sandbox_of, started, typed, wait_until
from tests.conftest import draw_photo

SLOWER = (*FAST[:3], "10", *FAST[4:])


@pytest.fixture
def looks(tmp_path: Path) -> list[str]:
    """Return the names of photographs that differ."""
    names = [f"look{number}.jpg" for number in range(12)]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(draw_photo(shade=5 * number))
    return names


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Return where a manifest may be written."""
    return tmp_path / "catalogue.csv"


def write(manifest: Path, *images: str) -> None:
    """Write a manifest without keys."""
    manifest.write_text("".join(f"{line}\n" for line in ("image", *images)))


@pytest.mark.slow
def test_saved_rows_are_neither_bought_nor_fetched_again(use: Use, manifest: Path, looks: list[str]) -> None:
    """Typed again, a finished batch asks the gateway nothing and reports every row as it ended."""
    out = manifest.parent / "out"
    write(manifest, *looks[:3])
    with sandbox_of() as running:
        use(running)
        assert buy(manifest, out).code == 0
        asked = running.world.statistics()
    again = buy(manifest, out)  # the gateway is gone
    assert (again.code, accepted(running), running.world.statistics()["tasks"]) == (0, 3, asked["tasks"])
    assert "3 of 3 rows succeeded; 3 of 3 pictures saved" in again.err
    assert f"going on with '{out / 'journal.db'}', which remembers 3 purchases" in again.err
    first, second = reported(out), reported(out, "report-2.jsonl")
    for name in ("key", "token", "task_id", "pictures", "outcome", "asked"):
        assert [line[name] for line in second] == [line[name] for line in first]


@pytest.mark.slow
def test_missing_picture_is_fetched_again_and_not_bought(use: Use, manifest: Path, looks: list[str]) -> None:
    """Who deleted a picture gets it once more from the gateway, at no price."""
    out = manifest.parent / "out"
    write(manifest, *looks[:2])
    with sandbox_of() as running:
        use(running)
        buy(manifest, out)
        gone = Path(reported(out)[0]["pictures"][0]["path"])
        gone.unlink()
        assert (buy(manifest, out).code, accepted(running), gone.is_file()) == (0, 2, True)


@pytest.mark.slow
def test_row_put_in_before_others_is_the_only_one_bought(use: Use, manifest: Path, looks: list[str]) -> None:
    """Rows without a key are known again by what they ask for, wherever their line and whatever derived key is free."""
    out = manifest.parent / "out"
    (manifest.parent / "a").mkdir()
    (manifest.parent / "a" / looks[0]).write_bytes(draw_photo(shade=99))
    urls = ["http://example.com/1.jpg", "http://example.com/2.jpg"]
    with sandbox_of() as running:
        use(running)
        write(manifest, *urls, looks[0], looks[0])
        buy(manifest, out)
        before = {line["task_id"] for line in reported(out)}
        write(manifest, f"a/{looks[0]}", looks[1], looks[0], *urls, looks[0])
        assert (buy(manifest, out).code, accepted(running)) == (0, 6)
    after = reported(out, "report-2.jsonl")
    assert {line["task_id"] for line in after[2:]} == before
    assert len({line["key"] for line in after}) == 6


@pytest.mark.slow
def test_key_of_another_request_is_reported_and_not_bought(use: Use, manifest: Path, looks: list[str]) -> None:
    """A row that asks for something else under its old key is not submitted; the others are."""
    out = manifest.parent / "out"
    with sandbox_of() as running:
        use(running)
        manifest.write_text(f"key,image\na,{looks[0]}\n")
        buy(manifest, out)
        manifest.write_text(f"key,image\na,{looks[1]}\nb,{looks[2]}\n")
        said = buy(manifest, out)
        assert (said.code, accepted(running)) == (3, 2)
    one, other = reported(out, "report-2.jsonl")
    assert (one["outcome"], one["error_type"], other["outcome"]) == ("not_submitted", "RequestError", "succeeded")
    assert "was used for another request" in said.err
    assert "give the row another key, or none" in said.err


@pytest.mark.slow
def test_budget_stops_submitting_and_is_raised_by_typing_it_again(use: Use, manifest: Path, looks: list[str]) -> None:
    """A budget holds over runs, ends with exit 5, and never keeps what was bought before from being followed."""
    out = manifest.parent / "out"
    write(manifest, *looks[:4])
    with sandbox_of() as running:
        use(running)
        said = buy(manifest, out, "--budget", "2")
        assert (said.code, accepted(running)) == (5, 2)
        assert "the budget of 2 pictures does not cover 1 more" in said.err
        for picture in out.glob("look*"):
            picture.unlink()  # so that they have to be followed
        write(manifest, looks[4], *looks[:4])
        again = buy(manifest, out, "--budget", "2", "--window", "1")
        assert (again.code, accepted(running)) == (5, 2)
        assert [line["outcome"] for line in reported(out, "report-2.jsonl")].count("succeeded") == 2
        last = buy(manifest, out, "--budget", "5")
        assert (last.code, accepted(running)) == (0, 5)


@pytest.mark.slow
def test_failed_rows_are_bought_again_only_where_asked_for(use: Use, manifest: Path, looks: list[str]) -> None:
    """Typed again a failed row is reported as failed; with --retry-failed it is bought, and nothing else is."""
    out = manifest.parent / "out"
    write(manifest, *looks[:2])
    with sandbox_of(failure_rate=1.0) as running:
        use(running)
        assert (buy(manifest, out).code, accepted(running)) == (3, 2)
        running.world.settings = attrs.evolve(running.world.settings, failure_rate=0.0)
        write(manifest, *looks[:3])
        assert (buy(manifest, out).code, accepted(running)) == (3, 3)
        assert [line["outcome"] for line in reported(out, "report-2.jsonl")] == ["failed", "failed", "succeeded"]
        for _ in range(2):
            assert (buy(manifest, out, "--retry-failed").code, accepted(running)) == (0, 5)


@pytest.mark.slow
def test_lost_answer_is_in_doubt_for_every_run(use: Use, manifest: Path, looks: list[str]) -> None:
    """A row in doubt ends each run with exit 4 and the line that lists it, and is never sent again."""
    out = manifest.parent / "out"
    write(manifest, *looks[:2])
    with sandbox_of() as running:
        use(running)
        buy(manifest, out)
    journal = out / "journal.db"
    _make_doubtful(journal, "look0")
    with sandbox_of() as running:
        use(running)
        said = buy(manifest, out)
        assert (said.code, accepted(running)) == (4, 0)
    assert f"  aidge-async journal list --state in_doubt --journal {journal}" in said.err.splitlines()
    assert "then decide with 'aidge-async journal resolve'" in said.err
    assert [line["outcome"] for line in reported(out, "report-2.jsonl")] == ["in_doubt", "succeeded"]


def _make_doubtful(journal: Path, key: str) -> None:
    import sqlite3

    connection = sqlite3.connect(journal)
    connection.execute("UPDATE entry SET state = 'in_doubt', token = NULL, task_id = NULL WHERE key = ?", (key,))
    connection.commit()
    connection.close()


def test_journal_that_cannot_be_used_is_told_first(account: RunningSandbox, manifest: Path, looks: list[str]) -> None:
    """A file that is no journal ends in one sentence, exit 2, before a report is begun or anything is sent."""
    before, out = accepted(account), manifest.parent / "out"
    write(manifest, looks[0])
    (manifest.parent / "other.db").write_text("something else " * 50)
    said = buy(manifest, out, "--journal", manifest.parent / "other.db")
    assert (said.code, said.out, accepted(account)) == (2, "", before)
    assert "is no SQLite database" in said.sentence
    assert list(out.iterdir()) == []


@pytest.mark.slow
def test_journal_of_another_account_is_told_first(use: Use, manifest: Path, looks: list[str]) -> None:
    """In one sentence, exit 2, before a report is begun; the sandbox's own account is the same after each start."""
    out = manifest.parent / "out"
    write(manifest, looks[0])
    for _ in range(2):
        with sandbox_of() as running:  # each has a port of its own
            use(running)
            assert buy(manifest, out).code == 0
    with sandbox_of() as running:
        use(running)
        said = buy(manifest, out, "--key-name", "made-up-other")
        assert (said.code, accepted(running)) == (2, 0)
        assert "each account and region has one of its own" in said.sentence
    assert not (out / "report-3.jsonl").exists()


@pytest.mark.usefixtures("account")
def test_dry_run_touches_no_journal(manifest: Path, looks: list[str]) -> None:
    """Only looking neither makes a journal nor reads one."""
    write(manifest, looks[0])
    said = typed("batch", manifest, "--out", manifest.parent / "out", *MODEL, "--dry-run", "--journal", "/nowhere/j")
    assert said.code == 0
    assert not (manifest.parent / "out").exists()


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("command", ["run", "batch"])
def test_budget_below_nothing_is_wrong_use(command: str, manifest: Path, looks: list[str]) -> None:
    """A budget is a number of pictures."""
    write(manifest, looks[0])
    what = manifest if command == "batch" else manifest.parent / looks[0]
    said = typed(command, what, "--out", manifest.parent / "out", *MODEL, "--budget", "-1")
    assert (said.code, said.sentence) == (
        2,
        "--budget must be a whole number of pictures from 0 (got -1); change it",
    )


@pytest.mark.slow
def test_run_with_a_journal_buys_each_once(
    use: Use, looks: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`run` with a journal is one purchase for each way of asking, however often and in what order it is typed."""
    one, two = (tmp_path / name for name in looks[:2])
    wanted = ("--out", tmp_path / "out", *MODEL, "--poll", "1", "--count", "1", "--dimension", "512", "--json")
    monkeypatch.setenv("AIDGE_JOURNAL", str(tmp_path / "j.db"))
    with sandbox_of() as running:
        use(running)
        first = typed("run", one, two, *wanted)
        again = typed("run", two, one, *wanted)
        assert (first.code, again.code, accepted(running)) == (0, 0, 2)
        assert {line["path"] for line in first.lines} == {line["path"] for line in again.lines}
        assert typed("run", one, *wanted, "--background", "beach").code == 0
        assert accepted(running) == 3
        said = typed("run", one, one, *wanted, "--gender", "MALE", "--budget", "3")
        assert (said.code, accepted(running)) == (5, 3)
        assert "the budget of 3 pictures does not cover 1 more" in said.err


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 5, 9])
def test_killed_batch_goes_on_and_pays_nothing_twice(use: Use, manifest: Path, looks: list[str], after: int) -> None:
    """After `kill -9` the same line brings all pictures, buys nothing twice, and calls in doubt what was being sent."""
    out = manifest.parent / "out"
    write(manifest, *looks)
    with sandbox_of(duration=1) as running:
        use(running)
        command = started("batch", manifest, "--out", out, *MODEL, *SLOWER)
        wait_until(lambda: accepted(running) >= after)
        command.send_signal(signal.SIGKILL)
        command.communicate(timeout=20)
        said = buy(manifest, out)
        ledger = Counter(str(task["fingerprint"]) for task in running.world.ledger())
    assert set(ledger.values()) == {1}
    lines = reported(out, "report-2.jsonl")
    doubtful = [line for line in lines if line["outcome"] == "in_doubt"]
    done = [line for line in lines if line["outcome"] == "succeeded"]
    assert said.code == (4 if doubtful else 0)
    assert len(doubtful) <= 16  # calls in flight at once
    assert len(done) == len(looks) - len(doubtful)
    assert all(Path(picture["path"]).is_file() for line in done for picture in line["pictures"])
    with read_journal(out / "journal.db") as reader:
        assert {entry.key for entry in reader.entries(State.IN_DOUBT)} == {line["key"] for line in doubtful}
