"""What the rows in virtual time share."""

from typing import Any

import anyio

from aidge_async.testing import virtual_backend


def run_virtually(story: Any, loop: str, *arguments: Any) -> Any:
    """Run *story* in virtual time on *loop* and return what it returns."""
    name, options = virtual_backend(loop)
    return anyio.run(story, *arguments, backend=name, backend_options=options)
