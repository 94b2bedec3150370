"""
Reads an upload of a web backend into bytes, and no further than the gateway takes.

What is in the bytes is looked at when they are submitted, in `images.py`.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import AsyncExitStack, aclosing
from typing import Any, Protocol

from aidge_async._core import gateway
from aidge_async.errors import RequestError


class _SyncReader(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _AsyncReader(Protocol):
    async def read(self, size: int, /) -> bytes: ...


async def read_image(
    stream: _SyncReader | _AsyncReader | AsyncIterable[bytes] | Iterable[bytes],
    *,
    limit: int = gateway.IMAGE_MOST_BYTES_LENIENT,
) -> bytes:
    """
    Read an upload into bytes that `ModelAlternation(image=…)` takes, and no further than *limit*.

    Args:
        stream: An object with a `read(size)` method, plain (called in the event loop, so in memory already) or async
            as an upload of Starlette's; or an iterable or async iterable of bytes.
        limit: Most bytes to read; the gateway takes 4 MB.

    Raises:
        RequestError: The stream holds more than *limit*, or does not give bytes.
    """
    pieces = bytearray()
    async with aclosing(_pieces(stream)) as found:
        async for piece in found:
            if not isinstance(piece, (bytes, bytearray, memoryview)):
                raise RequestError(f"'stream' must give bytes (got {type(piece).__name__}); open files in binary mode")
            pieces += piece
            if len(pieces) > limit:
                raise RequestError(
                    f"'stream' holds more than {limit:,} bytes; the gateway takes at most 4 MB: save it smaller"
                )
    return bytes(pieces)


async def _pieces(stream: Any) -> AsyncGenerator[Any, None]:  # noqa: ANN401  four kinds of stream, told apart here
    if hasattr(stream, "read"):
        while True:
            piece = stream.read(64 * 1024)
            piece = await piece if hasattr(piece, "__await__") else piece
            if not piece:
                return
            yield piece
    elif hasattr(stream, "__aiter__"):
        async with AsyncExitStack() as stack:
            if isinstance(stream, AsyncGenerator):
                stack.push_async_callback(stream.aclose)  # who passes request.stream() has no name to close it by
            async for piece in stream:
                yield piece
    else:
        for piece in stream:
            yield piece
