"""Says on what a figure was measured."""

import os
import platform


def machine() -> str:
    """Return processor count, system and Python in a line."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
