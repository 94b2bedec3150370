"""`run`: what is bought, saved, printed, and how it ends."""

import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aidge_async.cli import options
from aidge_async.sandbox.server import RunningSandbox
from tests.cli.conftest import Use
from tests.cli.support import MODEL, accepted, sandbox_of, size_of, typed

POLL = ("--poll", "1")
SMALL = ("--dimension", "512", "--count", "1", *POLL)


@pytest.mark.slow
def test_pictures_are_saved_and_their_paths_printed(account: RunningSandbox, look: Path, tmp_path: Path) -> None:
    """Files and URLs go side by side; stdout has a path a line, the sheet's last, and stderr nothing."""
    out, url = tmp_path / "new" / "out", "http://example.com/b.jpg?Signature=x"
    said = typed("run", look, url, *MODEL, "--out", out, "--background", "beach", "--sheet", *SMALL)
    *pictures, sheet = said.out.splitlines()
    assert (said.code, said.err, sheet) == (0, "", str(out / "sheet.html"))
    assert sorted(Path(path).name.split("-")[0] for path in pictures) == ["image", "look"]
    assert {min(size_of(path)) for path in pictures} == {512}
    html = Path(sheet).read_text(encoding="utf-8")
    assert html.count("<img ") == 3
    assert "Signature" not in html
    assert account.key_name not in html


@pytest.mark.slow
def test_json_has_a_line_for_each_picture(account: RunningSandbox, look: Path, tmp_path: Path) -> None:
    """With `--json` every picture is one line of stable keys, that name the file and the task."""
    said = typed("run", look, look, *MODEL, "--out", tmp_path, "--json", *SMALL)
    assert (said.code, said.err) == (0, "")
    one, other = sorted(said.lines, key=lambda line: str(line["key"]))
    assert (one["key"], other["key"]) == ("look", "look-2")
    assert one["task_id"] != other["task_id"]
    assert set(one) == {
        "image", "key", "outcome", "number", "task_id", "token", "request_id", "path", "width_px", "height_px", "error",
        "error_type", "code", "billable",
    }  # fmt: skip
    assert (one["image"], one["outcome"], one["number"], one["billable"]) == (str(look), "succeeded", 1, "yes")
    assert size_of(one["path"]) == (one["width_px"], one["height_px"]) == (512, 683)
    assert one["task_id"] in {line["task_id"] for line in account.world.ledger()}


