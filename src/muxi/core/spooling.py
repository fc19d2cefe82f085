"""A temporary file for what a file says, until all of it is known to be right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO

from muxi.errors import StorageFullError


@contextmanager
def temporary_file() -> Iterator[IO[bytes]]:
    """An empty file without a name, that the system removes."""
    # Without a buffer: closing one writes what is left, and would fail again on a full disk.
    with TemporaryFile(prefix="muxi-import-", buffering=0) as file:
        yield file


def append(file: IO[bytes], content: bytes) -> None:
    """Writes all of the content at the file's end.

    Raises:
        StorageFullError: there is no room for it.
    """
    try:
        written = file.write(content)
    except OSError as error:
        raise _no_room() from error
    if written < len(content):
        raise _no_room()


def _no_room() -> StorageFullError:
    return StorageFullError(
        "The folder of temporary files cannot hold what the file says. Nothing was changed; free some space, or name "
        "another folder in TMPDIR."
    )
