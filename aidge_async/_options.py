"""
What a client may be told beside whose account it is, as users type it; `AidgeClient` explains each.

It is loaded with every import of the library, so it loads nothing by itself.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from aidge_async._core.operation import WireFormat
from aidge_async.config import Region
from aidge_async.tuning import Deadlines, Limits, Polling

if TYPE_CHECKING:
    import ssl

    from aidge_async._io.transport import InnerTransport
    from aidge_async.ports import Observer


class ClientOptions(TypedDict, total=False):
    """What `AidgeClient` and `AidgeClient.from_env` take beside credentials; `AidgeClient` explains each."""

    region: Region | str
    trial: bool
    base_url: str | None
    wire_format: WireFormat | str
    limits: Limits
    polling: Polling
    deadlines: Deadlines
    transport: "InnerTransport | None"
    download_transport: "InnerTransport | None"
    proxy: str | None
    ssl_context: "ssl.SSLContext | None"
    observers: "Iterable[Observer]"
    journal: str | Path | None
    budget: int | None
    wall_clock: Callable[[], float]
