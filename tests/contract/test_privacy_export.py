"""Exporting a user and bringing it back, on each database: everything, or nothing and a clear error."""

from __future__ import annotations

import io
import json
import math
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from muxi.core.formation import Formation
from muxi.core.memory.service import Draft
from muxi.core.privacy.tables import NOT_EXPORTED, READ_ONLY, TABLES
from muxi.errors import ConflictError, InvalidImportError, UserNotFoundError
from muxi.ids import UserId, new_user_id
from tests.support.full_user import full_user, opened, said
from tests.support.vectors import WordVectors

Document = dict[str, Any]


@pytest.fixture
def formation(database_url: str) -> Iterator[Formation]:
    made = opened(database_url, "f")
    yield made
    made.close()


@pytest.fixture
def elsewhere(database_url: str, formation: Formation) -> Iterator[Formation]:
    made = opened(database_url, "g")
    yield made
    made.close()


def exported(formation: Formation, who: str) -> Document:
    with formation.privacy.export(who) as export:
        document: Document = json.loads("".join(export.document()))
    return document


def lines_of(formation: Formation, who: str) -> list[str]:
    with formation.privacy.export(who) as export:
        return list(export.lines())


def known(formation: Formation, user: UserId) -> dict[str, Any]:
    """What everybody sees of a user."""
    assert formation.memories.settled()
    sessions = formation.sessions.newest(user).items
    shown = formation.users.show(user)
    return {
        "shown": shown,
        "sessions": sessions,
        "messages": [formation.sessions.messages(user, session.id).items for session in sessions],
        "buffers": [formation.sessions.buffer(session, 10) for session in sessions],
        "memories": [(replace(m, vector=None), m.vector is not None) for m in formation.memories.newest(user).items],
        "found": [
            (hit.memory.id, round(hit.score, 4))
            for hit in formation.memories.search(user, "rain", WordVectors().vector("rain"))
        ],
        "agent": formation.agents.choose(user).id,
        "context": (formation.context.get(user), formation.context.history(user).items),
        "edits": [formation.edits.revisions(user, m.id) for m in formation.memories.newest(user).items],
    }


def nobody(formation: Formation) -> None:
    assert list(formation.users.list().items) == []


