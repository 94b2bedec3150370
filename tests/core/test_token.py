"""The token: it survives its way as text, and everything that is not one is refused in a sentence."""

import base64
import hashlib
import json
import math
import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aidge_async._core.token import PREFIX, Token, account_hash, read_token
from aidge_async.errors import RequestError

FACTS: dict[str, Any] = {
    "region": "global",
    "operation": "model-alternation",
    "task_id": "11111111-2222-3333-4444-555555555555",
    "trial": False,
    "submitted_at": 1_700_000_000.25,
    "count": 2,
    "account": "0123456789ab",
    "name": "sku-4711/front",
}
TEXT = Token(**FACTS).text()


def packed(facts: object) -> str:
    """Return *facts* in a token's wrapping, with the checksum that is theirs."""
    inside = facts if isinstance(facts, bytes) else json.dumps(facts).encode()
    content = hashlib.sha256(inside).digest()[:6] + inside
    return PREFIX + base64.urlsafe_b64encode(content).decode().rstrip("=")


def with_fact(place: int, value: object) -> str:
    """Return a token text one of whose facts is *value*."""
    facts = list(FACTS.values())
    facts[place] = value
    return packed(facts)


any_text = st.text(st.characters(exclude_categories=()), max_size=300)  # half characters too


any_facts: dict[str, st.SearchStrategy[Any]] = {
    "region": any_text,
    "operation": st.text(max_size=40),
    "task_id": st.text(st.characters(), min_size=1, max_size=500),
    "trial": st.booleans(),
    "submitted_at": st.floats(allow_nan=False, allow_infinity=False),
    "count": st.integers(1, 4),
    "name": any_text,
}


@given(**any_facts)
def test_token_survives_its_way_as_text(**facts: Any) -> None:
    """Any facts come back as they were, in letters that are safe everywhere."""
    token = Token(account="0123456789ab", **facts)
    text = token.text()
    assert read_token(text) == token
    assert re.fullmatch(r"aidge1\.[A-Za-z0-9_-]+", text)


@pytest.mark.parametrize("text", ["\udcff\udcfe", "\ud800", "\U0001f457", "\0", '"\\'])
def test_half_characters_make_a_token_that_can_be_read(text: str) -> None:
    """The stem of a file whose name is no UTF-8 has them; the task is paid by the time its token is written."""
    token = Token(**{**FACTS, "name": text, "task_id": text})
    assert read_token(token.text()) == token


def test_name_of_any_length_makes_a_token_that_can_be_read() -> None:
    """A key of 10,000 characters is cut in the token: the token is read back after the task is paid."""
    token = Token(**{**FACTS, "name": "\x01" * 10_000, "task_id": "\x01" * 500})
    assert read_token(token.text()) == token
    assert len(token.name) == 200


def test_time_in_whole_seconds_makes_a_token_that_can_be_read() -> None:
    """A clock that counts in integers is a clock."""
    assert read_token(Token(**{**FACTS, "submitted_at": 1_700_000_000}).text()).submitted_at == 1_700_000_000.0


def test_token_holds_no_host_and_no_key_name() -> None:
    """Only the region's name and a hash of the account are inside."""
    inside = base64.urlsafe_b64decode(TEXT.removeprefix(PREFIX) + "==")[6:].decode()
    assert json.loads(inside) == list(FACTS.values())
    assert not re.search(r"aidc|https?:|\.com|512345|secret", inside)


def test_account_hash_depends_on_key_and_region_and_hides_both() -> None:
    """Twelve hex digits that differ with each of the two."""
    hashes = {account_hash("512345", "global"), account_hash("512346", "global"), account_hash("512345", "china")}
    assert len(hashes) == 3
    assert all(re.fullmatch("[0-9a-f]{12}", text) for text in hashes)
    assert account_hash("512345\udcff", "global") not in hashes


@pytest.mark.parametrize(
    "text",
    ["", "aidge", "aidge2." + TEXT[7:], " " + TEXT, TEXT.upper(), TEXT[7:], "https://api.aidc-ai.com", None, 5, b"x"],
)
def test_what_does_not_begin_like_a_token_is_refused(text: object) -> None:
    """The message shows at most the beginning of what was got."""
    with pytest.raises(RequestError, match=r"^'token' must be a text that starts with 'aidge1\.' \(got .{0,40}\); "):
        read_token(text)


