"""
Async client for Aidge's paid image generation: submit once, poll sparingly, lose nothing.

Names only; nothing optional is imported here.
"""

from aidge_async._core.operation import TaskRequest, WireFormat
from aidge_async._core.outcome import (
    BatchStatistics,
    Failed,
    InDoubt,
    NotSubmitted,
    Outcome,
    Succeeded,
    Timeline,
    Unfinished,
)
from aidge_async._core.pictures import GeneratedImage, GeneratedImages
from aidge_async._core.statistics import LimiterStatistics, PathStatistics
from aidge_async._core.task_state import TaskFailed, TaskRunning, TaskState, TaskSucceeded
from aidge_async._io.uploads import read_image
from aidge_async.batch import Batch
from aidge_async.client import AidgeClient
from aidge_async.config import Region, Settings
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
    TakenError,
    TaskFailedError,
)
from aidge_async.handle import TaskHandle
from aidge_async.operations.model_alternation import Age, Background, Gender, ImageStyle, ModelAlternation
from aidge_async.tuning import Deadlines, Limits, Polling

__all__ = [
    "Age",
    "AidgeClient",
    "AidgeError",
    "Background",
    "Batch",
    "BatchStatistics",
    "BudgetError",
    "ClockError",
    "ContentError",
    "CredentialsError",
    "DeadlineError",
    "Deadlines",
    "DownloadError",
    "Failed",
    "Gender",
    "GeneratedImage",
    "GeneratedImages",
    "ImageStyle",
    "InDoubt",
    "InvalidInputError",
    "JournalError",
    "LimiterStatistics",
    "Limits",
    "ModelAlternation",
    "NotSentError",
    "NotSubmitted",
    "Outcome",
    "PathStatistics",
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
    "Succeeded",
    "TakenError",
    "TaskFailed",
    "TaskFailedError",
    "TaskHandle",
    "TaskRequest",
    "TaskRunning",
    "TaskState",
    "TaskSucceeded",
    "Timeline",
    "Unfinished",
    "WireFormat",
    "read_image",
]

for _name in __all__:
    _public = globals()[_name]
    if isinstance(_public, type) or callable(_public):
        # Reprs, tracebacks and documentation show where a name is to be imported from, not where it lies.
        _public.__module__ = __name__
del _name, _public
