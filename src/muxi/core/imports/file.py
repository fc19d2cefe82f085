"""Reading a file of JSON or JSON Lines, document by document, with a number for every fault."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from muxi.core.identity.import_file import BYTE_ORDER_MARK, BadLineError
from muxi.errors import InvalidImportError

#: The longest line, in bytes: a line can be a whole conversation.
MAX_LINE = 16 * 1024 * 1024
#: The largest file that is one JSON document: it is read at once.
MAX_DOCUMENT = 256 * 1024 * 1024
_MANY = "results"

Numbered = tuple[int, Any]


def documents(path: Path, told: Callable[[int, int], None]) -> Iterator[Numbered]:
    """What a file says: each line's number, from 1, and its JSON; of one JSON document, of each of its members.

    What is wrong with a line stands in its place, as a `BadLineError`.

    Args:
        path: to a ``.jsonl``, ``.ndjson`` or ``.json`` file in UTF-8.
        told: is told how many bytes were read, and of how many.

    Raises:
        InvalidImportError: it cannot be read, or no further.
    """
    suffix = path.suffix.lower()
    if suffix not in (".jsonl", ".ndjson", ".json"):
        raise InvalidImportError(f"{path.name!r} does not say what it is. Name it .jsonl (JSON Lines) or .json.")
    if not path.is_file():
        raise InvalidImportError(f"{path} is not a file. Name a .jsonl or .json file.")
    try:
        yield from _document(path, told) if suffix == ".json" else _lines(path, told)
    except OSError as error:
        raise InvalidImportError(f"{path} cannot be read. Give this process the right to read it.") from error


def _lines(path: Path, told: Callable[[int, int], None]) -> Iterator[Numbered]:
    size, read = path.stat().st_size, 0
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), 1):
            if len(line) > MAX_LINE:
                raise InvalidImportError(
                    f"Line {number} has more than {MAX_LINE} bytes. Nothing was changed.",
                    lines=[{"line": number, "message": f"It has more than {MAX_LINE} bytes."}],
                )
            read += len(line)
            if number % 1000 == 0:
                told(read, size)
            content = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
            if content.strip():
                yield from ((number, one) for one in _members(_read(content)))
    told(read, size)


def _document(path: Path, told: Callable[[int, int], None]) -> Iterator[Numbered]:
    size = path.stat().st_size
    if size > MAX_DOCUMENT:
        raise InvalidImportError(f"{path.name} has more than {MAX_DOCUMENT} bytes. Write it as JSON Lines (.jsonl).")
    whole = _read(path.read_bytes().removeprefix(BYTE_ORDER_MARK))
    told(size, size)
    members = whole if isinstance(whole, list) else _members(whole)
    yield from enumerate(members, 1)


def _members(document: Any) -> list[Any]:
    """``{"results": [...]}`` is how lists come out of some interfaces."""
    many = document.get(_MANY) if isinstance(document, dict) else None
    return many if isinstance(many, list) else [document]


def _read(content: bytes) -> Any:
    try:
        return json.loads(content.decode())
    except UnicodeDecodeError:
        return BadLineError("It is not UTF-8.")
    except (ValueError, RecursionError):
        return BadLineError("It is not JSON.")
