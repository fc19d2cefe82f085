"""Vectors from an OpenAI-compatible server: batches, order, length, and vectors that are of no use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from muxi.core.models.providers.openai import OpenAIModel
from muxi.errors import ModelResponseError
from tests.support.openai_server import OpenAIServer, vector_of


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A fresh server."""
    with OpenAIServer() as server:
        yield server


def model_at(server: OpenAIServer) -> OpenAIModel:
    """A model that does not retry."""
    return OpenAIModel("e", base_url=server.url, max_retries=0)


async def test_rows_are_normalised_and_in_order(server: OpenAIServer) -> None:
    """600 texts are three requests of at most 256; row n belongs to text n and has length 1."""
    texts = [f"text {n}" for n in range(600)]
    vectors = await model_at(server).embed(texts)
    wanted = np.array([vector_of(text) for text in texts])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), rtol=1e-6)
    assert [len(request.body["input"]) for request in server.requests] == [256, 256, 88]
    assert server.requests[0].path == "/v1/embeddings"


async def test_a_request_holds_a_bounded_number_of_characters(server: OpenAIServer) -> None:
    """Long texts are sent in more requests: servers bound the tokens of one."""
    await model_at(server).embed(["a" * 90_000, "b" * 90_000, "c" * 90_000, "d" * 300_000])
    assert [len(request.body["input"]) for request in server.requests] == [2, 1, 1]


async def test_no_text_gives_no_row_and_no_request(server: OpenAIServer) -> None:
    """The empty list is an array of shape (0, 0)."""
    vectors = await model_at(server).embed([])
    assert vectors.shape == (0, 0)
    assert vectors.dtype == np.float32
    assert server.requests == []


async def test_dimensions_are_asked_for(server: OpenAIServer) -> None:
    """Models that can shorten their vectors are told to."""
    await OpenAIModel("e", base_url=server.url, dimensions=8).embed(["a"])
    await model_at(server).embed(["a"])
    assert [request.body.get("dimensions") for request in server.requests] == [8, None]


async def test_rows_go_by_their_index(server: OpenAIServer) -> None:
    """A server may answer in another order; the index says whose a vector is."""
    server.embeds([0.0, 2.0], [3.0, 0.0], indexes=[1, 0])
    assert (await model_at(server).embed(["a", "b"])).tolist() == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("vectors", "indexes", "reason"),
    [
        ([[1.0, 2.0]], [0], "2 vectors were asked for, 1 came"),
        ([[1.0, 2.0]] * 3, [0, 1, 2], "2 vectors were asked for, 3 came"),
        ([[1.0, 2.0]] * 2, [0, 0], "2 vectors were asked for"),
        ([[1.0, 2.0], [float("nan"), 1.0]], [0, 1], "zero or not a number"),
        ([[1.0, 2.0], [float("inf"), 1.0]], [0, 1], "zero or not a number"),
        ([[1.0, 2.0], [1e200, 1e200]], [0, 1], "zero or not a number"),
        ([[1.0, 2.0], [0.0, 0.0]], [0, 1], "zero or not a number"),
        ([[1.0, 2.0], [1.0]], [0, 1], "not numbers of one length"),
        ([[], []], [0, 1], "zero or not a number"),
    ],
)
async def test_vectors_of_no_use(
    server: OpenAIServer, vectors: Sequence[Sequence[float]], indexes: list[int], reason: str
) -> None:
    """Wrong count, wrong index, not a number, zero, ragged: an error that says which."""
    server.embeds(*vectors, indexes=indexes)
    with pytest.raises(ModelResponseError, match=reason):
        await model_at(server).embed(["a", "b"])


@pytest.mark.parametrize("body", ["", "not json", "[]", "{}", '{"data": []}', '{"data": 7}', '{"data": [{}]}'])
async def test_an_unreadable_answer(server: OpenAIServer, body: str) -> None:
    """Broken JSON or another shape: the answer cannot be used."""
    server.sends(body)
    with pytest.raises(ModelResponseError, match="cannot be used"):
        await model_at(server).embed(["a"])


async def test_batches_of_different_dimensions(server: OpenAIServer) -> None:
    """A server that changes the length between two batches is refused."""
    server.embeds(*[[1.0, 2.0]] * 256).embeds([1.0, 2.0, 3.0])
    with pytest.raises(ModelResponseError, match="differ in length"):
        await model_at(server).embed(["a"] * 257)