def test_refusal_shows_the_beginning_of_what_was_got() -> None:
    """So that who pasted a link or a task id sees which of them it was."""
    with pytest.raises(RequestError, match=r"\(got 'https://api\.aidc-ai\.com/123456789012345\); "):
        read_token("https://api.aidc-ai.com/12345678901234567890")


def test_text_over_the_limit_is_refused_unread() -> None:
    """A megabyte from a web form is not decoded."""
    with pytest.raises(RequestError, match="must be a text that starts with"):
        read_token(packed([*list(FACTS.values())[:7], "x" * 10_000]))


@given(st.integers(len(PREFIX), len(TEXT) - 1))
def test_cut_token_is_refused(length: int) -> None:
    """Wherever it was cut."""
    with pytest.raises(RequestError, match=r"^'token' cannot be read: it was cut or altered; pass a handle's token w"):
        read_token(TEXT[:length])


@pytest.mark.parametrize(
    "text",
    [
        TEXT + "A",
        TEXT + "\n",
        TEXT + "é",
        TEXT.replace("W", "!", 1),
        TEXT[:30] + " " + TEXT[30:],
        TEXT + TEXT,
        PREFIX,
        PREFIX + "=",
        packed({}),
        packed(None),
        packed([]),
        packed(list(FACTS.values())[:7]),
        packed([*FACTS.values(), "more"]),
        packed(b"\xff\xfe\xfd"),
        packed(b"[" * 3000),
        with_fact(0, None),
        with_fact(1, 5),
        with_fact(2, ""),
        with_fact(2, ["t"]),
        with_fact(3, 0),
        with_fact(3, "false"),
        with_fact(4, "1700000000"),
        with_fact(4, True),
        with_fact(4, math.nan),
        with_fact(4, math.inf),
        with_fact(4, -math.inf),
        with_fact(5, 2.0),
        with_fact(5, True),
        with_fact(6, None),
        with_fact(7, None),
    ],
)
def test_altered_token_is_refused(text: str) -> None:
    """Foreign letters, other facts, more, fewer, of another kind: one sentence, whatever it was."""
    with pytest.raises(RequestError, match=r"^'token' cannot be read: it was cut or altered; pass a handle's token w"):
        read_token(text)


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.integers(len(PREFIX), len(TEXT) - 2), st.sampled_from(LETTERS))
def test_token_with_one_other_letter_is_refused(place: int, letter: str) -> None:
    """It would name another task, or this one with other facts; the last letter may hold bits that say nothing."""
    altered = TEXT[:place] + letter + TEXT[place + 1 :]
    assume(altered != TEXT)
    with pytest.raises(RequestError, match=r"^'token' cannot be read: it was cut or altered; pass a handle's token w"):
        read_token(altered)


no_tokens = any_text | st.binary().map(packed) | any_text.map(PREFIX.__add__)


@given(no_tokens)
def test_no_text_raises_anything_but_a_request_error(text: str) -> None:
    """Random texts are refused, and nothing else is raised."""
    with pytest.raises(RequestError, match="'token'"):
        read_token(text)


def test_token_is_written_as_it_always_was() -> None:
    """Tokens lie in other people's databases, and two of one task are compared as text."""
    assert Token(**FACTS).text() == (
        "aidge1.Tc8PCdUUWyJnbG9iYWwiLCJtb2RlbC1hbHRlcm5hdGlvbiIsIjExMTExMTExLTIyMjItMzMzMy00NDQ0LTU1NTU1NTU1NTU1NSIsZmFsc2Us"
        "MTcwMDAwMDAwMC4yNSwyLCIwMTIzNDU2Nzg5YWIiLCJza3UtNDcxMS9mcm9udCJd"
    )
    text = Token(**{**FACTS, "name": "Größe 42"}).text()
    assert text.endswith("yLCIwMTIzNDU2Nzg5YWIiLCJHcsO2w59lIDQyIl0")
    assert read_token(text).name == "Größe 42"
