"""
A process of its own that submits and queries against hostile answers, and says what became of each and of its memory.

`python -m tests.matrix.hostile_client URL LOOP CASES`; a line of JSON on stdout.
"""

import json
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import anyio
import attrs

from aidge_async import AidgeClient, AidgeError, Limits, ModelAlternation, SubmissionInDoubtError, TaskSucceeded
from aidge_async._core.token import read_token
from aidge_async._options import ClientOptions
from aidge_async.events import Event, PollFaulted
from tests.matrix.hostile import ACCEPTED, IN_DOUBT, MALFORMED, SUCCEEDED, UNREADABLE
from tests.support import KEY_NAME, KEY_SECRET, events_of

_SIGHTINGS: Final = 3  # of a result that cannot be read, before it is believed
# Words by which an error names what of an answer it is about.
_NAMING: Final = (
    "task id",
    "task status",
    "$.data",
    "no JSON object",
    "over 1048576 bytes",
    "Receive buffer too long",
    " code ",
)


def look(name: object) -> ModelAlternation:
    """Return a request that names a case."""
    return ModelAlternation(image=f"https://example.com/{name}.jpg", model="universal_model_1", count=1)


async def submitted(aidge: AidgeClient, name: str) -> tuple[str, str]:
    """Submit; return what it came to, and in which words."""
    try:
        await aidge.submit(look(name))
    except SubmissionInDoubtError as exc:
        return IN_DOUBT, str(exc)
    except AidgeError as exc:
        return type(exc).__name__, f"{exc} {exc.code}"
    except BaseException as exc:  # noqa: BLE001  the row is about exactly these
        return f"foreign: {type(exc).__name__}", str(exc)
    return ACCEPTED, ""


async def queried(aidge: AidgeClient, token: str, seen: list[Event]) -> tuple[str, str]:
    """Ask as often as an answer must be seen to be believed; return what it came to, and in which words."""
    seen.clear()
    handle = aidge.resume(token)
    try:
        for _ in range(_SIGHTINGS):
            state = await handle.status()
            if isinstance(state, TaskSucceeded):
                return SUCCEEDED, ""
    except AidgeError as exc:
        return MALFORMED if "$.data" in str(exc) else type(exc).__name__, str(exc)
    except BaseException as exc:  # noqa: BLE001  the row is about exactly these
        return f"foreign: {type(exc).__name__}", str(exc)
    faults = events_of(seen, PollFaulted)
    return (UNREADABLE, faults[-1].reason) if faults else (type(handle._poller.state).__name__, "")


def said(came: tuple[str, str]) -> dict[str, Any]:
    """Return one outcome as JSON holds it; whether an error names what it is about belongs to it."""
    outcome, words = came
    return {"outcome": outcome, "words": words[:300], "is_named": not words or any(word in words for word in _NAMING)}


async def story(url: str, cases: int, journal: str) -> dict[str, Any]:
    """Meet every case; return what became of each, and by how many bytes the most memory ever used grew."""
    seen: list[Event] = []
    free = Limits(submit_rate=None, query_rate=None)
    options: ClientOptions = {"base_url": url, "limits": free, "observers": [seen.append], "journal": journal}
    async with AidgeClient(KEY_NAME, KEY_SECRET, **options) as aidge:
        good = await aidge.submit(look("good"))
        await good.status()
        before, outcomes = _most_memory(), []
        for number in range(cases):
            token = _token_of(good.token, f"case-{number}")
            outcomes.append([said(await submitted(aidge, f"case-{number}")), said(await queried(aidge, token, seen))])
        await (await aidge.submit(look("good"))).status()  # and it still works
        return {"grew": _most_memory() - before, "outcomes": outcomes}


def _token_of(token: str, task_id: str) -> str:
    return attrs.evolve(read_token(token), task_id=task_id).text()


def _most_memory() -> int:
    """Return the most bytes that this process ever held; what its parent held counts in what `getrusage` says."""
    status = Path("/proc/self/status")
    if not status.exists():
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        report = anyio.run(story, sys.argv[1], int(sys.argv[3]), f"{folder}/journal", backend=sys.argv[2])
    print(json.dumps(report))  # noqa: T201  it is its answer
