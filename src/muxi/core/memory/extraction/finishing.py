"""What was found in some messages, written: facts, memories, and what they supersede."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from muxi.core.memory.context import Context
from muxi.core.memory.extraction.queue_store import Remembered, Results
from muxi.core.memory.extraction.work import IMPORTED, Batch, Found, Heard, Statement, Written
from muxi.core.memory.facts import Change, Fact, Plan
from muxi.core.memory.same_text import text_key
from muxi.core.memory.types import FOUND, SAID, Memory
from muxi.ids import MemoryId, MessageId, is_id, new_memory_id

#: A memory is superseded with its facts only if it says little else: at most so many words a fact.
WORDS_A_FACT = 15

# Between what two messages say: each fact of a write stands a microsecond behind the one before it.
_APART = timedelta(milliseconds=1)
_log = logging.getLogger("muxi.memory")


def write(
    results: Results, batch: Batch, found: Found, context: Context, now: datetime, model: str, *, late: bool = False
) -> Written:
    """Writes what a batch says, inside the transaction that moves the watermark.

    Args:
        results: of the transaction.
        batch: what was read.
        found: what was found in it; its paths and values are checked.
        context: of the formation.
        now: the time.
        model: the name of what will embed new memories.
        late: it was said before other things that were read already.
    """
    times = {} if late else said_in_order(results, batch, now)
    unwritten = _unwritten(found.changes, batch, results.facts_until) if found.changes else []
    changes = list(_as_known([_at(change, times) for change in unwritten], batch.facts))
    plan, refused = Plan((), {}, ()), 0
    if changes:
        # After the clock went back, what was said last is still the newest.
        latest = max([now, *times.values()])
        plan, errors = context.write_what_fits(results.facts(), results.user_id, changes, latest)
        refused = len(errors)
        for error in errors:
            _log.warning("the context of %s refused what was found: %s", results.user_id, error.code)
        _supersede_memories(results, plan, batch.facts, now)
    _join_repeated(results, batch.messages, now)
    added = _statements(results, batch, found.statements, now)
    results.remember(added, model)
    return Written(len(plan.facts), len(added), refused)


def _unwritten(changes: Sequence[Change], batch: Batch, until: int) -> list[Change]:
    """Those that do not rest on messages whose facts were written before alone."""
    before = {message.id for message in batch.messages if message.place <= until}
    return [change for change in changes if not before.issuperset(change.origin.evidence)] if before else [*changes]


def said_in_order(results: Results, batch: Batch, now: datetime) -> dict[str, datetime]:
    """When each message was said, by its id: later than those before it, whatever the clock said; not of imported ones.

    The clock has gone back if something was said, or written, later than now.
    """
    ahead = [fact.last_at for fact in batch.facts if fact.last_at > now]
    heard = [results.heard_until] if results.heard_until else []
    last = max([*ahead, *heard], default=None)
    times: dict[str, datetime] = {}
    for message in batch.messages:
        if message.channel == IMPORTED:
            times[message.id] = message.said_at
            continue
        last = message.said_at if last is None else max(message.said_at, last + _APART)
        times[message.id] = last
    return times


def _at(change: Change, times: dict[str, datetime]) -> Change:
    said_at = max((times[id] for id in change.origin.evidence if id in times), default=change.origin.observed_at)
    return replace(change, origin=replace(change.origin, observed_at=said_at))


def _as_known(changes: Iterable[Change], facts: Iterable[Fact]) -> Iterator[Change]:
    """Members of lists in the writing in which they are known: "Tea" after "tea" is the same thing said again."""
    known = {(fact.path, fact.value.casefold()): fact.value for fact in facts if isinstance(fact.value, str)}
    for change in changes:
        if change.op in ("add", "remove") and isinstance(change.value, str):
            written = known.setdefault((change.path, change.value.casefold()), change.value)
            yield replace(change, value=written)
        else:
            yield change


def _supersede_memories(results: Results, plan: Plan, known: Sequence[Fact], now: datetime) -> None:
    """Memories that say only what does not hold any more give way to those that say what does."""
    before = {fact.id: fact for fact in known}
    made = {fact.id: fact for fact in plan.added}
    ended = [(before[id], by) for id, (_, by) in plan.ended.items() if id in before]
    ended += [(fact, fact.superseded_by) for fact in plan.added if fact.superseded_by is not None]
    for fact, by in ended:
        instead = made.get(by) or before.get(by)
        said = next((id for id in reversed(instead.evidence) if is_id(id, "msg")), "") if instead else ""
        for message_id in fact.evidence:
            if instead is None or message_id not in instead.evidence:
                _supersede(results, MessageId(message_id), _words_of(MessageId(said)) if said else "", now)


def _supersede(results: Results, message_id: MessageId, by: str, now: datetime, *, stated: int = 0) -> None:
    """A message's memories, if nothing that it said holds any more; ``stated``: what it said beside facts."""
    facts, live = results.resting_on(message_id)
    said = facts + stated
    if live or not said:
        return
    for memory in results.memories_of(message_id):
        if len(memory.text.split()) <= WORDS_A_FACT * said and _sentences(memory.text) <= said:
            results.supersede(memory, by, now)


