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


def as_written(message: str) -> str:
    """Return *message* about a row of a manifest, whose fields are columns: only what has to be typed is reworded."""
    return message.replace("trial=True", "--trial")


def as_typed(message: str) -> str:
    """Return *message* with fields as they are typed: `'base_url'` as `--base-url`, `trial=True` as `--trial`."""
    told = _FIELD.sub(lambda found: f"--{found.group(1).replace('_', '-')}", message)
    return told.replace("'token'", "TOKEN").replace("'image'", "IMAGE").replace("trial=True", "--trial")
