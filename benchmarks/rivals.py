"""
Clients of other image APIs, each used as its documentation shows, and the least that its API answers to a submit.

They are imported when one is opened, and none is needed to import this file. What is done with them stands elsewhere.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module, metadata
from typing import Any, Final

import attrs

KEY: Final = "made-up-key-of-the-benchmark"

Submit = Callable[[str], Awaitable[object]]
"""Buys one picture made of the picture at a URL."""


@attrs.frozen
class Client:
    """A client of the rivals' server, by the name of its distribution."""

    distribution: str
    open: Callable[[str, float | None], AbstractAsyncContextManager[Submit]]

    @property
    def version(self) -> str | None:
        """What is installed; `None` if it is not."""
        try:
            return metadata.version(self.distribution)
        except metadata.PackageNotFoundError:
            return None


# What each API answers to a submit that it accepted, by path: as little as its client reads.
_PREDICTION: Final = dict.fromkeys(("input", "output", "logs", "error", "metrics", "urls"))
ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "/fal-ai/fast-sdxl": {
        "request_id": "made-up",
        **dict.fromkeys(("response_url", "status_url", "cancel_url"), "http://127.0.0.1/"),
    },
    "/v1/predictions": {"id": "made-up", "model": "made/up", "version": "made-up", "status": "starting", **_PREDICTION},
    "/v1/images/generations": {"created": 1_700_000_000, "data": [{"url": "http://127.0.0.1/made-up.png"}]},
    "/rest/ai/virtual/model/generation/batch": {
        "code": "0",
        "resCode": 200,
        "success": True,
        "data": {"result": {"taskId": "made-up"}},
    },
}


@asynccontextmanager
async def fal(url: str, patience: float | None) -> AsyncIterator[Submit]:
    """Submit as fal-client's README does under "Queuing requests"."""
    module: Any = import_module("fal_client")
    internals: Any = import_module("fal_client.client")
    # The host comes from FAL_QUEUE_RUN_HOST; https is not optional, and a certificate would be one more thing to set.
    internals.QUEUE_URL_FORMAT = internals.QUEUE_URL_FORMAT.replace("https://", "http://")
    assert f"{url}/" == internals.QUEUE_URL_FORMAT, "nothing may leave this machine"
    client = module.AsyncClient(key=KEY, **({} if patience is None else {"default_timeout": patience}))
    yield lambda picture: client.submit("fal-ai/fast-sdxl", arguments={"image_url": picture})


@asynccontextmanager
async def replicate(url: str, patience: float | None) -> AsyncIterator[Submit]:
    """
    Submit as replicate's README does under "Run a model in the background".

    Such a submit has no time-out, whatever the client was given, unless it says `wait`: the least, 1, makes it 1.5 s.
    """
    module: Any = import_module("replicate")
    options = {} if patience is None else {"wait": 1}
    client = module.Client(api_token=KEY, base_url=url)
    yield lambda picture: client.predictions.async_create(version="made-up", input={"image": picture}, **options)


@asynccontextmanager
async def openai(url: str, patience: float | None) -> AsyncIterator[Submit]:
    """Generate a picture as openai's reference does."""
    module: Any = import_module("openai")
    options = {} if patience is None else {"timeout": patience}
    async with module.AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1", **options) as client:
        yield lambda picture: client.images.generate(model="gpt-image-1", prompt=f"something like {picture}")


RIVALS: Final = (Client("fal-client", fal), Client("replicate", replicate), Client("openai", openai))
