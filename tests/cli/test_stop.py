"""Ctrl-C and SIGTERM: nothing accepted is forgotten, and the sandbox ends cleanly."""

import json
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from aidge_async.sandbox.server import RunningSandbox
from tests.cli.conftest import Use
from tests.cli.support import MODEL, SECRET, accepted, sandbox_of, started, typed, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX knows them"),
]

_HASTY = "import aidge_async.cli.stopping as stopping; stopping._TERM_SECONDS = 0.5; "
_IGNORING = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "


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
        running_command = started("run", look, look, *MODEL, "--out", tmp_path, "--json", before=before)
        wait_until(lambda: accepted(running) == 2)
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


def _begun_batch(look: Path, out: Path, running: RunningSandbox, *, before: str = "") -> "subprocess.Popen[str]":
    """Begin a batch of nine rows of which four are under way at once, and wait until four are accepted."""
    (look.parent / "catalogue.csv").write_text("image\n" + "look.jpg\n" * 9)
    command = started(*_batch(look, out), before=before)
    wait_until(lambda: accepted(running) == 4)
    time.sleep(0.3)  # the answers are on their way through a socket
    return command


def _batch(look: Path, out: Path) -> list[str]:
    pace = ("--submit-rate", "50", "--window", "4", "--poll", "1", "--count", "1", "--dimension", "512")
    return ["batch", str(look.parent / "catalogue.csv"), "--out", str(out), *MODEL, *pace]


def _check_stopped(look: Path, out: Path, told: str, err: str) -> None:
    assert told.splitlines() == [str(out / "report.jsonl"), str(out / "sheet.html")]
    again = shlex.join(["aidge-async", *_batch(look, out)])
    assert err.endswith(f"aidge-async: interrupted; type the same again to go on\n  {again}\n")
    assert "Traceback" not in err
    assert SECRET not in told + err


def _reported(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "report.jsonl").read_text().splitlines()]


def test_ctrl_c_finishes_what_is_under_way(use: Use, look: Path, tmp_path: Path) -> None:
    """Asked once, a batch submits nothing more, saves what was accepted, exits 130, and says how to go on."""
    out = tmp_path / "o ut"
    with sandbox_of(duration=2) as running:
        use(running)
        command = _begun_batch(look, out, running)
        command.send_signal(signal.SIGINT)
        told, err = command.communicate(timeout=20)
        assert accepted(running) == 4
    assert command.returncode == 130
    assert "aidge-async: stopping: nothing more is submitted, 4 tasks under way may end within 15 min; Ctrl-C" in err
    assert [line["outcome"] for line in _reported(out)] == ["succeeded"] * 4
    assert all(Path(line["pictures"][0]["path"]).is_file() for line in _reported(out))
    assert "4 of 9 rows succeeded, 5 not begun; 4 of 9 pictures saved" in err
    _check_stopped(look, out, told, err)


@pytest.mark.parametrize(
    ("numbers", "before"),
    [
        ([signal.SIGINT, signal.SIGINT], ""),
        ([signal.SIGTERM], _HASTY),
        ([signal.SIGTERM], _HASTY + _IGNORING),
    ],
    ids=["ctrl-c-twice", "sigterm", "sigterm-behind-an-ampersand"],
)
def test_batch_that_has_to_leave_forgets_nothing(
    use: Use, look: Path, tmp_path: Path, numbers: list[signal.Signals], before: str
) -> None:
    """Asked twice, or by SIGTERM after its seconds, a batch leaves; the same line brings all later, bought once."""
    out = tmp_path / "out"
    with sandbox_of(duration=4) as running:
        use(running)
        command = _begun_batch(look, out, running, before=before)
        began = time.monotonic()
        for number in numbers:
            command.send_signal(number)
            time.sleep(0.3)
        told, err = command.communicate(timeout=20)
        assert time.monotonic() - began < 3
        assert command.returncode == 130
        lines = _reported(out)
        assert [line["outcome"] for line in lines] == ["unfinished"] * 4
        assert {line["task_id"] for line in lines} == {task["task_id"] for task in running.world.ledger()}
        assert "0 of 9 rows succeeded, 4 unfinished, 5 not begun; " in err
        _check_stopped(look, out, told, err)
        later = typed(*_batch(look, out))
        assert (later.code, accepted(running)) == (0, 9)
        assert "9 of 9 rows succeeded; 9 of 9 pictures saved" in later.err


def test_interrupted_while_following_an_earlier_run(use: Use, look: Path, tmp_path: Path) -> None:
    """What an earlier run submitted is unfinished, not unsent, when the run that goes on with it is stopped as well."""
    out = tmp_path / "out"
    with sandbox_of(duration=60) as running:
        use(running)
        for name in ("report.jsonl", "report-2.jsonl"):
            command = _begun_batch(look, out, running)
            wait_until(lambda name=name: (out / name).exists())  # type: ignore[misc]
            time.sleep(1)
            for _ in range(2):
                command.send_signal(signal.SIGINT)
                time.sleep(0.3)
            command.communicate(timeout=20)
            lines = [json.loads(line) for line in (out / name).read_text().splitlines()]
            assert [line["outcome"] for line in lines] == ["unfinished"] * 4
            assert {line["task_id"] for line in lines} == {task["task_id"] for task in running.world.ledger()}
            assert len({line["token"] for line in lines}) == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_sandbox_announces_itself_and_ends_cleanly(number: signal.Signals) -> None:
    """The first line of stdout is JSON with URL and made-up key; a signal ends it with exit code 0."""
    command = started("sandbox", "--key-name", "made-up-1", "--key-secret", "made-up-2", "--seed", "7")
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
        command = started("run", look, *MODEL, "--out", tmp_path / "out", "--poll", "1", "--dimension", "512")
        assert command.stdout is not None
        command.stdout.close()
        command.stdout = None
        _, err = command.communicate(timeout=20)
    assert (command.returncode, err) == (0, "")
    assert len(list((tmp_path / "out").iterdir())) == 2
