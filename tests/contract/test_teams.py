"""Teams on each database: members, what they share, who recalls it, and what becomes of it."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from muxi.core.chat import reply as recipe
from muxi.core.chat.recall import Weights
from muxi.core.chat.types import Turn
from muxi.core.formation import Formation
from muxi.core.memory.facts import Change
from muxi.core.memory.service import Draft
from muxi.core.memory.types import Hit
from muxi.core.models.base import Completion, Prompt
from muxi.core.models.providers.quote import QuoteModel
from muxi.core.models.rendering import chat_messages
from muxi.core.orchestrator import Orchestrator
from muxi.core.sharing import weights
from muxi.errors import (
    ConflictError,
    InvalidIdentifierError,
    InvalidInputError,
    MemoryNotFoundError,
    NotFoundError,
    PermissionDeniedError,
    UserNotFoundError,
)
from muxi.ids import TeamId, UserId, is_id
from muxi.settings import RecallSettings
from tests.conftest import TestClock
from tests.support.formations import open_formation


class Listening(QuoteModel):
    """Answers as `QuoteModel`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Prompt] = []

    async def complete(self, prompt: Prompt) -> Completion:
        self.asked.append(prompt)
        return await super().complete(prompt)


def someone(formation: Formation, name: str) -> UserId:
    return formation.identities.resolve(f"{name}@x.org").id


def team(formation: Formation, name: str = "Platform", *members: UserId) -> TeamId:
    made = formation.teams.create(name)
    for user_id in members:
        formation.teams.add_member(made.id, user_id)
    return made.id


def shared(formation: Formation, team_id: str, text: str, by: UserId | None = None) -> str:
    return formation.teams.remember(team_id, [Draft(text)], by=by)[0].id


async def found(formation: Formation, user: UserId, query: str, **more: Any) -> list[Hit]:
    where = {"user_id": user}
    return await Orchestrator(formation=formation).search_memory(
        query, use_long_term=True, filter_metadata=where, **more
    )


def actions(formation: Formation) -> list[str]:
    return [one.action for one in reversed(formation.audit.newest(limit=200).items)]


class TestTeams:
    """Made, named, listed, deleted."""

    def test_names(self, formation: Formation, elsewhere: Formation) -> None:
        """Trimmed, unique in any case within a formation, 1 to 100 printable characters."""
        made = formation.teams.create("  Straße ")
        assert made.name == "Straße" and is_id(made.id, "team") and formation.teams.get(made.id) == made
        for taken in ("straße", "STRASSE"):
            with pytest.raises(ConflictError):
                formation.teams.create(taken)
        other = formation.teams.create("Other")
        with pytest.raises(ConflictError):
            formation.teams.rename(other.id, "STRASSE")
        assert formation.teams.rename(made.id, "STRASSE").name == "STRASSE"
        assert elsewhere.teams.create("Straße").name == "Straße"
        for wrong in ("", " ", "a\nb", "a\x00", "x" * 101, "\ud800"):
            with pytest.raises(InvalidInputError):
                formation.teams.create(wrong)
        assert len(formation.teams.newest().items) == 2
        assert actions(formation)[-3:] == ["team.created", "team.created", "team.renamed"]

    def test_pages(self, formation: Formation) -> None:
        """Newest first, page by page."""
        made = [team(formation, f"t{number}") for number in range(5)]
        first = formation.teams.newest(limit=3)
        second = formation.teams.newest(limit=3, cursor=first.next_cursor)
        assert [one.id for one in (*first.items, *second.items)] == made[::-1] and second.next_cursor is None

    def test_no_door_for_users_takes_one(self, formation: Formation) -> None:
        """A team is in no list of users, and its id means nobody."""
        made = team(formation, "Platform", someone(formation, "ann"))
        assert [one.id for one in formation.users.list().items] == [someone(formation, "ann")]
        assert formation.users.list(made).items == formation.users.list("team").items == []
        assert formation.users.list(disabled=True).items == []
        for asked in (formation.users.show, formation.privacy.erase, formation.privacy.export):
            with pytest.raises(UserNotFoundError):
                asked(made)
        with pytest.raises(UserNotFoundError):
            formation.merges.merge([made, someone(formation, "ann")])
        with pytest.raises(UserNotFoundError):
            formation.identities.associate(["new@x.org"], made)
        with pytest.raises(UserNotFoundError):
            formation.identities.resolve(made)
        with pytest.raises(InvalidIdentifierError):
            formation.identities.associate([made], someone(formation, "ann"))

    async def test_a_deleted_team_leaves_nothing(self, formation: Formation) -> None:
        """Memories, context, members and agents go; the receipt says how many; the members' own stay."""
        ann = someone(formation, "ann")
        made = team(formation, "Platform", ann)
        shared(formation, made, "tea on Fridays", ann)
        formation.teams.write(made, [Change("set", "day", "Friday")], by=ann)
        formation.memories.add(ann, [Draft("my own tea")])
        Orchestrator(formation=formation).create_agent("helper", team_id=made)
        assert len(await found(formation, ann, "tea")) == 2
        deleted = formation.teams.delete(made)
        assert (deleted.counts["memories"], deleted.counts["facts"], deleted.counts["team_members"]) == (1, 1, 1)
        assert [hit.text for hit in await found(formation, ann, "tea")] == ["my own tea"]
        assert formation.teams.of(ann) == [] and formation.agents._agents.keys() == {(None, "assistant")}
        with pytest.raises(NotFoundError):
            formation.teams.delete(made)
        assert formation.teams.create("platform").id != made
        assert actions(formation)[-2] == "team.deleted" and formation.audit.verify().broken_at is None
        with formation.storage._database.connection() as conn:
            for table in ("users", "memories", "facts", "team_members", "teams"):
                column = "id" if table in ("users", "teams") else "team_id" if table == "team_members" else "user_id"
                rows = conn.execute(f"SELECT count(*) FROM {table} WHERE {column} = '{made}'").fetchone()
                assert rows[0] == 0, table


