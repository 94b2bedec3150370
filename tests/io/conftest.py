"""What the tests of downloads share."""

from collections.abc import Iterator

import pytest

from tests.io.loopback import answer, raw_server
from tests.io.storage import PICTURE, Storage


@pytest.fixture
def storage() -> Iterator[Storage]:
    """Run a storage with one picture at `/a.png`."""
    storage = Storage()
    storage.answers["/a.png"] = answer(content=PICTURE)
    with raw_server(storage) as server:
        storage.server = server
        yield storage
