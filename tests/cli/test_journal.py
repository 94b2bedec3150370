"""`journal`: what is recorded is shown as it is, and what a person decides is said, checked and recorded."""

import io
import sqlite3
from pathlib import Path

import anyio
import attrs
import pytest

from aidge_async import ModelAlternation
from aidge_async._core.codec import values_of
from aidge_async._core.lifecycle import Entry, State, fingerprint
from aidge_async._core.token import Token, read_token
from aidge_async._io.owners import Owner
from aidge_async._io.sqlite_journal import SqliteJournal
from aidge_async._io.sqlite_reader import read_journal
from aidge_async.cli import journal as journal_command
from aidge_async.sandbox.server import RunningSandbox
from tests.cli.conftest import Use
from tests.cli.support import MODEL, accepted, sandbox_of, typed
from tests.conftest import draw_photo

FAST = ("--poll", "1", "--submit-rate", "50", "--query-rate", "50", "--dimension", "512", "--count", "2")


def _token(task_id: str, key: str) -> str:
    return Token(
        region="global",
        operation="model-alternation",
        task_id=task_id,
        trial=False,
        submitted_at=1.6e9,
        count=2,
        account="made-up",
        name=key,
    ).text()


async def _bought(path: Path, request: ModelAlternation, pictures: list[Path]) -> None:
    """Record what a batch leaves of a lost answer, and of pictures that it saved."""
    hashed = fingerprint("model-alternation", values_of(request), draw_photo())
    entry = Entry(
        key="sku/1", keyed=True, operation="model-alternation", fingerprint=hashed, state=State.SENDING, at=1.6e9,
        pictures=2, folder=str(pictures[0].parent),
    )  # fmt: skip
    saved, token = attrs.evolve(entry, key="sku/2"), _token("made-up-task", "sku/2")
    async with SqliteJournal(path) as journal:
        await journal.record(entry)
        await journal.record(attrs.evolve(entry, state=State.IN_DOUBT, reason="no answer"))
        await journal.record(saved)
        await journal.record(attrs.evolve(saved, state=State.ACCEPTED, token=token, task_id="made-up-task"))
        await journal.settle(token, State.SUCCEEDED)
        await journal.note_saved(token, [str(picture) for picture in pictures])


