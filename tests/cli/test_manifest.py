"""A manifest is read line by line, and what is wrong with a line is one sentence that names it."""

import io
import json
import sys
from pathlib import Path
from typing import Protocol

import pytest

from aidge_async.cli.manifest_lines import Complaint, Entry, Lines
from aidge_async.cli.manifest_text import column_name, read_csv, read_jsonl
from tests.cli.support import MODEL, Said, typed


def csv_of(content: bytes) -> list[Entry | Complaint]:
    """Read CSV."""
    return list(read_csv(Lines(io.BytesIO(content))))


def jsonl_of(content: bytes) -> list[Entry | Complaint]:
    """Read JSON lines."""
    return list(read_jsonl(Lines(io.BytesIO(content))))


def test_rows_know_their_line() -> None:
    """Quoted line breaks, blank lines, CRLF and a byte order mark do not shift a row's line."""
    found = csv_of(b'\xef\xbb\xbfimage,note\r\na.jpg,"one\r\ntwo"\r\n\r\nb.jpg,\r\n,\r\nc.jpg, "x, y"\r\n')
    assert found == [
        Entry(2, {"image": "a.jpg", "note": "one\r\ntwo"}),
        Entry(5, {"image": "b.jpg"}),
        Entry(7, {"image": "c.jpg", "note": "x, y"}),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter_is_told_by_the_header(delimiter: str) -> None:
    """Commas, semicolons and tabs are taken, as spreadsheets write them."""
    found = csv_of(f"Key{delimiter} IMAGE \n1{delimiter}a.jpg\n".encode())
    assert found == [Entry(2, {"key": "1", "image": "a.jpg"})]


def test_columns_of_ours_are_known_in_any_dress() -> None:
    """Case, spaces and dashes do not matter in our names, and others stay as they are."""
    assert [column_name(text) for text in (" Keep-Background ", "COUNT", " Colour ")] == [
        "keep_background",
        "count",
        "Colour",
    ]


def test_empty_columns_at_the_end_are_no_columns() -> None:
    """What spreadsheets leave at the end of lines is no field too many."""
    assert csv_of(b"image,count,,\na.jpg,2,,\nb.jpg,1\n") == [
        Entry(2, {"image": "a.jpg", "count": "2"}),
        Entry(3, {"image": "b.jpg", "count": "1"}),
    ]


@pytest.mark.parametrize(
    ("content", "line", "told", "last"),
    [
        (b"", 0, "is empty", True),
        (b"\n \n,,\n", 0, "is empty", True),
        (b"picture,model\n", 1, "has no column 'image' (got 'picture, model')", True),
        (b"image,count,Image\n", 1, "names the column 'image' twice", True),
        (b"image,,,x\n", 1, "has two columns without a name", True),
        (b"image,count\na.jpg\n", 2, "has fields: 1, where the first line has 2", False),
        (b"image,count\na.jpg,1,2\n", 2, "has fields: 3, where the first line has 2", False),
        (b"image\nb\xff.jpg\n", 2, "has a byte that is no UTF-8 (0xff); save the file as UTF-8", False),
        (b"im\xe9ge\n", 1, "has a byte that is no UTF-8 (0xe9)", True),
        (b"image\na\0.jpg\n", 2, "holds a NUL character", False),
        (b'image,x\na.jpg,"open\nb.jpg,1\n', 2, 'has a quote (") that is never closed', True),
        (b'image,x\na.jpg,"shut"b\n', 2, 'goes on behind a closing quote (")', True),
        (b"image\n" + b"a" * 131_073 + b"\n", 2, "has a field of more than 131,072 characters", True),
        (b"image\ra.jpg\r", 1, "ends with a lone carriage return", True),
    ],
)
def test_what_is_wrong_with_csv_is_told_with_its_line(content: bytes, line: int, told: str, last: bool) -> None:
    """Every way in which CSV breaks is a complaint, never an exception, and reading stops where it must."""
    *_, found = csv_of(content)
    assert isinstance(found, Complaint)
    assert (found.line, found.last) == (line, last)
    assert found.text.startswith(told)


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        (b"\n\n", 0, "is empty"),
        (b'{"image": "a.jpg"}\n{"image": }\n', 2, "is no JSON (Expecting value at column 11)"),
        (b"\n[1]\n", 2, "is JSON, but no object"),
        (b'{"count": 1, "count": 2}\n', 1, "is no JSON that can be used (a name stands twice in one object)"),
        (b'{"count": 1, "Count": 2}\n', 1, "names the column 'count' twice"),
        (b'{"count": NaN}\n', 1, "is no JSON that can be used (NaN is no JSON number)"),
        (b"[" * 100_000 + b"\n", 1, "is no JSON that can be used (it is nested too deeply)"),
        (b'{"x": ' + b"9" * 5000 + b"}\n", 1, "is no JSON that can be used (Exceeds the limit"),
        (b'{"image": "\xff"}\n', 1, "has a byte that is no UTF-8 (0xff)"),
    ],
)
def test_what_is_wrong_with_json_lines_is_told_with_its_line(content: bytes, line: int, told: str) -> None:
    """Every way in which a line of JSON breaks is a complaint, never an exception."""
    *_, found = jsonl_of(content)
    assert isinstance(found, Complaint)
    assert found.line == line
    assert found.text.startswith(told)


