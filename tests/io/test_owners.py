"""Who lives: the one whose lock the kernel holds, and nobody else."""

import os
import sys
from pathlib import Path

import pytest

from aidge_async._io import owners
from aidge_async._io.owners import Owner


def files(folder: Path) -> int:
    """Return how many lock files there are."""
    return len(list(folder.glob("journal-owner-*")))


def test_owner_lives_until_it_ends(tmp_path: Path) -> None:
    """For others and for itself; afterwards nothing is left of it."""
    one, other = Owner(tmp_path / "journal"), Owner(tmp_path / "journal")
    assert other.lives(one.name)
    assert one.lives(one.name)
    assert files(tmp_path) == 2
    one.end()
    assert not other.lives(one.name)
    assert files(tmp_path) == 1
    other.end()
    assert files(tmp_path) == 0
    assert repr(one) == f"<Owner {one.name}>"


def test_dead_leave_their_lock_file_to_the_living(tmp_path: Path) -> None:
    """It is removed once what they left is taken over, not if that fails."""
    one, other = Owner(tmp_path / "journal"), Owner(tmp_path / "journal")
    one._close()  # as the kernel does
    names = {one.name, other.name, "without a file"}

    def fail() -> None:
        with other.dead(names):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert files(tmp_path) == 2
    with other.dead(names) as dead:
        assert dead == {one.name, "without a file"}
        assert files(tmp_path) == 2
    assert files(tmp_path) == 1
    other.end()


def test_sweep_removes_what_the_dead_left(tmp_path: Path) -> None:
    """And neither the living nor other files."""
    (tmp_path / "journal").touch()
    (tmp_path / "journal-owner-old").touch()
    (tmp_path / "another-owner-old").touch()
    living, owner = Owner(tmp_path / "journal"), Owner(tmp_path / "journal")
    owner.sweep()
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        ["journal", "another-owner-old", f"journal-owner-{living.name}", f"journal-owner-{owner.name}"]
    )
    living.end()
    owner.end()


def test_file_that_is_swept_while_it_is_made_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between making it and locking it, somebody may take it for one of the dead's."""
    lock = owners._try_lock
    swept: list[Path] = []

    def lock_too_late(descriptor: int) -> bool:
        if not swept:
            swept.extend(tmp_path.glob("journal-owner-*"))
            swept[0].unlink()
        return lock(descriptor)

    monkeypatch.setattr(owners, "_try_lock", lock_too_late)
    owner = Owner(tmp_path / "journal")
    assert owner.name not in swept[0].name
    assert files(tmp_path) == 1
    owner.end()


def test_lock_file_of_another_user_is_a_living_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cannot be asked is not declared dead."""
    owner = Owner(tmp_path / "journal")

    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    assert owner.lives("another")
    monkeypatch.undo()
    owner.end()


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_child_does_not_keep_its_dead_parent_alive(tmp_path: Path) -> None:
    """A fork shares the open file, and would hold the lock on."""
    one, other = Owner(tmp_path / "journal"), Owner(tmp_path / "journal")
    up, is_up = os.pipe()
    end, ends = os.pipe()
    child = os.fork()
    if not child:
        os.close(ends)
        os.write(is_up, b"x")
        os.read(end, 1)
        os._exit(0)
    os.read(up, 1)
    one._close()
    assert not other.lives(one.name)
    os.close(ends)
    os.waitpid(child, 0)
    for descriptor in (up, is_up, end):
        os.close(descriptor)
    other.end()
