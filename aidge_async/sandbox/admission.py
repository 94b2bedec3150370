"""
The gateway's first layer: who calls, is the signature theirs, and is their clock right.

Pure, and ignorant of what an API does with its fields: that is `rules.py`.
"""

import hmac
import re
from collections.abc import Mapping
from typing import Final

import attrs

from aidge_async._core import gateway
from aidge_async._core.signing import Secret, sign_parameters, sign_timestamp

SYSTEM_PARAMETERS: Final = frozenset({"partner_id", "sign_method", "sign_ver", "app_key", "timestamp", "sign"})
EMULATED_PATHS: Final = frozenset({gateway.MODEL_ALTERNATION_SUBMIT_PATH, gateway.MODEL_ALTERNATION_QUERY_PATH})

_TIMESTAMP: Final = re.compile(r"[0-9]{1,16}")


@attrs.frozen(kw_only=True)
class GatewayRefusal:
    """A call that the first layer did not let through."""

    code: str
    message: str


@attrs.frozen(kw_only=True)
class Account:
    """The one account that the sandbox knows."""

    key_name: str
    secret: Secret


def is_classic(system: Mapping[str, str]) -> bool:
    """Tell the classic signature, which covers the business parameters, from version 2, which does not."""
    return not system.get("sign_ver")


def judge(
    system: Mapping[str, str], *, path: str, business: Mapping[str, str], account: Account, now_ms: int
) -> GatewayRefusal | None:
    """
    Return why the gateway refuses this call, or `None` where it lets it pass.

    Args:
        system: The query parameters, signature included.
        path: API path without `/rest`.
        business: The call's own parameters as text; only the classic signature covers them.
        account: The account whose key may call.
        now_ms: The gateway's clock, epoch milliseconds.
    """
    return (
        _judge_presence(system)
        or _judge_key(system, account)
        or _judge_signature(system, path=path, business=business, account=account)
        or _judge_timestamp(system, now_ms)
        or _judge_path(path)
    )


def _judge_presence(system: Mapping[str, str]) -> GatewayRefusal | None:
    if not system.get("partner_id"):
        return GatewayRefusal(code="MissingPartner", message="the parameter partner_id is missing from the query")
    missing = [name for name in ("app_key", "timestamp", "sign_method", "sign") if not system.get(name)]
    if not missing:
        return None
    return GatewayRefusal(code="MissingParameter", message=f"missing from the query: {', '.join(missing)}")


def _judge_key(system: Mapping[str, str], account: Account) -> GatewayRefusal | None:
    if system["app_key"] == account.key_name:
        return None
    shown = system["app_key"][:60]
    return GatewayRefusal(code="InvalidAppKey", message=f"the app_key is not known here (got {shown!r})")


def _judge_signature(
    system: Mapping[str, str], *, path: str, business: Mapping[str, str], account: Account
) -> GatewayRefusal | None:
    method, version = system["sign_method"], system.get("sign_ver", "")
    if method != gateway.SIGN_METHOD:
        return _unsigned(f"sign_method must be {gateway.SIGN_METHOD} (got {method[:60]!r})")
    if version not in ("", gateway.SIGN_VERSION):
        return _unsigned(f"sign_ver must be {gateway.SIGN_VERSION} or absent (got {version[:60]!r})")
    if not _TIMESTAMP.fullmatch(system["timestamp"]):
        message = f"timestamp must be epoch milliseconds (got {system['timestamp'][:60]!r})"
        return GatewayRefusal(code="IllegalTimestamp", message=message)
    if _is_signed(system, path=path, business=business, account=account):
        return None
    kind = "the classic signature" if is_classic(system) else "signature v2"
    return _unsigned(f"the request signature does not conform to platform standards: {kind} does not match")


def _unsigned(message: str) -> GatewayRefusal:
    return GatewayRefusal(code="IncompleteSignature", message=message)


def _is_signed(system: Mapping[str, str], *, path: str, business: Mapping[str, str], account: Account) -> bool:
    if is_classic(system):
        signed = {**business, **{name: value for name, value in system.items() if name != "sign"}}
        expected = sign_parameters(account.secret, path, signed)
    else:
        # The text is signed as sent: `007` and `7` are two messages.
        expected = sign_timestamp(account.secret, int(system["timestamp"]))
        if system["timestamp"] != str(int(system["timestamp"])):
            return False
    return hmac.compare_digest(expected.encode(), system["sign"].encode(errors="replace"))


def _judge_timestamp(system: Mapping[str, str], now_ms: int) -> GatewayRefusal | None:
    offset_ms = int(system["timestamp"]) - now_ms
    if abs(offset_ms) <= gateway.TIMESTAMP_TOLERANCE_MS:
        return None
    message = (
        f"the timestamp is {abs(offset_ms) // 1000} s {'ahead of' if offset_ms > 0 else 'behind'} the gateway's clock;"
        f" at most {gateway.TIMESTAMP_TOLERANCE_MS // 1000} s are allowed"
    )
    return GatewayRefusal(code="IllegalTimestamp", message=message)


def _judge_path(path: str) -> GatewayRefusal | None:
    if path in EMULATED_PATHS:
        return None
    emulated = " and ".join(sorted(EMULATED_PATHS))
    return GatewayRefusal(code="InvalidApi", message=f"the sandbox does not emulate {path[:200]}, only {emulated}")
