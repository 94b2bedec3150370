"""Settings: what is taken, what is refused in which words, and where each value came from."""

import math
from typing import Any

import pytest

from aidge_async._core.operation import WireFormat
from aidge_async._core.signing import Secret
from aidge_async.config import Region, Settings, is_loopback, read_settings
from aidge_async.errors import SettingsError
from aidge_async.tuning import Deadlines, Limits, Polling

KEY: dict[str, Any] = {"key_name": "512345", "key_secret": "made-up-secret"}
ENV = {"AIDGE_ACCESS_KEY_NAME": "env-name", "AIDGE_ACCESS_KEY_SECRET": "env-made-up"}


def settings(**fields: Any) -> Settings:
    """Return settings with a made-up key."""
    return Settings(**{**KEY, **fields})


def test_defaults_are_the_global_site_and_the_documented_format() -> None:
    """Nothing is drawn from the trial quota unless asked."""
    plain = settings()
    assert (plain.region, plain.base_url, plain.trial) == (Region.GLOBAL, None, False)
    assert plain.wire_format is WireFormat.DOCUMENTED
    assert (plain.origin, plain.region_name, plain.on_loopback) == ("https://api.aidc-ai.com", "global", False)


def test_each_region_has_its_host() -> None:
    """By enum or by text in any case."""
    assert settings(region="CHINA").origin == "https://cn-api.aidc-ai.com"
    assert settings(region=Region.CHINA).region_name == "china"


def test_secret_is_masked_in_the_repr_and_key_is_trimmed() -> None:
    """Copying brings white space along."""
    found = settings(key_name=" 512345\n", key_secret=Secret(" made-up-secret "))
    assert found.key_name == "512345"
    assert found == settings()
    assert "made-up" not in repr(found)


@pytest.mark.parametrize("value", ["", "  ", None, 512345, b"512345"])
def test_missing_key_name_says_where_to_find_it(value: object) -> None:
    """Variable, console, and the sandbox for who has no account."""
    words = r"^'key_name' is missing; set AIDGE_ACCESS_KEY_NAME or pass it .* without an account try the sandbox\)$"
    with pytest.raises(SettingsError, match=words):
        settings(key_name=value)


@pytest.mark.parametrize("value", ["", " \t", None, 5, b"made-up", Secret("")])
def test_missing_secret_says_what_to_set(value: object) -> None:
    """What it got is not shown."""
    with pytest.raises(SettingsError, match=r"^'key_secret' is missing; set AIDGE_ACCESS_KEY_SECRET or pass it$"):
        settings(key_secret=value)


@pytest.mark.parametrize("value", ["moon", "", None, 5, "api.aidc-ai.com"])
def test_unknown_region_and_format_are_refused(value: object) -> None:
    """The messages name what there is."""
    with pytest.raises(SettingsError, match=r"^'region' must be global or china \(got .*\); take the site the key was"):
        settings(region=value)
    with pytest.raises(SettingsError, match=r"^'wire_format' must be documented or flat \(got .*\); choose one$"):
        settings(wire_format=value)


@pytest.mark.parametrize("value", ["false", "true", 0, 1, None])
def test_trial_is_a_truth_value(value: object) -> None:
    """The text "false" would be true, and pay or not pay; and a token could not be read back."""
    with pytest.raises(SettingsError, match=r"^'trial' must be True or False \(got .*\); change it$"):
        settings(trial=value)


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        ("https://gateway.example", "https://gateway.example"),
        ("https://gateway.example/", "https://gateway.example"),
        ("HTTPS://Gateway.Example:8443", "https://gateway.example:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://localhost:1", "http://localhost:1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]"),
    ],
)
def test_base_url_is_taken(value: str, origin: str) -> None:
    """https anywhere, http on loopback, IPv6 in brackets; it names the place `custom` in tokens."""
    found = settings(base_url=value)
    assert (found.origin, found.region_name) == (origin, "custom")


@pytest.mark.parametrize(
    "value",
    [
        "", "gateway.example", "//gateway.example", "ftp://gateway.example", "https://", "https:///", "https://:443",
        "https://h/rest", "https://h//", "https://h?x=1", "https://h/#part", "https://user@h", "https://u:p@h",
        "https://:p@h", "https://@h", "https://h:port", "https://h:99999", "https://h:0", "https://[::1", "https://a b",
        "https://h\\@api.aidc-ai.com", "https://h\\.x", "https://h%20x", "https://h\0x", "https://h;x", 5, b"https://h",
    ],
)  # fmt: skip
def test_base_url_of_another_form_is_refused(value: object) -> None:
    """Path, query, fragment, user, odd hosts and other kinds of value."""
    with pytest.raises(
        SettingsError, match=r"^'base_url' must be https://host without path or query \(got .*\); correct"
    ):
        settings(base_url=value)


@pytest.mark.parametrize(
    "value",
    [
        "http://gateway.example", "http://127.evil.com", "http://localhost.evil.com", "http://localhost.", "http://0.0.0.0",
        "http://127.1", "http://2130706433", "http://[::2]", "http://[::ffff:10.0.0.1]", "http://192.168.0.1", "http://10.0.0.1",
    ],
)  # fmt: skip
def test_plain_http_is_refused_beyond_this_machine(value: str) -> None:
    """A name that only looks like loopback is not."""
    with pytest.raises(
        SettingsError, match=r"^'base_url' must be https unless it is on loopback \(got '.*'\): whoever"
    ):
        settings(base_url=value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("127.0.0.1", True), ("127.255.0.1", True), ("::1", True), ("", False), ("0.0.0.0", False),
     ("127.evil.com", False), ("localhost.evil.com", False), ("::", False), ("10.0.0.1", False)],
)  # fmt: skip
def test_loopback_is_told_by_the_address_alone(host: str, expected: bool) -> None:
    """No name is looked up."""
    assert is_loopback(host) is expected


