"""The gateway of these tests hands out one picture for all tasks: drawing each would take longer than all else."""

import pytest

from aidge_async.sandbox import gallery
from tests.conftest import draw_photo


@pytest.fixture(autouse=True)
def quick_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sandbox draw nothing; which file is which task's is told by its name."""
    picture = draw_photo(520, 520)
    monkeypatch.setattr(gallery, "draw", lambda ordered, _: (picture,) * ordered.count)