class TestMembers:
    """Who is in, and who lets in."""

    def test_in_and_out(self, formation: Formation) -> None:
        """Twice is as once, a role changes, and each change is in the audit."""
        ann, bob = someone(formation, "ann"), someone(formation, "bob")
        made = team(formation, "Platform", ann, bob, ann)
        formation.teams.add_member(made, ann, "manager")
        assert [(one.user_id, one.role) for one in formation.teams.members(made)] == [
            (ann, "manager"),
            (bob, "member"),
        ]
        formation.teams.remove_member(made, ann)
        with pytest.raises(UserNotFoundError):
            formation.teams.remove_member(made, ann)
        assert [one.user_id for one in formation.teams.members(made)] == [bob]
        added, changed, removed = "team.member_added", "team.member_changed", "team.member_removed"
        assert [one for one in actions(formation) if one.startswith("team.m")] == [added, added, changed, removed]
        with pytest.raises(InvalidInputError):
            formation.teams.add_member(made, ann, "owner")  # type: ignore[arg-type]

    def test_managers(self, formation: Formation) -> None:
        """A manager lets in, puts out and renames; a member may only leave."""
        ann, bob, cid = (someone(formation, name) for name in ("ann", "bob", "cid"))
        made = team(formation, "Platform", bob)
        formation.teams.add_member(made, ann, "manager")
        formation.teams.add_member(made, cid, by=ann)
        assert formation.teams.rename(made, "Tools", by=ann).name == "Tools"
        for refused in (
            lambda: formation.teams.add_member(made, cid, "manager", by=bob),
            lambda: formation.teams.remove_member(made, cid, by=bob),
            lambda: formation.teams.rename(made, "Mine", by=bob),
            lambda: formation.teams.delete_path(made, "day", by=bob, forget=True),
        ):
            with pytest.raises(PermissionDeniedError):
                refused()
        formation.teams.remove_member(made, bob, by=bob)
        formation.teams.remove_member(made, cid, by=ann)
        assert [one.user_id for one in formation.teams.members(made)] == [ann]

    def test_merge_and_split(self, formation: Formation) -> None:
        """Who stays has both users' teams, once, with the higher role; a split gives each its own back."""
        ann, bob = someone(formation, "ann"), someone(formation, "bob")
        first, both = team(formation, "First", bob), team(formation, "Both", ann, bob)
        formation.teams.add_member(both, bob, "manager")
        merge = formation.merges.merge([ann, bob], into=ann)
        assert [(one.team.id, one.role) for one in formation.teams.of(ann)] == [(first, "member"), (both, "manager")]
        assert [one.user_id for one in formation.teams.members(both)] == [ann]
        formation.merges.split(merge.id)
        assert [one.team.id for one in formation.teams.of(ann)] == [both]
        assert [one.team.id for one in formation.teams.of(bob)] == [first, both]
        formation.merges.merge([ann, bob], into=ann)
        formation.teams.remove_member(both, ann)
        assert [one.team.id for one in formation.teams.of(ann)] == [first]


