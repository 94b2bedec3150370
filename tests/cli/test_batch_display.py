"""The display of a batch: two lines on a terminal, a sentence now and then in a log."""

import io
import re
from collections.abc import Callable

import anyio
import pytest

from aidge_async import Batch, BatchStatistics, GeneratedImages, events
from aidge_async.cli import purchases
from aidge_async.cli.batch_desk import BatchDesk
from aidge_async.cli.batch_display import BatchDisplay, lasting
from aidge_async.cli.errands import Wishes
from aidge_async.cli.exits import Exit
from aidge_async.cli.jobs import Board
from aidge_async.cli.progress import Progress
from aidge_async.cli.purchases import Purchases
from aidge_async.testing import virtual_backend


def facts(**values: float | None) -> BatchStatistics:
    """Return what a batch may say of itself."""
    counts = dict.fromkeys(
        ("drawn", "in_flight", "succeeded", "not_submitted", "failed", "unfinished", "in_doubt", "pictures_asked",
         "pictures_delivered"), 0
    )  # fmt: skip
    given: dict[str, object] = {"total": None, "rate": None, "time_left": None, **counts, **values}
    return BatchStatistics(**given)  # type: ignore[arg-type]  # the names are those of the class


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch) -> Callable[[BatchDisplay], str]:
    """Return a function that draws what a display shows, on a terminal of 80 columns its colours left out."""
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes any stream for a terminal
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stderr", io.StringIO())

    def drawer(display: BatchDisplay) -> str:
        console = display._drawing._console
        with console.capture() as captured:
            console.print(display._picture())
        return re.sub("\x1b\\[[0-9;]*m", "", captured.get())

    return drawer


def test_display_is_two_lines_however_many_rows(draw: Callable[[BatchDisplay], str]) -> None:
    """Counts by outcome, rate and time left fit into 80 columns with all kinds of outcome in thousands."""
    display = BatchDisplay(shown=True)
    display.buying(100_000)
    for outcome in ("succeeded", "not_submitted", "failed", "unfinished", "in_doubt"):
        display.counts[outcome] = 1234
    display.tell(facts(in_flight=200, rate=2.0, time_left=46_915.0))
    first, second = draw(display).splitlines()
    assert "6,170/100,000  2.0 a second  13 h 1 min left" in first
    assert second.startswith("    1,234 succeeded · 1,234 in doubt · 1,234 failed · 1,234 not submitted · ")
    assert max(len(first), len(second)) <= 80


def test_display_counts_rows_while_it_checks(draw: Callable[[BatchDisplay], str]) -> None:
    """Before anything is bought the number of rows that were looked at is shown."""
    display = BatchDisplay(shown=True)
    display.checked()
    display.checked()
    assert draw(display).strip() == "checking rows and images: 2"


def test_display_says_what_keeps_it_waiting(draw: Callable[[BatchDisplay], str]) -> None:
    """What the gateway or the network makes a batch wait for stands below, and goes when a submit leaves again."""
    display = BatchDisplay(shown=True)
    display.buying(3)
    display(events.SubmitPostponed(key="a", attempt=1, wait=2.4, reason="nothing was sent: ConnectError"))
    assert "cannot connect, trying again in 3 s" in draw(display)
    display(events.SubmitsPaused(wait=60.0))
    assert "answers fail to come; nothing is submitted for 60 s" in draw(display)
    display(events.SubmitStarted(key="a", attempt=2, permit_wait=0.0, size_bytes=1))
    assert len(draw(display).splitlines()) == 2


def test_display_warns_once(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown status word is told once, not once a row."""
    display = BatchDisplay(shown=False)
    for task_id in ("t", "u"):
        display(events.TaskPolled(task_id=task_id, word="PONDERING", known=False, age=1.0))
    display(events.ClockCorrected(offset=7.0))
    word, clock = capsys.readouterr().err.splitlines()
    assert "the gateway calls a task 'PONDERING', which is taken for running" in word
    assert "this machine's clock is 7 s behind; corrected" in clock


UNRECORDED: list[events.RecordFailed | events.AcceptanceUnrecorded] = [
    events.RecordFailed(task_id="t", reason="the disk is full"),
    events.RecordFailed(task_id="t", reason="the disk is full"),
    events.RecordFailed(task_id="", reason="in_doubt of 'a': the disk is full"),
    events.AcceptanceUnrecorded(key="a", task_id="u", token="aidge1.made-up", reason="the disk is full"),
]
TOLD = [
    "task t: the disk is full",
    "in_doubt of 'a': the disk is full",
    "task u (a) is paid and not in the journal; keep its token: aidge1.made-up",
]


def test_display_tells_what_could_not_be_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    """A line each on stderr, the same only once; a paid task comes with its token."""
    display = BatchDisplay(shown=False)
    for event in UNRECORDED:
        display(event)
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.removeprefix("aidge-async: ") for line in said.err.splitlines()] == TOLD


def test_display_does_not_flood_but_tells_every_token(capsys: pytest.CaptureFixture[str]) -> None:
    """After ten lines the others are only said to exist, but what is paid and not recorded is always told."""
    display = BatchDisplay(shown=False)
    for number in range(1000):
        display(events.RecordFailed(task_id=f"{number}", reason="the disk is full"))
    display(UNRECORDED[-1])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 12
    assert "is not told one by one" in lines[10]
    assert "aidge1.made-up" in lines[11]


def test_progress_of_few_images_tells_it_too() -> None:
    """`run` and `task` show the same lines as `batch`."""
    warned: list[str] = []
    with Progress({"a": "look.jpg"}, warn=warned.append, shown=False) as progress:
        for event in UNRECORDED:
            progress(event)
    assert warned == TOLD


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.2, "1 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h 0 min")]
)
def test_time_is_told_as_people_say_it(seconds: float, told: str) -> None:
    """Seconds up to two minutes, minutes up to two hours, and hours with minutes."""
    assert lasting(seconds) == told


class _Talking(Batch[GeneratedImages]):
    """Says the same of itself at any time."""

    def __init__(self) -> None:
        pass

    def statistics(self) -> BatchStatistics:
        """Return it."""
        return facts(in_flight=7, rate=0.5, time_left=60.0)


class _Silent(BatchDesk):
    """Has a display that draws nothing, and writes no file."""

    def __init__(self, display: BatchDisplay) -> None:
        self.display = display
        self.wishes = Wishes(folder=None, deadline=None)

    @property
    def exit_code(self) -> Exit:
        """Return no trouble."""
        return Exit.GOOD


@pytest.mark.parametrize("anyio_backend", [virtual_backend(name) for name in ("asyncio", "trio")], ids=str)
async def test_log_is_told_once_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing is drawn, hours of a batch are a sentence a minute."""
    display = BatchDisplay(shown=False)
    display.buying(10)
    display.done("succeeded")
    buying = Purchases(
        catalogue=None,  # type: ignore[arg-type]  # not read here
        board=Board([]),
        total=10,
        desk=_Silent(display),
        window=1,
    )
    with anyio.move_on_after(2.5 * purchases._TELL_EVERY):
        await buying._tell(_Talking())
    one, other = capsys.readouterr().err.splitlines()
    assert one == other == "aidge-async: 1 of 10 rows; 1 succeeded, 7 running; 30.0 a minute, 60 s left"
