"""
One gateway API as data: its paths, its two dialects, and how its result is read.

No API's own facts come in here; each has its file in `operations/`.
"""

import enum
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import attrs

ResultT_co = TypeVar("ResultT_co", covariant=True)


class WireFormat(enum.Enum):
    """
    Which of the vendor's two dialects the account takes.

    The reference page and the vendor's own example code for the same API disagree, and neither was checked against
    the live gateway. The library never tries the other dialect by itself after an error: that could buy twice.
    """

    DOCUMENTED = "documented"
    """The reference page: fields inside `requestParams`, a JSON text; models `universal_model_1` to `_4`."""

    FLAT = "flat"
    """The vendor's example code: fields at the top level, scalars as text; models `WHITE`, `BLACK`, …"""


class TaskRequest(Generic[ResultT_co]):
    """Mark a request that the gateway answers with a task; its parameter is what awaiting the task returns."""

    __slots__ = ()


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Dialect:
    """
    Say how a request of one API is written in one wire format.

    Args:
        names: Wire name by attribute name, in the order of the wire.
        image_url: Wire name of an image given as a URL.
        image_base64: Wire name of an image given as bytes.
        wrapper: Parameter that holds the fields as the JSON text of a one-element array; `None`: fields at top level.
        scalars_as_text: Whether numbers and booleans travel as text.
        known_values: The values this dialect knows for an attribute that is plain text to us.
    """

    names: Mapping[str, str]
    image_url: str
    image_base64: str
    wrapper: str | None = None
    scalars_as_text: bool = False
    known_values: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TaskFacts:
    """Hold what is known of a task beside its result, for the result to carry."""

    task_id: str
    request_id: str | None
    token: str
    name: str


ReadResult: TypeAlias = Callable[[Mapping[str, Any], TaskFacts], ResultT_co | None]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Operation(Generic[ResultT_co]):
    """
    Describe one asynchronous API of the gateway.

    Args:
        name: Its name in tokens and in `aidge-async` commands; never changes.
        request_type: The request that belongs to it.
        submit_path: API path of the submit, without the gateway's prefix.
        query_path: API path of the result query.
        query_id_field: Name of the query's parameter for the task id.
        query_method: How results are asked for.
        dialects: How a request is written, by wire format.
        image_of: What a request gives as its image: a file, bytes or a URL.
        picture_count: How many pictures a request buys.
        workload: What of a request decides how long its task takes; tasks of equal workload are polled alike.
        read_result: Turns the `data` of a succeeded query into the result, `None` where there is none in it; raises
            `reading.UnreadableValueError`.
    """

    name: str
    request_type: type[TaskRequest[ResultT_co]]
    submit_path: str
    query_path: str
    query_id_field: str = "taskId"
    query_method: Literal["POST", "GET"] = "POST"
    dialects: Mapping[WireFormat, Dialect]
    image_of: Callable[[Any], Path | bytes | str]
    picture_count: Callable[[Any], int]
    workload: Callable[[Any], Hashable]
    read_result: ReadResult[ResultT_co]
