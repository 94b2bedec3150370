"""
What an open client is told beside whose account it is, as values with their defaults; `AidgeClient` explains each.

What users may type is `_options.py`'s; what is made of it `_wiring.py`'s.
"""

import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import attrs

from aidge_async._io.transport import InnerTransport
from aidge_async.errors import SettingsError
from aidge_async.ports import Observer
from aidge_async.tuning import Deadlines, Limits, Polling


def _pictures(instance: object, attribute: "attrs.Attribute[Any]", value: int | None) -> None:  # noqa: ARG001  attrs' form
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise SettingsError(
            f"{attribute.name!r} must be a whole number of pictures from 0 (got {value!r}); leave it out for no limit"
        )


@attrs.frozen(kw_only=True)
class Means:
    """Hold what a client is told beside whose account it is; `AidgeClient` explains each."""

    limits: Limits = attrs.field(factory=Limits)
    polling: Polling = attrs.field(factory=Polling.learned)
    deadlines: Deadlines = attrs.field(factory=Deadlines)
    transport: InnerTransport | None = None
    download_transport: InnerTransport | None = None
    proxy: str | None = None
    ssl_context: ssl.SSLContext | None = None
    observers: Iterable[Observer] = ()
    wall_clock: Callable[[], float] = time.time
    journal: str | Path | None = None
    budget: int | None = attrs.field(default=None, validator=_pictures)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Return what *options* say, and the defaults for the rest."""
        return cls(**{field.name: options[field.name] for field in attrs.fields(cls) if field.name in options})
