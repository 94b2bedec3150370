"""What the rows over a real socket share: requests, a client behind the chaos proxy, and the gateway's paths."""

from collections.abc import Iterable
from typing import Final, Unpack

from aidge_async import AidgeClient, Limits, ModelAlternation
from aidge_async._core import gateway
from aidge_async._options import ClientOptions
from aidge_async.sandbox.server import RunningSandbox
from tests.chaos import ChaosProxy
from tests.support import client_of

FREE: Final = Limits(submit_rate=None, query_rate=None, in_flight=40)
SUBMIT: Final = gateway.MODEL_ALTERNATION_SUBMIT_PATH.encode()
QUERY: Final = gateway.MODEL_ALTERNATION_QUERY_PATH.encode()
LOOPS: Final = ("asyncio", "trio")


def looks(number: int) -> Iterable[tuple[str, ModelAlternation]]:
    """Yield requests unlike each other, each with its number as the key."""
    for each in range(number):
        yield (
            str(each),
            ModelAlternation(image=f"https://example.com/{each}.jpg", model="universal_model_1", count=1),
        )


def client_behind(proxy: ChaosProxy, sandbox: RunningSandbox, /, **options: Unpack[ClientOptions]) -> AidgeClient:
    """Return a client whose every byte goes through *proxy*."""
    options.setdefault("base_url", proxy.url)
    options.setdefault("limits", FREE)
    return client_of(sandbox, **options)
