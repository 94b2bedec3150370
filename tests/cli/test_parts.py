"""The parts of the command line that decide something by themselves."""

import io
import sys
from pathlib import Path

import pytest

from aidge_async import JournalError, events
from aidge_async.cli.exits import Exit, gravest
from aidge_async.cli.jobs import Board, Job, keys_for
from aidge_async.cli.output import one_line
from aidge_async.cli.progress import Progress
from aidge_async.cli.records import cut_off, ended_by
from aidge_async.cli.sheet import Row, write_sheet
from aidge_async.cli.wording import as_typed
from tests.conftest import draw_photo


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        ([], 0),
        ([Exit.GOOD, Exit.INCOMPLETE], 3),
        ([Exit.INCOMPLETE, Exit.IN_DOUBT], 4),
        ([Exit.IN_DOUBT, Exit.REFUSED, Exit.INCOMPLETE], 5),
        ([Exit.REFUSED, Exit.INTERRUPTED], 130),
    ],
)
def test_gravest_code_is_told(codes: list[Exit], told: int) -> None:
    """Interrupted goes before the account, the account before doubt, doubt before incomplete."""
    assert gravest(codes) == told


def test_every_image_has_a_key_of_its_own() -> None:
    """Files of one name, in any case of letters, and URLs all get different keys."""
    files = [Path("a/look.jpg"), Path("b/LOOK.png"), Path("look-2.bmp")]
    assert keys_for([*files, "https://example.com/look.jpg"]) == ["look", "LOOK-2", "look-2-2", "image-4"]


@pytest.mark.parametrize(
    ("job", "outcome", "billable"),
    [
        (Job(key="a"), "not_submitted", "no"),
        (Job(key="a", under_way=True), "in_doubt", "unknown"),
        (Job(key="a", token="aidge1.x", task_id="t"), "unfinished", "yes"),
    ],
)
def test_stopped_job_says_what_is_certain(job: Job, outcome: str, billable: str) -> None:
    """What was cut off is not submitted, in doubt or unfinished, by how far it had come."""
    record = cut_off(job, "interrupted", "Interrupted")
    assert (record.outcome, record.billable) == (outcome, billable)


def test_board_forgets_no_token() -> None:
    """A job is under way from its submit to the answer, and then holds its token."""
    job = Job(key="a")
    board = Board([job])
    board(events.SubmitStarted(key="a", attempt=1, permit_wait=0.0, size_bytes=1))
    assert job.under_way
    board(events.TaskAccepted(key="a", task_id="t", token="aidge1.x", request_id="r", took=0.1))
    assert (job.under_way, job.token, job.request_id) == (False, "aidge1.x", "r")


def test_task_that_the_journal_could_not_take_is_to_be_resumed() -> None:
    """It is paid: its record says so and holds its token, whatever its error is called."""
    job = Job(key="a")
    board = Board([job])
    board(events.SubmitStarted(key="a", attempt=1, permit_wait=0.0, size_bytes=1))
    board(events.AcceptanceUnrecorded(key="a", task_id="t", token="aidge1.made-up", reason="the disk is full"))
    record = ended_by(job, JournalError("could not be recorded", billable="yes"))
    assert (record.outcome, record.task_id, record.token) == ("unfinished", "t", "aidge1.made-up")
    assert not job.under_way


def test_gateway_words_cannot_steer_the_terminal() -> None:
    """Line breaks and escape sequences of others are spaces on the terminal."""
    assert one_line("a\n b\x1b[31mc\r\x00") == "a b [31mc  "


def test_messages_name_flags() -> None:
    """Fields become the flags they were typed as; other quoted words stay."""
    assert as_typed("'keep_background' is 'x', use trial=True") == "--keep-background is 'x', use --trial"


def test_sheet_escapes_what_others_wrote(tmp_path: Path) -> None:
    """Names and errors are text in the sheet, whatever they hold."""
    picture = tmp_path / 'a"><script>.jpg'
    picture.write_bytes(draw_photo())
    row = Row(
        title=picture.name,
        before=picture,
        facts={"model": "<b>universal"},
        outcome="failed",
        error='<img src="https://x">',
    )
    path = write_sheet(tmp_path, [row], title="<i>", summary="&", made_by="x")
    html = path.read_text(encoding="utf-8")
    assert "&quot;&gt;&lt;script&gt;" in html
    assert not [part for part in ("<script", "<b>universal", "<i>") if part in html]
    assert '<img src="https' not in html


def _events() -> list[events.Event]:
    return [
        events.ImageWarned(key="a", warning="[/]at the edge"),
        events.SubmitStarted(key="a", attempt=1, permit_wait=0.0, size_bytes=1),
        events.SubmitPostponed(key="a", attempt=1, wait=2.4, reason="nothing was sent: ConnectError"),
        events.TaskAccepted(key="a", task_id="t", token="aidge1.x", request_id=None, took=0.1),
        events.TaskPolled(task_id="t", word="PONDERING", known=False, age=1.0),
        events.TaskPolled(task_id="t", word="PONDERING", known=False, age=2.0),
        events.PollFaulted(task_id="t", wait=1.0, reason="x"),
        events.TaskSettled(task_id="t", succeeded=True, reason="", age=3.0),
        events.ClockCorrected(offset=-7.0),
    ]


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("images", [1, 30])
def test_progress_warns_once_and_writes_no_result(shown: bool, images: int, capsys: pytest.CaptureFixture[str]) -> None:
    """What a person must hear of is said once, drawn or not; stdout stays free for results."""
    warned: list[str] = []
    labels = {"a": "[red]look.jpg", **{str(number): f"{number}.jpg" for number in range(1, images)}}
    with Progress(labels, warn=warned.append, shown=shown) as progress:
        for event in _events():
            progress(event)
        with progress.hidden():
            sys.stdout.write("result\n")
        progress.done("a", outcome="succeeded")
    assert warned == [
        "[/]at the edge",
        "the gateway calls a task 'PONDERING', which is taken for running",
        "this machine's clock is 7 s ahead; corrected",
    ]
    said = capsys.readouterr()
    assert said.out == "result\n"
    assert shown or said.err == ""


def test_progress_tells_when_it_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that refuses connections is seen at once, with the seconds to the next try."""
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes any stream for a terminal
    drawn = io.StringIO()
    monkeypatch.setattr("sys.stderr", drawn)
    with Progress({"a": "look.jpg"}, warn=print, shown=True) as progress:
        progress(events.SubmitPostponed(key="a", attempt=1, wait=2.4, reason="nothing was sent: ConnectError"))
    assert "cannot connect, trying again in 3 s" in drawn.getvalue()
