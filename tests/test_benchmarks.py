"""The harness of the benchmarks: what it says, what it starts, and that it ends it. Nothing is timed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

import benchmarks
from aidge_async.sandbox import SandboxSettings
from aidge_async.sandbox.server import RunningSandbox
from aidge_async.sandbox.submission import DOCUMENTED, Submission
from aidge_async.sandbox.world import World
from aidge_async.testing import virtual_backend
from benchmarks import __main__ as runner
from benchmarks import catalogue, crowd, memory, peers, report, stream
from benchmarks.gateway import GatewayProcess, gateway_process
from benchmarks.peers import PEERS, Peer
from benchmarks.report import Report, Row

FOLDER = Path(benchmarks.__file__).parent
HELD = Row("imports", "7 ms", "at most 15 ms", held=True)
MISSED = Row("calls | in a row", "2.00", "1.25", held=False)
BARE = Row("a rival", "9 ms")


def test_missed_bar_is_said_in_words() -> None:
    """A row over its bar says MISSED, and so does its report's verdict."""
    told = Report("made_up", "A claim.", [HELD, MISSED, BARE], ("a note",)).markdown()
    assert "*MISSED: 1 of 2 bars*" in told
    assert "| imports | 7 ms | at most 15 ms | held |" in told
    assert "| a rival | 9 ms |  |  |\n\n- a note" in told


def test_report_without_bars_claims_nothing() -> None:
    """Where nothing was judged, nothing is called held."""
    assert report.skipped("made_up", "", "aiohttp is not installed").verdict == "no bar was measured"
    assert Report("made_up", "A claim.", [HELD]).verdict == "held: 1 of 1 bars"


def test_cells_keep_the_table_whole() -> None:
    """A bar in a cell does not begin another cell."""
    assert r"| made_up | calls \| in a row | 2.00 | 1.25 | MISSED |" in report.one_table(
        [Report("made_up", "", [MISSED])]
    )


def test_every_round_begins_with_another_contender() -> None:
    """No contender always runs first, and each has a figure a round."""
    order: list[str] = []

    def contender(name: str) -> Callable[[], float]:
        def figure() -> float:
            order.append(name)
            return len(order)

        return figure

    figures = report.interleaved(3, {name: contender(name) for name in "abc"})
    assert "".join(order) == "abcbcacab"
    assert figures["a"] == [1, 6, 8]
    assert report.medians(figures) == {"a": 6, "b": 4, "c": 5}


def test_missed_bar_is_no_failure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A script that measured something bad has measured: it prints and returns."""
    asked: list[bool] = []

    def main(*, full: bool = False) -> Report:
        asked.append(full)
        return Report("made_up", "A claim.", [MISSED])

    monkeypatch.setenv(report.OUTPUT_VARIABLE, "")
    monkeypatch.setattr(sys, "argv", ["made_up", "--full"])
    report.run_as_script(main)
    assert "MISSED: 1 of 1 bars" in capsys.readouterr().out
    assert asked == [True]


@pytest.mark.slow
def test_pictures_go_where_out_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A picture is written into the output folder, which is made."""
    if report.absent("matplotlib"):
        pytest.skip("matplotlib is not installed")
    monkeypatch.setenv(report.OUTPUT_VARIABLE, str(tmp_path / "results"))
    path = report.plot("made_up", lambda axes: axes.plot([1, 2], [3, 4]))
    assert path == tmp_path / "results" / "made_up.png"
    assert path.read_bytes().startswith(b"\x89PNG")


