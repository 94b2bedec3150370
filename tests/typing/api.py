"""What a type checker must know of the public face."""

from pathlib import Path
from typing import Any, assert_type

from aidge_async import (
    AidgeClient,
    GeneratedImages,
    ModelAlternation,
    TaskFailed,
    TaskHandle,
    TaskRunning,
    TaskSucceeded,
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


def requests() -> list[ModelAlternation]:
    """A request takes files, bytes and URLs, enums or their text."""
    return [
        ModelAlternation(image=Path("look.jpg"), model="universal_model_1", gender="FEMALE"),
        ModelAlternation(image=b"", model="universal_model_1", background="beach"),
    ]
