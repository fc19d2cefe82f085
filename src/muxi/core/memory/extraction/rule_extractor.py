"""Finds what users say about themselves by rules: English, no model, no cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from muxi.core.memory.extraction.extract import extract
from muxi.core.memory.extraction.types import Operation
from muxi.core.memory.extraction.work import EXTRACTION, Batch, Found, Heard
from muxi.core.memory.facts import Change, Fact, Op, Origin
from muxi.core.memory.private import redact

_OPS: Mapping[str, Op] = {"replace": "set", "add": "add", "remove": "remove"}
#: Messages of the user before one, from which a short correction is understood.
_EARLIER = 6


class RuleExtractor:
    """`muxi.core.memory.extraction.work.Extractor` that costs nothing."""

    calls = 0

    async def extract(self, batch: Batch) -> Found:
        """What a batch says about its user. Private values are cut out before anything is read."""
        return Found(tuple(_changes(batch)))


def _changes(batch: Batch) -> Iterator[Change]:
    said = {session: list(texts) for session, texts in batch.earlier.items()}
    zone = time_zone(batch.facts)
    for message in batch.messages:
        text = redact(message.text).text
        before = said.setdefault(message.session_id, [])
        for operation in extract(text, said_at=message.said_at, time_zone=zone, earlier=before[-_EARLIER:]):
            yield _change(operation, message)
        before.append(text)


def _change(operation: Operation, message: Heard) -> Change:
    origin = Origin(EXTRACTION, operation.importance, operation.confidence, message.said_at, (message.id,))
    return Change(_OPS[operation.op], operation.path, operation.value, origin)


def time_zone(facts: Sequence[Fact]) -> tzinfo:
    """The user's, in which "tomorrow" is a certain day; UTC if it is not known."""
    for fact in reversed(facts):
        if fact.path == "time_zone" and fact.op == "set" and isinstance(fact.value, str):
            try:
                return ZoneInfo(fact.value)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                return UTC
    return UTC
