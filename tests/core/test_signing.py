"""The signatures against golden vectors and a second implementation, and the secret against every way of showing it."""

import copy
import hashlib
import logging
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aidge_async._core import signing
from aidge_async._core.signing import Secret

MADE_UP = "made-up-secret-helloworld"


def hmac_by_hand(key: bytes, message: bytes) -> str:
    """Return an upper-case HMAC-SHA256 by the two hashes of RFC 2104, without the hmac module."""
    key = hashlib.sha256(key).digest() if len(key) > 64 else key
    key = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner).hexdigest().upper()


def test_timestamp_signature_has_its_golden_value() -> None:
    """The vendor's example key, secret and time give the vendor's signature."""
    signature = signing.sign_timestamp(Secret("helloworld"), 1700000000000)
    assert signature == "B51F634B5A34F9CFD849E2BA6CF2107828EAAEA7B74D422F82A91B6DEE40AC43"


def test_classic_signature_has_its_golden_value() -> None:
    """The classic signature sorts by name, joins without separators, and leaves empty parameters out."""
    parameters = {
        "timestamp": "1700000000000",
        "app_key": "512345",
        "taskId": "11111111-2222-3333-4444-555555555555",
        "empty": "",
        "sign_method": "sha256",
        "partner_id": "iop-sdk-java-20181207",
    }
    signature = signing.sign_parameters(Secret("helloworld"), "/ai/virtual/model/generation/query", parameters)
    assert signature == "4BE15541949912E8E75150603CC9BC339788B5565BDBBDA984191C261D1E7959"


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 10**14))
def test_timestamp_signature_equals_a_second_implementation(text: str, timestamp_ms: int) -> None:
    """Any secret and time give what two hand-written hashes give."""
    secret = text.strip()
    expected = hmac_by_hand(secret.encode(), f"{secret}{timestamp_ms}".encode())
    assert signing.sign_timestamp(Secret(text), timestamp_ms) == expected


@given(st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=9)).map(lambda d: {**d, "k": "v"}))
def test_classic_signature_equals_a_second_implementation(parameters: dict[str, str]) -> None:
    """Any parameters give what two hand-written hashes give."""
    base = "/p"
    for name in sorted(parameters):
        base += name + parameters[name] if parameters[name] else ""
    expected = hmac_by_hand(MADE_UP.encode(), base.encode(errors="surrogatepass"))
    assert signing.sign_parameters(Secret(MADE_UP), "/p", parameters) == expected


def test_system_parameters_are_the_vendors_in_its_order() -> None:
    """The query of a call holds six parameters, and the time that is sent is the time that is signed."""
    parameters = signing.system_parameters("512345", Secret("helloworld"), 1700000000000)
    assert list(parameters) == ["partner_id", "sign_method", "sign_ver", "app_key", "timestamp", "sign"]
    assert list(parameters.values())[:5] == ["aidge", "sha256", "v2", "512345", "1700000000000"]
    assert parameters["sign"] == signing.sign_timestamp(Secret("helloworld"), 1700000000000)


def test_secret_is_shown_by_no_form_of_text(caplog: pytest.LogCaptureFixture) -> None:
    """Neither repr, str, formats, containers nor a log line hold it."""
    secret = Secret(MADE_UP)
    logging.getLogger("test").warning("secret %s and %r", secret, secret)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r}", f"{[secret]}", f"{secret!s:>40}", caplog.text]
    assert all(MADE_UP not in text for text in shown)
    assert repr(secret) == "Secret('**********')"


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_secret_is_never_pickled_or_copied(take: object) -> None:
    """A pickle would carry it to a disk or another machine."""
    assert callable(take)
    with pytest.raises(TypeError, match=r"^a Secret is never pickled: read it from its source where it is needed$"):
        take(Secret(MADE_UP))


def test_secret_has_no_dictionary_to_look_into() -> None:
    """What dumps an object's attributes finds none."""
    assert not hasattr(Secret(MADE_UP), "__dict__")


class BrokenTime(int):
    """A time that cannot be written out, so that signing fails in its innermost frame."""

    def __format__(self, _: str) -> str:
        raise RuntimeError("no time")


def test_traceback_with_locals_shows_no_secret() -> None:
    """A report that captures the locals of every frame of a failed signing holds the mask only."""
    with pytest.raises(RuntimeError, match="no time") as caught:
        signing.sign_timestamp(Secret(MADE_UP), BrokenTime(1))
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "Secret('**********')" in shown
    assert MADE_UP not in shown.replace("Secret(MADE_UP)", "")


def test_secret_that_is_no_unicode_raises_nothing_that_holds_it() -> None:
    """An error in encoding would carry the whole text, so half a character is signed all the same."""
    signature = signing.sign_timestamp(Secret("made-up\udcff"), 1)
    assert signature == hmac_by_hand(b"made-up\xed\xb3\xbf", b"made-up\xed\xb3\xbf1")
    assert Secret("made-up\udcff") == Secret("made-up\udcff")


def test_secrets_are_equal_by_their_text() -> None:
    """White space of copying does not count, the text does, and a plain text is no secret."""
    assert Secret(" made-up\n") == Secret("made-up")
    assert hash(Secret(" made-up\n")) == hash(Secret("made-up"))
    assert Secret("made-up") != Secret("made-up-2")
    assert Secret("made-up") != "made-up"
    assert hash(Secret("made-up")) != hash("made-up")


@pytest.mark.parametrize(("text", "held"), [("x", True), ("", False), (" \n", False)])
def test_secret_knows_whether_it_holds_anything(text: str, held: bool) -> None:
    """An empty or blank secret is false."""
    assert bool(Secret(text)) is held
