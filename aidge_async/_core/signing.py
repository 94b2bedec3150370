"""
The account's secret and the signatures made with it.

This is the only place where a secret leaves its wrapper; nothing else of a call, and no clock, comes in here.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final, NoReturn

from aidge_async._core import gateway

_MASK: Final = "'**********'"


class Secret:
    """
    Hold a key secret so that no repr, log, traceback or pickle shows it.

    Args:
        text: The secret as the vendor's console shows it; surrounding white space is an error of copying and is
            removed.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text.strip()

    def __repr__(self) -> str:
        return f"Secret({_MASK})"

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(_bytes(self.__text), _bytes(other.__text))

    def __hash__(self) -> int:
        return hash((Secret, self.__text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled: read it from its source where it is needed")

    def _mac(self, signature_base: str) -> str:
        return hmac.new(_bytes(self.__text), _bytes(signature_base), hashlib.sha256).hexdigest().upper()

    def _timestamp_mac(self, timestamp_ms: int) -> str:
        return self._mac(f"{self.__text}{timestamp_ms}")


def _bytes(text: str) -> bytes:
    """Encode even what no UTF-8 has: an error in encoding would carry the secret in its `object`."""
    return text.encode(errors="surrogatepass")


def sign_timestamp(secret: Secret, timestamp_ms: int) -> str:
    """
    Return signature v2: the secret and the time, keyed with the secret.

    Neither method, path nor body is covered and there is no nonce, so whoever sees a signed URL can replay it: `sign`
    is a secret wherever a URL is shown. Source: the vendor's examples and signature page.

    Args:
        secret: The account's secret.
        timestamp_ms: Epoch milliseconds, the very value that is sent beside the signature.
    """
    return secret._timestamp_mac(timestamp_ms)  # noqa: SLF001  the secret leaves its wrapper only in this file


def sign_parameters(secret: Secret, path: str, parameters: Mapping[str, str]) -> str:
    """
    Return the classic signature: the path and all parameters, sorted by name, empty ones left out.

    The vendor's Java SDK sends it. The client does not need it; the sandbox accepts it.

    Args:
        secret: The account's secret.
        path: API path without `/rest`.
        parameters: System and business parameters together, without `sign`.
    """
    signature_base = path + "".join(name + value for name, value in sorted(parameters.items()) if value)
    return secret._mac(signature_base)  # noqa: SLF001  the secret leaves its wrapper only in this file


def system_parameters(key_name: str, secret: Secret, timestamp_ms: int) -> dict[str, str]:
    """Return the query parameters that sign one call with version 2, in the vendor's order."""
    return {
        "partner_id": gateway.PARTNER_ID,
        "sign_method": gateway.SIGN_METHOD,
        "sign_ver": gateway.SIGN_VERSION,
        "app_key": key_name,
        "timestamp": str(timestamp_ms),
        "sign": sign_timestamp(secret, timestamp_ms),
    }
