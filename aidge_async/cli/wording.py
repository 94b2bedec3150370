"""
The library's messages in the words of the command line: fields become the flags that were typed.

The messages themselves are the library's.
"""

import re
from typing import Final

_TYPED: Final = frozenset(
    {
        "age",
        "background",
        "base_url",
        "count",
        "dimension",
        "gender",
        "keep_background",
        "model",
        "query_rate",
        "region",
        "submit_rate",
        "wire_format",
    }
)
_FIELD: Final = re.compile(rf"'({'|'.join(sorted(_TYPED))})'")

_REWORDED: Final = (
    (re.compile(r"then submit under another key$"), "then decide with 'aidge-async journal resolve'"),
    (re.compile(r"use another key for another picture$"), "give the row another key, or none"),
    (
        re.compile(r"resolve it with --resubmit to buy it after all$"),
        "to buy it after all, type 'aidge-async journal resolve KEY --resubmit'",
    ),
)


def as_written(message: str) -> str:
    """Return *message* about a row of a manifest, whose fields are columns: only what has to be typed is reworded."""
    return _as_done_here(message).replace("trial=True", "--trial")


def as_typed(message: str) -> str:
    """Return *message* with fields as they are typed: `'base_url'` as `--base-url`, `trial=True` as `--trial`."""
    told = _FIELD.sub(lambda found: f"--{found.group(1).replace('_', '-')}", _as_done_here(message))
    return told.replace("'token'", "TOKEN").replace("'image'", "IMAGE").replace("trial=True", "--trial")


def _as_done_here(message: str) -> str:
    """Return *message* with the next step as it is taken on the command line."""
    for pattern, ours in _REWORDED:
        message = pattern.sub(ours, message)
    return message
