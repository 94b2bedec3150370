"""
Tools for testing code that uses this library: sandboxes with faults, clients of them, and virtual time.

They need the extra `testing`. They stand on the public face and on the sandbox; the library itself never imports them.
With the extra installed, pytest knows the fixtures `aidge_sandbox`, `aidge_server` and `aidge` (see `plugin.py`).
"""

from aidge_async.testing.clock import virtual_backend
from aidge_async.testing.sandboxes import InProcessSandbox, SocketSandbox

__all__ = ["InProcessSandbox", "SocketSandbox", "virtual_backend"]
