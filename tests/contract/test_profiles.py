"""What a prompt says about a user, on each database: always of the facts that hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from muxi.core.formation import Formation
from muxi.core.memory.facts import Origin
from muxi.core.memory.profiles import AT_ONCE, RETRY
from muxi.core.memory.synopsis import MOST_TOKENS
from muxi.core.models.base import Prompt
from muxi.core.tokens import tokens
from muxi.errors import ModelUnavailableError
from muxi.ids import UserId
from tests.conftest import TestClock
from tests.support.extraction import Scripted, likes_everything, read, say

ANN, BEN = "ann@x.org", "ben@x.org"


@pytest.fixture
def formation(opening: Callable[..., Formation]) -> Formation:
    return opening()


@pytest.fixture
def ann(formation: Formation) -> UserId:
    return formation.identities.resolve(ANN).id


def kept(formation: Formation, user: UserId) -> dict[str, tuple[str, str]]:
    return {one.tier: (one.text, one.model) for one in formation.profiles.synopses(user)}


class TestTheTemplate:
    """Without a model."""

    async def test_two_tiers(self, formation: Formation, ann: UserId) -> None:
        """Who the user is, then what they like and want; stored."""
        knowledge = {
            "name": "Ann",
            "location": {"city": "Berlin"},
            "preferences": {"likes": ["tea", "rain"], "theme": "dark"},
            "goals": ["learn Greek"],
            "shoe_size": 38,
        }
        formation.context.merge(ann, knowledge)
        who, now = "Name: Ann. Lives in Berlin.", "Likes tea, rain. Wants to learn Greek. Theme: dark. Shoe size: 38."
        assert formation.profiles.of(ann).synopsis == f"{who} {now}", "at once"
        await formation.profiles.refresh()
        assert kept(formation, ann) == {"identity": (who, ""), "current": (now, "")}
        assert formation.profiles.of(ann).synopsis == f"{who} {now}", "and from the store"

    async def test_it_is_always_right(self, formation: Formation, ann: UserId, clock: TestClock) -> None:
        """Made anew at most once an interval; what is read meanwhile says what holds."""
        formation.context.set(ann, "budget", "$5,000")
        formation.profiles.of(ann)
        await formation.profiles.refresh()
        clock.move(60)
        formation.context.set(ann, "budget", "$6,000")
        assert formation.profiles.of(ann).synopsis == "Budget: $6,000."
        await formation.profiles.refresh()
        assert kept(formation, ann) == {"current": ("Budget: $5,000.", "")}, "an hour has not passed"
        clock.move(3600)
        formation.profiles.touch(ann)
        await formation.profiles.refresh()
        assert kept(formation, ann) == {"current": ("Budget: $6,000.", "")}

    async def test_what_is_forgotten(self, formation: Formation, ann: UserId) -> None:
        """Is gone from the stored synopsis at once."""
        formation.context.set(ann, "secret", "sentinel")
        formation.profiles.of(ann)
        await formation.profiles.refresh()
        assert "sentinel" in str(kept(formation, ann))
        formation.context.delete(ann, "secret", forget=True)
        assert kept(formation, ann) == {} and formation.profiles.of(ann).synopsis == ""

    async def test_much_is_cut(self, formation: Formation, ann: UserId) -> None:
        """A thousand facts and long values leave a short text, the most important facts first."""
        for number in range(100):
            formation.context.set(ann, f"thing{number}", f"{number} " * 300, Origin(importance=0.1))
        formation.context.set(ann, "name", "Ann", Origin(importance=0.9))
        profile = formation.profiles.of(ann)
        assert profile.synopsis.startswith("Name: Ann.") and tokens(profile.synopsis) <= 2 * MOST_TOKENS
        assert profile.known[0].path == "name" and 1 < len(profile.known) < 101

    async def test_nobody_elses(self, formation: Formation, opening: Callable[..., Formation], ann: UserId) -> None:
        """Not another user's, not another formation's, and nothing for nobody."""
        formation.context.set(ann, "name", "Ann")
        other = opening(formation_id="g")
        assert formation.profiles.of(formation.identities.resolve(BEN).id).synopsis == ""
        assert other.profiles.of(other.identities.resolve(ANN).id).synopsis == ""
        assert formation.profiles.of(None).synopsis == ""

    async def test_another_process_has_written(
        self, formation: Formation, opening: Callable[..., Formation], ann: UserId
    ) -> None:
        """What is at hand is never older than the store."""
        formation.context.set(ann, "name", "Ann")
        assert formation.profiles.of(ann).synopsis == "Name: Ann."
        opening().context.set(ann, "name", "Anna")
        assert formation.profiles.of(ann).synopsis == "Name: Anna."

    async def test_a_merge_and_a_split(self, formation: Formation, ann: UserId) -> None:
        """A merged user's profile is of both; after a split, of each."""
        ben = formation.identities.resolve(BEN).id
        formation.context.set(ann, "name", "Ann")
        formation.context.add(ben, "languages", "Greek")
        assert formation.profiles.of(ann).synopsis == "Name: Ann."
        merge = formation.merges.merge([ANN, BEN], into=ANN)
        assert formation.profiles.of(ann).synopsis == "Name: Ann. Speaks Greek."
        formation.merges.split(merge.id)
        assert formation.profiles.of(ann).synopsis == "Name: Ann."