def test_json_goes_on_behind_a_bad_line() -> None:
    """One bad line of JSON costs no other, and empty values count as not given."""
    found = jsonl_of(b'{"image": \n\n{"image": "a.jpg", "count": null, "key": " ", "tags": ["x"]}\n')
    assert [type(one) for one in found] == [Complaint, Entry]
    assert found[1] == Entry(3, {"image": "a.jpg", "tags": ["x"]})


class Write(Protocol):
    """Writes a manifest."""

    def __call__(self, content: bytes, name: str = "catalogue.csv") -> Path:
        """Return its path."""
        ...


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a manifest."""

    def writer(content: bytes, name: str = "catalogue.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return writer


def dry(manifest: object, *flags: str) -> Said:
    """Only look at a manifest."""
    return typed("batch", manifest, "--dry-run", *flags)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", b"\xff\xfei\0m\0", "it is UTF-16: save it as 'CSV UTF-8'"),
        ("a.csv", b"PK\x03\x04xlsx", "it is an Excel workbook or another archive: save it as 'CSV UTF-8'"),
        ("a.csv", b"\0" * 2_000_000, "line 1: is longer than 1,048,576 bytes; give one row a line"),
        ("a", b"[\n{}]", "line 1: is no JSON (Expecting value at column 1)"),
        ("a.csv", b"image,model\n", "a.csv has no row below its header; give it one for each image"),
    ],
)
def test_what_is_no_manifest_is_one_sentence(write: Write, name: str, content: bytes, told: str) -> None:
    """Other files named by mistake are refused by what they are, exit 2."""
    said = dry(write(content, name))
    assert (said.code, said.out) == (2, "")
    assert told in said.err


def test_missing_manifest_is_one_sentence(tmp_path: Path) -> None:
    """A path with nothing at it, and a folder, are told as such."""
    assert "No such file or directory); name a CSV or JSONL file" in dry(tmp_path / "no.csv").sentence
    assert "Is a directory" in dry(tmp_path).sentence


@pytest.mark.usefixtures("look")
def test_all_complaints_come_at_once_in_order(write: Write, note: Path) -> None:
    """Values, keys and images are complained of together, by line, and many are counted."""
    rows = ["count,image,key", "2,look.jpg,a", "9,look.jpg,b", "two,look.jpg,c", "1,look.jpg,a", f"1,{note.name},d"]
    said = dry(write("\n".join([*rows, *["1,gone.jpg,"] * 30]).encode()), *MODEL)
    lines = said.err.splitlines()
    assert said.code == 2
    assert lines[0].startswith(
        "aidge-async: catalogue.csv line 3: 'count' must be a whole number of pictures from 1 to 4 (got 9)"
    )
    assert "line 4: 'count' must be a whole number (got 'two')" in lines[1]
    assert "line 5: the key 'a' stands for another request on line 2" in lines[2]
    assert "line 6: 'note.txt' is no picture" in lines[3]
    assert "line 7: " in lines[4]
    assert lines[20] == "aidge-async: catalogue.csv: and 14 more"
    assert lines[21].startswith("aidge-async: nothing was sent: correct 34 rows, or buy the others with --skip-bad")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"image": 5}, "'image' must be text (got 5)"),
        ({"model": "x"}, "'image' is missing; give a file's path, or an http(s) URL"),
        ({"image": "ftp://x/a.jpg"}, "'ftp://x/a.jpg' is no http(s) URL"),
        (
            {"image": "http://x/a.jpg", "count": True},
            "'count' must be a whole number of pictures from 1 to 4 (got True)",
        ),
        ({"image": "http://x/a.jpg", "count": 1.5}, "'count' must be a whole number of pictures from 1 to 4 (got 1.5)"),
        ({"image": "http://x/a.jpg", "gender": ["MALE"]}, "'gender' must be one of MALE, FEMALE"),
        (
            {"image": "http://x/a.jpg", "keep_background": "maybe"},
            "must be true or false (got 'maybe')",
        ),
        ({"image": "http://x/a.jpg", "key": ["a"]}, "'key' must be printable text or a whole number (got ['a'])"),
        ({"image": "http://x/a.jpg", "key": "a\u001b"}, "'key' must be printable text"),
        ({"image": "http://x/a.jpg", "model": "WHITE"}, "'model' must be one of universal_model_1"),
        ({"image": "a\u0000.jpg"}, "cannot be read (embedded null byte)"),
        ({"image": "http://x/a.jpg", "keep_background": False}, "'background' must be given where 'keep_background'"),
    ],
)
def test_bad_value_names_its_column(write: Write, row: dict[str, object], told: str) -> None:
    """A value that breaks a rule is told under its column's name, with its line."""
    said = dry(write(json.dumps(row).encode(), "c.jsonl"), *MODEL)
    assert said.code == 2
    first, _ = said.err.splitlines()
    assert first.startswith("aidge-async: c.jsonl line 1: ")
    assert told in first


