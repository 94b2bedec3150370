"""
Catalogue loops as people write them without a library, kinder than most: they never give up, and wait before retrying.

They run on asyncio, poll every second as the vendor's examples do, and try again a second after any refusal, time-out
or broken connection, a submit too. Limits are not known to them; what they do to a gateway is counted there.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import attrs
import httpx

SUBMIT: Final = "/ai/virtual/model/generation/batch"
QUERY: Final = "/ai/virtual/model/generation/query"
PAUSE: Final = 1.0  # seconds between two polls, and before a retry
PATIENCE: Final = 60.0  # seconds; everybody raises httpx's five after the first PoolTimeout
DONE: Final = ("finished", "failed")
AT_ONCE: Final = 50  # calls behind the semaphore: what one takes who knows of 50 calls a second

Fields = dict[str, Any]
Post = Callable[[str, Fields], Awaitable[Fields]]
"""Sends fields to an API path and returns the answer."""


class Door(Protocol):
    """Where a gateway is, and the key that it knows."""

    @property
    def url(self) -> str:
        """Base URL."""

    @property
    def key_name(self) -> str:
        """The made-up key."""

    @property
    def key_secret(self) -> str:
        """Its made-up secret."""


Note = Callable[[], None]
"""Called once for each picture that its buyer got."""

Loop = Callable[[Door, Sequence[str], Note], Awaitable[None]]
"""Buys one picture made of each of the pictures at the URLs."""


@attrs.frozen
class Peer:
    """
    One way to write it.

    Args:
        needs: Modules that must be installed.
        most: As many pictures as it is given at most; `None`: all.
    """

    name: str
    run: Loop
    needs: tuple[str, ...] = ()
    most: int | None = None


def signed(door: Door, path: str) -> str:
    """Return the URL of a call, signed as the vendor's examples do it."""
    now = str(int(time.time() * 1000))
    sign = hmac.new(door.key_secret.encode(), (door.key_secret + now).encode(), hashlib.sha256).hexdigest().upper()
    fields = {"partner_id": "aidge", "sign_method": "sha256", "sign_ver": "v2", "app_key": door.key_name}
    return f"{door.url}/rest{path}?{urlencode({**fields, 'timestamp': now, 'sign': sign})}"


def wish(picture: str) -> Fields:
    """Return the fields of a submit."""
    parameters = {"imageUrl": picture, "imageStyle": "realPhoto", "model": "universal_model_1", "count": 1}
    return {"requestParams": json.dumps([parameters])}


async def buy(post: Post, picture: str, note: Note) -> None:
    """Submit, and poll to the end."""
    task_id = (await insistently(post, SUBMIT, wish(picture)))["data"]["result"]["taskId"]
    while True:
        await asyncio.sleep(PAUSE)
        task = (await insistently(post, QUERY, {"taskId": task_id}))["data"]
        if task["taskStatus"] in DONE:
            return note()


async def insistently(post: Post, path: str, fields: Fields) -> Fields:
    """Call until it works."""
    while True:
        try:
            answer = await post(path, fields)
            if answer["resCode"] == 200:
                return answer
        except Exception:  # noqa: BLE001  as it is written everywhere
            pass
        await asyncio.sleep(PAUSE)


@asynccontextmanager
async def by_httpx(door: Door) -> AsyncIterator[Post]:
    """Post by a client with httpx's own settings but one: with its own 5 s a thousand at once never get through."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:

        async def post(path: str, fields: Fields) -> Fields:
            answer: Fields = (await client.post(signed(door, path), json=fields)).json()
            return answer

        yield post


@asynccontextmanager
async def by_aiohttp(door: Door) -> AsyncIterator[Post]:
    """Post by a session with aiohttp's own settings."""
    aiohttp: Any = import_module("aiohttp")
    async with aiohttp.ClientSession() as session:

        async def post(path: str, fields: Fields) -> Fields:
            async with session.post(signed(door, path), json=fields) as response:
                answer: Fields = await response.json()
                return answer

        yield post


async def one_by_one(door: Door, pictures: Sequence[str], note: Note) -> None:
    """Buy one after the other."""
    async with by_httpx(door) as post:
        for picture in pictures:
            await buy(post, picture, note)


async def all_by_httpx(door: Door, pictures: Sequence[str], note: Note) -> None:
    """Gather them all."""
    async with by_httpx(door) as post:
        await asyncio.gather(*(buy(post, picture, note) for picture in pictures))


async def all_by_aiohttp(door: Door, pictures: Sequence[str], note: Note) -> None:
    """Gather them all."""
    async with by_aiohttp(door) as post:
        await asyncio.gather(*(buy(post, picture, note) for picture in pictures))


async def behind_a_semaphore(door: Door, pictures: Sequence[str], note: Note) -> None:
    """Gather them all, with so many calls at once, each with its retries."""
    few = asyncio.Semaphore(AT_ONCE)
    async with by_httpx(door) as post:
        await asyncio.gather(*(_bought_behind(few, post, picture, note) for picture in pictures))


async def _bought_behind(few: asyncio.Semaphore, post: Post, picture: str, note: Note) -> None:
    async def insisting(path: str, fields: Fields) -> Fields:
        async with few:
            return await insistently(post, path, fields)

    await buy(insisting, picture, note)


PEERS: Final = (
    Peer("one after the other, httpx", one_by_one, most=8),
    Peer("gather, httpx", all_by_httpx),
    Peer("gather, aiohttp", all_by_aiohttp, needs=("aiohttp",)),
    Peer(f"gather behind a semaphore of {AT_ONCE}, httpx", behind_a_semaphore),
)