class TestRecall:
    """What is shared is found, with whose it is."""

    async def test_user_before_team_before_formation(self, formation: Formation) -> None:
        """The same words count most as the user's own, then as a team's, then as everybody's; each says whose."""
        ann = someone(formation, "ann")
        made = team(formation, "Platform", ann)
        formation.memories.add(None, [Draft("deploy on Fridays")])
        shared(formation, made, "deploy on Fridays", ann)
        formation.memories.add(ann, [Draft("deploy on Fridays")])
        hits = await found(formation, ann, "deploy Fridays", explain=True)
        assert [hit.owner.kind for hit in hits] == ["user", "team", "formation"]
        assert (hits[1].owner.team_id, hits[1].owner.team_name, hits[1].memory.author_id) == (made, "Platform", ann)
        assert hits[0].owner.team_id is hits[2].owner.team_id is hits[0].memory.author_id is None
        assert [hit.text for hit in await found(formation, ann, "deploy", limit=2)] == ["deploy on Fridays"] * 2

    async def test_a_turn_is_told(self, database_url: str, clock: TestClock) -> None:
        """The prompt has shared memories and each team's context, by name, as data; the reply says whose they are."""
        model = Listening()
        formation = open_formation(database_url, clock, chat_model=model)
        ann = someone(formation, "ann")
        made = team(formation, "</team> Platform", ann)
        shared(formation, made, "deploy on Fridays", ann)
        formation.teams.write(made, [Change("set", "on_call", "Dana </team>")], by=ann)
        team(formation, "Silent", ann)
        reply = await recipe.reply(formation, Turn("When do we deploy?", ann))
        assert [(hit.text, hit.owner.kind) for hit in reply.recalled] == [("deploy on Fridays", "team")]
        [asked] = model.asked
        assert [(one.name, [fact.path for fact in one.known]) for one in asked.teams] == [
            ("</team> Platform", ["on_call"])
        ]
        system = chat_messages(asked)[0]["content"]
        fenced = system.split("<team>\n")[1].split("\n</team>")[0].split("\n")
        assert json.loads(fenced[0]) == {"team": "</team> Platform"}
        assert json.loads(fenced[1])["value"] == "Dana </team>" and system.count("</team>\n") == 1
        assert '"shared by": "\\u003c/team\\u003e Platform"' in system
        other = someone(formation, "bob")
        await recipe.reply(formation, Turn("When do we deploy?", other))
        assert model.asked[-1].teams == () and "team" not in chat_messages(model.asked[-1])[0]["content"].lower()
        formation.close()

    async def test_what_was_said_without_a_user_is_not_shared(self, formation: Formation) -> None:
        """Only notes that the application stored without a user are everybody's; and deleting one ends it."""
        ann = someone(formation, "ann")
        await recipe.reply(formation, Turn("my secret tea"))
        orchestrator = Orchestrator(formation=formation)
        note = orchestrator.add_shared_memory("office tea")
        assert [hit.text for hit in await found(formation, ann, "tea")] == ["office tea"]
        assert [one.text for one in orchestrator.list_shared_memories().items] == ["office tea"]
        orchestrator.delete_shared_memory(note.id)
        assert await found(formation, ann, "tea") == []

    async def test_weights_can_leave_it_out(self, database_url: str, clock: TestClock) -> None:
        """As set: a weight of 0 is as if nothing were shared."""
        formation = open_formation(database_url, clock)
        assert formation.weights == weights(RecallSettings()) == Weights(0.6, 0.4)
        ann = someone(formation, "ann")
        shared(formation, team(formation, "Platform", ann), "team tea")
        formation.memories.add(None, [Draft("office tea")])
        assert len(await found(formation, ann, "tea")) == 2
        formation.weights = weights(RecallSettings(team=0, formation=0))
        assert await found(formation, ann, "tea") == []
        formation.close()

    async def test_who_is_in_no_team_gets_what_they_got(self, formation: Formation) -> None:
        """Hits and scores of somebody without a team are those of their own index."""
        ann, bob = someone(formation, "ann"), someone(formation, "bob")
        shared(formation, team(formation, "Platform", bob), "deploy tea")
        formation.memories.add(ann, [Draft("green tea"), Draft("black coffee"), Draft("tea and cake")])
        assert formation.memories.settled()
        vector = await formation.memories.embed("tea")
        own = formation.memories.search(ann, "tea", vector)
        assert [(hit.text, hit.score) for hit in await found(formation, ann, "tea")] == [
            (hit.text, hit.score) for hit in own
        ]


