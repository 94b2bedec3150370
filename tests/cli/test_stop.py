"""Ctrl-C and SIGTERM: nothing accepted is forgotten, and the sandbox ends cleanly."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Use
from tests.cli.support import MODEL, SECRET, accepted, sandbox_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX knows them"),
]

_PROGRAM = "import sys; from aidge_async.cli import main; sys.exit(main())"
_IGNORING = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "


def _started(*arguments: object, before: str = "") -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", before + _PROGRAM, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _wait_until(happened: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "before"),
    [(signal.SIGINT, ""), (signal.SIGTERM, ""), (signal.SIGTERM, _IGNORING)],
    ids=["ctrl-c", "sigterm", "sigterm-behind-an-ampersand"],
)
def test_interrupted_run_prints_the_tokens(
    use: Use, look: Path, tmp_path: Path, number: signal.Signals, before: str
) -> None:
    """A run that is stopped exits 130 and says of every accepted task how to go on with it."""
    with sandbox_of(duration=60) as running:
        use(running)
        running_command = _started("run", look, look, *MODEL, "--out", tmp_path, "--json", before=before)
        _wait_until(lambda: accepted(running) == 2)
        time.sleep(0.3)  # both answers are on their way through a socket
        running_command.send_signal(number)
        out, err = running_command.communicate(timeout=20)
    lines: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    assert running_command.returncode == 130
    assert [line["outcome"] for line in lines] == ["unfinished", "unfinished"]
    assert {line["task_id"] for line in lines} == {task["task_id"] for task in running.world.ledger()}
    for line in lines:
        assert f"  aidge-async task {line['token']} --out {tmp_path}\n" in err
    assert err.endswith("aidge-async: interrupted\n")
    assert "Traceback" not in err
    assert SECRET not in out + err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_interrupted_batch_leaves_report_sheet_and_the_line_to_go_on(
    use: Use, look: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """A batch that is stopped exits 130; its report has every token, its sheet is written, and one line goes on."""
    out = tmp_path / "out"
    (look.parent / "catalogue.csv").write_text("image\n" + "look.jpg\n" * 9)
    with sandbox_of(duration=60) as running:
        use(running)
        command = _started(
            "batch", look.parent / "catalogue.csv", "--out", out, *MODEL, "--submit-rate", "50", "--window", "4"
        )
        _wait_until(lambda: accepted(running) == 4)
        time.sleep(0.3)  # the answers are on their way through a socket
        command.send_signal(number)
        told, err = command.communicate(timeout=20)
    lines: list[dict[str, Any]] = [json.loads(line) for line in (out / "report.jsonl").read_text().splitlines()]
    assert command.returncode == 130
    assert told.splitlines() == [str(out / "report.jsonl"), str(out / "sheet.html")]
    assert [line["outcome"] for line in lines] == ["unfinished"] * 4
    assert {line["task_id"] for line in lines} == {task["task_id"] for task in running.world.ledger()}
    assert all(line["token"].startswith("aidge1.") for line in lines)
    assert "0 of 9 rows succeeded, 4 unfinished, 5 not begun; " in err
    assert f"  aidge-async task {out / 'report.jsonl'} --out {out}\n" in err
    assert err.endswith("aidge-async: interrupted\n")
    assert "Traceback" not in err
    assert SECRET not in told + err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_sandbox_announces_itself_and_ends_cleanly(number: signal.Signals) -> None:
    """The first line of stdout is JSON with URL and made-up key; a signal ends it with exit code 0."""
    command = _started("sandbox", "--key-name", "made-up-1", "--key-secret", "made-up-2", "--seed", "7")
    assert command.stdout is not None
    facts = json.loads(command.stdout.readline())
    assert (facts["key_name"], facts["key_secret"]) == ("made-up-1", "made-up-2")
    assert facts["url"].startswith("http://127.0.0.1:")
    command.send_signal(number)
    out, err = command.communicate(timeout=10)
    assert (command.returncode, out, err) == (0, "", "")


def test_reader_that_goes_away_stops_nothing(use: Use, look: Path, tmp_path: Path) -> None:
    """With stdout closed early (`| head -1`) the pictures are saved all the same."""
    with sandbox_of() as running:
        use(running)
        command = _started("run", look, *MODEL, "--out", tmp_path / "out", "--poll", "1", "--dimension", "512")
        assert command.stdout is not None
        command.stdout.close()
        command.stdout = None
        _, err = command.communicate(timeout=20)
    assert (command.returncode, err) == (0, "")
    assert len(list((tmp_path / "out").iterdir())) == 2
