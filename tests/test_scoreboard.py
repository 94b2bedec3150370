"""The scoreboard tells what the rows state, and is red where a bar is missed or a row did not run."""

from pathlib import Path

import pytest

from tests.scoreboard import Board, Line, main, run

ROWS = """
import pytest
from tests.matrix.scoring import full, pytest_pyfunc_call, score

@pytest.mark.matrix
def test_R01_held(score):
    score("sent 3 times, seed 7", 0.5, "at most 1", True)

@pytest.mark.matrix
def test_R02_missed(score):
    score("first", 1, "at most 1", True)
    score("second", 2, "at most 1", False)
    score("third", 1, "at most 1", True)

@pytest.mark.matrix
def test_R03_broken(score):
    raise LookupError("made up")

@pytest.mark.matrix
def test_R04_silent(score):
    pass

@pytest.mark.matrix
def test_R05_skipped(score):
    pytest.skip("made up")

@pytest.mark.matrix
def test_R06_unset(no_such_fixture):
    pass
"""


@pytest.fixture
def board(pytester: pytest.Pytester) -> Board:
    """Return the board of six made-up rows, and of a seventh that is not there."""
    pytester.makeini("[pytest]\nmarkers = matrix: made up")
    folder = pytester.mkpydir("matrix")
    (folder / "test_rows.py").write_text(ROWS, encoding="utf-8")
    (folder / "conftest.py").write_text("from tests.matrix.scoring import pytest_pyfunc_call\n", encoding="utf-8")
    return run(tuple(f"R{number:02}" for number in range(1, 8)), folder)


def test_every_figure_is_told_and_nothing_missing_is_good(board: Board) -> None:
    """All figures of a row are told though one is missed; a row that breaks, is silent, skipped or absent is red."""
    told = [(line.row, line.tried, line.held) for line in board.lines]
    assert told[:4] == [
        ("R01", "sent 3 times, seed 7", True),
        ("R02", "first", True),
        ("R02", "second", False),
        ("R02", "third", True),
    ]
    red = {line.row: line.figure for line in board.lines if not line.held}
    assert red["R03"] == "failed: LookupError: made up"
    assert red["R04"] == "failed: Failed: the row states no figure"
    assert red["R05"].startswith("skipped: ")
    assert red["R06"].startswith("failed: ")
    assert board.absent == ["R07"]
    assert not board.is_good


@pytest.mark.parametrize("width", [80, 120])
def test_table_fits_its_width(width: int) -> None:
    """Long cells are wrapped, and what is stated stands in the table whole."""
    tried = "a submit is sent again only where it was certainly not processed; seeds 1, 2 and 3"
    board = Board(("R01", "R02"), [Line("R01", tried, "1,000 of 1,000", "all of them, within 1 s", held=True)])
    lines = list(board.text(width))
    assert max(map(len, lines)) <= width
    shown = "\n".join(lines)
    assert all(word in shown for word in tried.split())
    assert "did not run: R02" in shown
    assert "R18  mutation score" in shown


def test_good_board_is_good() -> None:
    """Every wanted row held all its bars."""
    assert Board(("R01",), [Line("R01", "once", "1", "1", held=True)]).is_good


def test_unknown_row_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A row that does not exist is an error of usage, not a table that lacks it."""
    with pytest.raises(SystemExit, match="2"):
        main(["R99"])
    assert "no row is called 'R99'; there are R01 to R17" in capsys.readouterr().err


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "18"])
def test_odd_number_of_jobs_is_refused(jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    """None at a time would never end, and more than there are rows would wait for nothing."""
    with pytest.raises(SystemExit, match="2"):
        main(["--jobs", jobs])
    assert "there are 1 to 17 jobs" in capsys.readouterr().err


def test_rows_are_named_as_the_scoreboard_seeks_them() -> None:
    """A row's file holds tests whose names begin with the row, one a row."""
    folder = Path(__file__).parent / "matrix"
    names = [
        line.split("(")[0].split()[-1]
        for path in folder.glob("test_*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith(("def test_", "async def test_"))
    ]
    rows = [name.split("_")[1] for name in names]
    assert all(row[0] == "R" and row[1:].isdecimal() and len(row) == 3 for row in rows)
    assert len(set(rows)) == len(rows)