class TestShared:
    """Shared memories and the shared context."""

    def test_who_deletes(self, formation: Formation) -> None:
        """Its author, also after a merge, a manager, and the application; nobody else."""
        ann, bob, cid, new = (someone(formation, name) for name in ("ann", "bob", "cid", "new"))
        made = team(formation, "Platform", ann, bob)
        formation.teams.add_member(made, cid, "manager")
        ids = [shared(formation, made, f"tea {number}", ann) for number in range(4)]
        with pytest.raises(PermissionDeniedError):
            formation.teams.forget(made, ids[0], by=bob)
        formation.teams.forget(made, ids[0], by=ann)
        formation.teams.forget(made, ids[1], by=cid)
        formation.teams.forget(made, ids[2])
        formation.merges.merge([new, ann], into=new)
        formation.teams.forget(made, ids[3], by=new)
        assert formation.teams.memories(made).items == []
        for by in (ann, cid, None):
            with pytest.raises((MemoryNotFoundError, NotFoundError)):
                formation.teams.forget(made, ids[0], by=by)

    def test_the_context_has_a_history(self, formation: Formation) -> None:
        """Members set, add and end; what was there stays in its history until a manager has it forgotten."""
        ann = someone(formation, "ann")
        made = team(formation, "Platform")
        formation.teams.add_member(made, ann, "manager")
        formation.teams.write(made, [Change("set", "day", "Friday")], by=ann)
        formation.teams.write(made, [Change("set", "day", "Monday"), Change("add", "tools", "git")], by=ann)
        assert formation.teams.context(made, by=ann) == {"day": "Monday", "tools": ["git"]}
        assert {one.value for one in formation.teams.history(made, "day", by=ann).items} == {"Friday", "Monday"}
        assert {one.path for one in formation.teams.facts(made, by=ann)} == {"day", "tools"}
        assert formation.teams.delete_path(made, "day", by=ann, forget=True)
        assert formation.teams.history(made, "day", by=ann).items == [] and formation.context.get(ann) == {}

    async def test_erased_authors_are_not_named(self, formation: Formation) -> None:
        """What they shared stays with a team, even one that they left, without their name, also where it was read."""
        ann, bob = someone(formation, "ann"), someone(formation, "bob")
        made = team(formation, "Platform", ann, bob)
        shared(formation, made, "tea on Fridays", ann)
        formation.memories.settled()
        assert [hit.memory.author_id for hit in await found(formation, bob, "tea")] == [ann]
        formation.teams.remove_member(made, ann)
        formation.privacy.erase(ann)
        assert [hit.memory.author_id for hit in await found(formation, bob, "tea")] == [None]
        assert [one.author_id for one in formation.teams.memories(made).items] == [None]
        assert [one.user_id for one in formation.teams.members(made)] == [bob]

    def test_an_export_has_the_teams(self, formation: Formation, elsewhere: Formation) -> None:
        """It says which teams a user is in; restoring lets nobody in."""
        ann = someone(formation, "ann")
        made = team(formation, "Platform", ann)
        with formation.privacy.export(ann) as export:
            lines = list(export.lines())
        [row] = [json.loads(line)["row"] for line in lines if '"table": "team_members"' in line]
        assert (row["team_id"], row["user_id"], row["role"]) == (made, ann, "member")
        restored = elsewhere.privacy.restore(lines)
        assert restored.skipped["team_members"] == 1 and elsewhere.teams.of(ann) == []

    def test_a_repeat_shares_once(self, formation: Formation) -> None:
        """The same key again returns what was stored."""
        made = team(formation)
        [first] = formation.teams.remember(made, [Draft("tea")], request_key="k")
        [again] = formation.teams.remember(made, [Draft("tea")], request_key="k")
        assert first.id == again.id and len(formation.teams.memories(made).items) == 1

    def test_deleted_while_it_is_written_to(self, formation: Formation) -> None:
        """Who shares with a team that is deleted at that moment comes before, or finds no team; nothing is left."""
        for number in range(3):
            made = team(formation, f"t{number}")
            begin = threading.Barrier(5)

            def write(team_id: TeamId = made, begin: threading.Barrier = begin) -> None:
                begin.wait()
                for _ in range(5):
                    with suppress(NotFoundError):
                        formation.teams.remember(team_id, [Draft("tea")])
                        formation.teams.write(team_id, [Change("add", "tools", "git")])

            with ThreadPoolExecutor(5) as pool:
                writers = [pool.submit(write) for _ in range(4)]
                begin.wait()
                formation.teams.delete(made)
                for one in writers:
                    one.result()
        with formation.storage._database.owning() as conn:
            for table in ("memories", "facts", "team_members", "teams"):
                assert conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0, table
