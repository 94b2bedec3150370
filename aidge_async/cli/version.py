"""
Which version this is, as installed.
"""

import importlib.metadata


def version() -> str:
    """Return the installed version."""
    return importlib.metadata.version("aidge-async")
