"""
A stand-in for the Aidge gateway: a real HTTP server that judges calls by the documented rules and draws pictures.

It generates nothing and says so. It shares `_core/gateway.py` and `_core/signing.py` with the client and must never
see the client's codec: an emulator that shares the encoder agrees with each of its bugs. The server itself is
imported by its users from `aidge_async.sandbox.server`, so that the settings can be read without the extra `sandbox`.
"""

from aidge_async.sandbox.checks import SandboxError
from aidge_async.sandbox.settings import SandboxSettings

__all__ = ["SandboxError", "SandboxSettings"]
