"""The OpenAPI document is true: a short run of `python -m tests.openapi`, and what the framework would say wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.openapi.promises import check, server
from tests.support.thread_server import ThreadServer


@pytest.fixture
def running(tmp_path: Path) -> Iterator[ThreadServer]:
    with ThreadServer(tmp_path) as made:
        yield made


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_answers_are_as_documented(tmp_path: Path) -> None:
    """Every limit of the schemas of memories and sessions: no fault of the server, every answer as documented."""
    with server(str(tmp_path / "muxi.db")) as url:
        told = check(url, "owner", examples=0, seed=1, only="^/v1/(memories|sessions)")
    assert told.status == 0, told.said
    assert "No issues found" in told.said


def test_failures_are_documented_as_they_are(running: ThreadServer) -> None:
    """Each operation tells of problem documents in their own media type, and of no other form of failure."""
    document: dict[str, Any] = running.http.get("/openapi.json").json()
    operations = [one for methods in document["paths"].values() for one in methods.values()]
    told = [one["responses"]["default"]["content"] for one in operations]
    assert {tuple(one) for one in told} == {("application/problem+json",)}
    assert {one["application/problem+json"]["schema"]["$ref"] for one in told} == {"#/components/schemas/Problem"}
    assert [one for one in operations if "422" in one["responses"]] == []
    assert "HTTPValidationError" not in document["components"]["schemas"]


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/memories", "GET, POST"),
        ("/api/default/v1/memories", "GET, POST"),
        ("/v1/users/merge", "POST"),
        ("/v1/users/usr_1", "DELETE, GET"),
        ("/v1/context/a.b", "DELETE, PUT"),
        ("/health", "GET"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(running: ThreadServer, path: str, methods: str) -> None:
    """`Allow` names every method that the address takes, of all its routes."""
    answer = running.http.request("TRACE", path)
    assert (answer.status_code, answer.headers["allow"]) == (405, methods)
