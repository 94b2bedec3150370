"""
R17: any bytes whatever into what reads: a typed error or the right value, and reading is total.

The laws are those of tests/core and tests/cli; here they are tried on many more examples, always the same ones.
"""

import csv
import functools
import io
import json
from collections.abc import Callable
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aidge_async._core import gateway
from aidge_async._core.image import format_of, is_whole
from aidge_async._core.token import PREFIX
from aidge_async.cli.manifest_lines import Complaint, Entry, Lines
from aidge_async.cli.manifest_text import read_csv, read_jsonl
from tests.core import test_codec, test_envelope, test_image, test_token
from tests.matrix.scoring import Score

Law = Callable[..., None]

_COLUMNS: Final = st.sampled_from(["image", "key", "count", "background", "season", "Farbe", "x y"])
# What neither CSV nor a manifest trims or takes for nothing.
_CELL: Final = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(
    lambda text: text == text.strip() and not text.startswith("\ufeff")
)
_CSV_PIECES: Final = st.sampled_from(
    [*b"image,key,;\t\n\r\0 ".split(b","), b",", b'"', b'""', b"\r\n", b"\xff", b"\xef\xbb\xbf", b"a.jpg"]
)
_JSON_PIECES: Final = st.sampled_from(
    [*b'{ } [ ] "image" "count" : 1 NaN null'.split(), b",", b'"\\ud800"', b"\n", b"\xff", b" "]
)


def manifest_is_read(read: Callable[[Lines], Any], content: bytes) -> None:
    """Rows or complaints, each with its line; nothing is raised, and nothing comes behind the last complaint."""
    found = list(read(Lines(io.BytesIO(content))))
    assert all(isinstance(one, (Entry, Complaint)) and one.line >= 0 for one in found)
    assert not any(isinstance(one, Complaint) and one.last for one in found[:-1])


def written_csv_is_read_back(rows: list[dict[str, str]]) -> None:
    """What the csv module writes of a table comes back, cell by cell."""
    names = sorted({name for row in rows for name in row} | {"image"})
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="z")
    writer.writeheader()
    writer.writerows(rows)
    found = list(read_csv(Lines(io.BytesIO(text.getvalue().encode()))))
    assert [one.values for one in found if isinstance(one, Entry)] == [dict.fromkeys(names, "z") | row for row in rows]


def written_json_lines_are_read_back(rows: list[dict[str, str]]) -> None:
    """The same of JSON lines."""
    content = b"".join(json.dumps({"image": "a", **row}).encode() + b"\n" for row in rows)
    found = list(read_jsonl(Lines(io.BytesIO(content))))
    assert [one.values for one in found if isinstance(one, Entry)] == [{"image": "a", **row} for row in rows]


def any_end_is_judged(content: bytes) -> None:
    """Whether a picture is whole is said of any bytes."""
    assert is_whole(content) in {True, False}
    assert format_of(content) is None or len(content) >= 2


_TABLES: Final = st.lists(st.dictionaries(_COLUMNS, _CELL, min_size=1), min_size=1, max_size=5)
_ANY_PICTURE: Final = [st.sampled_from([test_image.picture(kind) for kind in gateway.IMAGE_FORMATS]), st.data()]
LAWS: Final[dict[str, tuple[Law, list[st.SearchStrategy[Any]]]]] = {
    "envelope": (test_envelope.test_reading_is_total, [test_envelope.bodies, st.integers(100, 599)]),
    "codec, out": (test_codec.test_what_is_written_is_what_was_asked_for, [st.fixed_dictionaries(test_codec.choices)]),
    "codec, in": (
        test_codec.test_reading_a_result_raises_nothing_foreign,
        [test_codec.json_values | test_codec.json_values.map(json.dumps)],
    ),
    "token, back": (
        lambda facts: _inner(test_token.test_token_survives_its_way_as_text)(**facts),
        [st.fixed_dictionaries(test_token.any_facts)],
    ),
    "token, altered": (
        test_token.test_token_with_one_other_letter_is_refused,
        [st.integers(len(PREFIX), len(test_token.TEXT) - 2), st.sampled_from(test_token.LETTERS)],
    ),
    "token, none": (test_token.test_no_text_raises_anything_but_a_request_error, [test_token.no_tokens]),
    "manifest, CSV": (
        functools.partial(manifest_is_read, read_csv),
        [st.binary() | st.lists(_CSV_PIECES).map(b"".join)],
    ),
    "manifest, JSON": (
        functools.partial(manifest_is_read, read_jsonl),
        [st.binary() | st.lists(_JSON_PIECES).map(b"".join)],
    ),
    "CSV, back": (written_csv_is_read_back, [_TABLES]),
    "JSON lines, back": (written_json_lines_are_read_back, [_TABLES]),
    "image header": (
        test_image.test_random_bytes_behind_a_signature_raise_nothing_foreign,
        [test_image.signatures, test_image.tails],
    ),
    "image damaged": (test_image.test_damaged_pictures_raise_nothing_foreign, _ANY_PICTURE),
    "image end": (any_end_is_judged, [st.binary() | st.tuples(test_image.signatures, test_image.tails).map(b"".join)]),
}


def _inner(law: Law) -> Law:
    """Return the law itself of a test that hypothesis runs."""
    known: Any = getattr(law, "hypothesis", None)
    return law if known is None else known.inner_test


def broken_by(law: Law, examples: list[st.SearchStrategy[Any]], most: int) -> tuple[int, str]:
    """Try a law; return on how many examples, and what broke it if anything did."""
    inner, tried = _inner(law), 0

    def counted(drawn: tuple[Any, ...]) -> None:
        nonlocal tried
        tried += 1
        inner(*drawn)

    quiet = settings(
        max_examples=most, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    try:
        quiet(given(st.tuples(*examples))(counted))()
    except BaseException as exc:  # noqa: BLE001  the row tells of it
        return tried, f"{type(exc).__name__}: {exc}"[:300]
    return tried, ""


def test_R17_fuzz(score: Score, full: bool) -> None:
    """Every reader, on examples that are the same in every run."""
    most = 50_000 if full else 200
    for name, (law, examples) in LAWS.items():
        tried, broke = broken_by(law, examples, most)
        score(f"{name}: {most} examples, derandomized", broke or f"holds on {tried}", "holds on all", not broke)
