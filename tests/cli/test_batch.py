"""`batch`: what is bought of a manifest, reported and shown, and how it ends."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from aidge_async.cli import batch, batch_desk, catalogue_sheet
from aidge_async.cli.purchases import Purchases
from aidge_async.cli.report import Line, Report
from aidge_async.sandbox.server import RunningSandbox
from tests.cli.conftest import Use
from tests.cli.support import SECRET, accepted, buy, reported, sandbox_of, size_of, typed


@pytest.fixture
def manifest(look: Path) -> Path:
    """Return a manifest of three rows: with a key, by a URL, and with neither key nor anything else."""
    path = look.parent / "catalogue.csv"
    path.write_text(
        "key,image,count,background,season\n"
        "sku/1,look.jpg,2,beach,summer\n"
        ",http://example.com/b.jpg?Signature=x,,,winter\n"
        ",look.jpg,,,\n"
    )
    return path


def test_every_row_is_bought_saved_and_reported(account: RunningSandbox, manifest: Path, tmp_path: Path) -> None:
    """Rows win over options, pictures are called by the key, and the report has a line a row with its own columns."""
    before, out = accepted(account), tmp_path / "out"
    said = buy(manifest, out)
    assert said.code == 0
    assert said.out.splitlines() == [str(out / "report.jsonl"), str(out / "sheet.html")]
    assert "3 of 3 rows succeeded; 4 of 4 pictures saved in " in said.sentence
    assert accepted(account) == before + 3
    one, url, bare = reported(out)
    assert [line["key"] for line in (one, url, bare)] == ["sku/1", "line-3", "look"]
    assert [line["line"] for line in (one, url, bare)] == [2, 3, 4]
    assert [line["fields"] for line in (one, url, bare)] == [{"season": "summer"}, {"season": "winter"}, {}]
    assert (one["asked"]["count"], one["asked"]["background"], url["asked"]["count"]) == (2, "beach", 1)
    assert [Path(picture["path"]).name.split("-")[0] for picture in one["pictures"]] == ["sku_1", "sku_1"]
    assert {min(size_of(picture["path"])) for line in (one, url, bare) for picture in line["pictures"]} == {512}
    assert "Signature" not in (out / "report.jsonl").read_text(encoding="utf-8")


@pytest.mark.usefixtures("account")
@pytest.mark.slow
def test_json_is_a_line_a_row(manifest: Path, tmp_path: Path) -> None:
    """With `--json` stdout is the report, of stable keys, as the rows end."""
    out = tmp_path / "out"
    said = buy(manifest, out, "--json", "--no-sheet")
    assert said.out == (out / "report.jsonl").read_text(encoding="utf-8")
    assert not (out / "sheet.html").exists()
    for line in said.lines:
        assert set(line) == {
            "line", "image", "key", "outcome", "task_id", "token", "request_id", "pictures", "error", "error_type",
            "code", "billable", "asked", "seconds", "fields",
        }  # fmt: skip
        assert set(line["seconds"]) == {"permit_wait", "submit", "at_gateway", "detection_delay", "saving"}
        assert (line["outcome"], line["billable"], line["error"]) == ("succeeded", "yes", None)
        assert set(line["pictures"][0]) == {"path", "width_px", "height_px"}


def test_one_bad_image_among_good_ones_sends_nothing(account: RunningSandbox, manifest: Path, note: Path) -> None:
    """The bad row is named by its line before the first one is sent."""
    before = accepted(account)
    manifest.write_text(f"image\nlook.jpg\n{note.name}\nlook.jpg\n")
    said = buy(manifest, note.parent / "out")
    assert (said.code, said.out, accepted(account)) == (2, "", before)
    bad, told = said.err.splitlines()
    assert bad.startswith("aidge-async: catalogue.csv line 3: 'note.txt' is no picture")
    assert told == "aidge-async: nothing was sent: correct 1 row, or buy the others with --skip-bad"
    assert list((note.parent / "out").iterdir()) == []


@pytest.mark.slow
def test_bad_rows_can_be_skipped_and_are_reported(account: RunningSandbox, manifest: Path, note: Path) -> None:
    """With `--skip-bad` the good rows are bought, the bad ones have their line, and the exit code is 3."""
    before, out = accepted(account), note.parent / "out"
    manifest.write_text(f"image,count\nlook.jpg,1\n{note.name},1\nlook.jpg,9\nlook.jpg,1,1\n")
    said = buy(manifest, out, "--skip-bad")
    assert (said.code, accepted(account)) == (3, before + 1)
    assert [line["outcome"] for line in reported(out)] == ["succeeded", *["not_submitted"] * 3]
    assert [line["error_type"] for line in reported(out)] == [None, *["RequestError"] * 3]
    assert "1 of 4 rows succeeded, 3 not submitted; 1 of 1 picture saved" in said.err


def test_manifest_that_breaks_off_is_not_bought_at_all(account: RunningSandbox, manifest: Path, tmp_path: Path) -> None:
    """Where the rest cannot be read, nobody knows what it says, and `--skip-bad` does not help."""
    before = accepted(account)
    manifest.write_text('image,x\nlook.jpg,1\nlook.jpg,"open\n')
    said = buy(manifest, tmp_path / "out", "--skip-bad")
    assert (said.code, accepted(account)) == (2, before)
    assert said.err.splitlines()[1] == (
        "aidge-async: nothing behind that line of catalogue.csv was read, and nothing was sent"
    )


@pytest.mark.slow
def test_key_that_is_written_twice_is_bought_once(account: RunningSandbox, manifest: Path, tmp_path: Path) -> None:
    """The same key and request is one row; two rows without a key are two."""
    before = accepted(account)
    manifest.write_text("key,image\na,look.jpg\na,look.jpg\n,look.jpg\n,look.jpg\nlook,look.jpg\n")
    said = buy(manifest, tmp_path / "out")
    assert (said.code, accepted(account)) == (0, before + 4)
    assert [line["key"] for line in reported(tmp_path / "out")] == ["a", "look-2", "look-3", "look"]


@pytest.mark.usefixtures("account")
@pytest.mark.slow
def test_rows_that_ended_are_forgotten(manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is under way is held, so a manifest of any length needs no more memory than its window."""
    made: list[Purchases] = []

    def make(**values: Any) -> Purchases:
        made.append(Purchases(**values))
        return made[0]

    monkeypatch.setattr(batch, "Purchases", make)
    assert buy(manifest, tmp_path / "out").code == 0
    assert (made[0]._rows, made[0].board.jobs) == ({}, [])


