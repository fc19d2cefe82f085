"""Linking in bulk, on each database: what `associate` would do, thousands at once, and nothing half done."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from muxi.core.audit.service import Audit
from muxi.core.identity import bulk as bulk_module
from muxi.core.identity.bulk import Bulk, Progress
from muxi.core.identity.bulk_types import BulkResult, Conflict, Group
from muxi.core.identity.kinds import Kinds
from muxi.core.identity.merging import Merges
from muxi.core.identity.proofs import Proofs
from muxi.core.identity.service import Identities
from muxi.errors import (
    AmbiguousIdentifierError,
    ConflictError,
    IdentifierConflictError,
    IdentifierLimitError,
    InvalidIdentifierError,
    InvalidImportError,
    InvalidProofError,
    MuxiError,
    UserNotFoundError,
)
from muxi.storage.open import FormationStores, Storage
from tests.conftest import TestClock

ROOT = Path(__file__).parents[2]
SECONDS = 60
#: Imports a file in a process of its own, and says each chunk that is kept.
IMPORT = """
import sys
from muxi.core.clock import utc_now
from muxi.core.identity.bulk import Bulk, Progress
from muxi.core.identity.service import Identities
from muxi.storage.open import open_storage

stores = open_storage(sys.argv[1]).for_formation("f", utc_now())
bulk = Bulk(stores.bulk, Identities(stores.identity, stores.hash_key, utc_now), utc_now)
bulk.import_file(sys.argv[2], progress=lambda step, done, of: print(step, done, flush=True))
"""


class World:
    """One formation's services on given stores, with a cache of its own, as a process has it."""

    def __init__(self, stores: FormationStores, clock: TestClock, kinds: Kinds | None = None) -> None:
        self.identities = Identities(stores.identity, stores.hash_key, clock, kinds=kinds)
        self.bulk = Bulk(stores.bulk, self.identities, clock)
        self.merges = Merges(stores.merges, self.identities, clock)
        self.audit = Audit(stores.audit)

    def shown(self, who: Any) -> list[str]:
        return [one.shown for one in self.identities.identifiers(who)]

    def users(self, identifiers: Iterable[Any]) -> set[str]:
        return {user.id for user in map(self.identities.find, identifiers) if user}


