"""
How frameworks hand a request on to an application that is mounted in theirs: where it is mounted, and what is open.

Starlette, FastAPI and servers go by the ASGI specification; what Litestar does otherwise is made good here.
"""

from typing import Any, Final
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.responses import RedirectResponse
from starlette.types import Receive, Scope, Send

STATE_NAMES: Final = ("aidge", "aidge_news")
"""What is put into the lifespan's state: the open client, and what streams listen to."""


class MountedApp(Starlette):
    """A Starlette application that finds its place and the client, whatever is around it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            state = {**_state_around(scope), **(scope.get("state") or {})}
            scope = {**scope, "state": state, **(_place_in_litestar(scope) if "litestar_app" in scope else {})}
            if scope["path"] == scope.get("root_path"):
                # The page's addresses are relative to a path that ends with a slash.
                await RedirectResponse(scope["path"] + "/")(scope, receive, send)
                return
        await super().__call__(scope, receive, send)


def _state_around(scope: Scope) -> dict[str, Any]:
    """Return what the application around this one keeps; Litestar does not hand on a lifespan's state."""
    state = getattr(scope.get("app"), "state", None)
    return {name: getattr(state, name) for name in STATE_NAMES if hasattr(state, name)}


def _place_in_litestar(scope: Scope) -> dict[str, str]:
    """Return path and root path as the specification has them; Litestar cuts the mount off and adds a slash (2.25)."""
    whole = unquote(scope["raw_path"].partition(b"?")[0].decode("latin-1"))
    mount = whole.rstrip("/").removesuffix(scope["path"].rstrip("/"))
    return {"root_path": mount, "path": whole}