@pytest.fixture
def journal(look: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a journal beside its manifest: `sku/1` is in doubt, and the pictures of `sku/2` are saved."""
    (tmp_path / "catalogue.csv").write_text("key,image\nsku/1,look.jpg\nsku/2,look.jpg\n")
    pictures = [tmp_path / "out" / name for name in ("a.jpg", "b.jpg")]
    (tmp_path / "out").mkdir()
    for picture in pictures:
        picture.write_bytes(draw_photo())
    request = ModelAlternation(image=look, model=MODEL[1], count=2, dimension=512)
    anyio.run(_bought, tmp_path / "journal.db", request, pictures)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "journal.db"


def entry_of(journal: Path, key: str) -> Entry:
    """Return what is recorded under a key."""
    with read_journal(journal) as reader:
        entry = reader.entry(key)
    assert entry is not None
    return entry


def state_of(journal: Path, key: str) -> State:
    """Return how a key stands."""
    return entry_of(journal, key).state


def test_list_is_a_line_an_entry(journal: Path) -> None:
    """State, time, pictures, key and why; `--state` leaves the others out; nothing needs an account."""
    said = typed("journal", "list")
    one, other = said.out.splitlines()
    assert (said.code, said.err) == (0, "")
    assert one == "in doubt   2020-09-13 12:26:40Z  2  sku/1  (no answer)"
    assert other.startswith("succeeded  20")
    assert typed("journal", "list", "--state", "in_doubt", "--journal", journal).out == f"{one}\n"
    assert typed("journal", "list", "--state", "planned").out == ""


def test_list_as_json_has_stable_keys(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `--json` there is a line an entry, with the fields of an entry, states by their names."""
    monkeypatch.setenv("AIDGE_JOURNAL", str(journal))
    monkeypatch.chdir("/")
    lines = typed("journal", "list", "--json").lines
    assert [(line["key"], line["state"]) for line in lines] == [("sku/1", "in_doubt"), ("sku/2", "succeeded")]
    assert set(lines[0]) == {
        "key", "keyed", "operation", "fingerprint", "state", "at", "token", "reason", "task_id", "pictures", "folder",
        "paths", "saved_at", "request", "source",
    }  # fmt: skip


def test_show_tells_all_of_one_key(journal: Path) -> None:
    """A page has the task, its token, where the pictures are, and each change of state; JSON has the same."""
    said = typed("journal", "show", "sku/2", "--journal", journal)
    (line,) = typed("journal", "show", "sku/2", "--journal", journal, "--json").lines
    assert f"token        {line['token']}\n" in said.out
    assert f"             {line['paths'][1]}\n" in said.out
    assert [change["after"] for change in line["transitions"]] == ["sending", "accepted", "succeeded", "succeeded"]
    assert [row.split("Z  ")[1] for row in said.out.splitlines()[-4:]] == [
        "sending",
        "sending -> accepted",
        "accepted -> succeeded",
        "saved",
    ]


def test_export_is_every_entry_with_its_history(journal: Path) -> None:
    """Every line is an entry and its transitions, in the order of the keys."""
    lines = typed("journal", "export", "--json", "--journal", journal).lines
    assert [line["key"] for line in lines] == ["sku/1", "sku/2"]
    assert all(line["transitions"][0]["before"] is None for line in lines)


def test_looking_needs_no_lock_and_changes_nothing(journal: Path) -> None:
    """While another process writes, the journal is listed all the same, and its bytes stay what they are."""
    content = journal.read_bytes()
    connection = sqlite3.connect(journal, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    for arguments in (["list"], ["show", "sku/1"], ["export", "--json"]):
        assert typed("journal", *arguments).code == 0
    connection.close()
    assert journal.read_bytes() == content


def test_names_cannot_steer_the_terminal(journal: Path) -> None:
    """What others wrote into keys and reasons is printed without control characters."""
    connection = sqlite3.connect(journal)
    connection.execute("UPDATE entry SET reason = 'a' || char(27) || '[2Jb' || char(10) || 'c' WHERE key = 'sku/1'")
    connection.commit()
    connection.close()
    for arguments in (["list"], ["show", "sku/1"]):
        out = typed("journal", *arguments).out
        assert "\x1b" not in out
        assert "a [2Jb c" in out


@pytest.mark.slow
def test_resubmitted_row_is_sent_by_the_next_run_only(journal: Path, use: Use, tmp_path: Path) -> None:
    """`--resubmit` says what may be billed and marks; nothing is sent before the batch is typed again."""
    with sandbox_of() as running:
        use(running)
        said = typed("journal", "resolve", "sku/1", "--resubmit", "--yes")
        assert (said.code, said.out) == (0, "sku/1: planned\n")
        assert said.sentence == (
            "'sku/1': it was sent and got no certain answer, so 2 pictures may be billed already; the next run buys "
            "it, and 2 pictures more may be billed"
        )
        assert accepted(running) == 0
        again = typed("batch", "catalogue.csv", "--out", "out", *MODEL, *FAST, "--journal", journal)
        assert (again.code, accepted(running)) == (0, 1)
    assert len(list((tmp_path / "out").glob("sku_1-*.jpg"))) == 2


def test_abandoned_row_is_not_bought(journal: Path, account: RunningSandbox) -> None:
    """`--abandon` bills nothing more, and the batch says how to change one's mind."""
    before = accepted(account)
    assert typed("journal", "resolve", "sku/1", "--abandon", "--yes").out == "sku/1: abandoned\n"
    said = typed("batch", "catalogue.csv", "--out", "out", *MODEL, *FAST, "--journal", journal)
    assert (said.code, accepted(account)) == (3, before)
    assert "to buy it after all, type 'aidge-async journal resolve KEY --resubmit'" in said.err


@pytest.mark.slow
def test_attached_task_is_followed_and_saved(journal: Path, use: Use, look: Path) -> None:
    """A task that was found in the console is that row's from then on: followed, saved, not bought."""
    with sandbox_of() as running:
        use(running)
        typed("run", look, *MODEL, "--poll", "1", "--count", "2", "--dimension", "512", "--out", "elsewhere")
        (task,) = running.world.ledger()
        said = typed("journal", "resolve", "sku/1", "--attach", task["task_id"], "--yes")
        assert (said.code, said.out) == (0, "sku/1: accepted\n")
        assert said.sentence.endswith("the next run follows that task, and nothing more is billed")
        token = read_token(entry_of(journal, "sku/1").token)
        assert (token.count, token.name, token.operation) == (2, "sku/1", "model-alternation")
        again = typed("batch", "catalogue.csv", "--out", "out", *MODEL, *FAST, "--journal", journal)
        assert (again.code, accepted(running)) == (0, 1)
        assert "2 of 2 rows succeeded; 4 of 4 pictures saved" in again.err


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        """Return that somebody sits there."""
        return True


@pytest.mark.parametrize(("answer", "code", "after"), [("y\n", 0, State.ABANDONED), ("\n", 2, State.IN_DOUBT)])
def test_person_is_asked(journal: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, after: State) -> None:
    """At a terminal the question comes after the price, and anything but yes changes nothing."""
    monkeypatch.setattr("sys.stdin", _Terminal(answer))
    said = typed("journal", "resolve", "sku/1", "--abandon")
    assert (said.code, state_of(journal, "sku/1")) == (code, after)
    assert said.err.index("may be billed already") < said.err.index("Go on? [y/N]")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["list", "--journal", "gone.db"], "there is no journal '"),
        (["list", "--journal", "catalogue.csv"], "'"),
        (
            ["list", "--state", "lost"],
            "invalid value 'lost' for --state (choose from 'planned', 'sending', 'in_doubt',",
        ),
        (["show"], "KEY is missing, or has no value; see 'aidge-async journal show --help'"),
        (["show", "sku/9"], "the journal holds nothing under 'sku/9'; 'aidge-async journal list' shows"),
        (["export"], "--json is missing; see 'aidge-async journal export --help'"),
        (["resolve", "sku/1"], "give one of --resubmit, --abandon and --attach TASK_ID"),
        (["resolve", "sku/1", "--abandon", "--resubmit"], "give one of --resubmit, --abandon and --attach TASK_ID"),
        (["resolve", "sku/1", "--attach", " "], "--attach must be a task's id (got ' ')"),
        (["resolve", "sku/1", "--attach", "t"], "AIDGE_ACCESS_KEY_NAME and AIDGE_ACCESS_KEY_SECRET are not set"),
        (["resolve", "sku/9", "--abandon", "--yes"], "the journal holds nothing under 'sku/9'"),
        (["resolve", "sku/2", "--abandon", "--yes"], "'sku/2' is succeeded, which cannot be made abandoned; leave it"),
        (["resolve", "sku/1", "--abandon", "--journal", "gone.db"], "there is no journal '"),
        (["resolve", "sku/1", "--resubmit"], "'sku/1': it was sent and got no certain answer, so 2 pictures may be"),
        (["lost"], "unknown command 'lost'"),
    ],
)
def test_wrong_use_is_one_sentence(
    journal: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    """What cannot be done is named in one sentence with exit 2, changes nothing, and makes no file."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    said = typed("journal", *arguments)
    assert (said.code, said.out) == (2, "")
    assert said.sentence.startswith(told)
    assert (state_of(journal, "sku/1"), state_of(journal, "sku/2")) == (State.IN_DOUBT, State.SUCCEEDED)
    assert not Path("gone.db").exists()


def test_row_that_is_being_sent_is_its_senders(journal: Path) -> None:
    """Nobody decides on what a living process is just sending."""
    living = Owner(journal.resolve())
    connection = sqlite3.connect(journal)
    connection.execute("UPDATE entry SET state = 'sending', owner = ? WHERE key = 'sku/1'", (living.name,))
    connection.commit()
    connection.close()
    said = typed("journal", "resolve", "sku/1", "--abandon", "--yes")
    living.end()
    assert (said.code, state_of(journal, "sku/1")) == (2, State.SENDING)
    assert said.sentence == "'sku/1' is just being sent by a process that lives; wait for its answer"
    assert typed("journal", "resolve", "sku/1", "--abandon", "--yes").out == "sku/1: abandoned\n"


@pytest.mark.usefixtures("account")
def test_task_of_another_row_is_not_attached(journal: Path) -> None:
    """One task is one row's."""
    said = typed("journal", "resolve", "sku/1", "--attach", "made-up-task", "--yes")
    assert (said.code, state_of(journal, "sku/1")) == (2, State.IN_DOUBT)
    assert said.sentence == "the task 'made-up-task' is that of 'sku/2' already; name another one"


@pytest.mark.usefixtures("account")
def test_task_of_another_account_is_not_attached(journal: Path) -> None:
    """The journal's own account could not follow it."""

    async def begin() -> None:
        async with SqliteJournal(journal, holder="another (global)"):
            pass

    anyio.run(begin)
    said = typed("journal", "resolve", "sku/1", "--attach", "task-7", "--yes")
    assert (said.code, state_of(journal, "sku/1")) == (2, State.IN_DOUBT)
    assert "holds what the account another (global) bought" in said.err


@pytest.mark.usefixtures("journal")
def test_older_view_is_said_to_be_older(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the latest changes cannot be read, a person is told."""
    monkeypatch.setattr(journal_command, "read_journal", _stale)
    said = typed("journal", "list")
    assert said.code == 0
    assert "this is older" in said.sentence


def _stale(path: Path) -> object:
    reader = read_journal(path)
    reader.stale = True
    return reader


@pytest.mark.parametrize("command", ["list", "show", "export", "resolve"])
def test_help_fits_a_terminal(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command's help is at most 80 columns wide, on stdout."""
    monkeypatch.setenv("COLUMNS", "80")
    said = typed("journal", command, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Usage: aidge-async journal {command}")
    assert max(len(line) for line in said.out.splitlines()) <= 80