@pytest.fixture
def world(stores: FormationStores, clock: TestClock) -> Iterator[World]:
    made = World(stores, clock)
    yield made
    assert made.audit.verify().sound


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four values in one transaction, so that a few groups need several."""
    monkeypatch.setattr(bulk_module, "CHUNK", 4)


def counted(result: BulkResult) -> tuple[int, int, int, int, int]:
    return result.groups, result.linked, result.users_made, result.unchanged, result.conflict_count


def codes(result: BulkResult) -> list[tuple[int, str]]:
    return [(one.place, one.code) for one in result.conflicts]


class TestAssociateMany:
    """Each group as `associate` would link it."""

    def test_new_users_and_old_ones(self, world: World, clock: TestClock) -> None:
        """A group makes a user, or adds to the one that has some of it; twice changes nothing."""
        old = world.identities.resolve("old@x.org").id
        clock.move(1)
        groups = [
            Group(["new@x.org", ("U1", "slack")]),
            Group(["old@x.org", ("U2", "slack")]),
            Group([("U3", "slack")], user=old),
            Group([("U4", "slack")], user="OLD@x.org"),
            Group([("U1", "slack"), 77]),
        ]
        assert counted(world.bulk.associate_many(groups)) == (5, 6, 1, 2, 0)
        assert world.shown("new@x.org") == ["new@x.org", "U1", "77"]
        assert world.shown(old) == ["old@x.org", "U2", "U3", "U4"]
        assert {one.linked_by for one in world.identities.identifiers(("U1", "slack"))} == {"import"}
        assert counted(world.bulk.associate_many(groups)) == (5, 0, 0, 8, 0)

    @pytest.mark.usefixtures("small_chunks")
    def test_groups_see_those_before_them(self, world: World) -> None:
        """Whether in one chunk or several, groups that share an identifier are one user; one long group fits."""
        groups = [Group([f"u{n}@x.org", f"u{n + 1}@x.org"]) for n in range(9)]
        groups.append(Group(["u9@x.org", *(f"v{n}@x.org" for n in range(9))]))
        assert counted(world.bulk.associate_many(iter(groups))) == (10, 19, 1, 9, 0)
        assert len(world.users(f"u{n}@x.org" for n in range(10))) == 1

    @pytest.mark.usefixtures("small_chunks")
    def test_conflicts_are_reported_and_the_rest_goes_on(self, world: World) -> None:
        """A group that cannot be linked leaves nothing behind, says why, and stops nobody."""
        kim, lee = (world.identities.resolve(name) for name in ("kim@x.org", "lee@x.org"))
        for type in ("slack", "telegram"):
            world.identities.resolve(("123", type))
        gone = lee.id[:-3] + "000"
        result = world.bulk.associate_many(
            [
                Group(["kim@x.org", "lee@x.org", "orphan@x.org"]),
                Group(["fine@x.org"]),
                Group(["lee@x.org"], user=kim.id),
                Group(["123"]),
                Group(["a@x.org"], user=gone),
                Group(["b@x.org"], user="nobody@x.org"),
                Group(["null"]),
                Group([kim.id]),
                Group([]),
                Group("fine@x.org"),
                Group(["fine@x.org", ("U1", "slack")]),
            ]
        )
        assert codes(result) == [
            (1, "identifier_conflict"),
            (3, "identifier_conflict"),
            (4, "ambiguous_identifier"),
            (5, "user_not_found"),
            (6, "user_not_found"),
            (7, "invalid_identifier"),
            (8, "invalid_identifier"),
            (9, "invalid_identifier"),
            (10, "invalid_identifier"),
        ]
        assert counted(result) == (11, 2, 1, 1, 9)
        assert result.conflicts[0].identifiers == ("kim@x.org", "lee@x.org")
        assert set(result.conflicts[0].owners) == {kim.id, lee.id}
        assert result.conflicts[1].identifiers == ("lee@x.org",)
        assert world.users(["orphan@x.org", "a@x.org", "b@x.org"]) == set()

    @pytest.mark.parametrize(
        ("groups", "error"),
        [
            ([Group(["kim@x.org", "lee@x.org"])], IdentifierConflictError),
            ([Group(["x@x.org"], user="nobody@x.org")], UserNotFoundError),
            ([Group(["null"])], InvalidIdentifierError),
            ([Group(["123"])], AmbiguousIdentifierError),
            ([Group([(f"U{n}", "slack") for n in range(21)])], IdentifierLimitError),
            ([Group([f"x{n}"]) for n in range(1001)], InvalidImportError),
        ],
    )
    def test_all_or_nothing_if_told(self, world: World, groups: list[Group], error: type[MuxiError]) -> None:
        """With ``raise`` the first conflict is raised, and what came before it is not linked either."""
        for raw in ("kim@x.org", "lee@x.org", ("123", "slack"), ("123", "telegram")):
            world.identities.resolve(raw)
        before = world.audit.verify().rows
        with pytest.raises(error):
            world.bulk.associate_many([Group(["first@x.org"]), *groups], on_conflict="raise")
        assert world.users(["first@x.org"]) == set() and world.audit.verify().rows == before
        assert counted(world.bulk.associate_many([Group(["first@x.org"])], on_conflict="raise")) == (1, 1, 1, 0, 0)

    def test_how_much_is_all_or_nothing(self, world: World) -> None:
        """Two thousand identifier values fit into one transaction, on each database; one more is refused whole."""
        groups = [Group([(f"U{n}", "slack")]) for n in range(2001)]
        with pytest.raises(InvalidImportError, match="2000 identifier values at most"):
            world.bulk.associate_many(groups, on_conflict="raise")
        assert world.users([("U0", "slack")]) == set()
        assert counted(world.bulk.associate_many(groups[:2000], on_conflict="raise")) == (2000, 2000, 2000, 0, 0)

    @pytest.mark.usefixtures("small_chunks")
    def test_a_dry_run_says_the_same_and_changes_nothing(self, world: World) -> None:
        """Its counts and conflicts are those of the run that follows, also where a group meets one before it."""
        kim = world.identities.resolve("kim@x.org").id
        groups = [
            Group(["kim@x.org", ("U1", "slack")]),
            Group(["lee@x.org"]),
            *(Group([f"{n}@x.org"]) for n in range(9)),
            Group([("U1", "slack"), "lee@x.org"]),
            Group([(f"U{n}", "slack") for n in range(9)], user="lee@x.org"),
            Group([(f"V{n}", "slack") for n in range(20)], user=kim),
        ]
        rows = world.audit.verify().rows
        dry = world.bulk.associate_many(groups, dry_run=True)
        assert world.audit.verify().rows == rows and world.users(["lee@x.org", "0@x.org"]) == set()
        real = world.bulk.associate_many(groups)
        assert codes(dry) == [(12, "identifier_conflict"), (13, "identifier_conflict"), (14, "identifier_limit")]
        assert dry.dry_run and dry.conflicts[0].owners == (kim,) and len(real.conflicts[0].owners) == 2
        assert [replace(one, owners=()) for one in dry.conflicts] == [replace(one, owners=()) for one in real.conflicts]
        assert counted(dry) == counted(real) == (14, 11, 10, 1, 3)

    def test_types_are_told_apart_as_in_a_look_up(self, world: World) -> None:
        """A typed identifier means an untyped row of its value, an untyped one any there is, a secret its hash."""
        groups = [Group(["42"]), Group([("42", "slack")]), Group([("sk-secret-0123456789", "api_key")])]
        world.bulk.associate_many(groups)
        assert len(world.users(["42", ("42", "slack")])) == 1
        result = world.bulk.associate_many([Group(["sk-secret-0123456789", "me@x.org"])])
        assert result.users_made == 0 and "…" in " ".join(world.shown("me@x.org"))
        assert len(world.users(["me@x.org", ("sk-secret-0123456789", "api_key")])) == 1

    def test_one_identifier_in_two_forms(self, world: World) -> None:
        """Written twice in a group, it is linked once."""
        assert counted(world.bulk.associate_many([Group(["Kim@x.org", "kim@X.ORG", ("kim@x.org", "email")])])) == (
            1,
            1,
            1,
            2,
            0,
        )

    def test_merged_users_are_one(self, world: World) -> None:
        """Identifiers of two users that were merged do not clash, and the survivor gets the new ones."""
        kim, lee = (world.identities.resolve(name).id for name in ("kim@x.org", "lee@x.org"))
        merge = world.merges.merge([kim, lee])
        result = world.bulk.associate_many(
            [Group(["kim@x.org", "lee@x.org", "new@x.org"]), Group(["n2@x.org"], user=lee)]
        )
        assert counted(result) == (2, 2, 0, 2, 0)
        assert world.identities.get("new@x.org").id == world.identities.get("n2@x.org").id == merge.survivor_id

    def test_limits_count_what_is_there(self, stores: FormationStores, clock: TestClock) -> None:
        """A user gets no more of a type than the setting allows, counting what was linked before and in this run."""
        world = World(stores, clock, Kinds(limits={"slack": 2}))
        world.identities.associate(["kim@x.org", ("U1", "slack")])
        clock.move(1)
        groups = [Group(["kim@x.org", (f"U{n}", "slack")]) for n in (1, 2, 3)]
        assert codes(world.bulk.associate_many(groups)) == [(3, "identifier_limit")]
        assert world.shown("kim@x.org") == ["kim@x.org", "U1", "U2"]

    def test_an_open_request_ends(self, stores: FormationStores, clock: TestClock, world: World) -> None:
        """A code that was asked for before proves nothing once the import touched its user or its identifier."""
        proofs = Proofs(stores.proofs, world.identities, stores.hash_key, clock)
        kim = world.identities.resolve("kim@x.org").id
        for groups in ([Group([("U1", "slack")], user=kim)], [Group([("T9", "telegram")])]):
            started = proofs.start_verification(kim, ("T9", "telegram"))
            world.bulk.associate_many(groups)
            with pytest.raises(InvalidProofError):
                proofs.confirm_verification(started.code)

    def test_what_was_cached_is_forgotten(self, world: World) -> None:
        """A value that gets a second type means several users without one, here and in another process, at once."""
        assert world.identities.resolve("42").id
        world.bulk.associate_many([Group(["42"]), Group([("42x", "slack")])])
        other = world.identities.resolve(("42x", "slack")).id
        assert world.identities.resolve("42x").id == other
        world.bulk.associate_many([Group([("42x", "discord")])])
        with pytest.raises(AmbiguousIdentifierError):
            world.identities.resolve("42x")

    def test_a_row_of_the_audit_for_each_user(self, world: World) -> None:
        """It says how many were linked and whether the user is new, and holds no identifier in clear."""
        world.bulk.associate_many([Group(["kim@x.org", ("U1", "slack")]), Group(["lee@x.org"])], actor="tester")
        kim = world.identities.get("kim@x.org").id
        (record,) = world.audit.newest(user_id=kim).items
        assert (record.action, record.actor) == ("identifiers.imported", "tester")
        assert record.details["user_created"] is True
        assert [one["type"] for one in record.details["identifiers"]] == ["email", "slack"]
        assert "kim" not in str(record.details) and "U1" not in str(record.details)
        assert world.audit.verify().rows == 2

    def test_other_formations_are_not_there(
        self, world: World, other_stores: FormationStores, clock: TestClock
    ) -> None:
        """The same identifiers are other users there, and a user's id of here is nobody."""
        elsewhere = World(other_stores, clock)
        world.bulk.associate_many([Group(["kim@x.org"])])
        kim = world.identities.get("kim@x.org").id
        result = elsewhere.bulk.associate_many([Group(["kim@x.org", "lee@x.org"]), Group(["x@x.org"], user=kim)])
        assert (result.users_made, codes(result)) == (1, [(2, "user_not_found")])
        assert elsewhere.identities.get("kim@x.org").id != kim and elsewhere.audit.verify().rows == 1

    @pytest.mark.usefixtures("small_chunks")
    def test_with_first_contacts_at_the_same_moment(self, storage: Storage, clock: TestClock) -> None:
        """Two imports and two that resolve meet at the same identifiers: each has one owner, nobody is left over."""
        names = [(f"U{n}", "slack") for n in range(120)]
        worlds = [World(storage.for_formation("f", clock()), clock) for _ in range(4)]
        at_once = Barrier(4)

        def act(place: int) -> list[str]:
            at_once.wait()
            world = worlds[place]
            if place < 2:
                result = world.bulk.associate_many(Group([name]) for name in names)
                assert result.conflict_count == 0 and result.linked + result.unchanged == len(names)
                return [world.identities.get(name).id for name in names]
            return [world.identities.resolve(name).id for name in names]

        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(act, range(4)))
        assert found[0] == found[1] == found[2] == found[3] and len(set(found[0])) == len(names)
        records = list(every(worlds[0].audit))
        assert {one.user_id for one in records} == set(found[0])
        assert worlds[0].audit.verify().sound


