"""How a task is shown: no more is said of its bill than is known, and nothing of this machine's folders."""

from pathlib import Path
from typing import Any

import pytest

from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.testing import InProcessSandbox
from tests.conftest import draw_photo
from tests.integrations.support import ONE_SUBMIT, backend_in


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


async def test_reasons_tell_no_folders(tmp_path: Path) -> None:
    """A task whose bytes were taken out of the spool is refused with a reason that names no folder of this machine."""
    async with backend_in(tmp_path, limits=ONE_SUBMIT) as backend:
        await backend.post(draw_photo(shade=1))
        own = (await backend.post(draw_photo(shade=2))).json()["links"]["self"]
    for file in (tmp_path / "journal.db-spool").iterdir():
        file.unlink()
    async with backend_in(tmp_path, sandbox=backend.sandbox) as backend:
        task = await backend.until(own, lambda task: task["done"])
    assert (task["state"], bool(task["reason"])) == ("refused", True)
    assert tmp_path.name not in task["reason"]
