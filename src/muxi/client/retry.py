"""What is tried again, how often, and after what pause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypedDict

import httpx

from muxi.client.faults import NEVER_SENT
from muxi.client.requests import Request
from muxi.errors import ModelError, ServerUnreachableError, StorageBusyError, StorageUnavailableError

#: A server that asks for a longer pause, in seconds, is not waited for.
MAX_PAUSE = 30.0
_TRY_AGAIN = frozenset({429, 502, 503, 504})


class Pauses(TypedDict):
    """Arguments of ``stamina.retry_context``: 3 attempts, the pauses in between grow and are jittered."""

    attempts: int
    timeout: None
    wait_initial: float
    wait_max: float
    wait_jitter: float


PAUSES: Final = Pauses(attempts=3, timeout=None, wait_initial=0.2, wait_max=2.0, wait_jitter=0.2)


def decision(request: Request[Any]) -> Callable[[Exception], bool | float]:
    """Tells, for a failure of this request, whether to try again, or after how many seconds."""

    def decide(error: Exception) -> bool | float:
        if not _passing(error, request.idempotent):
            return False
        asked_for = getattr(error, "details", {}).get("retry_after")
        if asked_for is None:
            return True
        return float(asked_for) if asked_for <= MAX_PAUSE else False

    return decide


def _passing(error: Exception, idempotent: bool) -> bool:
    if isinstance(error.__cause__, NEVER_SENT):
        return True
    # Silence for the whole time-out: asking again would only make the caller wait three times as long.
    if not idempotent or isinstance(error.__cause__, httpx.TimeoutException) or isinstance(error, ModelError):
        return False
    if isinstance(error, ServerUnreachableError | StorageUnavailableError | StorageBusyError):
        return True
    return getattr(error, "details", {}).get("status") in _TRY_AGAIN
