"""What the mount table says of a path."""

from pathlib import Path

import pytest

from aidge_async._io.mounts import network_kind

TABLE = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 27 0:31 / /mnt/a rw - nfs4 server:/a rw
31 30 0:32 / /mnt/a/disk rw shared:1 master:2 - xfs /dev/b rw
32 27 0:33 / /mnt/with\040space rw - cifs //server/x rw
33 27 0:34 / /mnt/fuse rw - fuse.sshfs host: rw
34 27 0:35 / /mnt/ntfs rw - fuse.ntfs-3g /dev/c rw
35 27 0:36 / /mnt/over rw - nfs server:/o rw
36 27 0:37 / /mnt/over rw - ext4 /dev/d rw
37 27 0:38 / /mnt/wsl rw - 9p drvfs rw
38 27 0:39 / /mnt/smb rw - smb3 //server/y rw
a line that nobody understands
- too short
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/journal", None),
        ("/mnt/a/journal", "nfs4"),
        ("/mnt/a", "nfs4"),
        ("/mnt/ab/journal", None),
        ("/mnt/a/disk/journal", None),
        ("/mnt/with space/journal", "cifs"),
        ("/mnt/fuse/x/journal", "fuse.sshfs"),
        ("/mnt/ntfs/journal", None),
        ("/mnt/over/journal", None),
        ("/mnt/wsl/journal", "9p"),
        ("/mnt/smb/journal", "smb3"),
    ],
)
def test_longest_mount_decides(tmp_path: Path, path: str, kind: str | None) -> None:
    """The latest of those at the longest place, whatever stands around it."""
    table = tmp_path / "mountinfo"
    table.write_text(TABLE, encoding="utf-8")
    assert network_kind(Path(path), table) == kind


def test_nobody_knows_without_a_table(tmp_path: Path) -> None:
    """Systems without one are not asked."""
    assert network_kind(Path("/mnt/a/journal"), tmp_path / "missing") is None


def test_this_machine_can_be_asked(tmp_path: Path) -> None:
    """Whatever it has, the folder for tests is no network file system."""
    assert network_kind(tmp_path.resolve()) is None