@pytest.mark.slow
def test_failed_task_is_told_and_exits_3(use: Use, look: Path, tmp_path: Path) -> None:
    """A task that fails is one line on stderr; the sheet shows it with the gateway's words."""
    with sandbox_of(failure_rate=1) as running:
        use(running)
        said = typed("run", look, *MODEL, "--out", tmp_path, "--sheet", "--json", *POLL)
    (line,) = said.lines
    assert (said.code, line["outcome"], line["error_type"], line["path"]) == (3, "failed", "TaskFailedError", None)
    told, sheet = said.err.splitlines()
    assert told.startswith(f"aidge-async: {look}: failed: the task failed at the gateway")
    assert sheet == f"aidge-async: the sheet is {tmp_path / 'sheet.html'}"
    assert "failed at the gateway" in (tmp_path / "sheet.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_deadline_leaves_the_line_to_type_and_task_goes_on_with_it(use: Use, look: Path, tmp_path: Path) -> None:
    """What still runs is unfinished, exit 3; the printed command brings its pictures later, bought once."""
    out = tmp_path / "o ut"
    with sandbox_of(duration=2) as running:
        use(running)
        late = typed("run", look, *MODEL, "--out", out, "--deadline", "1", "--region", "global", *SMALL)
        told, command = late.err.splitlines()
        assert (late.code, late.out) == (3, "")
        assert told.startswith(f"aidge-async: {look}: unfinished: task ")
        program, task, token, *flags = command.split()
        assert (program, task, " ".join(flags)) == ("aidge-async", "task", f"--out '{out}' --region global")
        later = typed("task", token, "--out", out, "--json", *POLL)
        assert (later.code, [size_of(line["path"])[0] for line in later.lines]) == (0, [512])
        assert {line["token"] for line in later.lines} == {token}
        assert accepted(running) == 1


@pytest.mark.usefixtures("account")
@pytest.mark.slow
def test_wrong_secret_exits_5_and_is_not_tried_for_all(
    look: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused account ends the run: what was not tried yet is not sent, and every image has its line."""
    monkeypatch.setenv("AIDGE_ACCESS_KEY_SECRET", "made-up-wrong-secret")
    said = typed("run", *[look] * 9, *MODEL, "--out", tmp_path, "--json")
    assert (said.code, len(said.lines)) == (5, 9)
    assert {line["outcome"] for line in said.lines} == {"not_submitted"}
    assert {line["error_type"] for line in said.lines} == {"CredentialsError"}
    assert "made-up-wrong-secret" not in said.out + said.err
    *tried, untried = said.err.splitlines()
    assert len(tried) == 4
    assert all("IncompleteSignature" in line for line in tried)
    assert untried == "aidge-async: 5 more images not sent: the account is refused"


def test_empty_quota_exits_5_and_names_the_flag(use: Use, look: Path, tmp_path: Path) -> None:
    """Without quota nothing is accepted, and the sentence names the flag that helps."""
    with sandbox_of(quota=0) as running:
        use(running)
        said = typed("run", look, *MODEL, "--out", tmp_path)
        assert (said.code, said.out, accepted(running)) == (5, "", 0)
    assert "NoResource" in said.sentence
    assert said.sentence.endswith("use --trial for the trial quota")


def test_closed_port_is_given_up_soon(
    account: RunningSandbox, look: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing listens the image is not submitted, exit 3, without waiting for a minute."""
    monkeypatch.setattr(options, "UNREACHABLE", 0.5)
    said = typed("run", look, *MODEL, "--out", tmp_path, "--base-url", "http://127.0.0.1:9")
    assert (said.code, said.out) == (3, "")
    assert f"{look}: not submitted: nothing was sent: ConnectError" in said.sentence
    assert account.url not in said.sentence


@pytest.mark.usefixtures("account")
@pytest.mark.slow
def test_picture_that_cannot_be_saved_is_unfinished(
    look: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download that fails leaves a token to go on with: the picture is paid."""
    out = tmp_path / "out"
    monkeypatch.setattr("aidge_async._io.fetch.MOST_PICTURE_BYTES", 10)
    said = typed("run", look, *MODEL, "--out", out, "--json", *POLL)
    (line,) = said.lines
    assert (said.code, line["outcome"], line["error_type"]) == (3, "unfinished", "DownloadError")
    assert line["billable"] == "yes"
    assert said.err.splitlines()[1] == f"  aidge-async task {line['token']} --out {out}"
    assert "Signature=" not in said.err
    assert list(out.iterdir()) == []


@pytest.mark.usefixtures("account")
@pytest.mark.slow
def test_bug_is_one_sentence_and_tells_what_was_accepted(
    look: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours exits 1, asks for a report, and loses no token."""
    monkeypatch.setattr("aidge_async.client.AidgeClient.save", None)
    said = typed("run", look, *MODEL, "--out", tmp_path, *POLL)
    assert said.code == 1
    unfinished, command, bug = said.err.splitlines()
    assert unfinished.startswith(f"aidge-async: {look}: unfinished: stopped by a bug of aidge-async")
    assert command.startswith("  aidge-async task aidge1.")
    assert bug.startswith("aidge-async: a bug, sorry: TypeError: ")
    assert "please report it" in bug


@pytest.fixture
def deaf() -> Iterator[str]:
    """Return the URL of a server that takes every call and hangs up without an answer."""

    class HangUp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            """Read something, and go."""
            self.request.recv(65536)

    with socketserver.TCPServer(("127.0.0.1", 0), HangUp) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("account")
def test_lost_answer_is_in_doubt_and_exits_4(deaf: str, tmp_path: Path) -> None:
    """A submit without an answer is perhaps paid: it is told so, and not sent again."""
    said = typed("run", "http://example.com/a.jpg", *MODEL, "--out", tmp_path, "--base-url", deaf, "--json")
    (line,) = said.lines
    assert (said.code, line["outcome"], line["billable"], line["token"]) == (4, "in_doubt", "unknown", None)
    assert "in doubt: the submission was sent, but no certain answer came" in said.sentence
