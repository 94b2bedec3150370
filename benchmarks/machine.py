"""Says on what a figure was measured, and how much memory is in use."""

import os
import platform
from pathlib import Path


def machine() -> str:
    """Return processor count, system, Python and how busy the machine was in a line."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, {python}, load {os.getloadavg()[0]:.1f}"


def resident_bytes() -> int:
    """Return the memory that this process holds now; 0 where there is no /proc."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
