"""Chat, streaming and embeddings from any OpenAI-compatible server."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast
from urllib.parse import urlsplit

import numpy as np
import openai
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessageParam

from muxi.core.models.base import Completion, Prompt, Usage, Vectors
from muxi.core.models.providers.connections import LoopClients
from muxi.core.models.providers.faults import interrupted, model_faults, unreadable
from muxi.core.models.rendering import chat_messages
from muxi.errors import ModelKeyMissingError

_OPENAI_URL = "https://api.openai.com/v1"
# Local servers want no key, but the SDK wants to send one.
_NO_KEY = "none"
_CONNECT_SECONDS = 5.0
_BATCH_TEXTS = 256
# OpenAI takes 300,000 tokens a request; in no script does a token hold less than a character for long.
_BATCH_CHARS = 200_000


class OpenAIModel:
    """A chat and embedding model behind an OpenAI-compatible HTTP interface.

    Failed calls (no connection, time-out, 408, 409, 429, 5xx) are repeated by the SDK: it waits 0.5 s, doubling up
    to 8 s, less a random quarter, or as long as ``Retry-After`` asks; where that is more than 120 s it gives up.
    May be called from several event loops, one after another or at once: each has its own connections.

    Args:
        model: the model's name, as its server knows it.
        api_key: defaults to the environment's ``OPENAI_API_KEY``. Servers other than OpenAI's work without.
        base_url: defaults to the environment's ``OPENAI_BASE_URL``, else OpenAI's own.
        timeout: seconds without a byte before a try is given up.
        max_retries: how often a failed call is repeated.
        temperature: how free the answer is; the server's default if not given.
        max_tokens: the longest answer; the server's default if not given.
        dimensions: the length of the vectors, for models that can shorten them.
    """

    def __init__(
        self,
        model: str,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        timeout: float = 60.0,
        max_retries: int = 3,
        temperature: float | None = None,
        max_tokens: int | None = None,
        dimensions: int | None = None,
    ) -> None:
        self._name = model
        self._api_key = (api_key or os.environ.get("OPENAI_API_KEY", "")).strip()
        self._base_url = base_url or os.environ.get("OPENAI_BASE_URL") or _OPENAI_URL
        self._host = urlsplit(self._base_url).hostname or self._base_url
        self._timeout = openai.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS))
        self._max_retries = max_retries
        self._chat_options = _given(temperature=temperature) | _given(**{self._max_tokens_name: max_tokens})
        self._embedding_options = _given(dimensions=dimensions)
        self._clients = LoopClients(self._new_client)

    def __repr__(self) -> str:
        return f"OpenAIModel({self._name!r}, base_url={self._base_url!r})"

    @property
    def name(self) -> str:
        """The model's name, as its server knows it."""
        return self._name

    async def complete(self, prompt: Prompt) -> Completion:
        """The whole answer.

        Raises:
            ModelError: its children, see `muxi.errors`.
        """
        with self._faults():
            client = await self._clients.get()
            answer = await client.chat.completions.create(
                model=self._name, messages=_messages(prompt), stream=False, **self._chat_options, **_format(prompt)
            )
        return Completion(self._text(answer), _usage(answer.usage))

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Usage]:
        """The answer's pieces in order, then one `Usage`. Closing the generator hangs up.

        Raises:
            ModelError: its children, see `muxi.errors`; an answer that breaks off is a `ModelInterruptedError`.
        """
        async with await self._open_stream(prompt) as chunks:
            finished, empty, usage = False, True, Usage()
            with self._faults(answering=True):
                async for chunk in chunks:
                    piece, last = self._piece(chunk)
                    finished = finished or last
                    usage = _usage(chunk.usage) if chunk.usage else usage
                    if piece:
                        empty = False
                        yield piece
        if not finished:
            raise interrupted(self._name, self._host)
        if empty:
            raise unreadable(self._name, self._host, "it holds no text")
        yield usage

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """One L2-normalised float32 row per text, in order; shape (0, 0) for no text.

        Raises:
            ModelError: its children, see `muxi.errors`.
        """
        parts = [await self._embed_batch(batch) for batch in _batches(texts)]
        if len({part.shape[1] for part in parts}) > 1:
            raise unreadable(self._name, self._host, "its vectors differ in length")
        return np.vstack(parts) if parts else np.zeros((0, 0), np.float32)

    async def aclose(self) -> None:
        """Closes the running event loop's connections. The model can be used again afterwards."""
        await self._clients.aclose()

    def _new_client(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(
            api_key=self._key(), base_url=self._base_url, timeout=self._timeout, max_retries=self._max_retries
        )

    async def _open_stream(self, prompt: Prompt) -> openai.AsyncStream[ChatCompletionChunk]:
        with self._faults():
            client = await self._clients.get()
            chunks: openai.AsyncStream[ChatCompletionChunk] = await client.chat.completions.create(
                model=self._name,
                messages=_messages(prompt),
                stream=True,
                stream_options={"include_usage": True},
                **self._chat_options,
            )
        return chunks

    async def _embed_batch(self, batch: list[str]) -> Vectors:
        with self._faults():
            client = await self._clients.get()
            try:
                answer = await client.embeddings.create(model=self._name, input=batch, **self._embedding_options)
                found = {item.index: item.embedding for item in answer.data}
            except (AttributeError, TypeError) as exc:
                # The SDK itself reads the vectors, and trips over another shape.
                raise unreadable(self._name, self._host, "it is not a list of embeddings") from exc
        if len(answer.data) != len(batch) or set(found) != set(range(len(batch))):
            raise unreadable(self._name, self._host, f"{len(batch)} vectors were asked for, {len(answer.data)} came")
        return self._normalised([found[index] for index in range(len(batch))])

    @property
    def _is_openai(self) -> bool:
        return self._host == "api.openai.com" or self._host.endswith(".openai.com")

    @property
    def _max_tokens_name(self) -> str:
        # OpenAI's newer models refuse the old name; other servers may not know the new one.
        return "max_completion_tokens" if self._is_openai else "max_tokens"

    def _key(self) -> str:
        if self._api_key:
            return self._api_key
        if self._is_openai:
            raise ModelKeyMissingError(
                f"The model {self._name!r} needs an API key: set OPENAI_API_KEY, or pass api_key (or base_url for a "
                "server that wants none)."
            )
        return _NO_KEY

    def _faults(self, *, answering: bool = False) -> AbstractContextManager[None]:
        return model_faults(self._name, self._host, answering=answering)

    def _text(self, answer: ChatCompletion) -> str:
        try:
            message = answer.choices[0].message
            text = message.content or message.refusal
        except (AttributeError, IndexError, TypeError) as exc:
            raise unreadable(self._name, self._host, "it is not a chat completion") from exc
        if not isinstance(text, str) or not text:
            raise unreadable(self._name, self._host, "it holds no text")
        return text

    def _piece(self, chunk: ChatCompletionChunk) -> tuple[str, bool]:
        """The chunk's text, and whether it is the last that holds any."""
        try:
            if not chunk.choices:
                return "", False
            choice = chunk.choices[0]
            return choice.delta.content or choice.delta.refusal or "", choice.finish_reason is not None
        except (AttributeError, TypeError) as exc:
            raise unreadable(self._name, self._host, "a piece of it is not a chat completion") from exc

    def _normalised(self, rows: list[list[float]]) -> Vectors:
        try:
            vectors = np.asarray(rows, dtype=np.float64)
            with np.errstate(over="ignore"):
                lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        except (TypeError, ValueError) as exc:
            raise unreadable(self._name, self._host, "its vectors are not numbers of one length") from exc
        if not np.isfinite(lengths).all() or not lengths.all():
            raise unreadable(self._name, self._host, "a vector is zero or not a number")
        normalised: Vectors = (vectors / lengths).astype(np.float32)
        return normalised


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _messages(prompt: Prompt) -> list[ChatCompletionMessageParam]:
    return cast("list[ChatCompletionMessageParam]", chat_messages(prompt))


def _format(prompt: Prompt) -> dict[str, Any]:
    if prompt.answer_schema is None:
        return {}
    schema = {"name": "answer", "schema": dict(prompt.answer_schema), "strict": False}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _usage(counted: CompletionUsage | None) -> Usage:
    if not isinstance(counted, CompletionUsage):
        return Usage()
    return Usage(counted.prompt_tokens or 0, counted.completion_tokens or 0)


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    chars = 0
    for text in texts:
        if batch and (len(batch) == _BATCH_TEXTS or chars + len(text) > _BATCH_CHARS):
            yield batch
            batch, chars = [], 0
        batch.append(text)
        chars += len(text)
    if batch:
        yield batch
