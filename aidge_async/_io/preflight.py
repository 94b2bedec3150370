"""
Looks at a request and its picture as a submit would, and sends nothing.

What the rules are is the operation's and `_core/image.py`'s matter.
"""

from typing import Any

from aidge_async._core import codec
from aidge_async._core.operation import TaskRequest
from aidge_async._io.images import prepare_image
from aidge_async.config import Settings
from aidge_async.operations import operation_of


async def check(settings: Settings, request: TaskRequest[Any]) -> tuple[str, ...]:
    """Return what is doubtful about *request* and its picture; raise what `submit` would before sending."""
    operation = operation_of(request)
    image = await prepare_image(operation.image_of(request))
    codec.write_submit(operation, request, wire_format=settings.wire_format, image=image.content, trial=settings.trial)
    return image.warnings
