"""Nobody but a member has anything of a team, on each database: guessed ids, former members, other formations."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from muxi.core.chat import reply as recipe
from muxi.core.chat.types import Turn
from muxi.core.formation import Formation
from muxi.core.memory.facts import Change
from muxi.core.memory.service import Draft
from muxi.core.models.base import Completion, Prompt
from muxi.core.models.providers.quote import QuoteModel
from muxi.core.orchestrator import Orchestrator
from muxi.errors import (
    AgentExistsError,
    AgentNotFoundError,
    InvalidInputError,
    MuxiError,
    NotFoundError,
    UserDisabledError,
)
from muxi.ids import TeamId, UserId, new_team_id
from tests.conftest import TestClock
from tests.support.formations import open_formation


@pytest.fixture
def formation(database_url: str, clock: TestClock) -> Iterator[Formation]:
    made = open_formation(database_url, clock, chat_model=Listening())
    yield made
    made.close()


@pytest.fixture
def process(database_url: str, clock: TestClock, formation: Formation) -> Iterator[Formation]:
    """The same formation, opened a second time: what another process has at hand."""
    made = open_formation(database_url, clock, chat_model=Listening())
    yield made
    made.close()


@pytest.fixture
def elsewhere(database_url: str, clock: TestClock, formation: Formation) -> Iterator[Formation]:
    made = open_formation(database_url, clock, "g", chat_model=Listening())
    yield made
    made.close()


class Listening(QuoteModel):
    """Answers as `QuoteModel`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Prompt] = []

    async def complete(self, prompt: Prompt) -> Completion:
        self.asked.append(prompt)
        return await super().complete(prompt)


def someone(formation: Formation, name: str) -> UserId:
    return formation.identities.resolve(f"{name}@x.org").id


def filled(formation: Formation, name: str, *members: UserId) -> TeamId:
    """A team with members, a memory and a context."""
    made = formation.teams.create(name).id
    for user_id in members:
        formation.teams.add_member(made, user_id)
    formation.teams.remember(made, [Draft(f"{name} deploys with tea")])
    formation.teams.write(made, [Change("set", "on_call", f"{name} Dana")])
    return made


def doors(formation: Formation, team_id: str, by: UserId, memory_id: str) -> dict[str, Callable[[], object]]:
    """Everything that can be asked of a team for a user."""
    teams = formation.teams
    return {
        "get": lambda: teams.get(team_id, by=by),
        "rename": lambda: teams.rename(team_id, "Mine", by=by),
        "members": lambda: teams.members(team_id, by=by),
        "add_member": lambda: teams.add_member(team_id, by, by=by),
        "remove_member": lambda: teams.remove_member(team_id, by, by=by),
        "remember": lambda: teams.remember(team_id, [Draft("x")], by=by),
        "memories": lambda: teams.memories(team_id, by=by),
        "forget": lambda: teams.forget(team_id, memory_id, by=by),
        "context": lambda: teams.context(team_id, by=by),
        "facts": lambda: teams.facts(team_id, by=by),
        "history": lambda: teams.history(team_id, by=by),
        "write": lambda: teams.write(team_id, [Change("set", "a", 1)], by=by),
        "delete_path": lambda: teams.delete_path(team_id, "on_call", by=by),
        "forget_path": lambda: teams.delete_path(team_id, "on_call", by=by, forget=True),
    }


def answers(formation: Formation, team_id: str, by: UserId, memory_id: str) -> set[tuple[str, str]]:
    """What each door answers, with the team's id taken out."""
    said = set()
    for name, ask in doors(formation, team_id, by, memory_id).items():
        with pytest.raises(MuxiError) as caught:
            ask()
        said.add((name, f"{caught.value.code} {caught.value.message.replace(team_id, 'TEAM')}"))
    return said


async def recalled(formation: Formation, user: UserId) -> set[str]:
    """What a search and a turn find of teams, by team; both, and the prompt's contexts, have to be of the same."""
    hits = await Orchestrator(formation=formation).search_memory(
        "deploys tea on_call", use_long_term=True, filter_metadata={"user_id": user}
    )
    reply = await recipe.reply(formation, Turn("Who is on_call, and deploys with tea?", user, session="s"))
    assert isinstance(formation.chat_model, Listening)
    told = {one.name for one in formation.chat_model.asked[-1].teams}
    found = {hit.owner.team_name for hit in hits if hit.owner.team_name}
    assert told == found == {hit.owner.team_name for hit in reply.recalled if hit.owner.team_name}
    return found


async def test_a_team_is_not_there_for_others(formation: Formation, elsewhere: Formation) -> None:
    """Not a member, a guessed id, none at all and another formation: one answer at each door, and nothing recalled."""
    ann, eve = someone(formation, "ann"), someone(formation, "eve")
    made = filled(formation, "Red", ann)
    filled(formation, "Blue", eve)
    [memory] = formation.teams.memories(made).items
    stranger = answers(formation, made, eve, memory.id)
    assert {said for _, said in stranger} == {"not_found There is no team 'TEAM'."}
    for guess in (new_team_id(), "team_x", ann, "x" * 40):
        assert answers(formation, guess, eve, memory.id) == stranger
    abroad = someone(elsewhere, "ann")
    assert answers(elsewhere, made, abroad, memory.id) == stranger
    with pytest.raises(NotFoundError):
        elsewhere.teams.get(made)
    with pytest.raises(NotFoundError):
        elsewhere.teams.delete(made)
    assert await recalled(formation, ann) == {"Red"}
    assert await recalled(formation, eve) == {"Blue"}
    assert await recalled(elsewhere, abroad) == set()


