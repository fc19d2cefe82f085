"""A body that may be larger than memory."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO

from starlette.requests import Request

from muxi.errors import MessageTooLargeError

MIB = 1024 * 1024
#: What is read as one document is in memory as a whole.
MAX_WHOLE_BYTES = 64 * MIB
MAX_BYTES = 1024 * MIB


@asynccontextmanager
async def received(
    request: Request, *, whole: bool, advice: str = "Export and restore in parts is not possible."
) -> AsyncIterator[IO[bytes]]:
    """The body as a file without a name, at its beginning; in memory while it is small.

    Args:
        request: whose body has not been read.
        whole: whether the body will be read as one document.
        advice: what to do about one that is too large, unless JSON Lines would do.

    Raises:
        MessageTooLargeError: it is over the limit.
    """
    limit = MAX_WHOLE_BYTES if whole else MAX_BYTES
    with tempfile.SpooledTemporaryFile(MIB) as file:
        async for piece in request.stream():
            if file.tell() + len(piece) > limit:
                todo = "Send JSON Lines instead." if whole else advice
                raise MessageTooLargeError(f"The request's body is over {limit:,} bytes. {todo}")
            file.write(piece)
        file.seek(0)
        yield file