def test_no_picture_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without matplotlib there is a report all the same."""
    monkeypatch.setattr(report, "absent", lambda *_: ["matplotlib"])
    assert report.plot("made_up", lambda axes: axes.plot([1])) is None


def test_runner_knows_every_benchmark() -> None:
    """What can be run as a script is in the list of names, and nothing else is."""
    scripts = {path.stem for path in FOLDER.glob("*.py") if "run_as_script(main)\n" in path.read_text(encoding="utf-8")}
    assert scripts - {"report"} == set(runner.NAMES)


def test_missing_package_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """A benchmark whose package is not installed says so; one of our own modules missing is a bug."""

    def without(name: str) -> Callable[[str], object]:
        def load(_: str) -> object:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        return load

    monkeypatch.setattr(runner, "import_module", without("aiohttp.client"))
    assert runner._measured("calls", full=False).rows == [Row("not measured", "aiohttp.client is not installed")]
    monkeypatch.setattr(runner, "import_module", without("aidge_async.lost"))
    with pytest.raises(ModuleNotFoundError, match="lost"):
        runner._measured("calls", full=False)


def test_runner_writes_one_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All claims stand in one table, on stdout and in the output folder; one that breaks off is told."""

    def run(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        if "calls" in command:
            raise subprocess.CalledProcessError(1, command)
        said = {"name": "memory", "claim": "A claim.", "rows": [{"what": "a task", "value": "9 KB"}], "notes": ["x"]}
        return subprocess.CompletedProcess(command, 0, stdout=f"noise\n{json.dumps(said)}\n")

    monkeypatch.setenv(report.OUTPUT_VARIABLE, "")
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "memory", "calls", "--out", str(tmp_path)])
    runner.main()
    told = capsys.readouterr().out
    assert "| memory | a task | 9 KB |  |  |\n| calls | not measured | it broke off" in told
    assert "a quick round, not to be quoted" in told
    assert "## memory\n\nA claim." in (tmp_path / "benchmarks.md").read_text(encoding="utf-8")


def test_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is no benchmark's is an error that lists those there are."""
    monkeypatch.setenv(report.OUTPUT_VARIABLE, "")
    monkeypatch.setattr(sys, "argv", ["benchmarks", "made_up"])
    with pytest.raises(SystemExit):
        runner.main()
    assert "'made_up'; there are import_time" in capsys.readouterr().err


def test_gateway_is_another_process_and_ends() -> None:
    """The sandbox answers from its own process, takes changes, and is gone after the block, whatever happened in it."""

    def use(gateway: GatewayProcess) -> None:
        gateway.change_settings(rate_limit=7)
        gateway.reset()
        assert gateway.ledger() == []
        assert gateway.statistics()["received"]["submit"] == 0
        assert gateway.cpu_seconds() > 0 or not Path("/proc").exists()
        raise LookupError(str(gateway.pid))

    with pytest.raises(LookupError) as caught, gateway_process(SandboxSettings(duration=1)) as gateway:
        use(gateway)
    ended = int(str(caught.value))
    assert ended == gateway.pid
    with pytest.raises(ProcessLookupError):
        os.kill(ended, 0)


