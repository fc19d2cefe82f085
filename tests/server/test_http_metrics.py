"""Numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from muxi.core.models.base import Vectors
from muxi.errors import ModelUnavailableError
from tests.support.thread_server import ThreadServer
from tests.support.vectors import WordVectors

ALICE = "alice@acme.com"


class Away(WordVectors):
    """Cannot be reached."""

    async def embed(self, texts: Sequence[str]) -> Vectors:
        raise ModelUnavailableError


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ThreadServer]:
    with ThreadServer(tmp_path, ("f", "g"), settings={"server": {"metrics": True}}) as running:
        yield running


def numbers(server: ThreadServer) -> dict[str, float]:
    text = server.http.get("/metrics").text
    return {
        " ".join([sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_route(server: ThreadServer) -> None:
    """By method, route and class of status, with how long they took; refusals by permission; queues and caches."""
    server.post("/v1/chat", {"message": "I live in Ravenna."}, user=ALICE)
    server.get("/v1/sessions", user=ALICE)
    server.get("/v1/sessions", key="wrong")
    server.get("/v1/audit")
    got = numbers(server)
    assert got["muxi_http_requests_total method=POST route=/chat status=2xx"] == 1
    assert got["muxi_http_requests_total method=GET route=/sessions status=2xx"] == 1
    assert got["muxi_http_requests_total method=GET route=/sessions status=4xx"] == 1
    assert got["muxi_http_request_seconds_count route=/chat"] == 1
    assert got["muxi_refusals_total formation=f permission=authentication"] == 1
    assert got["muxi_refusals_total formation=f permission=audit:read"] == 1
    assert got["muxi_memory_cache_bytes formation=f"] > 0 == got["muxi_memory_cache_bytes formation=g"]
    assert {"muxi_extraction_waiting_users formation=f", "muxi_identity_cache_entries formation=g"} <= set(got)


def test_queues_are_told_by_length_and_age(tmp_path: Path) -> None:
    """What waits for its vector, and since when, is read where it is stored: nothing waits, nothing is told as old."""
    with ThreadServer(tmp_path, settings={"server": {"metrics": True}}, embedding_model=Away()) as server:
        before = numbers(server)
        server.post("/v1/memories", {"memories": [{"text": "one"}, {"text": "two"}]}, user=ALICE).raise_for_status()
        got = numbers(server)
    of = "formation=default"
    assert before[f"muxi_embedding_waiting_memories {of}"] == before[f"muxi_embedding_waiting_seconds {of}"] == 0
    assert got[f"muxi_embedding_waiting_memories {of}"] == 2
    assert 0 < got[f"muxi_embedding_waiting_seconds {of}"] < 60
    assert (got[f"muxi_extraction_waiting_users {of}"], got[f"muxi_extraction_waiting_seconds {of}"]) == (0, 0)


def test_labels_are_bounded_and_of_nobody(server: ThreadServer) -> None:
    """Whatever addresses and methods callers make up, no new label comes of it, and no label names anybody."""
    user = server.post("/v1/users/resolve", {"identifier": ALICE}).json()["muxi_user_id"]
    server.get(f"/v1/users/{user}")
    for number in range(20):
        server.http.get(f"/v1/made-up-{number}")
        server.http.request(f"MADE{number}", "/v1/chat")
        server.get(f"/v1/sessions/{number}/messages", user=ALICE)
    labels = {name for name in numbers(server) if name.startswith("muxi_http_requests_total")}
    assert not [name for name in labels if "made-up" in name or "MADE" in name or user in name or ALICE in name]
    assert "muxi_http_requests_total method=GET route=/users/{user_id} status=2xx" in labels
    assert len(labels) < 10


def test_off_by_default(tmp_path: Path) -> None:
    """Without the setting there is no such address."""
    with ThreadServer(tmp_path) as server:
        assert server.http.get("/metrics").status_code == 404