class TestExport:
    """What is handed out."""

    async def test_every_table_is_in_it(self, formation: Formation) -> None:
        """With the user's own rows, those of everybody merged into it, and of nobody else."""
        ann = await full_user(formation, "ann")
        # No id has these letters: "ben" stood in one by chance.
        await full_user(formation, "lou")
        document = exported(formation, "ann@x.org")
        assert (document["format"], document["version"], document["user_id"]) == ("muxi.user", 1, ann)
        assert document["formation"] == "f" and document["exported_at"].endswith("+00:00")
        assert list(document["tables"]) == list(TABLES) == list(document["counts"])
        assert {table: len(rows) for table, rows in document["tables"].items()} == document["counts"]
        assert [table for table, rows in document["tables"].items() if not rows and table != "claims"] == []
        assert document["counts"]["users"] == 2 and document["counts"]["memories"] == 4
        whole = json.dumps(document)
        assert "lou" in json.dumps(exported(formation, "lou@x.org"))
        assert "lou" not in whole and "key-of-ann" not in whole and "embedding" not in whole
        assert "a note on ann \\u2028 \\u00fcn\\u00efcode" in whole

    async def test_lines_say_the_same(self, formation: Formation) -> None:
        """A header, a line for each row, a footer with the counts; each line is one line to every reader."""
        await full_user(formation, "ann")
        lines = lines_of(formation, "ann@x.org")
        document = exported(formation, "ann@x.org")
        assert lines == "".join(lines).splitlines(keepends=True)
        header, *rows, footer = map(json.loads, lines)
        assert header == {name: document[name] for name in header if name != "exported_at"} | {
            "exported_at": header["exported_at"]
        }
        assert footer == {"counts": document["counts"]}
        assert rows == [{"table": t, "row": row} for t, of_table in document["tables"].items() for row in of_table]

    async def test_nobody(self, formation: Formation, elsewhere: Formation) -> None:
        """Unknown, or another formation's: the same answer, and looking makes nobody."""
        theirs = await full_user(elsewhere, "ann")
        for who in (new_user_id(), theirs, "ann@x.org"):
            with pytest.raises(UserNotFoundError):
                formation.privacy.export(who)
        nobody(formation)

    async def test_a_split_user_names_nobody_else(self, formation: Formation) -> None:
        """Merges that were undone, and conversations with words of both: only the audit has the other's id."""
        await said(formation, "a@x.org", "first of a")
        await said(formation, "b@x.org", "first of b")
        merge = formation.merges.merge(["a@x.org", "b@x.org"])
        await said(formation, "b@x.org", "of a, in the session of b")
        formation.merges.split(merge.id)
        a, b = (formation.identities.resolve(who).id for who in ("a@x.org", "b@x.org"))
        of_a, of_b = exported(formation, a), exported(formation, b)
        del of_a["tables"]["audit"], of_b["tables"]["audit"]
        assert b not in json.dumps(of_a) and a not in json.dumps(of_b)
        said_by_a, said_by_b = (
            [row["text"] for row in of_one["tables"]["messages"] if row["role"] == "user"] for of_one in (of_a, of_b)
        )
        assert sorted(said_by_a) == ["first of a", "of a, in the session of b"] and said_by_b == ["first of b"]
        formation.privacy.erase(a)
        formation.privacy.erase(b)
        assert formation.privacy.restore(of_a | {"counts": of_a["counts"] | {"audit": 0}}).user_id == a

    async def test_what_is_read_is_of_one_moment(self, formation: Formation) -> None:
        """What is written after the export was made is not in it, and an export can be read twice."""
        await said(formation, "a@x.org", "before")
        with formation.privacy.export("a@x.org") as export:
            await said(formation, "a@x.org", "after")
            assert next(export.lines()).startswith("{") and next(export.document()).startswith("{")
            first, second = "".join(export.lines()), "".join(export.lines())
            document = "".join(export.document())
        assert first == second and "before" in first and "after" not in first + document

    def test_memory_stays_flat(self, formation: Formation) -> None:
        """Twenty times as many memories are exported in the same memory."""
        peaks = []
        for name, count in (("few", 1_000), ("many", 20_000)):
            user = formation.identities.resolve((name, "slack")).id
            for _ in range(count // 1000):
                formation.memories.add(user, [Draft(f"note {n} " + "x" * 100) for n in range(1000)])
            tracemalloc.start()
            with formation.privacy.export(user) as export:
                assert sum(1 for _ in export.lines()) > count
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < 2 * peaks[0] + 2_000_000


class TestRestore:
    """What comes back."""

    @pytest.mark.parametrize(
        "form", ["document", "text", "bytes", "pretty", "sorted", "lines", "file", "bytes of lines"]
    )
    async def test_the_user_is_as_before(self, formation: Formation, form: str) -> None:
        """Erased and restored from any form: the same ids, and everybody sees the same as before."""
        user = await full_user(formation, "ann")
        before = known(formation, user)
        document, lines = exported(formation, user), lines_of(formation, user)
        erased = formation.privacy.erase(user)
        source: Any = {
            "document": document,
            "text": json.dumps(document),
            "bytes": json.dumps(document).encode(),
            "pretty": json.dumps(document, indent=2).splitlines(keepends=True),
            "sorted": json.dumps(document, sort_keys=True),
            "lines": iter(lines),
            "file": io.StringIO("".join(lines)),
            "bytes of lines": [line.encode() for line in lines],
        }[form]
        restored = formation.privacy.restore(source, actor="admin key")
        assert restored.user_id == user
        assert restored.skipped == {"audit": document["counts"]["audit"], "team_members": 1}
        assert restored.counts == {t: n for t, n in document["counts"].items() if t not in READ_ONLY}
        assert {t: n for t, n in erased.counts.items() if t not in {*NOT_EXPORTED, *READ_ONLY}} == restored.counts
        assert known(formation, user) == before
        for who in ("ann@x.org", ("Uann", "slack"), ("key-of-ann", "api_key")):
            assert formation.identities.resolve(who).id == user
        assert formation.audit.verify().sound

    async def test_life_goes_on(self, formation: Formation) -> None:
        """Conversations go on where they were, repeats find their answer, memories get vectors, the merge splits."""
        user = await full_user(formation, "ann")
        document = exported(formation, user)
        formation.privacy.erase(user)
        formation.privacy.restore(document)
        count = len(formation.sessions.newest(user).items)
        await said(formation, "ann@x.org", "ann likes tea", "ann-1")
        assert formation.users.show(user).holdings.messages == document["counts"]["messages"]
        await said(formation, "ann@x.org", "and coffee")
        assert len(formation.sessions.newest(user).items) == count
        assert formation.memories.settled()
        found = formation.memories.search(user, "coffee", WordVectors().vector("coffee"))
        assert found[0].text == "and coffee"
        merge = formation.merges.split(formation.merges.of(user)[0].id)
        other = formation.identities.resolve(("Uann", "slack")).id
        assert (other,) == merge.merged_ids
        assert [memory.text for memory in formation.memories.newest(other).items] == ["ann likes rain"]

    async def test_the_audit_tells(self, formation: Formation) -> None:
        """One row with the counts, and one for each identifier that is linked again."""
        user = await full_user(formation, "ann")
        document = exported(formation, user)
        formation.privacy.erase(user)
        restored = formation.privacy.restore(document, actor="command line")
        rows = formation.audit.newest(limit=4).items[::-1]
        assert [row.action for row in rows] == ["user.restored"] + 3 * ["identifier.linked"]
        assert rows[0].details == {"counts": dict(restored.counts)} and {row.actor for row in rows} == {"command line"}

    async def test_into_another_formation(self, formation: Formation, tmp_path: Path) -> None:
        """On another database: all but the secrets, which nobody could match there."""
        user = await full_user(formation, "ann")
        document = exported(formation, user)
        other = opened(str(tmp_path / "other.db"), "f")
        try:
            restored = other.privacy.restore(document)
            claims = document["counts"]["claims"]
            sealed = {"data_keys": 1, "credentials": 2, "team_members": 1}
            assert restored.skipped == {"identifiers": 1, "audit": document["counts"]["audit"]} | sealed | (
                {"claims": claims} if claims else {}
            )
            assert other.identities.resolve("ann@x.org").id == user
            assert other.identities.resolve(("key-of-ann", "api_key")).new
            assert [m.text for m in other.memories.newest(user).items] == [
                m.text for m in formation.memories.newest(user).items
            ]
        finally:
            other.close()

    async def test_ids_of_another_formation_on_the_same_database(
        self, formation: Formation, elsewhere: Formation
    ) -> None:
        """Each formation has a user of that id, and neither touches the other."""
        user = await full_user(formation, "ann")
        before = known(formation, user)
        assert elsewhere.privacy.restore(exported(formation, user)).skipped["identifiers"] == 1
        elsewhere.privacy.erase(user)
        assert known(formation, user) == before

    @pytest.mark.parametrize("clash", ["user", "identifier"])
    async def test_a_clash_writes_nothing(self, formation: Formation, clash: str) -> None:
        """The user is there, or somebody has one of its identifiers: a conflict, and all is as it was."""
        user = await full_user(formation, "ann")
        document = exported(formation, user)
        if clash == "identifier":
            formation.privacy.erase(user)
            other = formation.identities.resolve(("Uann", "slack")).id
        else:
            other = user
        before, rows = known(formation, other), formation.audit.newest(limit=1).items
        with pytest.raises(ConflictError, match="already"):
            formation.privacy.restore(document)
        assert known(formation, other) == before and formation.audit.newest(limit=1).items == rows
        assert formation.identities.resolve(("Uann", "slack")).id == other


def without(table: str) -> Callable[[Document], object]:
    return lambda document: document["tables"].pop(table)


def set_in(table: str, column: str, value: Any) -> Callable[[Document], object]:
    return lambda document: document["tables"][table][0].__setitem__(column, value)


BROKEN: dict[str, Callable[[Document], object]] = {
    "another format": lambda d: d.update(format="mem0.user"),
    "no format": lambda d: d.pop("format"),
    "a newer version": lambda d: d.update(version=2),
    "a version that is true": lambda d: d.update(version=True),
    "nobody's": lambda d: d.pop("user_id"),
    "somebody else's": lambda d: d.update(user_id=new_user_id()),
    "no tables": lambda d: d.pop("tables"),
    "tables of another kind": lambda d: d.update(tables={"users": {}}),
    "an unknown table": lambda d: d["tables"].update(formations=[{}]),
    "a row that is none": lambda d: d["tables"]["memories"].append(7),
    "no counts": lambda d: d.pop("counts"),
    "other counts": lambda d: d["counts"].update(memories=1),
    "rows are missing": lambda d: d["tables"]["memories"].pop(),
    "no users": without("users"),
    "no sessions": without("sessions"),
    "no merges": without("merges"),
    "a column is missing": lambda d: d["tables"]["memories"][0].pop("text"),
    "a column too many": lambda d: d["tables"]["memories"][0].update(embedding="AA=="),
    "a text that is a number": set_in("memories", "text", 7),
    "a text with NUL": set_in("memories", "text", "a\x00b"),
    "a text with half a character": set_in("memories", "text", "\ud800"),
    "a time without a zone": set_in("memories", "said_at", "2026-01-01T00:00:00"),
    "no time": set_in("memories", "said_at", "yesterday"),
    "a time before all": set_in("memories", "said_at", "0001-01-01T00:00:00+14:00"),
    "metadata that is a list": set_in("memories", "metadata", []),
    "metadata with NaN": set_in("memories", "metadata", {"a": math.nan}),
    "metadata with NUL": set_in("memories", "metadata", {"a": ["\x00"]}),
    "too important": set_in("memories", "importance", 1.5),
    "a number that is true": set_in("messages", "seq", True),
    "a number out of range": set_in("sessions", "next_seq", 2**70),
    "a message beyond its session": set_in("messages", "seq", 99),
    "somebody else's memory": lambda d: d["tables"]["memories"][0].update(user_id=new_user_id()),
    "a memory without a user": set_in("memories", "user_id", None),
    "somebody else's session": lambda d: d["tables"]["messages"][0].update(session_id="ses_" + "0" * 26),
    "an id of another kind": set_in("memories", "id", "msg_" + "0" * 26),
    "an identifier that is an id": lambda d: d["tables"]["identifiers"][0].update(value=new_user_id()),
    "an identifier of no type": set_in("identifiers", "type", "Not a type"),
    "an empty identifier": set_in("identifiers", "value", " "),
    "a user under another": lambda d: d["tables"]["users"][1].update(canonical_id=d["tables"]["users"][1]["id"]),
}


class TestBadFiles:
    """Broken, foreign, or of a newer version: one kind of error, and nothing is written."""

    @pytest.mark.parametrize("broken", BROKEN)
    async def test_a_broken_document(self, formation: Formation, broken: str) -> None:
        """As a document and as lines."""
        user = await full_user(formation, "ann")
        document = exported(formation, user)
        formation.privacy.erase(user)
        BROKEN[broken](document)
        last = formation.audit.newest(limit=1).items
        with pytest.raises(InvalidImportError, match="Nothing was written"):
            formation.privacy.restore(document)
        header = {name: value for name, value in document.items() if name not in ("tables", "counts")}
        lines = [header, *({"table": t, "row": r} for t, rows in document.get("tables", {}).items() for r in rows)]
        lines += [{"counts": document["counts"]}] if "counts" in document else []
        with pytest.raises(InvalidImportError) as raised:
            formation.privacy.restore([json.dumps(line) for line in lines])
        assert raised.value.details["lines"][0]["problem"]
        nobody(formation)
        assert formation.audit.newest(limit=1).items == last

    @pytest.mark.parametrize(
        "source",
        ["", "\n\n", "{}", "[]", "null", "7", "not JSON", "{" * 100_000, "[" * 100_000, "\x00", b"\xff\xfe", [], {}],
        ids=lambda source: repr(source)[:12],
    )
    def test_no_export_at_all(self, formation: Formation, source: Any) -> None:
        """Whatever it is."""
        with pytest.raises(InvalidImportError):
            formation.privacy.restore(source)
        nobody(formation)

    async def test_cut_off_anywhere(self, formation: Formation) -> None:
        """A file that ends too early is never taken for a smaller one; the error names the line of what is wrong."""
        user = await full_user(formation, "ann")
        lines = lines_of(formation, user)
        formation.privacy.erase(user)
        for end in range(len(lines)):
            with pytest.raises(InvalidImportError):
                formation.privacy.restore(lines[:end])
        with pytest.raises(InvalidImportError) as raised:
            formation.privacy.restore([*lines[:5], lines[5][:-5], *lines[6:]])
        assert raised.value.details["lines"] == [{"line": 6, "problem": "it is not JSON"}]
        with pytest.raises(InvalidImportError) as raised:
            formation.privacy.restore([*lines, lines[1]])
        assert raised.value.details["lines"][0]["line"] == len(lines) + 1
        nobody(formation)
        assert formation.privacy.restore(lines).user_id == user

    async def test_a_history_without_its_memory(self, formation: Formation) -> None:
        """What names a row that is not in the export is found by the database: nothing of the rest stays."""
        user = await full_user(formation, "ann")
        document = exported(formation, user)
        formation.privacy.erase(user)
        [edit] = document["tables"]["memory_edits"]
        document["tables"]["memories"] = [m for m in document["tables"]["memories"] if m["id"] != edit["memory_id"]]
        document["counts"]["memories"] -= 1
        with pytest.raises(InvalidImportError):
            formation.privacy.restore(document)
        nobody(formation)

    async def test_a_failure_while_writing(self, formation: Formation) -> None:
        """A row that is there twice is found by the database, after others were written: none of them stays."""
        user = await full_user(formation, "ann")
        document = exported(formation, user)
        formation.privacy.erase(user)
        document["tables"]["memories"].append(document["tables"]["memories"][0])
        document["counts"]["memories"] += 1
        with pytest.raises(ConflictError):
            formation.privacy.restore(document)
        nobody(formation)
        assert formation.identities.resolve("ann@x.org").new
