"""Memories: what is remembered of a user, and found again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from muxi.core.clock import Clock
from muxi.core.memory.cache import DEFAULT_BYTES, IndexCache, Packing, Versions
from muxi.core.memory.dates import find_dates
from muxi.core.memory.embedder import Embedder, embed_fitting
from muxi.core.memory.keeping import Keep as KeepText
from muxi.core.memory.keeping import without_private_values
from muxi.core.memory.layout import Shown
from muxi.core.memory.packing import Packer
from muxi.core.memory.recall import MemoryIndex, Read
from muxi.core.memory.segment_store import SegmentStore
from muxi.core.memory.store import MemoryStore, ToEmbed
from muxi.core.memory.types import NOTE, Hit, Memory
from muxi.core.models.base import EmbeddingModel
from muxi.core.paging import Page, checked_limit, page, read_cursor
from muxi.core.text import checked_metadata, checked_name, checked_text
from muxi.core.threads import in_thread
from muxi.errors import InvalidMemoryError, MemoryNotFoundError
from muxi.ids import MemoryId, UserId, is_id, new_memory_id

MAX_BATCH = 1000
Keep = Callable[[Memory], bool]


@dataclass(frozen=True, slots=True)
class Draft:
    """A memory to be stored.

    Attributes:
        text: what to remember.
        metadata: the application's own. Three keys are understood: ``session`` names the conversation if ``session_id``
            does not, ``date`` the day on which it was said if ``said_at`` does not, ``speaker`` who said it.
        importance: 0 to 1.
        session_id: the conversation it belongs to: neighbours in it are its context.
        agent_id: the agent it was said to.
        said_at: when it was said; noon of the metadata's ``date``, else now, if not told.
        expires_in: how long it is recalled, from now; for ever, if not told.
    """

    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    importance: float = 0.5
    session_id: str = ""
    agent_id: str = ""
    said_at: datetime | None = None
    expires_in: timedelta | None = None


class Memories:
    """The memories of one formation's users, and those it keeps without a user.

    Args:
        store: bound to the formation.
        model: embeds texts.
        clock: the time, in UTC.
        cache_bytes: the bound on the indexes kept in memory.
        keep: what may be kept of a text.
        segments: of the same formation; without them a first search takes longer.
        fits: the stored vectors are known to be of this model.
    """

    def __init__(
        self,
        store: MemoryStore,
        model: EmbeddingModel,
        clock: Clock,
        *,
        cache_bytes: int = DEFAULT_BYTES,
        keep: KeepText = without_private_values,
        segments: SegmentStore | None = None,
        fits: bool = False,
    ) -> None:
        self._keep = keep
        self._store = store
        self._clock = clock
        packer = Packer(segments) if segments else None
        self.embedder = Embedder(store, model, packer, fits=fits)
        packing = Packing(segments, packer, self.embedder.wake) if segments and packer else None
        self.cache = IndexCache(store, cache_bytes, packing)
        self._dimension = 0

    def waiting(self) -> ToEmbed:
        """What waits for a vector: asked of the database."""
        return self._store.waiting()

    async def embed(self, text: str) -> NDArray[np.float32]:
        """One text's vector.

        Raises:
            ModelError: the embedding model failed.
            EmbeddingMismatchError: the stored vectors are of another model or dimension.
        """
        vectors = await embed_fitting(self.embedder.model, [text])
        if vectors.shape[1] != self._dimension:
            await in_thread(self.embedder.check_space, vectors)
            self._dimension = vectors.shape[1]
        vector: NDArray[np.float32] = vectors[0]
        return vector

    def search(
        self,
        user_id: UserId | None,
        query: str,
        vector: NDArray[np.float32] | None,
        *,
        limit: int = 10,
        keep: Keep | None = None,
        shown: Shown | None = None,
        explain: bool = False,
        versions: Versions | None = None,
    ) -> list[Hit]:
        """What an owner's memories say about something, the best first.

        Args:
            user_id: whose; ``None`` for what is kept without a user.
            query: the words.
            vector: the query's embedding; ``None`` to go by words alone.
            limit: how many hits.
            keep: which memories count; all if not told.
            shown: what does not count, as it is before the reader's eyes.
            explain: give the hits their features.
            versions: how far the store is, where that was looked up a moment ago.

        Raises:
            EmbeddingMismatchError: the vector has another dimension than the stored ones.
        """
        now = self._clock()

        def find(index: MemoryIndex, read: Read) -> list[Hit]:
            return index.search(query, vector, limit=limit, now=now, keep=keep, shown=shown, explain=explain, read=read)

        return self.cache.search(user_id, find, now, versions)

    def add(
        self,
        user_id: UserId | None,
        drafts: Sequence[Draft],
        *,
        channel: str = "api",
        request_key: str | None = None,
        author_id: UserId | None = None,
    ) -> list[Memory]:
        """Remembers texts, all or none. Their vectors follow; by words they are found at once.

        Args:
            user_id: whose; ``None`` to keep them without a user.
            drafts: 1 to 1,000.
            channel: where they came from.
            request_key: a second call with the same key returns what the first one stored.
            author_id: who shares them, if ``user_id`` is a team's.

        Raises:
            InvalidMemoryError: an empty text, an importance out of range, metadata that is not JSON.
            MessageTooLargeError: a text over the limit.
        """
        if not 1 <= len(drafts) <= MAX_BATCH:
            raise InvalidMemoryError(f"{len(drafts)} memories were given; 1 to {MAX_BATCH} can be stored at once.")
        now = self._clock()
        made = [replace(self._made(user_id, draft, channel, now), author_id=author_id) for draft in drafts]
        stored = self._store.add(made, request_key, self.embedder.model.name)
        self.embedder.wake()
        return stored

    def newest(
        self, user_id: UserId | None, *, cursor: str | None = None, limit: int = 50, kind: str | None = None
    ) -> Page[Memory]:
        """An owner's memories, newest first; of one kind, if it is told.

        Raises:
            InvalidCursorError: not a cursor of this list, or a limit out of range.
        """
        before = MemoryId(str(read_cursor(cursor, 1)[0])) if cursor else MemoryId("mem_~")
        now, wanted, rows = self._clock(), checked_limit(limit) + 1, list[Memory]()
        while len(rows) < wanted:
            stored = self._store.newest(user_id, before, wanted)
            rows += [one for one in stored if not one.has_expired(now) and kind in (None, one.kind)]
            if len(stored) < wanted:
                break
            before = stored[-1].id
        return page(rows[:wanted], limit, lambda last: [last.id])

    def delete(self, user_id: UserId | None, memory_id: str) -> None:
        """Forgets one memory.

        Raises:
            MemoryNotFoundError: there is none of this id, or it is somebody else's: the same answer.
        """
        if not is_id(memory_id, "mem") or not self._store.delete(user_id, MemoryId(memory_id)):
            raise MemoryNotFoundError(f"There is no memory {memory_id[:64]!r}.")
        self.embedder.wake()  # the windows that held its text

    def settled(self, timeout_s: float = 60.0) -> bool:
        """Waits until every memory has its vector; False after the time-out (seconds)."""
        return self.embedder.settled(timeout_s)

    def _made(self, user_id: UserId | None, draft: Draft, channel: str, now: datetime) -> Memory:
        text = self._keep(checked_text(draft.text, InvalidMemoryError))
        metadata = checked_metadata(draft.metadata, InvalidMemoryError)
        if not 0.0 <= draft.importance <= 1.0:  # also refuses NaN
            raise InvalidMemoryError(f"importance is {draft.importance}; it must be 0 to 1.")
        return Memory(
            id=new_memory_id(),
            user_id=user_id,
            text=text,
            kind=NOTE,
            importance=float(draft.importance),
            channel=channel,
            agent_id=checked_name(draft.agent_id, "agent_id", InvalidMemoryError),
            session_id=checked_name(
                draft.session_id or str(metadata.get("session", "")), "session_id", InvalidMemoryError
            ),
            seq=0,
            said_at=_in_utc(draft.said_at) if draft.said_at else _dated(metadata.get("date"), now),
            created_at=now,
            metadata=metadata,
            expires_at=_end(draft.expires_in, now),
        )


def _end(expires_in: timedelta | None, now: datetime) -> datetime | None:
    if expires_in is None:
        return None
    if expires_in <= timedelta(0):
        raise InvalidMemoryError("expires_in has to be more than nothing.")
    try:
        return now + expires_in
    except OverflowError as error:
        raise InvalidMemoryError(
            "expires_in ends after the year 9999. Leave it out for a memory that stays."
        ) from error


def _dated(named: object, now: datetime) -> datetime:
    """Noon of the one day that a text names, or now."""
    days = find_dates(named, now, lean="past") if isinstance(named, str) else []
    if len(days) != 1 or days[0].first_day != days[0].last_day:
        return now
    return datetime.combine(days[0].first_day, time(12), UTC)


def _in_utc(moment: datetime) -> datetime:
    """A time without a zone is taken as UTC."""
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise InvalidMemoryError(f"said_at is {moment.isoformat()}, which is before the year 1 in UTC.") from error
