"""What the commands about teams need of a store or a server, each in its own way."""

from __future__ import annotations

from typing import Any, Protocol

from muxi.cli.access import Op, Shape
from muxi.cli.options import Who


class TeamAccess(Protocol):
    """Teams. ``by`` is the user who does it: other teams than theirs are not there. ``None``: whoever runs muxi."""

    def create(self, name: str) -> Shape:
        """Makes one: a team."""

    def list(self, by: Who | None, limit: int, cursor: str | None) -> Shape:
        """``teams``, of a user with ``role`` and ``joined_at``, and ``next_cursor``."""

    def show(self, team_id: str, by: Who | None) -> Shape:
        """A team and its ``members``."""

    def rename(self, team_id: str, name: str, by: Who | None) -> Shape:
        """A team under its new name."""

    def delete(self, team_id: str) -> Shape:
        """``team_id``, ``counts``, ``receipt``, ``deleted_at``."""

    def add(self, team_id: str, member: Who, role: str, by: Who | None) -> Shape:
        """Lets somebody in: ``members``."""

    def remove(self, team_id: str, member: Who, by: Who | None) -> None:
        """Puts somebody out."""

    def remember(self, team_id: str, text: str, metadata: Shape, importance: float, by: Who | None) -> Shape:
        """Shares a text: a memory with its ``author``."""

    def memories(self, team_id: str, by: Who | None, limit: int, cursor: str | None) -> Shape:
        """``memories``, newest first, and ``next_cursor``."""

    def forget(self, team_id: str, memory_id: str, by: Who | None) -> None:
        """Deletes what was shared."""

    def context(self, team_id: str, by: Who | None) -> Shape:
        """``context``."""

    def change(self, team_id: str, path: str, value: Any, op: Op, by: Who | None) -> Shape:
        """Sets, adds or removes a value: ``facts`` that were written."""

    def unset(self, team_id: str, path: str, forget: bool, by: Who | None) -> Shape:
        """``deleted``: whether there was something."""

    def history(self, team_id: str, path: str, by: Who | None, limit: int, cursor: str | None) -> Shape:
        """``facts``, newest first, and ``next_cursor``."""