def test_row_without_model_is_told_what_to_do(write: Write) -> None:
    """Where neither a row nor an option names the model, both ways are named."""
    said = dry(write(b"image\nhttp://x/a.jpg\n"))
    assert "line 2: 'model' is missing; fill the column, or give one for all rows with --model" in said.err


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--count", "9"], "--count must be a whole number of pictures from 1 to 4 (got 9)"),
        (["--background", "forest"], "--background must be one of studio"),
        (["--submit-rate", "0"], "--submit-rate of Limits must be a number over 0"),
        (["--window", "0"], "--window must be a whole number from 1 (got 0)"),
        (["--format", "xml"], "invalid value 'xml' for --format (choose from 'csv', 'jsonl')"),
    ],
)
def test_bad_option_is_told_once_and_not_a_row(write: Write, flags: list[str], told: str) -> None:
    """A default that breaks a rule is one sentence under its flag's name, however many rows there are."""
    said = dry(write(b"image\n" + b"http://x/a.jpg\n" * 9), *flags)
    assert said.code == 2
    assert said.sentence.startswith(told)


def test_dry_run_counts_without_an_account(write: Write, look: Path) -> None:
    """Tasks and pictures are counted, with the gateway's own default where none is named; nothing is needed for it."""
    content = b"image,count,background,keep_background\nlook.jpg,2.0,,yes\nhttp://x/a.jpg,,beach,\nlook.jpg,4,,\n"
    said = dry(write(content), *MODEL, "--background", "room")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "3 tasks would be bought, 8 pictures at most.",
        "1 image given as URL, at which nobody has looked.",
        "Submitting takes at least 2 s.",
        "Nothing was sent.",
    ]
    (line,) = dry(write(content), *MODEL, "--json").lines
    assert line == {
        "tasks": 3, "pictures": 8, "urls": 1, "doubtful": 0, "bad": 0, "submitting_seconds": 1.5
    }  # fmt: skip
    assert sorted(path.name for path in look.parent.iterdir()) == ["catalogue.csv", "look.jpg"]


def test_rate_can_be_learned(write: Write) -> None:
    """`learn` is a rate too; how long it takes is then not known."""
    said = dry(write(b"image\nhttp://x/a.jpg\n"), *MODEL, "--submit-rate", "learn", "--query-rate", "5")
    assert (said.code, said.err) == (0, "")
    assert "Submitting" not in said.out
    refused = dry(write(b"image\nhttp://x/a.jpg\n"), *MODEL, "--submit-rate", "fast")
    assert (refused.code, refused.out) == (2, "")
    assert "--submit-rate" in refused.sentence


@pytest.mark.usefixtures("look")
def test_doubts_are_told_before_anything_is_bought(write: Write) -> None:
    """A likely misspelled column and a row that is written twice are told, and do not stop a batch."""
    said = dry(write(b"image,backgroud,key\nlook.jpg,beach,a\nlook.jpg,beach,a\n"), *MODEL)
    misspelled, twice = said.err.splitlines()
    assert said.code == 0
    assert "'backgroud' is no column of ours and only comes back in the report; is 'background' meant?" in misspelled
    assert "1 row left out: each says again what a row of its key said before" in twice
    assert said.out.startswith("1 task would be bought, 2 pictures at most.")


@pytest.mark.parametrize("content", [b"image\nlook.jpg\n", b'\n{"image": "look.jpg"}\n'])
def test_stdin_is_read_and_its_format_told(content: bytes, look: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` reads CSV or JSON lines by the first character, and paths in it start where one stands."""
    monkeypatch.chdir(look.parent)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    said = dry("-", *MODEL)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("1 task would be bought")


def test_out_is_needed_to_buy(write: Write) -> None:
    """Without a folder nothing can be bought, and the way to only look is named."""
    said = typed("batch", write(b"image\nhttp://x/a.jpg\n"), *MODEL)
    assert said.sentence == "--out is missing, or has no value; name a folder, or only look with --dry-run"
