"""
Where the image of a planned request lies until its task is accepted, as a value that fits into a journal's row.

Reading it is `_io`'s matter. A link is never written into a row: it may be signed, so it lies in the spool as bytes do.
"""

import hashlib
import json
from typing import Self

import attrs


@attrs.frozen(kw_only=True)
class Source:
    """
    Say where an image lies, and what it was when it was planned.

    Args:
        sha256: Of its bytes, or of the link's text; hexadecimal.
        path: The file; `None`: it lies in the spool, under its hash.
        is_link: Whether what lies in the spool is a link.
    """

    sha256: str
    path: str | None = None
    is_link: bool = False

    @classmethod
    def of(cls, content: bytes | str, path: str | None = None) -> Self:
        """Return the source of *content*, a link where it is text; *path* where it lies in a file of its own."""
        raw = content.encode(errors="surrogatepass") if isinstance(content, str) else content
        return cls(sha256=hashlib.sha256(raw).hexdigest(), path=path, is_link=isinstance(content, str))

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what `text` wrote."""
        return cls(**json.loads(text))

    def text(self) -> str:
        """Return it as text for a row."""
        return json.dumps(attrs.asdict(self), sort_keys=True)

    @property
    def is_spooled(self) -> bool:
        """Return whether it lies in the spool."""
        return self.path is None
