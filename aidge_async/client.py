"""
The client: what users hold.

It checks settings, opens and closes the parts, and hands wishes on. Which parts there are and how they fit is
`_wiring.py`'s matter; it is loaded when a client is opened, because it is most of the library, and importing a name of
the library must not cost what opening a connection costs anyway.
"""

import math
import os
from collections import deque
from collections.abc import AsyncIterable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, Unpack

import anyio

from aidge_async._core.operation import ResultT_co, TaskRequest, WireFormat
from aidge_async._core.pictures import GeneratedImages
from aidge_async._core.signing import Secret
from aidge_async._core.statistics import LimiterStatistics
from aidge_async._options import ClientOptions
from aidge_async.batch import Batch
from aidge_async.config import Region, Settings, read_settings, without_frames
from aidge_async.errors import SettingsError
from aidge_async.handle import TaskHandle

if TYPE_CHECKING:
    from aidge_async._engine.plan import Drawn
    from aidge_async._io.journal_view import JournalView
    from aidge_async._wiring import Parts

_MOST_UNCLAIMED: Final = 10_000  # tokens, some 3 MB; who cancels more than that unheard finds them in the log


class AidgeClient:
    """
    Buy pictures at the Aidge gateway: submit, follow, save.

    Use it as `async with AidgeClient.from_env() as aidge:`, one for a process, because limits are a client's. It works
    on asyncio and on trio, and any number of tasks may use it at once.

    Args:
        key_name: The account's key name (`app_key`).
        key_secret: Its secret.
        region: Where the key was bought: `global` (default) or `china`.
        trial: Whether to draw on the free trial quota.
        base_url: Another host instead of the region's, https or on loopback, as for the sandbox.
        wire_format: The dialect the account takes: `documented` (default) or `flat`.
        limits: How much may be asked at once and in a second.
        polling: When tasks are asked after; by default it is learned from the tasks before, see `Polling.learned`.
        deadlines: How long to wait for what.
        transport: Another httpx transport below the signature, for all calls to the gateway. It sees signed URLs; where
            it reports no trace, only what httpx itself raised proves that nothing was sent.
        download_transport: Another httpx transport for result pictures; where they lead is then its own matter.
        proxy: URL of a proxy; `None`: what HTTPS_PROXY and its kin say, and none on loopback.
        ssl_context: For TLS; `None`: httpx's default.
        observers: Are told of every event, in the event loop.
        journal: File that remembers what was bought, beyond this process; made if need be, shared by the processes of
            one machine. What is under way in it when the client is opened is followed on, and saved where it was meant
            to be; nothing is sent again. It is for one account in one region. `None`: memory, as long as the client.
        budget: Pictures that may be billed in all, as the journal counts; a submit that would exceed it is refused with
            `BudgetError`. What the codes 1001 and 1002 refuse is not counted. `None`: no limit of ours.
        wall_clock: Epoch seconds, for signing; the machine's by default.

    Raises:
        SettingsError: A setting is missing, of the wrong form, or contradicts another.
        JournalError: The journal cannot be used; raised when the client is opened, and nothing is sent.
    """

    def __init__(self, key_name: str, key_secret: str | Secret, **options: Unpack[ClientOptions]) -> None:
        self._parts: Parts | None = None
        key_secret = key_secret if isinstance(key_secret, Secret) else Secret(key_secret)  # no local may hold the text
        self.settings = without_frames(
            lambda: Settings(
                key_name=key_name,
                key_secret=key_secret,
                region=options.get("region", Region.GLOBAL),
                base_url=options.get("base_url"),
                trial=options.get("trial", False),
                wire_format=options.get("wire_format", WireFormat.DOCUMENTED),
            )
        )
        self._options = options
        self._unclaimed: deque[str] = deque(maxlen=_MOST_UNCLAIMED)

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None, **options: Unpack[ClientOptions]) -> Self:
        """
        Make a client from AIDGE_ACCESS_KEY_NAME, AIDGE_ACCESS_KEY_SECRET, AIDGE_REGION, AIDGE_TRIAL, AIDGE_BASE_URL and
        AIDGE_WIRE_FORMAT.

        Args:
            environment: Read instead of `os.environ`.
            options: As for the class; they win over the environment.

        Raises:
            SettingsError: A setting is missing or of the wrong form; the message names the variable.
        """
        found = without_frames(lambda: read_settings(os.environ if environment is None else environment, **options))
        options["region"], options["trial"] = found.region, found.trial
        options["base_url"], options["wire_format"] = found.base_url, found.wire_format
        return cls(found.key_name, found.key_secret, **options)

    def __repr__(self) -> str:
        if not hasattr(self, "settings"):
            return "<AidgeClient without settings>"  # as a traceback with locals shows it when they are refused
        state = "closed" if self._parts is None else "open"
        return f"<AidgeClient {self.settings.key_name} at {self.settings.origin}, {state}>"

    @property
    def unclaimed(self) -> tuple[str, ...]:
        """Return the tokens of accepted tasks whose caller was cancelled before it held a handle; resume them."""
        return tuple(self._unclaimed)

    async def __aenter__(self) -> Self:
        if self._parts is not None:
            raise SettingsError("the client is open already; use one 'async with' for the whole process")
        from aidge_async._means import Means
        from aidge_async._wiring import Parts  # most of the library; see this file's head

        group = anyio.create_task_group()
        parts = Parts(self.settings, Means.of(self._options), group, self._unclaimed)  # may raise: no group is open yet
        await group.__aenter__()
        try:
            await parts.open()
        except BaseException:
            await parts.aclose()
            raise
        self._parts = parts
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        parts, self._parts = self._open(), None
        await parts.aclose()

    async def submit(
        self,
        request: TaskRequest[ResultT_co],
        *,
        key: str | None = None,
        deadline: float | None = None,
        retry_failed: bool = False,
    ) -> TaskHandle[ResultT_co]:
        """
        Submit *request* and return the handle of its task. This buys; it is never done twice unless certainly not done.

        Args:
            request: What is wanted.
            key: A name for this purchase. Without one, each call buys. With one, the same key is one task: who submits
                it again, at the same time or later, gets the same task.
            deadline: Seconds for the whole submission, waiting for a permit included; `None`: no limit.
            retry_failed: Whether a key whose task failed is bought again, and not that task returned. Whether the
                gateway bills failures is not documented.

        Raises:
            RequestError: The picture or a value breaks a documented rule, or the key was used for another request.
            NotSentError: Nothing could be sent.
            RefusedError: The gateway certainly did not process it; see its subclasses.
            SubmissionInDoubtError: It was sent, and whether it was accepted is not known.
            DeadlineError: The deadline passed before it was sent.
            BudgetError: The budget does not cover it; nothing was sent.
        """
        until = math.inf if deadline is None else anyio.current_time() + deadline
        return await self._open().buy(request, key=key, until=until, retry_failed=retry_failed)

    async def run(
        self,
        request: TaskRequest[ResultT_co],
        *,
        key: str | None = None,
        deadline: float | None = None,
        retry_failed: bool = False,
    ) -> ResultT_co:
        """
        Submit *request*, follow its task, and return the result; as `submit`, but for:

        Args:
            deadline: Seconds for all of it; `None`: none for the submit, then `Deadlines.task` (15 min) for the task.

        Raises:
            AidgeError: As `submit` and `TaskHandle.result`.
        """
        parts = self._open()
        until = None if deadline is None else anyio.current_time() + deadline
        handle = await self.submit(request, key=key, deadline=deadline, retry_failed=retry_failed)
        try:
            return await handle.result(deadline=None if until is None else until - anyio.current_time())
        except anyio.get_cancelled_exc_class():
            parts.abandon(key or "", handle.token)
            raise

    async def plan(self, request: TaskRequest[Any], *, key: str, save_to: str | Path | None = None) -> None:
        """
        Record *request* under *key*, and submit it in the background: as the limits allow, by this client or, if its
        process ends first, by the next that opens the journal. It is on disk when this returns.

        Bytes and links wait in a spool beside the journal until the task is accepted; a file is read again. What cannot
        be sent is tried again later. `submit` with the same key gives the handle, `journal` tells how it stands.

        Args:
            save_to: Folder in which to save the pictures; `None`: they are not saved.

        Raises:
            RequestError: As for `submit`.
            NotSentError: The client is being drained.
            JournalError: It could not be recorded; `SettingsError` where the client has no journal.
        """
        await self._open().plan(request, key=key, folder=None if save_to is None else Path(save_to))

    @property
    def journal(self) -> "JournalView":
        """Return what may be asked of the journal; raise `SettingsError` where the client has none."""
        return self._open().on_disk.view

    def batch(
        self,
        requests: "Iterable[Drawn[ResultT_co]] | AsyncIterable[Drawn[ResultT_co]]",
        *,
        window: int = 200,
        order: Literal["completed", "input"] = "completed",
        save_to: str | Path | None = None,
        deadline: float | None = None,
        brake: int | None = 5,
        retry_failed: bool = False,
    ) -> Batch[ResultT_co]:
        """
        Bring many requests to their outcomes, as fast as the limits allow and in bounded memory.

        Use it as `async with aidge.batch(requests) as outcomes:` and `async for outcome in outcomes:`. Nothing raised
        for one request stops the others; refused credentials or quota and a budget that is used up stop submitting, and
        what was drawn and not sent is `NotSubmitted`.

        Args:
            requests: Any (async) iterable of requests, or of pairs of a key and a request. It is drawn only as the
                window allows, so a slow consumer slows the submits, and a million rows cost no memory. What it raises
                comes out when all that was drawn is delivered.
            window: Most requests drawn whose outcome was not fetched, which is also the most tasks in flight.
            order: Whether outcomes come as they are completed, or in the order of the requests.
            save_to: Folder in which to save the pictures of each task before its outcome is delivered.
            deadline: Seconds for each request from being drawn; `None`: none for the submit, then `Deadlines.task`.
            brake: Submissions in doubt in a row after which none is sent for a minute; then one is tried, and the
                pause is doubled while that fails. `None`: never.
            retry_failed: Whether keys, and with a journal equal requests, that failed before are bought again, once.

        Raises:
            RequestError: An argument breaks a rule; nothing was drawn.
        """
        from aidge_async._engine.plan import BatchPlan  # most of the library; see this file's head

        parts = self._open()
        plan = BatchPlan.of(
            requests,
            brake=brake,
            retry_failed=retry_failed,
            window=window,
            order=order,
            save_to=save_to,
            deadline=deadline,
            task_deadline=parts.deadlines.task,
        )
        return Batch(lambda: self._open().batch(plan))

    async def drain(self, deadline: float) -> tuple[str, ...]:
        """
        Submit nothing more, and let what is in flight end; for a backend that is being stopped.

        Who waits for a permit gets `NotSentError` at once. Who waits for a task that does not end in time gets
        `DeadlineError`; batches deliver `NotSubmitted` and `Unfinished`. The client stays open and submits no more.

        Args:
            deadline: Seconds.

        Returns:
            Tokens of the tasks that are not at their end, as far as anybody holds them; resume them elsewhere.
        """
        return await self._open().drain(deadline)

    def statistics(self) -> LimiterStatistics:
        """Return who waits for a permit, who is in flight, and at which rates the gateway is called."""
        return self._open().limiter.statistics()

    async def check(self, request: TaskRequest[Any]) -> tuple[str, ...]:
        """
        Look at *request* and its picture as `submit` would, send nothing, and return what is doubtful about them.

        Raises:
            RequestError: `submit` would refuse it.
        """
        from aidge_async._io.preflight import check  # loaded when it is wanted; see this file's head

        return await check(self.settings, request)

    def resume(self, token: str) -> TaskHandle[Any]:
        """Return the handle of a task of before, from here or elsewhere; `RequestError`: not this account's token."""
        return self._open().resume(token)

    async def save(self, result: GeneratedImages, folder: str | Path) -> list[Path]:
        """
        Save all pictures of *result* and return their paths, in order. Saving twice is harmless.

        Files are called `{key or file stem}-{task id, 8}-{n}.{ext by content}`; nothing is overwritten, and an equal
        file counts as done.

        Args:
            result: What `run` or a handle returned.
            folder: Where to; made if need be.

        Raises:
            DownloadError: A picture could not be fetched or written.
        """
        return await self._open().save(result, Path(folder))

    def _open(self) -> "Parts":
        if self._parts is None:
            raise SettingsError("the client is not open; use it inside 'async with AidgeClient(...) as aidge:'")
        return self._parts
