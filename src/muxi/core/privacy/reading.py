"""An export as it comes in: a document or lines, as text or read already."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from muxi.core.privacy.tables import TABLES
from muxi.core.privacy.types import FORMAT, VERSION
from muxi.errors import InvalidImportError

#: A document as long as this is not read into memory.
MOST_CHARACTERS = 256 * 1024 * 1024
#: A document, as text or read already, or lines.
Source = str | bytes | Mapping[str, Any] | Iterable[str | bytes]


def entries(source: Source) -> Iterator[tuple[int, Any]]:
    """Header, rows and footer, as lines have them, each with its line; of a document, with 0.

    Raises:
        InvalidImportError: a line is not JSON, or not text.
    """
    if isinstance(source, Mapping):
        return _entries(source)
    if isinstance(source, str | bytes):
        source = (source if isinstance(source, str) else _decoded(0, source)).split("\n")
    texts = ((place, _decoded(place, line)) for place, line in enumerate(source, 1))
    filled = ((place, line) for place, line in texts if line.strip())
    first = next(filled, (0, ""))
    if isinstance(whole := _parsed_or_none(first[1]), dict):
        if "tables" in whole:
            return _entries(whole) if next(filled, None) is None else iter([_behind()])
        return chain([(first[0], whole)], ((place, _parsed(place, line)) for place, line in filled))
    return _entries(_document(chain([first], filled)))


def _document(texts: Iterator[tuple[int, str]]) -> Mapping[str, Any]:
    """A document that has several lines."""
    parts: list[str] = []
    characters = 0
    for _, line in texts:
        parts.append(line)
        characters += len(line)
        if characters > MOST_CHARACTERS:
            raise wrong(0, "it is too large for one document; export it as JSON Lines")
    whole = _parsed(0, "\n".join(parts))
    if not isinstance(whole, dict):
        raise wrong(0, "it is neither a JSON document nor JSON Lines")
    return whole


def _entries(document: Mapping[str, Any]) -> Iterator[tuple[int, Any]]:
    """A document's parts as lines have them."""
    tables = document.get("tables")
    if not isinstance(tables, Mapping) or not all(isinstance(rows, list) for rows in tables.values()):
        yield 0, dict(document) if document.get("format") == FORMAT and document.get("version") != VERSION else None
        return
    yield 0, {name: value for name, value in document.items() if name not in ("tables", "counts")}
    # Whoever stored the document may have sorted its members.
    order = {table: place for place, table in enumerate(TABLES)}
    for table, rows in sorted(tables.items(), key=lambda entry: order.get(entry[0], -1)):
        for row in rows:
            yield 0, {"table": table, "row": row}
    if "counts" in document:
        yield 0, {"counts": document["counts"]}


def _behind() -> tuple[int, Any]:
    raise wrong(2, "there is something behind the document")


def _decoded(place: int, line: str | bytes) -> str:
    try:
        return line if isinstance(line, str) else line.decode()
    except UnicodeDecodeError as error:
        raise wrong(place, "it is not text in UTF-8") from error


def _parsed_or_none(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _parsed(place: int, line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise wrong(place, "it is not JSON") from error


def wrong(place: int, problem: str) -> InvalidImportError:
    """What is raised about a line (0: about all of it)."""
    where = f"Line {place}" if place else "The export"
    return InvalidImportError(
        f"{where} cannot be restored: {problem}. Nothing was written.", lines=[{"line": place, "problem": problem}]
    )