async def test_leaving_ends_access_at_once(formation: Formation, process: Formation) -> None:
    """Also where everything of the team was at hand a moment before: in this process and in another."""
    ann = someone(formation, "ann")
    made = filled(formation, "Red", ann)
    [memory] = formation.teams.memories(made).items
    for here in (formation, process):
        assert await recalled(here, ann) == {"Red"}
    formation.teams.remove_member(made, ann)
    for here in (process, formation):
        assert await recalled(here, ann) == set()
        assert {said for _, said in answers(here, made, ann, memory.id)} == {"not_found There is no team 'TEAM'."}
        assert here.teams.of(ann) == []
    process.teams.add_member(made, ann)
    for here in (formation, process):
        assert await recalled(here, ann) == {"Red"}


async def test_a_disabled_member_reaches_nothing(formation: Formation) -> None:
    """Shut out like everywhere; let in again they are in their teams."""
    ann = someone(formation, "ann")
    filled(formation, "Red", ann)
    formation.users.disable(ann)
    with pytest.raises(UserDisabledError):
        await recipe.reply(formation, Turn("Who deploys?", ann))
    with pytest.raises(UserDisabledError):
        Orchestrator(formation=formation).get_user_teams(ann)
    formation.users.enable(ann)
    assert await recalled(formation, ann) == {"Red"}


async def test_a_merged_member_keeps_it_and_a_split_gives_it_back(formation: Formation, process: Formation) -> None:
    """The teams are of whoever was let in, wherever they stand."""
    ann, bob = someone(formation, "ann"), someone(formation, "bob")
    filled(formation, "Red", bob)
    merge = formation.merges.merge([ann, bob], into=ann)
    assert await recalled(process, ann) == {"Red"}
    formation.merges.split(merge.id)
    assert await recalled(process, ann) == set()
    assert await recalled(process, bob) == {"Red"}


class TestAgents:
    """Agents of teams."""

    async def test_only_members_know_them(self, formation: Formation) -> None:
        """To others, to nobody in particular and to former members there is no agent of this name."""
        orchestrator = Orchestrator(formation=formation)
        ann, eve = someone(formation, "ann"), someone(formation, "eve")
        made = filled(formation, "Red", ann)
        orchestrator.create_agent("deployer", system_message="of the team", team_id=made)
        assert (await orchestrator.reply("Hello", "deployer", ann)).agent == "deployer"
        orchestrator.set_user_default_agent(ann, "deployer")
        assert (await orchestrator.reply("Hello", user_id=ann)).agent == "deployer"
        for who in (eve, None):
            with pytest.raises(AgentNotFoundError):
                await orchestrator.reply("Hello", "deployer", who)
        with pytest.raises(AgentNotFoundError):
            orchestrator.set_user_default_agent(eve, "deployer")
        formation.teams.remove_member(made, ann)
        with pytest.raises(AgentNotFoundError):
            await orchestrator.reply("Hello", "deployer", ann)
        assert (await orchestrator.reply("Hello", user_id=ann)).agent == "assistant"

    def test_own_before_team_before_shared(self, formation: Formation) -> None:
        """Of one name the nearest answers; a team has a name once."""
        orchestrator = Orchestrator(formation=formation)
        ann = someone(formation, "ann")
        made = filled(formation, "Red", ann)
        orchestrator.create_agent("a", system_message="shared")
        orchestrator.create_agent("a", system_message="team", team_id=made)
        assert formation.agents.choose(ann, "a").system_message == "team"
        orchestrator.create_agent("a", system_message="own", user_id=ann)
        assert formation.agents.choose(ann, "a").system_message == "own"
        assert formation.agents.choose(someone(formation, "eve"), "a").system_message == "shared"
        with pytest.raises(AgentExistsError):
            orchestrator.create_agent("a", team_id=made)
        with pytest.raises(NotFoundError):
            orchestrator.create_agent("b", team_id=new_team_id())
        for wrong in ({"user_id": ann}, {"set_as_default": True}):
            with pytest.raises(InvalidInputError):
                orchestrator.create_agent("b", team_id=made, **wrong)


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_model_of_who_is_in(formation: Formation, process: Formation, seed: int) -> None:
    """After any joining, leaving, merging and splitting, recall is what a model of it says, in each process."""
    chance = random.Random(seed)
    users = {name: someone(formation, name) for name in "abcd"}
    teams = {name: filled(formation, name) for name in ("Red", "Blue", "Green")}
    inside: set[tuple[str, str]] = set()  # (team, user by name), as they were let in
    under = {name: name for name in users}
    merges: list[tuple[str, str, str]] = []
    for _ in range(25):
        here = chance.choice([formation, process])
        team, one, other = chance.choice(list(teams)), *chance.sample(list(users), 2)
        group = {name for name in users if under[name] == under[one]}
        match chance.choice(["join", "join", "leave", "merge", "split"]):
            case "join":
                here.teams.add_member(teams[team], users[under[one]])
                if not any((team, name) in inside for name in group):
                    inside.add((team, under[one]))
            case "leave" if any((team, name) in inside for name in group):
                here.teams.remove_member(teams[team], users[under[one]])
                inside -= {(team, name) for name in group}
            case "merge" if not merges and under[one] != under[other]:
                made = here.merges.merge([users[one], users[other]], into=users[one])
                merges.append((made.id, one, other))
                under[other] = one
            case "split" if merges:
                merge_id, _, back = merges.pop()
                here.merges.split(merge_id)
                under[back] = back
        for name in users:
            seen = {team for team, of in inside if under[of] == under[name]}
            look = chance.choice([formation, process])
            assert {one.team.name for one in look.teams.of(users[under[name]])} == seen
            assert await recalled(look, users[under[name]]) == seen
