"""What the sandbox keeps, and what it lets go."""

import gc
from pathlib import Path

import pytest

from aidge_async.sandbox.spool import DrawnCache, SourceSpool


def test_sources_are_kept_once_and_found_again() -> None:
    """Equal pictures are one file; a name that is not there is nothing."""
    spool = SourceSpool()
    name = spool.put(b"one")
    assert spool.put(b"one") == name
    assert (spool.get(name), spool.get("0" * 64)) == (b"one", None)
    assert repr(spool) == "<SourceSpool 1 pictures, 3 bytes>"
    spool.close()
    assert spool.get(name) is None


def test_oldest_sources_give_way() -> None:
    """Past its bound the spool lets go of what was used longest ago, on the disk too."""
    spool = SourceSpool(most_bytes=10)
    first, second = spool.put(b"aaaa"), spool.put(b"bbbb")
    spool.put(b"aaaa")
    third = spool.put(b"cccc")
    assert (spool.get(first), spool.get(second), spool.get(third)) == (b"aaaa", None, b"cccc")
    assert len(list(spool._home().iterdir())) == 2
    spool.close()


def test_directory_goes_with_its_spool() -> None:
    """A spool that nobody closed leaves nothing behind."""
    spool = SourceSpool()
    spool.put(b"one")
    home = spool._home()
    assert home.exists()
    del spool
    gc.collect()
    assert not home.exists()


def test_full_disk_costs_the_picture_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be written the task still has a source name, and no source."""

    def fail(*_: object) -> int:
        raise OSError("no space left on device")

    spool = SourceSpool()
    monkeypatch.setattr(Path, "write_bytes", fail)
    assert spool.get(spool.put(b"one")) is None
    spool.close()


def test_drawn_pictures_stay_within_their_bound() -> None:
    """The cache keeps the sets used last, and always the newest."""
    cache = DrawnCache(most_bytes=10)
    cache.put("a", (b"1234",))
    cache.put("b", (b"12", b"34"))
    assert cache.get("a") == (b"1234",)
    cache.put("c", (b"1234",))
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == ((b"1234",), None, (b"1234",))
    cache.put("d", (b"far too many bytes",))
    assert cache.get("d") == (b"far too many bytes",)
    assert repr(cache) == "<DrawnCache 1 sets, 18 bytes>"
