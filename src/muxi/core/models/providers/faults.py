"""What an OpenAI-compatible server can do wrong, as our errors.

Messages name the model, the server's host and the status, never the server's own text: that may hold the key,
the prompt or a stranger's words.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import openai

from muxi.errors import (
    ModelContextFullError,
    ModelError,
    ModelInterruptedError,
    ModelKeyRejectedError,
    ModelNotFoundError,
    ModelRateLimitedError,
    ModelResponseError,
    ModelTimeoutError,
    ModelUnavailableError,
)

_CONTEXT_FULL_CODES = {"context_length_exceeded", "exceed_context_size_error"}
_CONTEXT_FULL_WORDS = ("maximum context length", "available context size", "context window")


@contextmanager
def model_faults(model: str, host: str, *, answering: bool = False) -> Iterator[None]:
    """Turns whatever the SDK raises inside the block into a `ModelError`.

    Args:
        model: the model's name, for the message.
        host: the server's host name, for the message.
        answering: the answer has begun, so a lost connection means an interrupted answer.

    Raises:
        ModelError: one of its children where the cause is known.
    """
    try:
        yield
    except openai.APITimeoutError as exc:
        raise ModelTimeoutError(f"The model {model!r} at {host} did not answer in time.") from exc
    except openai.APIConnectionError as exc:
        raise (interrupted(model, host) if answering else _unreachable(model, host)) from exc
    except openai.APIStatusError as exc:
        raise _refusal(exc, model, host) from exc
    except openai.APIError as exc:
        raise (_context_full(model) if _is_context_full(exc) else interrupted(model, host)) from exc
    except (openai.OpenAIError, ValueError) as exc:
        raise unreadable(model, host, "it is not the JSON that was asked for") from exc


def interrupted(model: str, host: str) -> ModelInterruptedError:
    """The error for an answer that began and did not end."""
    return ModelInterruptedError(f"The answer of the model {model!r} at {host} broke off half-way.")


def unreadable(model: str, host: str, reason: str) -> ModelResponseError:
    """The error for an answer that came whole and is of no use, for `reason`."""
    return ModelResponseError(f"The answer of the model {model!r} at {host} cannot be used: {reason}.")


def _unreachable(model: str, host: str) -> ModelUnavailableError:
    return ModelUnavailableError(f"The server {host} of the model {model!r} cannot be reached.")


def _context_full(model: str) -> ModelContextFullError:
    return ModelContextFullError(f"The prompt is larger than the context of the model {model!r}: shorten it.")


def _refusal(exc: openai.APIStatusError, model: str, host: str) -> ModelError:
    status = exc.status_code
    if status == 404 or exc.code == "model_not_found":
        return ModelNotFoundError(
            f"{host} does not know the model {model!r} (status {status}): check its name and the base URL.",
            model=model,
        )
    if status in (401, 403):
        return ModelKeyRejectedError(f"{host} rejected the API key for the model {model!r} (status {status}).")
    if status == 429:
        reason = "the quota is used up" if exc.code == "insufficient_quota" else "too many requests"
        return ModelRateLimitedError(f"{host} refused the model {model!r} for now: {reason} (status 429).")
    if status == 413 or _is_context_full(exc):
        return _context_full(model)
    if status == 408:
        return ModelTimeoutError(f"The model {model!r} at {host} did not answer in time (status 408).")
    if status >= 500:
        return ModelUnavailableError(f"The server {host} of the model {model!r} failed (status {status}).")
    return ModelError(f"{host} refused the request to the model {model!r} (status {status}).")


def _is_context_full(exc: openai.APIError) -> bool:
    if not _CONTEXT_FULL_CODES.isdisjoint({exc.code, exc.type}):
        return True
    text = f"{exc.message} {exc.body}".lower()
    return any(words in text for words in _CONTEXT_FULL_WORDS)
