"""What is tried again, how often, and after what pause.

Own code, and not stamina: that one logs every retry through structlog, which writes to standard output unless the
program sets it up, and so into the data of any script that uses this client.
"""

from __future__ import annotations

import logging
import random
from typing import Any

import httpx

from muxi.client.faults import NEVER_SENT
from muxi.client.request import Request
from muxi.errors import ModelError, MuxiError, ServerUnreachableError, StorageBusyError, StorageUnavailableError

ATTEMPTS = 3
#: Seconds before the second attempt, at most; twice as long before each further one.
FIRST_PAUSE = 0.4
#: A server that asks for a longer pause, in seconds, is not waited for.
MAX_PAUSE = 30.0
_TRY_AGAIN = frozenset({502, 503, 504})
TOO_MANY = 429
#: The first attempt arrived, is being answered, and its answer will be this one's.
UNDER_WAY = "request_running"

log = logging.getLogger("muxi.client")


def pause(request: Request[Any], error: MuxiError, attempt: int) -> float | None:
    """How many seconds to wait before trying again; ``None``: not at all.

    Args:
        request: what failed.
        error: how.
        attempt: which it was, from 1.
    """
    if attempt >= ATTEMPTS or not _passing(error, request.idempotent):
        return None
    seconds = error.details.get("retry_after")
    if seconds is None:
        # Half of the pause is left to chance: clients that failed together do not come back together.
        seconds = FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1)  # nosec B311
    if seconds > MAX_PAUSE:
        return None
    log.info("%s %s failed (%s); again in %.1f s", request.method, request.path, error.code, seconds)
    return float(seconds)


def _passing(error: MuxiError, idempotent: bool) -> bool:
    if isinstance(error.__cause__, NEVER_SENT) or error.details.get("status") == TOO_MANY:
        return True  # nothing was done
    # Silence for the whole time-out: asking again would only make the caller wait three times as long.
    if not idempotent or isinstance(error.__cause__, httpx.TimeoutException) or isinstance(error, ModelError):
        return False
    if isinstance(error, ServerUnreachableError | StorageUnavailableError | StorageBusyError):
        return True
    return error.details.get("status") in _TRY_AGAIN or error.details.get("code") == UNDER_WAY
