"""Agents: shared by all, or one user's or one team's own and invisible to everybody else."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterable

from muxi.core.agents.store import AgentStore
from muxi.core.agents.types import Agent
from muxi.errors import AgentExistsError, AgentNotFoundError, InvalidInputError
from muxi.ids import UserId

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Agents:
    """The agents of one formation.

    Args:
        store: bound to the formation.
        teams: says which teams a canonical user is in at this moment.
    """

    def __init__(self, store: AgentStore, teams: Callable[[UserId], Iterable[UserId]] = lambda _: ()) -> None:
        self._store = store
        self._teams = teams
        self._agents: dict[tuple[UserId | None, str], Agent] = {}
        self._default: str | None = None
        self._lock = threading.Lock()

    def add(self, agent: Agent, *, set_as_default: bool = False) -> Agent:
        """Makes an agent known.

        Args:
            agent: shared if it has no user and no team. A user's own may have a shared one's name, and goes before it;
                a team's goes between them.
            set_as_default: of the formation for a shared agent, of its user for a user's own. The first shared
                agent is the default anyway.

        Raises:
            AgentExistsError: this name is taken there.
            AgentNotFoundError: the name cannot be one.
            InvalidInputError: it is to be a user's and a team's, or a team's and the default.
        """
        if agent.team_id is not None and (agent.user_id is not None or set_as_default):
            raise InvalidInputError("A team's agent is no user's own, and no default. Set it for each user.")
        if not _NAME.fullmatch(agent.id):
            raise AgentNotFoundError(
                f"{agent.id[:64]!r} cannot name an agent. Use letters, digits, '_', '-' and '.', at most 64."
            )
        with self._lock:
            if (agent.owner, agent.id) in self._agents:
                raise AgentExistsError(f"There is an agent {agent.id!r} already. Choose another name.")
            self._agents[agent.owner, agent.id] = agent
            if agent.owner is None and (set_as_default or self._default is None):
                self._default = agent.id
        if agent.user_id is not None and set_as_default:
            self._store.set_default(agent.user_id, agent.id)
        return agent

    def choose(self, user_id: UserId | None, name: str | None = None) -> Agent:
        """The agent that answers.

        Args:
            user_id: who is asking; ``None`` sees shared agents only.
            name: the agent's; if not told, the user's default, else the formation's.

        Raises:
            AgentNotFoundError: no such agent, or it is somebody else's: the same answer.
        """
        if name is not None:
            return self._visible(user_id, name) or self._unknown(name)
        if len(self._agents) == 1 and self._default:
            return self._agents[None, self._default]  # whatever was set, it is the only one
        own_default = self._store.default(user_id) if user_id is not None else None
        # A default whose agent was not made this time must not silence the user.
        found = (own_default and self._visible(user_id, own_default)) or (
            self._default and self._visible(None, self._default)
        )
        return found or self._unknown("default")

    def of(self, user_id: UserId) -> list[Agent]:
        """A user's own agents, by name."""
        return sorted((a for a in list(self._agents.values()) if a.user_id == user_id), key=lambda agent: agent.id)

    def set_default(self, user_id: UserId, name: str) -> Agent:
        """Makes an agent the one that answers this user unless told otherwise; survives a restart.

        Raises:
            AgentNotFoundError: as `choose`.
        """
        agent = self._visible(user_id, name) or self._unknown(name)
        self._store.set_default(user_id, agent.id)
        return agent

    def forget(self, user_ids: Collection[UserId]) -> None:
        """Drops agents of users, or of teams."""
        with self._lock:
            for owner, name in [key for key in self._agents if key[0] in user_ids]:
                del self._agents[owner, name]

    def _visible(self, user_id: UserId | None, name: str) -> Agent | None:
        return self._agents.get((user_id, name)) or self._of_teams(user_id, name) or self._agents.get((None, name))

    def _of_teams(self, user_id: UserId | None, name: str) -> Agent | None:
        """The oldest team's of those that the user is in now: asked only if a team has one of this name."""
        having = [owner for owner, own in list(self._agents) if own == name and owner and owner.startswith("team_")]
        if not having or user_id is None:
            return None
        team = min(set(having).intersection(self._teams(user_id)), default=None)
        return self._agents.get((team, name)) if team else None

    @staticmethod
    def _unknown(name: str) -> Agent:
        raise AgentNotFoundError(f"There is no agent {name[:64]!r}. Make it with create_agent, or name another.")
