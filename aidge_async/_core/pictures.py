"""
What an image generation returns, as values, and how a link is shown without its signature.

Nothing here fetches or writes a picture.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

import attrs


def masked_link(url: str) -> str:
    """Return *url* without query, fragment and user, for messages: a link's query may hold a signature."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"[:300]
    except ValueError:
        return "<a malformed link>"


@attrs.frozen(kw_only=True)
class GeneratedImage:
    """
    Hold one picture at the gateway's object storage.

    Args:
        url: Its link. It is signed and expires (when is not documented), so save the picture at once and show the link
            to nobody; the repr hides its query.
        width_px: Width as the gateway says, where it says one.
        height_px: Height as the gateway says, where it says one.
    """

    url: str = attrs.field(repr=lambda url: repr(masked_link(url)))
    width_px: int | None = None
    height_px: int | None = None


@attrs.frozen(kw_only=True)
class GeneratedImages:
    """
    Hold the pictures of one succeeded task; iterate over it to get them.

    Args:
        images: The pictures, in the gateway's order; there may be fewer than were asked for.
        task_id: The gateway's id of the task.
        request_id: The gateway's id of the query that saw the task done; its support asks for it.
        token: Resumes the task, to get fresh links while the gateway keeps the pictures.
        name: What saved files are called after: the key, or the stem of the picture's file; may be empty.
    """

    images: tuple[GeneratedImage, ...]
    task_id: str
    request_id: str | None
    token: str = attrs.field(repr=False)
    name: str = ""

    def __iter__(self) -> Iterator[GeneratedImage]:
        return iter(self.images)

    def __len__(self) -> int:
        return len(self.images)
