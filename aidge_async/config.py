"""
Settings as values: what a user may set, its defaults with their reasons, and where each was found.

The environment is read by `read_settings` alone, from a mapping it is handed.
"""

import enum
import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from aidge_async._core import gateway
from aidge_async._core.operation import WireFormat
from aidge_async._core.signing import Secret
from aidge_async._core.token import account_hash
from aidge_async.errors import SettingsError


class Region(enum.Enum):
    """Where the account's key was bought; a key belongs to one region."""

    GLOBAL = "global"
    """The global site: api.aidc-ai.com."""
    CHINA = "china"
    """The Chinese site: cn-api.aidc-ai.com."""


def is_loopback(host: str) -> bool:
    """Return whether *host* names this machine by itself; other names are not looked up."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _region(value: Region | str) -> Region:
    try:
        return value if isinstance(value, Region) else Region(value.lower())
    except (ValueError, AttributeError):
        raise SettingsError(
            f"'region' must be global or china (got {value!r}); take the site the key was bought on"
        ) from None


def _wire_format(value: WireFormat | str) -> WireFormat:
    try:
        return value if isinstance(value, WireFormat) else WireFormat(value.lower())
    except (ValueError, AttributeError):
        raise SettingsError(f"'wire_format' must be documented or flat (got {value!r}); choose one") from None


_HOST: Final = r"[\w.\-]+|[0-9a-f:.]+"  # a name, or an IPv6 address


def _base_url(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except (ValueError, AttributeError):
        host, port = "", None
    if (
        not isinstance(value, str)
        or not re.fullmatch(_HOST, host)
        or parts.scheme not in {"http", "https"}
        or parts.path not in {"", "/"}
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
        or port == 0
    ):
        raise SettingsError(f"'base_url' must be https://host without path or query (got {value!r}); correct it")
    if parts.scheme == "http" and not is_loopback(host):
        raise SettingsError(
            f"'base_url' must be https unless it is on loopback (got {value!r}): "
            "whoever sees a signed URL can replay it"
        )
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}:{port}" if port else f"{parts.scheme}://{shown}"


def _key_name(value: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(
            "'key_name' is missing; set AIDGE_ACCESS_KEY_NAME or pass it "
            "(the vendor's console shows it; without an account try the sandbox)"
        )
    return value.strip()


def _key_secret(value: Secret | str) -> Secret:
    secret = value if isinstance(value, Secret) else Secret(value if isinstance(value, str) else "")
    if not secret:
        raise SettingsError("'key_secret' is missing; set AIDGE_ACCESS_KEY_SECRET or pass it")
    return secret


def _true_or_false(_: object, __: object, value: bool) -> None:
    if not isinstance(value, bool):
        raise SettingsError(f"'trial' must be True or False (got {value!r}); change it")


@attrs.frozen(kw_only=True)
class Settings:
    """
    Hold a client's settings, checked.

    Args:
        key_name: The account's key name (`app_key`).
        key_secret: Its secret; no repr shows it.
        region: Where the key was bought; names the host.
        base_url: Another host instead, https or on loopback, as for the sandbox.
        trial: Whether to draw on the free trial quota.
        wire_format: The dialect the account takes.
        sources: Where each setting was found, by its name: `"argument"`, a variable's name, or `"default"`.
    """

    key_name: str = attrs.field(converter=_key_name)
    key_secret: Secret = attrs.field(converter=_key_secret)
    region: Region = attrs.field(default=Region.GLOBAL, converter=_region)
    base_url: str | None = attrs.field(default=None, converter=_base_url)
    trial: bool = attrs.field(default=False, validator=_true_or_false)
    wire_format: WireFormat = attrs.field(default=WireFormat.DOCUMENTED, converter=_wire_format)
    sources: Mapping[str, str] = attrs.field(factory=dict, eq=False, repr=False)

    @property
    def origin(self) -> str:
        """Return scheme, host and port of the gateway."""
        return self.base_url or gateway.HOSTS[self.region.value]

    @property
    def on_loopback(self) -> bool:
        """Return whether the gateway is on this machine, as a sandbox is."""
        return is_loopback(urlsplit(self.origin).hostname or "")

    @property
    def region_name(self) -> str:
        """Return what tokens call the place: the region, or `custom` for another base URL."""
        return "custom" if self.base_url else self.region.value

    @property
    def account(self) -> str:
        """Return the short hash by which tokens recognise the account."""
        return account_hash(self.key_name, self.region_name)

    @property
    def holder(self) -> str:
        """Return how a journal names whose purchases it holds; trial or not, they are one account's."""
        return f"{self.account} ({self.region_name})"


VARIABLES: Final = {
    "key_name": "AIDGE_ACCESS_KEY_NAME",
    "key_secret": "AIDGE_ACCESS_KEY_SECRET",
    "region": "AIDGE_REGION",
    "trial": "AIDGE_TRIAL",
    "base_url": "AIDGE_BASE_URL",
    "wire_format": "AIDGE_WIRE_FORMAT",
}
_FLAGS: Final = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


def read_settings(environment: Mapping[str, str], **arguments: Any) -> Settings:
    """
    Return settings from arguments over environment variables over defaults.

    Args:
        environment: Usually `os.environ`; an empty variable counts as not set.
        arguments: Fields of `Settings`; `None` counts as not given.

    Raises:
        SettingsError: Something is missing, of the wrong form or contradictory.
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, variable in VARIABLES.items():
        if arguments.get(name) is not None:
            values[name], sources[name] = arguments[name], "argument"
        elif environment.get(variable, "").strip():
            values[name], sources[name] = environment[variable].strip(), variable
        else:
            sources[name] = "default"
    if isinstance(values.get("trial"), str):
        shown = "'trial'" if sources["trial"] == "argument" else sources["trial"]
        values["trial"] = _flag(values["trial"], shown)
    return Settings(**{"key_name": "", "key_secret": "", **values}, sources=sources)


def _flag(text: str, shown: str) -> bool:
    if text.lower() not in _FLAGS:
        raise SettingsError(f"{shown} must be true or false (got {text!r}); change it")
    return _FLAGS[text.lower()]


def without_frames(make: Callable[[], Settings]) -> Settings:
    """Return the settings; an error comes without the frames below, whose locals hold the secret as text."""
    try:
        return make()
    except SettingsError as exc:
        error = exc
    raise error.with_traceback(None)
