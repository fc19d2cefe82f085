"""From a message to operations on the user's context."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo

from muxi.core.memory.extraction import (
    aim_rules,
    health_rules,
    identity_rules,
    people_rules,
    place_rules,
    practical_rules,
    taste_rules,
    work_rules,
)
from muxi.core.memory.extraction.corrections import corrected, leaves_standing, may_correct
from muxi.core.memory.extraction.sentences import Clause, Sentence, clauses, sentences
from muxi.core.memory.extraction.types import Claim, Operation, Rule, importance_of

MOST_SENTENCES = 400
MOST_OPERATIONS = 100
_EARLIER_READ = 6

_MODULES = (
    identity_rules,
    place_rules,
    work_rules,
    taste_rules,
    health_rules,
    practical_rules,
    people_rules,
    aim_rules,
)
_RULES: tuple[Rule, ...] = tuple(rule for module in _MODULES for rule in module.RULES)


def extract(text: str, *, said_at: datetime, time_zone: tzinfo = UTC, earlier: Sequence[str] = ()) -> list[Operation]:
    """What a message of a user says about that user, as operations on their context.

    Only plain statements of the user about themselves count: no questions, suppositions, quotations or other people.
    Which paths there are is told by the package's own docstring. Give it text that `muxi.core.memory.private.redact`
    has been through: values that were cut out are not remembered.

    Args:
        text: the message, in English; others give nothing.
        said_at: when it was said, with a time zone; days like "tomorrow" are counted from it.
        time_zone: the user's, in which that was a certain day.
        earlier: the user's messages before it in the same conversation, oldest first. A short correction ("make it
            $6,000", "no, I meant Berlin") is understood from the last one that said something.

    Returns:
        In the order of the text, so that the later of two values of a path is the one to keep; what is said twice
        stands where it was said last. Evidence spans lie inside the text. Of a very long message the first 400
        sentences are read, up to about 100 operations.
    """
    local = said_at.astimezone(time_zone)
    needs_earlier = earlier and any(map(may_correct, sentences(text)))
    return _read(text, local, _known_from(earlier[-_EARLIER_READ:], local) if needs_earlier else [])


def _known_from(earlier: Sequence[str], said_at: datetime) -> list[Operation]:
    """What a short correction may be about: the operations of the last message that said something."""
    known: list[Operation] = []
    for message in earlier:
        found = _read(message, said_at, known)
        if found or not leaves_standing(message):
            known = found
    return known


def _read(text: str, said_at: datetime, known: Sequence[Operation]) -> list[Operation]:
    """The operations of a message, its short corrections understood from what was known before each sentence."""
    found: list[Operation] = []
    for count, sentence in enumerate(sentences(text)):
        if count == MOST_SENTENCES or len(found) >= MOST_OPERATIONS:
            break
        new = corrected(sentence, known, said_at) or _stated(sentence, said_at)
        if new or not leaves_standing(sentence.text):
            known = new
        found += new
    return _once(found)


def _stated(sentence: Sentence, said_at: datetime) -> list[Operation]:
    found: list[Operation] = []
    for clause in clauses(sentence):
        found += _operations(clause, said_at)
    return sorted(_once(found), key=lambda operation: operation.evidence)


def _operations(clause: Clause, said_at: datetime) -> Iterator[Operation]:
    for rule in _RULES:
        match = rule.compiled.match(clause.text)
        if match:
            yield from (_operation(claim, clause, rule, match.end()) for claim in rule.build(match, said_at))
    for rule in people_rules.ANYWHERE:
        match = rule.compiled.search(clause.text)
        if match:
            yield from (_operation(claim, clause, rule, match.end()) for claim in rule.build(match, said_at))


def _operation(claim: Claim, clause: Clause, rule: Rule, match_end: int) -> Operation:
    end = clause.offset + (claim.end if claim.end is not None else match_end)
    evidence = (clause.begin, max(end, clause.begin))
    return Operation(claim.op, claim.path, claim.value, rule.confidence, importance_of(claim.path), evidence)


def _once(operations: Sequence[Operation]) -> list[Operation]:
    """Each operation once, where it was said last."""
    kept: dict[tuple[str, str, str], Operation] = {}
    for operation in operations:
        key = (operation.op, operation.path, str(operation.value).casefold())
        kept.pop(key, None)
        kept[key] = operation
    return list(kept.values())