class TestFiles:
    """CSV and JSON Lines."""

    def test_csv(self, world: World, clock: TestClock, tmp_path: Path) -> None:
        """Lines of one user key are one user, lines without are users of their own, a usr_ id is that user."""
        kim = world.identities.resolve("kim@x.org").id
        clock.move(1)
        file = tmp_path / "users.CSV"
        file.write_text(
            "\ufeffidentifier,Type,user\n"
            "lee@x.org,,crm-1\n"
            "U1,slack,crm-1\n"
            '"a,b",internal,\n'
            "\n"
            f"U2,slack,{kim}\n"
            "+49 30 1234567,phone,\n",
            encoding="utf-8",
        )
        assert counted(world.bulk.import_file(file)) == (5, 6, 3, 1, 0)
        assert world.shown(("crm-1", "internal")) == ["crm-1", "lee@x.org", "U1"]
        assert world.shown(kim) == ["kim@x.org", "U2"]
        assert world.shown(("a,b", "internal")) == ["a,b"]

    def test_json_lines(self, world: World, tmp_path: Path) -> None:
        """A line has one identifier or several, in every form that there is."""
        file = tmp_path / "users.jsonl"
        lines = [
            {"user": 17, "identifiers": ["kim@x.org", ["U1", "slack"], {"identifier": 5, "type": "telegram"}]},
            {"user": None, "identifier": "lee@x.org"},
            {"identifier": "U2", "type": "slack"},
        ]
        file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        assert counted(world.bulk.import_file(str(file))) == (3, 6, 3, 0, 0)
        assert world.shown(("17", "internal")) == ["17", "kim@x.org", "U1", "5"]

    @pytest.mark.usefixtures("small_chunks")
    def test_a_bad_line_at_the_end_changes_nothing(self, world: World, tmp_path: Path) -> None:
        """Every wrong line is counted and the first are named, each with its number and what is wrong."""
        file = tmp_path / "users.csv"
        good = "".join(f",u{n}@x.org,\n" for n in range(500))
        file.write_bytes(f"user,identifier,type\n{good},null,\n,a,b,c\nusr_1,a,\n,x,SL ACK\n".encode() + b",caf\xe9,\n")
        with pytest.raises(InvalidImportError) as raised:
            world.bulk.import_file(file)
        found = raised.value.details
        assert (found["wrong"], [one["line"] for one in found["lines"]]) == (5, [502, 503, 504, 505, 506])
        assert found["lines"][1]["message"] == "It has 4 columns; the first line has 3."
        assert found["lines"][4]["message"] == "It is not UTF-8."
        assert world.audit.verify().rows == 0

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("users.csv", "name,mail\nkim,kim@x.org\n"),
            ("users.csv", "identifier,identifier\na,b\n"),
            ("users.txt", "identifier\nkim@x.org\n"),
            ("users.csv", 'identifier\n"' + "a" * 200_000),
            ("users.jsonl", "x" * 2_000_000),
            ("users.jsonl", "[1]\n"),
            ("users.jsonl", '{"identifier": "a"\n'),
            ("users.jsonl", '{"identifiers": "abc"}\n'),
            ("users.jsonl", '{"identifiers": []}\n'),
            ("users.jsonl", '{"identifiers": [[1, 2, 3]]}\n'),
            ("users.jsonl", '{"identifier": "a", "identifiers": ["b"]}\n'),
            ("users.jsonl", '{"identifier": "a", "name": "b"}\n'),
            ("users.jsonl", '{"identifier": "a", "user": true}\n'),
            ("users.jsonl", "[" * 100_000),
        ],
    )
    def test_what_is_no_such_file(self, world: World, tmp_path: Path, name: str, content: str) -> None:
        """A file of another form is refused by its own error, before anything is written."""
        (tmp_path / name).write_text(content, encoding="utf-8")
        with pytest.raises(InvalidImportError):
            world.bulk.import_file(tmp_path / name)
        assert world.audit.verify().rows == 0

    def test_no_file(self, world: World, tmp_path: Path) -> None:
        """A missing file and a folder are told so."""
        (tmp_path / "folder.csv").mkdir()
        for name in ("missing.csv", "folder.csv"):
            with pytest.raises(InvalidImportError, match="is not a file"):
                world.bulk.import_file(tmp_path / name)

    def test_nothing_in_it(self, world: World, tmp_path: Path) -> None:
        """A file with a header only says nothing about anybody; one of no bytes is no file that somebody meant."""
        file = tmp_path / "users.csv"
        file.write_text("user,identifier,type\n", encoding="utf-8")
        assert counted(world.bulk.import_file(file)) == (0, 0, 0, 0, 0)
        file.write_bytes(b"")
        with pytest.raises(InvalidImportError, match="is empty"):
            world.bulk.import_file(file)

    @pytest.mark.usefixtures("small_chunks")
    def test_progress_and_conflicts_are_told(self, world: World, tmp_path: Path) -> None:
        """Checking is told in bytes and linking in lines, both to the end; every conflict is told with its line."""
        file = tmp_path / "users.csv"
        file.write_text("user,identifier\n" + "".join(f"k{n % 2},u{n // 2}@x.org\n" for n in range(12)))
        told: list[tuple[str, int, int]] = []
        conflicts: list[Conflict] = []
        dry = world.bulk.import_file(file, dry_run=True, report=conflicts.append)
        result = world.bulk.import_file(file, progress=lambda *step: told.append(step), report=conflicts.append)
        assert told[0] == ("checking", file.stat().st_size, file.stat().st_size)
        assert told[-1] == ("linking", 13, 13) and len(told) > 3
        assert (
            [one.place for one in conflicts]
            == [*(3 + 2 * n for n in range(6))] * 2
            == [one.place for one in (*dry.conflicts, *result.conflicts)]
        )

    def test_names_are_not_joined(self, world: World, tmp_path: Path) -> None:
        """A name finds the user of its line's identifier, unless that one has another name: shared is not the same."""
        world.identities.resolve("kim@x.org")
        file = tmp_path / "users.csv"
        file.write_text("user,identifier\ncrm-1,kim@x.org\ncrm-2,kim@x.org\ncrm-2,lee@x.org\ncrm-1,kim2@x.org\n")
        result = world.bulk.import_file(file)
        assert codes(result) == [(3, "identifier_conflict")] and result.users_made == 1
        assert result.conflicts[0].message.startswith("'kim@x.org' belongs to a user of another name.")
        assert set(world.shown(("crm-1", "internal"))) == {"kim@x.org", "crm-1", "kim2@x.org"}

    @pytest.mark.usefixtures("small_chunks")
    def test_broken_off_it_goes_on(self, world: World, stores: FormationStores, tmp_path: Path) -> None:
        """What stopped between two chunks goes on after the last that was begun; finished, the same file can be
        imported anew."""
        file = tmp_path / "users.csv"
        file.write_text("identifier,type\n" + "".join(f"U{n},slack\n" for n in range(40)))

        def stop(step: str, done: int, total: int) -> None:
            if (step, done) == ("linking", 9):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            world.bulk.import_file(file, progress=stop)
        world.identities.unlink(("U0", "slack"), force=True)
        result = world.bulk.import_file(file)
        begun = 9 if stores.bulk.at_once == 1 else result.resumed_after
        assert (result.resumed_after, result.linked) == (begun, 41 - begun) and begun in (9, 13, 17, 21)
        assert world.users([("U0", "slack")]) == set()
        again = world.bulk.import_file(file)
        assert (again.resumed_after, again.linked, again.unchanged) == (0, 1, 39)

    @pytest.mark.usefixtures("small_chunks")
    def test_two_imports_of_one_file(self, world: World, tmp_path: Path) -> None:
        """One of the two is told so, and the other finishes."""
        file = tmp_path / "users.csv"
        file.write_text("identifier,type\n" + "".join(f"U{n},slack\n" for n in range(40)))
        refused: list[str] = []

        def imported(who: str, progress: Progress | None = None) -> None:
            try:
                world.bulk.import_file(file, progress=progress)
            except ConflictError as error:
                refused.append(f"{who}: {error.message}")

        def meanwhile(step: str, done: int, total: int) -> None:
            if (step, done) == ("linking", 5):
                imported("second")

        imported("first", meanwhile)
        told = "Somebody else imports this file at this moment. Let one of you finish."
        assert refused in ([f"first: {told}"], [f"second: {told}"])
        assert len(world.users((f"U{n}", "slack") for n in range(40))) == 40

    def test_killed_it_goes_on(self, database_url: str, storage: Storage, clock: TestClock, tmp_path: Path) -> None:
        """A process that is killed in mid-import leaves whole chunks; started again, each line is linked once."""
        count = 20_000
        file = tmp_path / "users.csv"
        file.write_text("user,identifier,type\n" + "".join(f",U{n},slack\n" for n in range(count)))
        world = World(storage.for_formation("f", clock()), clock)
        command = [sys.executable, "-c", IMPORT, database_url, str(file)]
        environment = {"PYTHONPATH": str(ROOT / "src")}
        with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8", env=environment) as process:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            next(line for line in lines if line.startswith("linking"))
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        kept = sum(len(one.details["identifiers"]) for one in every(world.audit))
        result = world.bulk.import_file(file)
        assert 0 < kept < count and result.resumed_after == kept + 1
        assert (result.linked, result.unchanged, result.conflict_count) == (count - kept, 0, 0)
        records = list(every(world.audit))
        assert len({one.user_id for one in records}) == len(records) == count
        assert all(world.identities.find((f"U{n}", "slack")) for n in range(0, count, 500))
        assert world.audit.verify().sound


def every(audit: Audit) -> Iterator[Any]:
    """Every row of the audit, newest first."""
    page = audit.newest(limit=200)
    while True:
        yield from page.items
        if page.next_cursor is None:
            return
        page = audit.newest(limit=200, cursor=page.next_cursor)