class TestWithAModel:
    """It writes the synopsis, seldom."""

    async def test_at_most_once_an_interval(self, opening: Callable[..., Formation], clock: TestClock) -> None:
        """Each tier only when its own facts have changed; the template stands in."""
        model = Scripted("Ann, of Berlin.", "She likes tea.", "Ann, of Bern.")
        formation = opening(model=model)
        ann = formation.identities.resolve(ANN).id
        formation.context.merge(ann, {"name": "Ann", "preferences": {"likes": ["tea"]}})
        formation.profiles.of(ann)
        await formation.profiles.refresh()
        assert formation.profiles.of(ann).synopsis == "Ann, of Berlin. She likes tea."
        for city in ("Bonn", "Bern"):
            formation.context.set(ann, "location.city", city)
            assert formation.profiles.of(ann).synopsis == f"Name: Ann. Lives in {city}. She likes tea."
            await formation.profiles.refresh()
        assert len(model.asked) == 2
        clock.move(timedelta(hours=1).total_seconds())
        formation.profiles.touch(ann)
        await formation.profiles.refresh()
        assert formation.profiles.of(ann).synopsis == "Ann, of Bern. She likes tea."
        assert len(model.asked) == 3 and "Bern" in model.asked[2].message and "tea" not in model.asked[2].message

    async def test_a_model_that_fails(self, opening: Callable[..., Formation]) -> None:
        """Or says too much: the template stays."""
        formation = opening(model=Scripted(ModelUnavailableError("away"), "x" * 10_000))
        ann = formation.identities.resolve(ANN).id
        formation.context.set(ann, "name", "Ann")
        for _ in range(2):
            formation.profiles.touch(ann)
            await formation.profiles.refresh()
            assert formation.profiles.of(ann).synopsis == "Name: Ann."

    async def test_it_is_made_when_its_time_comes(self, opening: Callable[..., Formation], clock: TestClock) -> None:
        """Facts that changed within the interval are told after it, though nothing has changed since."""
        model = Scripted("Ann.", "Anna.")
        formation = opening(model=model)
        ann = formation.identities.resolve(ANN).id
        formation.context.set(ann, "name", "Ann")
        formation.profiles.of(ann)
        await formation.profiles.refresh()
        formation.context.set(ann, "name", "Anna")
        for _ in range(3):
            assert formation.profiles.of(ann).synopsis == "Name: Anna."
            await formation.profiles.refresh()
        assert len(model.asked) == 1
        clock.move(timedelta(hours=1).total_seconds())
        formation.profiles.of(ann)
        await formation.profiles.refresh()
        assert formation.profiles.of(ann).synopsis == "Anna." and len(model.asked) == 2

    async def test_a_failure_is_tried_again_later(self, opening: Callable[..., Formation], clock: TestClock) -> None:
        """Not at each turn, but without anything having changed."""
        model = Scripted(ModelUnavailableError("away"), "Ann.")
        formation = opening(model=model)
        ann = formation.identities.resolve(ANN).id
        formation.context.set(ann, "name", "Ann")
        for _ in range(3):
            formation.profiles.of(ann)
            await formation.profiles.refresh()
        assert len(model.asked) == 1
        clock.move(RETRY.total_seconds())
        formation.profiles.of(ann)
        await formation.profiles.refresh()
        assert formation.profiles.of(ann).synopsis == "Ann."

    async def test_what_was_made_before_a_failure_is_kept(self, opening: Callable[..., Formation]) -> None:
        """The second tier's failure does not cost the first one's call again."""
        formation = opening(model=Scripted("Ann.", ModelUnavailableError("away")))
        ann = formation.identities.resolve(ANN).id
        formation.context.merge(ann, {"name": "Ann", "budget": 5})
        formation.profiles.of(ann)
        await formation.profiles.refresh()
        assert kept(formation, ann) == {"identity": ("Ann.", "scripted")}
        assert formation.profiles.of(ann).synopsis == "Ann. Budget: 5."

    async def test_its_calls_are_in_the_bound_on_cost(
        self, opening: Callable[..., Formation], clock: TestClock
    ) -> None:
        """With those of reading: a user's third call of the day is not made, another user's first one is."""
        limits = {"extraction": {"calls_per_day": 2}, "synopsis_interval": 0}
        model = Scripted(likes_everything, "Likes tea.", "Ben.", "Likes tea a lot.")
        formation = opening(model=model, memory=limits)
        await say(formation, ANN, "I like tea")
        await read(formation)
        ann, ben = formation.identities.resolve(ANN).id, formation.identities.resolve(BEN).id
        await formation.profiles.refresh()
        formation.context.set(ann, "budget", 5)
        formation.context.set(ben, "name", "Ben")
        for user in (ann, ben):
            formation.profiles.of(user)
            await formation.profiles.refresh()
        assert len(model.asked) == 3
        assert formation.profiles.of(ann).synopsis == "Likes tea. Budget: 5."
        assert formation.profiles.of(ben).synopsis == "Ben."
        await say(formation, ANN, "I like rain")
        assert await read(formation) == 0, "nor is what was said read before tomorrow"
        clock.move(24 * 3600)
        formation.profiles.of(ann)
        await formation.profiles.refresh()
        assert len(model.asked) == 4

    async def test_many_at_once_leave_room_for_reading(self, opening: Callable[..., Formation]) -> None:
        """A few are made at a time, and it is told that there are more."""
        formation = opening()
        users = [formation.identities.resolve(f"u{number}@x.org").id for number in range(AT_ONCE + 1)]
        for user in users:
            formation.context.set(user, "name", "Ann")
            formation.profiles.touch(user)
        assert await formation.profiles.refresh()
        assert [bool(kept(formation, user)) for user in users] == [True] * AT_ONCE + [False]
        assert not await formation.profiles.refresh()
        assert all(kept(formation, user) for user in users)

    async def test_opted_out(self, opening: Callable[..., Formation]) -> None:
        """Who has opted out has no synopsis, and no model is shown their facts; after a restart, too."""
        model = Scripted("Ann.", "Ann again.")
        formation = opening(model=model)
        ann = formation.identities.resolve(ANN).id
        formation.context.set(ann, "name", "Ann")
        formation.profiles.of(ann)
        await formation.profiles.refresh()
        assert kept(formation, ann) == {"identity": ("Ann.", "scripted")}
        formation.extraction.opt_out(ann)
        again = opening(model=model)
        for one in (formation, again):
            one.profiles.touch(ann)
            await one.profiles.refresh()
            profile = one.profiles.of(ann)
            assert (profile.synopsis, kept(one, ann)) == ("", {})
            assert [(fact.path, fact.value) for fact in profile.known] == [("name", "Ann")], "the application's own"
        assert len(model.asked) == 1
        formation.extraction.opt_in(ann)
        assert again.profiles.of(ann).synopsis == "Name: Ann."
        await again.profiles.refresh()
        assert again.profiles.of(ann).synopsis == "Ann again."

    async def test_opted_out_while_it_writes(self, opening: Callable[..., Formation]) -> None:
        """What the model says then is not kept."""
        formation = opening()
        ann = formation.identities.resolve(ANN).id
        formation.context.set(ann, "name", "Ann")

        def opts_out(prompt: Prompt) -> str:
            formation.extraction.opt_out(ann)
            return "Ann."

        other = opening(model=Scripted(opts_out))
        other.profiles.touch(ann)
        await other.profiles.refresh()
        assert kept(formation, ann) == {} and formation.profiles.of(ann).synopsis == ""

    async def test_forgotten_while_it_writes(self, opening: Callable[..., Formation]) -> None:
        """What it says of forgotten facts is not kept."""
        formation = opening()
        ann = formation.identities.resolve(ANN).id
        formation.context.set(ann, "secret", "sentinel")

        def forgets(prompt: Prompt) -> str:
            formation.context.delete(ann, "secret", forget=True)
            return "The secret is sentinel."

        other = opening(model=Scripted(forgets))
        other.profiles.touch(ann)
        await other.profiles.refresh()
        assert kept(formation, ann) == {}


async def test_the_prompt_of_a_turn(opening: Callable[..., Formation]) -> None:
    """What was said in one conversation is in the prompt of another: synopsis, fact and memory."""
    chat = Scripted("Noted.", "You live in Berlin.")
    formation = opening(chat_model=chat)
    await say(formation, (ANN, "email"), "I live in Berlin", "one")
    await read(formation)
    await say(formation, (ANN, "email"), "Where do I live?", "two")
    asked = chat.asked[1]
    assert asked.synopsis == "Lives in Berlin."
    assert [(one.path, one.value) for one in asked.known] == [("location.city", "Berlin")]
    assert [(one.text, one.channel) for one in asked.recalled] == [("I live in Berlin", "email")]
