"""
Inside a web backend: one client a process, tasks over HTTP with a page, and nothing lost at a restart.

It needs the extra `asgi`. Names only; the library itself never imports this.
"""

from aidge_async.integrations.asgi._app import tasks_app
from aidge_async.integrations.asgi._lifespan import lifespan

__all__ = ["lifespan", "tasks_app"]

for _public in (lifespan, tasks_app):
    _public.__module__ = __name__
del _public
