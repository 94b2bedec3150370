"""
Async client for Aidge's paid image generation: submit once, poll sparingly, lose nothing.

Names only; nothing optional is imported here.
"""

from aidge_async._core.operation import TaskRequest, WireFormat
from aidge_async._core.pictures import GeneratedImage, GeneratedImages
from aidge_async._core.task_state import TaskFailed, TaskRunning, TaskState, TaskSucceeded
from aidge_async._io.uploads import read_image
from aidge_async.client import AidgeClient
from aidge_async.config import Deadlines, Limits, Polling, Region, Settings
from aidge_async.errors import (
    AidgeError,
    BudgetError,
    ClockError,
    ContentError,
    CredentialsError,
    DeadlineError,
    DownloadError,
    InvalidInputError,
    JournalError,
    NotSentError,
    QuotaError,
    RateLimitError,
    RefusedError,
    ReplyError,
    RequestError,
    SettingsError,
    SubmissionInDoubtError,
    TaskFailedError,
)
from aidge_async.handle import TaskHandle
from aidge_async.operations.model_alternation import Age, Background, Gender, ImageStyle, ModelAlternation

__all__ = [
    "Age",
    "AidgeClient",
    "AidgeError",
    "Background",
    "BudgetError",
    "ClockError",
    "ContentError",
    "CredentialsError",
    "DeadlineError",
    "Deadlines",
    "DownloadError",
    "Gender",
    "GeneratedImage",
    "GeneratedImages",
    "ImageStyle",
    "InvalidInputError",
    "JournalError",
    "Limits",
    "ModelAlternation",
    "NotSentError",
    "Polling",
    "QuotaError",
    "RateLimitError",
    "RefusedError",
    "Region",
    "ReplyError",
    "RequestError",
    "Settings",
    "SettingsError",
    "SubmissionInDoubtError",
    "TaskFailed",
    "TaskFailedError",
    "TaskHandle",
    "TaskRequest",
    "TaskRunning",
    "TaskState",
    "TaskSucceeded",
    "WireFormat",
    "read_image",
]

for _name in __all__:
    _public = globals()[_name]
    if isinstance(_public, type) or callable(_public):
        # Reprs, tracebacks and documentation show where a name is to be imported from, not where it lies.
        _public.__module__ = __name__
del _name, _public
