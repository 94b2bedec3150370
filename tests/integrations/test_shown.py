"""How a task is shown: no more is said of its bill than is known."""

from pathlib import Path
from typing import Any

import pytest

from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.testing import InProcessSandbox
from tests.integrations.support import backend_in


@pytest.mark.parametrize(("code", "billable"), [("1000", "no"), ("1001", "unknown"), ("1002", "unknown")])
async def test_bill_of_a_refusal_is_not_known_where_it_is_not(tmp_path: Path, code: str, billable: str) -> None:
    """A task that is refused by a code of which nobody knows whether it is billed does not say that it is not."""
    sandbox = InProcessSandbox(SandboxSettings(duration=0))
    fields: dict[str, Any] = {"code": code, "message": "made up"}
    sandbox.fault("submit", "business_code", **fields)
    async with backend_in(tmp_path, sandbox=sandbox) as backend:
        own = (await backend.post()).json()["links"]["self"]
        task = await backend.until(own, lambda task: task["done"])
    assert (task["state"], task["billable"]) == ("refused", billable)