def _sentences(text: str) -> int:
    ends = sum(
        letter in ".!?\n" and following in (" ", "\n", "")
        for letter, following in zip(text.strip(), [*text.strip()[1:], ""], strict=True)
    )
    return ends + (0 if text.strip()[-1:] in (".", "!", "?") else 1)


def _join_repeated(results: Results, messages: Sequence[Heard], now: datetime) -> None:
    """What was said before in the same words is one memory: the newest, with a count."""
    if not messages:
        return
    repeated = results.repeated(messages[0].place, messages[-1].place)
    newest = {key: message for message in messages if (key := text_key(message.text)) in repeated} if repeated else {}
    for key, message in newest.items():
        by_scope: dict[str, list[Remembered]] = defaultdict(list)
        for memory in results.alike(key, SAID):
            by_scope[memory.scope].append(memory)
        own = _words_of(message.id)
        for alike in by_scope.values():
            if len(alike) > 1:
                kept = next((memory for memory in alike if memory.id == own), alike[-1])
                results.count(kept, sum(memory.times for memory in alike))
                for memory in alike:
                    if memory.id != kept.id:
                        results.supersede(memory, kept.id, now)


def _statements(results: Results, batch: Batch, statements: Iterable[Statement], now: datetime) -> list[Memory]:
    """Those that are new; one that was found before is counted."""
    heard = {message.id: message for message in batch.messages}
    added: dict[str, Memory] = {}
    for one in statements:
        key = text_key(one.text)
        if known := results.alike(key, FOUND):
            results.count(known[-1], known[-1].times + 1)
            _replace(results, one, known[-1].id, now)
        else:
            added[key] = _memory(results, heard[one.evidence[-1]], one, now)
            _replace(results, one, added[key].id, now)
    return list(added.values())


def _replace(results: Results, statement: Statement, by: MemoryId, now: datetime) -> None:
    """What a statement contradicts gives way to it, and with it the words that said so, if they say little else."""
    for memory in results.stated([id for id in statement.replaces if id != by]):
        results.supersede(memory, by, now)
        for message_id in memory.evidence:
            if message_id not in statement.evidence and not _says_more(results, message_id):
                _supersede(results, message_id, _words_of(statement.evidence[-1]), now, stated=1)


def _says_more(results: Results, message_id: MessageId) -> bool:
    return any(memory.evidence for memory in results.memories_of(message_id))


def _words_of(message_id: MessageId) -> MemoryId:
    """The memory of a message's own words."""
    return MemoryId("mem_" + message_id.removeprefix("msg_"))


def _memory(results: Results, message: Heard, statement: Statement, now: datetime) -> Memory:
    return Memory(
        id=new_memory_id(),
        user_id=results.user_id,
        text=statement.text,
        kind=FOUND,
        importance=statement.importance,
        channel=message.channel or "chat",
        agent_id=message.agent_id,
        session_id=message.session_id,
        seq=message.seq,
        said_at=statement.said_at,
        created_at=now,
        metadata={"evidence": list(statement.evidence), "confidence": statement.confidence},
    )