def test_sandbox_is_known_to_be_here() -> None:
    """Result links to this machine may be fetched only then."""
    assert settings(base_url="http://127.0.0.1:1").on_loopback
    assert not settings(base_url="https://gateway.example").on_loopback


def test_account_differs_by_key_and_place_and_shows_neither() -> None:
    """The hash that tokens hold."""
    hashes = {
        settings().account,
        settings(key_name="512346").account,
        settings(region="china").account,
        settings(base_url="https://h").account,
    }
    assert len(hashes) == 4
    assert settings(key_secret="another").account in hashes


def test_arguments_win_over_variables_and_variables_over_defaults() -> None:
    """Each value's source is told."""
    found = read_settings(
        {**ENV, "AIDGE_REGION": "china", "AIDGE_TRIAL": "yes", "AIDGE_WIRE_FORMAT": " FLAT ", "AIDGE_BASE_URL": ""},
        region="global",
        trial=None,
        key_secret="made-up-secret",
        other="ignored",
    )
    assert found == Settings(key_name="env-name", key_secret="made-up-secret", trial=True, wire_format="flat")
    assert found.sources == {
        "key_name": "AIDGE_ACCESS_KEY_NAME",
        "key_secret": "argument",
        "region": "argument",
        "trial": "AIDGE_TRIAL",
        "base_url": "default",
        "wire_format": "AIDGE_WIRE_FORMAT",
    }


def test_argument_false_wins_over_a_variable() -> None:
    """False is said, not left out."""
    assert read_settings({**ENV, "AIDGE_TRIAL": "1"}, trial=False).trial is False


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", True),
        ("true", True),
        ("Yes", True),
        ("ON", True),
        ("0", False),
        ("False", False),
        ("no", False),
        ("off", False),
    ],
)
def test_flags_are_read_from_their_texts(text: str, value: bool) -> None:
    """From a variable as from an argument, in any case."""
    assert read_settings({**ENV, "AIDGE_TRIAL": text}).trial is value
    assert read_settings(ENV, trial=text).trial is value


def test_flag_of_another_text_is_refused_by_the_name_it_came_under() -> None:
    """The variable's name, or the argument's."""
    with pytest.raises(SettingsError, match=r"^AIDGE_TRIAL must be true or false \(got 'maybe'\); change it$"):
        read_settings({**ENV, "AIDGE_TRIAL": "maybe"})
    with pytest.raises(SettingsError, match=r"^'trial' must be true or false \(got 'maybe'\); change it$"):
        read_settings(ENV, trial="maybe")


@pytest.mark.parametrize(("environment", "name"), [({}, "key_name"), ({"AIDGE_ACCESS_KEY_NAME": "x"}, "key_secret")])
def test_nothing_set_says_what_to_set(environment: dict[str, str], name: str) -> None:
    """The first message a new user sees."""
    with pytest.raises(SettingsError, match=f"^'{name}' is missing; set AIDGE_ACCESS_KEY_"):
        read_settings(environment)


def test_limits_and_deadlines_have_their_documented_defaults() -> None:
    """A changed default is a changed promise."""
    assert Limits() == Limits(submit_rate=2.0, query_rate=10.0, total_rate=None, in_flight=16, uploads=4)
    assert Deadlines() == Deadlines(
        connect=10.0, submit=60.0, query=30.0, task=900.0, unreachable=60.0, shield=10.0, download=120.0
    )
    assert Polling.every(5) == Polling.every(5.0)


ODD_NUMBERS = [0, -1, math.nan, math.inf, True, "2", b"2", [2], 10**400, 1e9]


@pytest.mark.parametrize("value", ODD_NUMBERS)
@pytest.mark.parametrize("field", ["submit_rate", "query_rate", "total_rate"])
def test_rate_is_a_number_over_0(field: str, value: Any) -> None:
    """It must be one that can be kept."""
    with pytest.raises(
        SettingsError, match=rf"^'{field}' of Limits must be a number over 0 and under 1e9 \(got .*\); cha"
    ):
        Limits(**{field: value})


@pytest.mark.parametrize("value", [None, 0.25, 1, 999_999_999])
@pytest.mark.parametrize("field", ["submit_rate", "query_rate", "total_rate"])
def test_rate_may_be_a_fraction_or_open(field: str, value: Any) -> None:
    """One call in four seconds is a rate, and `None` is no limit of ours."""
    assert getattr(Limits(**{field: value}), field) == value


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "4", None, math.nan])
@pytest.mark.parametrize("field", ["in_flight", "uploads"])
def test_place_count_is_a_whole_number_from_1(field: str, value: Any) -> None:
    """None at all would wait for ever."""
    with pytest.raises(
        SettingsError, match=rf"^'{field}' of Limits must be a whole number from 1 \(got .*\); change it$"
    ):
        Limits(**{field: value})


@pytest.mark.parametrize("value", [*ODD_NUMBERS, None])
@pytest.mark.parametrize("field", ["connect", "submit", "query", "task", "shield", "download"])
def test_deadline_is_a_number_over_0(field: str, value: Any) -> None:
    """None of them may be left open: a call without an end would hold its place for ever."""
    with pytest.raises(
        SettingsError, match=rf"^'{field}' of Deadlines must be a number over 0 and under 1e9 \(got .*\);"
    ):
        Deadlines(**{field: value})


def test_patience_with_an_unreachable_gateway_may_be_open() -> None:
    """It then ends with the caller's deadline."""
    assert Deadlines(unreachable=None).unreachable is None
    with pytest.raises(SettingsError, match="'unreachable' of Deadlines must be a number over 0"):
        Deadlines(unreachable=0)
