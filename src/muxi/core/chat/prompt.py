"""What the model is given: the agent's words, what is known and remembered, what was said last, and the message.

All of it fits a budget of tokens. The agent's words and the message are always there; then come the newest lines of the
conversation, up to a share of what is left, the synopsis, single facts, what the user's teams share, and what is
recalled, the best first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from muxi.core.agents.types import Agent
from muxi.core.memory.profiles import NOBODY, Profile
from muxi.core.memory.types import OWN, Hit
from muxi.core.models.base import Known, Line, Prompt, Recalled, Role, SharedBy, TeamContext
from muxi.core.models.rendering import json_line
from muxi.core.tokens import cut, tokens

DEFAULT_TOKENS = 8000

#: What the frame of the whole costs: what is written around memories and facts, and around the messages.
_FRAME = 250
#: What the frame of a line, of a memory, and of a fact costs.
_LINE, _MEMORY, _FACT = 6, 30, 30
# What a text costs as data beside itself.
_QUOTES = 4
# A text as data is as long as in this, unless something in it is written as an escape.
_FRAMED = json_line({"": "%s"})
_WRITTEN_LONGER = re.compile(r"[\x00-\x1f\"\\<>\x85\u2028\u2029]")
# Shares of what is left at each step.
_RECENT_SHARE, _SYNOPSIS_SHARE, _KNOWN_SHARE, _TEAMS_SHARE, _ONE_MEMORY_SHARE = 0.5, 0.2, 0.3, 0.2, 0.25
# What is written around a team costs, with what is said of all of them.
_TEAM = 130
# And what says that a memory is shared.
_SHARED = 40

# Whose a memory is, as a model is told.
_SHARED_BY: Mapping[str, SharedBy] = {"user": "", "team": "team", "formation": "everybody"}


def recent(
    agent: Agent, buffer: Sequence[tuple[str, str]], message: str, budget: int = DEFAULT_TOKENS
) -> list[tuple[str, str]]:
    """The newest lines of a conversation that the prompt has room for, without a gap, oldest first.

    Args:
        agent: who answers.
        buffer: lines as (role, text), oldest first.
        message: what is to be answered.
        budget: tokens of the whole prompt.
    """
    room = int(_left(agent, message, budget) * _RECENT_SHARE)
    kept = 0
    for _, text in reversed(buffer):
        room -= tokens(text) + _LINE
        if room < 0:
            break
        kept += 1
    return list(buffer[len(buffer) - kept :])


def build(
    agent: Agent,
    recalled: Sequence[Hit],
    lines: Sequence[tuple[str, str]],
    message: str,
    profile: Profile = NOBODY,
    budget: int = DEFAULT_TOKENS,
    teams: Sequence[tuple[str, Profile]] = (),
) -> Prompt:
    """The prompt of one turn.

    Args:
        agent: who answers.
        recalled: what was remembered, the best first.
        lines: of the conversation, as `recent` gave them.
        message: what is to be answered.
        profile: what is known of the user.
        budget: tokens of the whole prompt. A message that is longer alone is sent alone.
        teams: those that the user is in, each by name with what its context holds.
    """
    left = _left(agent, message, budget) - sum(tokens(text) + _LINE for _, text in lines)
    synopsis, size = _cut(profile.synopsis, int(left * _SYNOPSIS_SHARE))
    left -= size
    known = _known(profile.known, int(left * _KNOWN_SHARE))
    left -= sum(map(_size, known))
    shared = tuple(_of_teams(teams, int(left * _TEAMS_SHARE)))
    left -= sum(_team_size(team) for team in shared)
    return Prompt(
        system=agent.system_message,
        recalled=tuple(_recalled(recalled, left)),
        recent=tuple(Line(_role(role), text) for role, text in lines),
        message=message,
        synopsis=synopsis,
        known=known,
        teams=shared,
    )


def _of_teams(teams: Iterable[tuple[str, Profile]], room: int) -> Iterable[TeamContext]:
    """What each team's context holds, as far as there is room; a team without a fact is not named."""
    for name, profile in teams:
        known = _known(profile.known, room - _TEAM - _tokens(name))
        if known:
            made = TeamContext(name, known)
            room -= _team_size(made)
            yield made


def _team_size(team: TeamContext) -> int:
    return _TEAM + _tokens(team.name) + sum(map(_size, team.known))


def _left(agent: Agent, message: str, budget: int) -> int:
    return max(0, budget - tokens(agent.system_message) - tokens(message) - _FRAME)


def _known(facts: Iterable[Known], room: int) -> tuple[Known, ...]:
    kept = []
    for fact in facts:
        if (size := _size(fact)) <= room:
            kept.append(fact)
            room -= size
    return tuple(kept)


def _size(fact: Known) -> int:
    return _tokens(fact.path) + _tokens(fact.value) + _FACT


def _recalled(hits: Iterable[Hit], room: int) -> Iterable[Recalled]:
    """As many as there is room for; a long one is cut rather than that it drives the others out."""
    longest = int(room * _ONE_MEMORY_SHARE)
    for hit in hits:
        text, size = _cut(hit.memory.text, longest)
        room -= size + _MEMORY + (_SHARED + _tokens(hit.owner.team_name) if hit.owner is not OWN else 0)
        if room < 0 or not text:
            return
        yield Recalled(text, hit.memory.channel, hit.memory.said_at, _SHARED_BY[hit.owner.kind], hit.owner.team_name)


def _tokens(text: str) -> int:
    """Of a text as data: what could close a fence is written longer."""
    if _WRITTEN_LONGER.search(text) is None:
        return tokens(_FRAMED % text)
    return tokens(json_line({"": text}))


def _cut(text: str, most: int) -> tuple[str, int]:
    """The beginning of a text that has at most so many tokens as data, and how many it has."""
    made = cut(text, most)
    size = _tokens(made)
    while made and size > most + _QUOTES:
        made = cut(text, min(tokens(made) - 1, tokens(made) * most // size))
        size = _tokens(made)
    return made, size


def _role(stored: str) -> Role:
    return "assistant" if stored == "assistant" else "system" if stored == "system" else "user"
