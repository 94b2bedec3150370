"""
Makes a new name in a folder outlive a crash of the machine, and looks for names in it.

What is in a file is its writer's to sync.
"""

import os
from collections.abc import Iterable
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Have the folder's own entries written, where a system knows that: POSIX; elsewhere it is done with the file."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def are_all_in(paths: Iterable[Path], folder: Path) -> bool:
    """Return whether *paths*, which are absolute, are files in *folder*."""
    return all(path.parent == folder.absolute() and path.is_file() for path in paths)
