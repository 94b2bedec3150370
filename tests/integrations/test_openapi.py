"""The OpenAPI document: held to the routes, and to whatever it allows anybody to ask."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from aidge_async.integrations.asgi._app import api_routes
from aidge_async.integrations.asgi._openapi import document
from tests.integrations.servers import serving
from tests.integrations.support import Backend

MODELS = ["universal_model_1"]


def test_every_route_is_described() -> None:
    """The document names the paths and methods of the application, no more and no fewer."""
    routes = {(route.path, method) for route in api_routes() for method in (route.methods or ()) if method != "HEAD"}
    described = {(path, method.upper()) for path, item in document("", MODELS)["paths"].items() for method in item}
    assert described == routes


def test_every_reference_leads_somewhere() -> None:
    """Each `$ref` of the document names one of its components, and each component is named."""
    whole = document("/pics", MODELS)
    found: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            found.update([value["$ref"]] if "$ref" in value else [])
            for part in value.values():
                walk(part)
        elif isinstance(value, list):
            for part in value:
                walk(part)

    walk(whole)
    there = {f"#/components/{kind}/{name}" for kind, named in whole["components"].items() for name in named}
    assert found <= there
    assert there - found <= {"#/components/responses/405"}
    assert whole["servers"] == [{"url": "/pics"}]


async def test_answers_are_as_described(backend: Backend, photo: bytes) -> None:
    """A task, a page, a problem and the facts have the form that the document gives them."""
    schemas = document("", MODELS)["components"]["schemas"]

    def check(name: str, value: Any) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
        jsonschema_rs.Draft202012Validator(schema).validate(value)

    check("Task", (await backend.post(photo)).json())
    check("TaskPage", (await backend.get("/tasks")).json())
    check("About", (await backend.get("/about")).json())
    check("Problem", (await backend.post(values={"count": "9"})).json())


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """Serve the application, with the sandbox behind it, and give its address."""
    with serving("--out", tmp_path, "--submit-rate", "50", "--query-rate", "50", "--drain", "1") as running:
        yield running.url


@pytest.mark.slow
def test_whatever_the_document_allows_is_answered_as_documented(served: str) -> None:
    """No call that the document allows, nor one that it forbids, meets a 5xx or an answer that it does not describe."""
    schema = schemathesis.openapi.from_url(f"{served}openapi.json").exclude(path_regex="events$")
    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    answered: Counter[tuple[str, int]] = Counter()
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]  # raises where it is none
        calls = st.one_of(operation.as_strategy(), operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))

        @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=calls)
        def ask(case: Any) -> None:
            answer = case.call_and_validate(checks=checks)
            answered[case.method, answer.status_code] += 1

        ask()
    assert answered.total() > 150
    assert {("POST", 202), ("POST", 422), ("GET", 200), ("GET", 404), ("DELETE", 404)} <= set(answered)
