"""What a type checker must know of the public face."""

from pathlib import Path
from typing import Any, assert_never, assert_type

from aidge_async import (
    AidgeClient,
    AidgeError,
    Batch,
    Failed,
    GeneratedImages,
    InDoubt,
    ModelAlternation,
    NotSubmitted,
    Outcome,
    SubmissionInDoubtError,
    Succeeded,
    TaskFailed,
    TaskHandle,
    TaskRunning,
    TaskSucceeded,
    Unfinished,
)


async def results(aidge: AidgeClient, request: ModelAlternation) -> None:
    """A request names what awaiting its task returns."""
    assert_type(await aidge.run(request), GeneratedImages)
    handle = await aidge.submit(request, key="sku-1")
    assert_type(handle, TaskHandle[GeneratedImages])
    assert_type(await handle, GeneratedImages)
    assert_type(await handle.status(), TaskRunning | TaskSucceeded[GeneratedImages] | TaskFailed)
    assert_type(aidge.resume(handle.token), TaskHandle[Any])
    assert_type(await aidge.save(await handle, "out"), list[Path])


async def outcomes(aidge: AidgeClient, request: ModelAlternation) -> None:
    """A batch of requests yields outcomes of their results; a check for each kind leaves nothing over."""
    async with aidge.batch([request, request]) as batch:
        assert_type(batch, Batch[GeneratedImages])
        async for outcome in batch:
            match outcome:
                case Succeeded(result=result):
                    assert_type(result, GeneratedImages)
                case NotSubmitted(error=error) | Failed(error=error):
                    assert_type(error, AidgeError)
                case Unfinished(token=token):
                    assert_type(token, str)
                case InDoubt(error=in_doubt):
                    assert_type(in_doubt, SubmissionInDoubtError)
                case _:
                    assert_never(outcome)
    async with aidge.batch(("key", request) for _ in range(3)) as keyed:
        assert_type(await anext(keyed), Outcome[GeneratedImages])
    assert_type(await aidge.drain(30), tuple[str, ...])


def requests() -> list[ModelAlternation]:
    """A request takes files, bytes and URLs, enums or their text."""
    return [
        ModelAlternation(image=Path("look.jpg"), model="universal_model_1", gender="FEMALE"),
        ModelAlternation(image=b"", model="universal_model_1", background="beach"),
    ]
