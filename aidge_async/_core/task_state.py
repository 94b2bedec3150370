"""
What may be known of a task, each as a small class: still running, or how it ended.

How that is found out belongs to the poller.
"""

from typing import Generic, TypeAlias

import attrs

from aidge_async._core.operation import ResultT_co
from aidge_async.errors import AidgeError


@attrs.frozen
class TaskRunning:
    """
    The task is not done.

    Args:
        word: The gateway's own status word, such as `"submitted"` or `"running"`; empty before the first answer.
    """

    word: str = ""


@attrs.frozen
class TaskSucceeded(Generic[ResultT_co]):
    """The task is done and its result is here."""

    result: ResultT_co


@attrs.frozen
class TaskFailed:
    """The task was accepted and then failed at the gateway."""

    error: AidgeError


TaskState: TypeAlias = TaskRunning | TaskSucceeded[ResultT_co] | TaskFailed