@pytest.mark.slow
def test_failures_are_few_words_and_a_report(
    use: Use, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows in trouble are told one by one up to a number, and all of them in the report; exit 3."""
    monkeypatch.setattr(batch_desk, "_MOST_TOLD", 2)
    manifest.write_text("image\n" + "look.jpg\n" * 5)
    with sandbox_of(failure_rate=1) as running:
        use(running)
        said = buy(manifest, tmp_path / "out")
    assert said.code == 3
    one, two, rest, summary = said.err.splitlines()
    assert all(": failed: the task failed at the gateway" in line for line in (one, two))
    assert rest == f"aidge-async: the rows that follow are told in '{tmp_path / 'out' / 'report.jsonl'}' only"
    assert "0 of 5 rows succeeded, 5 failed; 0 of 5 pictures saved" in summary
    assert [line["outcome"] for line in reported(tmp_path / "out")] == ["failed"] * 5


@pytest.mark.usefixtures("account")
def test_refused_account_stops_the_batch(manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a wrong secret most of the rows are not even begun, nothing is bought, and the exit code is 5."""
    monkeypatch.setenv("AIDGE_ACCESS_KEY_SECRET", "made-up-wrong-secret")
    manifest.write_text("image\n" + "look.jpg\n" * 300)
    said = buy(manifest, tmp_path / "out", "--window", "5")
    assert said.code == 5
    assert "0 of 300 rows succeeded" in said.err
    assert {line["outcome"] for line in reported(tmp_path / "out")} == {"not_submitted"}
    assert "IncompleteSignature" in said.err
    assert "made-up-wrong-secret" not in said.err + (tmp_path / "out" / "report.jsonl").read_text(encoding="utf-8")


@pytest.mark.slow
def test_one_line_goes_on_with_all_that_is_unfinished(use: Use, manifest: Path, tmp_path: Path) -> None:
    """What still runs at its deadline is unfinished; `task` with the report brings it later, bought once."""
    out = tmp_path / "o ut"
    manifest.write_text("image\nlook.jpg\nlook.jpg\n")
    with sandbox_of(duration=3) as running:
        use(running)
        said = buy(manifest, out, "--deadline", "1", "--region", "global")
        command = f"  aidge-async task '{out / 'report.jsonl'}' --out '{out}' --region global"
        assert said.code == 3
        assert [line["outcome"] for line in reported(out)] == ["unfinished", "unfinished"]
        assert command in said.err.splitlines()
        later = typed("task", out / "report.jsonl", "--out", out, "--json", "--poll", "1")
        assert (later.code, later.err) == (0, "")
        assert {line["token"] for line in later.lines} == {line["token"] for line in reported(out)}
        assert {line["key"] for line in later.lines} == {"look", "look-2"}
        assert accepted(running) == 2


@pytest.mark.usefixtures("account")
def test_report_without_anything_unfinished_is_told(tmp_path: Path) -> None:
    """`task` says where there is nothing to go on with, and what is no report."""
    (tmp_path / "done.jsonl").write_text('{"outcome": "succeeded"}\n')
    (tmp_path / "bad.jsonl").write_text("[1]\n")
    assert "nothing in" in typed("task", tmp_path / "done.jsonl").sentence
    assert "(it is no report of a batch)" in typed("task", tmp_path / "bad.jsonl").sentence
    assert "(No such file or directory)" in typed("task", tmp_path / "gone.jsonl").sentence


@pytest.mark.usefixtures("account")
@pytest.mark.slow
def test_reports_and_sheets_never_replace_earlier_ones(manifest: Path, tmp_path: Path) -> None:
    """What an earlier batch left may be all that is left of it."""
    for name in ("report.jsonl", "sheet.html"):
        (tmp_path / name).write_text("an earlier one")
    said = buy(manifest, tmp_path)
    assert said.out.splitlines() == [str(tmp_path / "report-2.jsonl"), str(tmp_path / "sheet-2.html")]
    assert (tmp_path / "report.jsonl").read_text() == (tmp_path / "sheet.html").read_text() == "an earlier one"
    assert len(reported(tmp_path, "report-2.jsonl")) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_full_disk_costs_no_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A report that can no longer be written goes on on stderr, tokens and all, and is complained of once."""
    with Report(tmp_path) as report:
        report._file.close()
        report._file = Path("/dev/full").open("w")  # noqa: SIM115  the report closes it
        for number in (2, 3):
            report.write(Line(line=number, outcome="unfinished", token="aidge1.made-up", billable="yes"))
    told, *lines = capsys.readouterr().err.splitlines()
    assert told.startswith(f"aidge-async: '{tmp_path / 'report.jsonl'}' cannot be written (No space left on device)")
    assert [json.loads(line)["line"] for line in lines] == [2, 3]
    assert json.loads(lines[0])["token"] == "aidge1.made-up"


class _Found(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of all tags of a name."""
        return [values for name, values in self.tags if name == tag]


def _sheet(path: Path) -> _Found:
    found = _Found()
    found.feed(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.usefixtures("account")
@pytest.mark.slow
def test_sheet_links_pictures_and_fetches_nothing_from_elsewhere(manifest: Path, tmp_path: Path) -> None:
    """Pictures are lazy links relative to the sheet that lead to files, and its policy allows nothing else."""
    out = tmp_path / "a b" / "out"
    buy(manifest, out)
    found = _sheet(out / "sheet.html")
    links = [str(image["src"]).replace("%20", " ") for image in found.all("img")]
    assert [image["loading"] for image in found.all("img")] == ["lazy"] * 6
    assert links[0] == "../../look.jpg"
    assert all((out / link).is_file() for link in links)
    assert [article["data-outcome"] for article in found.all("article")] == ["succeeded"] * 3
    policy = str(found.all("meta")[1]["content"])
    assert policy.startswith("default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'; script-src 'sha256-")
    text = (out / "sheet.html").read_text(encoding="utf-8")
    assert "http://" not in text.replace("http://example.com/b.jpg", "")
    assert "Signature" not in text
    assert SECRET not in text
    assert "aidge1." not in text


def _line(number: int, **fields: object) -> str:
    about = {"line": number, "image": "look.jpg", "key": f"k{number}", "outcome": "failed", "task_id": None}
    return json.dumps({**about, "pictures": [], "error": None, "asked": {}, "fields": {}, **fields})


def test_sheet_escapes_what_others_wrote_and_keeps_the_order(look: Path, tmp_path: Path) -> None:
    """Keys, columns and errors are text, rows come as in the manifest, and a broken line of the report is left out."""
    report = tmp_path / "report.jsonl"
    bad = "<script>alert(1)</script>"
    lines = [_line(9, key=bad, error=bad, fields={bad: bad}), _line(4, image="gone.jpg"), _line(2)[:30], _line(3)]
    report.write_text("\n".join(lines))
    (path,) = catalogue_sheet.write_catalogue(report, base=look.parent)
    text = path.read_text(encoding="utf-8")
    assert text.count("<script>") == 1
    assert text.index("k3") < text.index("k4") < text.index("&lt;script&gt;")
    assert "not to be found" in text


def test_very_long_sheet_is_several_files(look: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than a browser bears are spread over files that link to each other."""
    monkeypatch.setattr(catalogue_sheet, "_MOST_ROWS", 2)
    report = tmp_path / "report.jsonl"
    report.write_text("".join(f"{_line(number)}\n" for number in range(2, 7)))
    one, two, three = catalogue_sheet.write_catalogue(report, base=look.parent)
    assert [path.name for path in (one, two, three)] == ["sheet.html", "sheet-2.html", "sheet-3.html"]
    assert [len(_sheet(path).all("article")) for path in (one, two, three)] == [2, 2, 1]
    assert {link["href"] for link in _sheet(two).all("a") if "rel" in link} == {"sheet.html", "sheet-3.html"}
