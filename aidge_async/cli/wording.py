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
        "region",
        "wire_format",
    }
)
_FIELD: Final = re.compile(rf"'({'|'.join(sorted(_TYPED))})'")


def as_typed(message: str) -> str:
    """Return *message* with fields as they are typed: `'base_url'` as `--base-url`, `trial=True` as `--trial`."""
    told = _FIELD.sub(lambda found: f"--{found.group(1).replace('_', '-')}", message)
    return told.replace("'token'", "TOKEN").replace("'image'", "IMAGE").replace("trial=True", "--trial")
