"""
The registry of the gateway's APIs this library speaks: one file each, one line each here.

Nothing but the registry may come in here.
"""

from typing import Any, Final

from aidge_async._core.operation import Operation, ResultT_co, TaskRequest
from aidge_async.errors import RequestError
from aidge_async.operations.model_alternation import MODEL_ALTERNATION

OPERATIONS: Final[tuple[Operation[Any], ...]] = (MODEL_ALTERNATION,)


def operation_of(request: TaskRequest[ResultT_co]) -> Operation[ResultT_co]:
    """Return the operation a request belongs to."""
    for operation in OPERATIONS:
        if isinstance(request, operation.request_type):
            return operation
    names = ", ".join(operation.request_type.__name__ for operation in OPERATIONS)
    raise RequestError(f"'request' must be one of {names} (got {type(request).__name__}); build one of these")


def operation_named(name: str) -> Operation[Any]:
    """Return the operation a token names."""
    for operation in OPERATIONS:
        if operation.name == name:
            return operation
    raise RequestError(
        f"'token' names the operation {name!r}, which this version does not know; use the version that made it"
    )
