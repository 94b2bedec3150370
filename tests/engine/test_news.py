"""What observers and the log are told: no link that the gateway repeats."""

import logging

import pytest

from aidge_async import events
from aidge_async._engine.news import News


def test_links_are_cut_out_of_reasons(caplog: pytest.LogCaptureFixture) -> None:
    """A reason that repeats the picture's signed link reaches observers and the log without it; others as they are."""
    caplog.set_level(logging.DEBUG)
    seen: list[events.Event] = []
    news = News([seen.append])
    plain = events.SubmitRefused(key="a", reason="code 1000", code="1000")
    news.tell(plain)
    news.tell(events.SubmitRefused(key="a", reason="not https://e.example/a.jpg?sign=AB; try again", code="1000"))
    assert seen[0] is plain
    assert [getattr(event, "reason", "") for event in seen] == ["code 1000", "not <link> try again"]
    assert "sign=" not in caplog.text
