"""
Tells from the kernel's mount table whether a file lies on a network file system.

There SQLite's locks and its shared memory do not hold (https://www.sqlite.org/wal.html: "WAL does not work over a
network filesystem"). Systems without such a table are not asked.
"""

import re
from pathlib import Path, PurePosixPath
from typing import Final

MOUNT_TABLE: Final = Path("/proc/self/mountinfo")

_NETWORK: Final = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "gfs2", "gpfs", "lustre", "ncpfs", "nfs", "nfs4"}
    | {"ocfs2", "orangefs", "smb3", "smbfs"}
)
# What lies behind FUSE is named after the dot; those that are a disk after all (ntfs-3g, exfat) are not among them.
_NETWORK_FUSE: Final = frozenset(
    {"ceph", "curlftpfs", "davfs2", "gcsfuse", "glusterfs", "goofys", "juicefs", "mfs", "rclone", "s3fs", "smbnetfs"}
    | {"sshfs", "seaweedfs", "blobfuse", "blobfuse2"}
)
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")


def network_kind(path: Path, table: Path = MOUNT_TABLE) -> str | None:
    """
    Return the kind of network file system on which *path* lies; `None` where it is a disk, or nobody knows.

    Args:
        path: Resolved.
        table: The mount table, as proc(5) describes mountinfo.
    """
    try:
        lines = table.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    best, kind = -1, ""
    for line in lines:
        mount, found = _read(line)
        # Of two mounts at one place the later one hides the other.
        if mount is not None and len(mount.parts) >= best and PurePosixPath(path).is_relative_to(mount):
            best, kind = len(mount.parts), found
    return kind if _is_network(kind) else None


def _read(line: str) -> tuple[PurePosixPath | None, str]:
    before, dash, after = line.partition(" - ")
    fields = before.split(" ")
    if not dash or len(fields) < 5:  # noqa: PLR2004  the fifth is the mount point
        return None, ""
    mount = _ESCAPE.sub(lambda found: chr(int(found[1], 8)), fields[4])
    return PurePosixPath(mount), after.split(" ")[0]


def _is_network(kind: str) -> bool:
    family, _, name = kind.partition(".")
    return kind in _NETWORK or (family == "fuse" and name in _NETWORK_FUSE)
