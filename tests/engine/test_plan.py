"""What may be said of a batch before it begins."""

from typing import Any

import pytest

from aidge_async import RequestError, SettingsError
from tests.support import URL_REQUEST, ScriptedGateway


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"window": 0}, r"'window' must be a whole number from 1 \(got 0\)"),
        ({"window": True}, r"'window' must be a whole number from 1 \(got True\)"),
        ({"window": 2.5}, r"'window' must be a whole number from 1 \(got 2.5\)"),
        ({"order": "random"}, r"'order' must be 'completed' or 'input' \(got 'random'\)"),
        ({"deadline": 0}, r"'deadline' must be seconds over 0 \(got 0\)"),
        ({"deadline": "60"}, r"'deadline' must be seconds over 0 \(got '60'\)"),
        ({"brake": 0}, r"'brake' must be a whole number from 1 \(got 0\)"),
    ],
)
async def test_wrong_argument_is_refused_before_anything_is_drawn(options: dict[str, Any], said: str) -> None:
    """The message names the argument, the rule and what was found."""
    gateway = ScriptedGateway()
    async with gateway.client() as aidge:
        with pytest.raises(RequestError, match=said):
            aidge.batch([URL_REQUEST], **options)
    assert gateway.calls == []


@pytest.mark.parametrize("requests", ["text", b"bytes", URL_REQUEST, 7])
async def test_what_cannot_be_iterated_is_refused(requests: Any) -> None:
    """One request is not a batch; neither is text."""
    async with ScriptedGateway().client() as aidge:
        with pytest.raises(RequestError, match="'requests' must be an iterable or async iterable of requests"):
            aidge.batch(requests)


async def test_batch_is_used_once_and_inside_its_block() -> None:
    """Its requests are drawn once; before that there is nothing to read."""
    async with ScriptedGateway().client() as aidge:
        batch = aidge.batch([URL_REQUEST])
        assert repr(batch) == "<Batch, not begun>"
        with pytest.raises(SettingsError, match="the batch is not begun; use it inside"):
            batch.statistics()
        async with batch:
            pass
        with pytest.raises(SettingsError, match="the batch was begun before"):
            await batch.__aenter__()


async def test_total_is_known_of_a_list_only() -> None:
    """A generator is not drawn to count it."""
    async with ScriptedGateway().client() as aidge, aidge.batch(iter([URL_REQUEST])) as outcomes:
        assert outcomes.statistics().total is None
        assert [outcome async for outcome in outcomes]
        assert repr(outcomes) == "<Batch, 1 done, 0 in flight>"
