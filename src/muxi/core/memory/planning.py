"""What a change of the context writes: new facts, and the ones that they end. Pure: every store writes the same."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from muxi.core.memory.document import MISSING, Tree, document, node_at, paths_of, replay, say, value_of
from muxi.core.memory.facts import Change, Document, Fact, Plan
from muxi.core.memory.paths import above, span_below
from muxi.core.memory.values import placed, token
from muxi.errors import InvalidContextError
from muxi.ids import FactId, UserId, new_fact_id

MAX_LIVE = 10_000
MAX_EVIDENCE = 8
_INSTANT = timedelta(microseconds=1)


class Planning:
    """The changes of one write, taken one after the other.

    A fact ends those of the same user that it contradicts: at its path, below it, and values at the paths above. It
    never ends those of users who were merged into this one, so that a split restores them. One that was observed
    before what it contradicts is superseded at once: it belongs to the history.

    Args:
        live: the facts that hold, of a canonical user and of those merged into it.
        user_id: the canonical user, who writes.
        now: the time, in UTC.
    """

    def __init__(self, live: Sequence[Fact], user_id: UserId, now: datetime) -> None:
        self._user_id = user_id
        self._now = now
        self._live = {fact.id: fact for fact in live}
        self._tree: Tree | None = None
        self._newest = max((fact.last_at for fact in live), default=now - _INSTANT)
        self._own = _ByPath(fact for fact in live if fact.user_id == user_id)
        self._made = 0
        self._new: dict[FactId, Fact] = {}
        self._ended: dict[FactId, tuple[datetime, FactId]] = {}
        self._repeated: dict[FactId, Fact] = {}

    def take(self, change: Change) -> None:
        """Adds a change whose path and value are checked.

        Raises:
            InvalidContextError: a value is to be added to what is an object.
        """
        if change.op == "set":
            self._set(change)
        elif change.op == "add":
            self._add(change)
        elif change.op == "remove":
            self._remove(change)
        else:
            self._delete(change)

    def plan(self) -> Plan:
        """What all changes together write.

        Raises:
            InvalidContextError: the user would have more than 10,000 facts that hold.
        """
        if len(self._own) > MAX_LIVE and self._new:
            raise InvalidContextError(f"A user can have at most {MAX_LIVE:,} facts. Delete some first.")
        return Plan(tuple(self._new.values()), self._ended, tuple(self._repeated.values()))

    def document(self) -> Document:
        """The document as it would be."""
        return document(self._shown())

    def _set(self, change: Change) -> None:
        spread = placed(change.path, change.value)
        if isinstance(change.value, dict):
            self._clear(change, [path for path, _ in spread])
        for path, value in spread:
            self._set_one(replace(change, path=path, value=value))

    def _clear(self, change: Change, given: list[str]) -> None:
        """Deletes what is at and below a path, but for what is given anew anyway."""
        ends = set(given)
        kept = ends.union(*map(above, given))
        for path in list(paths_of(node_at(self._shown(), change.path))):
            if path not in kept and not ends.intersection(above(path)):
                self._delete(replace(change, op="delete", path=path, value=None))

    def _set_one(self, change: Change) -> None:
        here = self._own.at(change.path)
        if len(here) == 1 and _says_the_same(here[0], change):
            self._repeat(here[0], change)
            return
        below_it, above_it = self._own.below(change.path), self._own.above(change.path)
        made = self._fact(change)
        self._end([*here, *below_it, *_values(above_it)], made)
        # What was added to a list later stands beside the list as it was before.
        self._keep(made, [*_whole(here), *below_it, *above_it])

    def _add(self, change: Change) -> None:
        if type(found := node_at(self._shown(), change.path)) is dict and value_of(found) is not MISSING:
            raise InvalidContextError(f"{change.path!r} holds an object: nothing can be added to it as to a list.")
        here = self._own.at(change.path)
        same = [fact for fact in here if _says_the_same(fact, change)]
        if same:
            self._repeat(same[0], change)
            return
        below_it, above_it = self._own.below(change.path), self._own.above(change.path)
        removed = [fact for fact in here if fact.op == "remove" and token(fact.value) == token(change.value)]
        made = self._fact(change)
        self._end([*removed, *below_it, *_values(above_it)], made)
        self._keep(made, [*removed, *_whole(here), *below_it, *above_it])

    def _remove(self, change: Change) -> None:
        value = value_of(node_at(self._shown(), change.path))
        mark = token(change.value)
        if mark not in map(token, value if isinstance(value, list) else [value]) or value is MISSING:
            return
        here = self._own.at(change.path)
        contradicted = [
            fact
            for fact in here
            if fact.op != "delete" and token(fact.value) == mark and not isinstance(fact.value, list)
        ]
        made = self._fact(change)
        self._end(contradicted, made)
        self._keep(made, [*contradicted, *_whole(here)])

    def _delete(self, change: Change) -> None:
        if value_of(node_at(self._shown(), change.path)) is MISSING:
            return
        here = self._own.at(change.path)
        made = self._fact(change)
        self._end([*here, *self._own.below(change.path)], made)
        # What is newer below it stands beside it; it still hides what is older, also of others.
        self._keep(made, _whole(here))

    def _fact(self, change: Change) -> Fact:
        origin, at = change.origin, self._time(change)
        return Fact(
            id=new_fact_id(),
            user_id=self._user_id,
            path=change.path,
            op=change.op,
            value=change.value,
            source=origin.source,
            importance=origin.importance,
            confidence=origin.confidence,
            observed_at=at,
            last_at=at,
            times=1,
            written_at=self._now,
            evidence=origin.evidence[-MAX_EVIDENCE:],
        )

    def _time(self, change: Change) -> datetime:
        told = change.origin.observed_at
        if told is None:
            # Also after the clock went back: who does not say when means now, and now is after everything.
            self._newest = max(self._now, self._newest + _INSTANT)
            return self._newest
        # A little apart: facts of one write keep their order.
        self._made += 1
        return min(told, self._now) + (self._made - 1) * _INSTANT

    def _repeat(self, fact: Fact, change: Change) -> None:
        origin = change.origin
        said = replace(
            fact,
            times=fact.times + 1,
            last_at=max(fact.last_at, self._time(change)),
            importance=max(fact.importance, origin.importance),
            confidence=max(fact.confidence, origin.confidence),
            evidence=tuple(dict.fromkeys((*fact.evidence, *origin.evidence)))[-MAX_EVIDENCE:],
        )
        self._own.replace(said)
        if fact.id in self._new:
            self._new[fact.id] = said
        else:
            self._repeated[fact.id] = said
        self._live[fact.id] = said
        self._newest = max(self._newest, said.last_at)
        self._tree = None

    def _end(self, facts: Iterable[Fact], by: Fact) -> None:
        for fact in facts:
            if fact.last_at > by.observed_at:
                continue
            if fact.id in self._new:
                self._new[fact.id] = replace(fact, superseded_at=by.observed_at, superseded_by=by.id)
            else:
                self._ended[fact.id] = by.observed_at, by.id
            self._own.remove(fact)
            del self._live[fact.id]

    def _keep(self, made: Fact, contradicting: Iterable[Fact]) -> None:
        later = [fact for fact in contradicting if fact.last_at > made.observed_at]
        if later:
            first = min(later, key=lambda fact: _since(fact, made.observed_at))
            until = _since(first, made.observed_at)
            self._new[made.id] = replace(made, superseded_at=until, superseded_by=first.id)
            self._tree = None
            return
        self._new[made.id] = made
        self._own.add(made)
        self._live[made.id] = made
        if self._tree is not None and made.observed_at >= self._newest:
            say(self._tree, made)
        else:
            self._tree = None
        self._newest = max(self._newest, made.observed_at)

    def _shown(self) -> Tree:
        if self._tree is None:
            facts = sorted(self._live.values(), key=_order)
            self._tree = replay(facts)
        return self._tree


class _ByPath:
    """One user's facts that hold, found by path."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._at: dict[str, dict[FactId, Fact]] = {}
        for fact in facts:
            self._at.setdefault(fact.path, {})[fact.id] = fact
        self._paths = sorted(self._at)
        self._count = sum(map(len, self._at.values()))

    def __len__(self) -> int:
        return self._count

    def at(self, path: str) -> list[Fact]:
        return list(self._at.get(path, {}).values())

    def below(self, path: str) -> list[Fact]:
        first, last = (bisect_left(self._paths, end) for end in span_below(path))
        return [fact for place in self._paths[first:last] for fact in self._at[place].values()]

    def above(self, path: str) -> list[Fact]:
        return [fact for place in above(path) for fact in self.at(place)]

    def add(self, fact: Fact) -> None:
        if fact.path not in self._at:
            self._at[fact.path] = {}
            insort(self._paths, fact.path)
        self._at[fact.path][fact.id] = fact
        self._count += 1

    def replace(self, fact: Fact) -> None:
        self._at[fact.path][fact.id] = fact

    def remove(self, fact: Fact) -> None:
        del self._at[fact.path][fact.id]
        self._count -= 1
        if not self._at[fact.path]:
            del self._at[fact.path]
            del self._paths[bisect_left(self._paths, fact.path)]


def _order(fact: Fact) -> tuple[datetime, str]:
    return fact.last_at, fact.id


def _since(fact: Fact, after: datetime) -> datetime:
    """When a later fact was first said after a time."""
    return fact.observed_at if fact.observed_at > after else fact.last_at


def _values(facts: Iterable[Fact]) -> list[Fact]:
    return [fact for fact in facts if fact.op != "delete"]


def _whole(facts: Iterable[Fact]) -> list[Fact]:
    """Those about all of a path's value, not about one member of a list."""
    return [fact for fact in facts if fact.op in ("set", "delete")]


def _says_the_same(fact: Fact, change: Change) -> bool:
    return fact.op == change.op and token(fact.value) == token(change.value)