def test_gateway_does_not_outlive_its_parent() -> None:
    """When the pipe to its parent closes, the sandbox's process ends by itself."""
    command = [sys.executable, "-m", "benchmarks.gateway", json.dumps({"settings": {}, "faults": []})]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=FOLDER.parent) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert b"http://127.0.0.1:" in process.stdout.readline()
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def test_gateway_that_cannot_start_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    """A sandbox that refuses its faults is an error here, not a wait for ever."""
    with pytest.raises(RuntimeError, match="before it was ready"), gateway_process(faults=["nonsense"]):
        pass
    assert "SandboxError" in capfd.readouterr().err


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_peers_buy_what_they_are_given(peer: Peer, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each peer works: it is beaten by what it does to the gateway, not by a mistake of ours."""
    if report.absent(*peer.needs):
        pytest.skip(f"{peer.needs} not installed")
    monkeypatch.setattr(peers, "PAUSE", 0.01)
    got: list[None] = []
    pictures = [f"https://example.com/{number}.jpg" for number in range(3)]
    anyio.run(peer.run, sandbox, pictures, lambda: got.append(None))
    assert len(got) == 3
    assert len(sandbox.world.ledger()) == 3


def test_durations_are_the_sandboxs() -> None:
    """The clairvoyant knows how long the sandbox makes each task."""
    world = World(SandboxSettings(duration=catalogue.MEDIAN, spread=catalogue.SPREAD), monotonic=lambda: 0.0)
    wish = Submission(
        dialect=DOCUMENTED,
        image=None,
        photo=None,
        image_url="https://example.com/look.jpg",
        model="universal_model_1",
        gender=None,
        age=None,
        background=None,
        count=1,
        dimension=768,
    )
    for number in range(5):
        task = world.accept(wish, api=peers.SUBMIT, trial=False, content=None, photo=None)
        assert task.ends_at == pytest.approx(catalogue.duration(number))


def test_durations_lie_where_the_claim_says() -> None:
    """Of the thousand tasks of the claim at least 99 in 100 take 1 to 3 s."""
    durations = [catalogue.duration(number) for number in range(catalogue.TASKS)]
    assert sum(1 <= seconds <= 3 for seconds in durations) >= 990


def test_clairvoyant_waits_for_tasks_or_for_turns() -> None:
    """With turns enough the last task decides, with few the turns do."""
    durations = [catalogue.duration(number) for number in range(100)]
    assert catalogue.clairvoyant_end(100, 1_000) == pytest.approx(max(durations))
    assert 99 + durations[99] <= catalogue.clairvoyant_end(100, 1) <= 99 + max(durations)
    assert catalogue.clairvoyant_end(100, 50) == pytest.approx(max(1 + max(durations[50:]), *durations))


def test_verdicts_follow_the_figures() -> None:
    """A slow or refused run misses its bars, and one that buys too much misses the count."""
    known: dict[str, Any] = {
        "name": "ours",
        "tasks": 100,
        "got": [1.0] * 100,
        "client_cpu": 1.0,
        "server_cpu": 1.0,
        "paid_twice": 0,
    }
    good = catalogue.Run(**known, wall=4.0, submits=100, queries=100, refused=0, bought=100)
    bad = catalogue.Run(**known, wall=5.0, submits=100, queries=101, refused=1, bought=101)
    assert [row.held for row in catalogue.rows_together([good], 100) if row.bar] == [True] * 4
    assert [row.held for row in catalogue.rows_together([good, bad], 100) if row.bar] == [False] * 4


def test_growth_is_of_the_full_window() -> None:
    """Memory that was taken while the window filled is not called growth."""
    filling = [[second, second * 10, second * 1e6] for second in range(10)]
    full = [[second, second * 100, 9e6] for second in range(10, 60)]
    assert memory.growth_of([*filling, *full], 100) == 0
    assert memory.growth_of([*full[:-8], *([60, 9_999, 11e6] for _ in range(8))], 100) == 2e6


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_crowd_holds_so_many_tasks(loop: str) -> None:
    """Ours has all tasks at the gateway when it is looked at, and both kinds come to their end."""
    with gateway_process(SandboxSettings(duration=1_000, spread=0)) as gateway:
        for kind in crowd.KINDS:

            async def look(kind: str = kind) -> crowd.Cost:
                return await crowd.measured(kind, 3, memory._door(gateway), watched=0.02)

            assert anyio.run(look, backend=loop).tasks == 3
        assert len(gateway.ledger()) == 3 + 2 * crowd.IN_FLIGHT


def test_stream_counts_what_is_drawn() -> None:
    """The generator is not drawn beyond the window, the consumer's row in hand aside."""
    backend, options = virtual_backend("asyncio")
    count = anyio.run(stream.measured, 0.0, 5, backend=backend, backend_options=options)
    assert count.consumed == 1
    assert count.most_ahead <= 5 + memory.HANDED_ON


def test_needed_packages_are_in_the_extra() -> None:
    """What a peer imports can be installed by `pip install aidge-async[benchmarks]`."""
    needed = {name for peer in PEERS for name in peer.needs} | {"matplotlib"}
    section = (FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8").split("benchmarks = [")[1].split("\n]")[0]
    assert all(f'"{name}>=' in section for name in needed)
