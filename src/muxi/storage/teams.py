"""Teams, and who is in them, in SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from muxi.core.audit.types import (
    TEAM_CREATED,
    TEAM_DELETED,
    TEAM_MEMBER_ADDED,
    TEAM_MEMBER_CHANGED,
    TEAM_MEMBER_REMOVED,
    TEAM_RENAMED,
    Change,
)
from muxi.core.teams.types import Member, Membership, Role, Team, TeamDeleted
from muxi.errors import ConflictError, MuxiError, StorageConflictError
from muxi.ids import TeamId, UserId
from muxi.storage import audit, queries
from muxi.storage.databases.base import Database
from muxi.storage.merges import lock_users
from muxi.storage.privacy import SqlPrivacyStore

_TAKEN = "Another team of this formation has this name. Choose another one."


class SqlTeamStore:
    """`muxi.core.teams.store.TeamStore` on SQLite and Postgres.

    Args:
        database: where.
        formation_id: whose.
        privacy: of the same formation: removes what an owner has, wherever that is kept.
    """

    def __init__(self, database: Database, formation_id: str, privacy: SqlPrivacyStore) -> None:
        self._database = database
        self._formation_id = formation_id
        self._privacy = privacy
        self._sql = queries.load(database, "teams")
        self._identity = queries.load(database, "identity")
        self._audit = queries.load(database, "audit")

    def add(self, team: Team, actor: str) -> None:
        with self._database.transaction() as conn:
            self._sql.add_team_owner(conn, formation_id=self._formation_id, user_id=team.id, created_at=team.created_at)
            added = self._sql.add_team(
                conn,
                formation_id=self._formation_id,
                team_id=team.id,
                name=team.name,
                name_key=_key(team.name),
                created_at=team.created_at,
                created_by=team.created_by,
            )
            if added is None:
                raise ConflictError(_TAKEN)
            self._record(conn, TEAM_CREATED, None, {"team_id": team.id}, actor, team.created_at)

    def rename(self, team_id: TeamId, name: str, actor: str, now: datetime) -> bool:
        key = {"formation_id": self._formation_id, "team_id": team_id}
        try:
            with self._database.transaction() as conn:
                if self._sql.rename_team(conn, **key, name=name, name_key=_key(name)) is None:
                    return False
                self._record(conn, TEAM_RENAMED, None, {"team_id": team_id}, actor, now)
        except StorageConflictError as error:
            raise ConflictError(_TAKEN) from error
        return True

    def find(self, team_id: TeamId) -> Team | None:
        with self._database.connection() as conn:
            row = self._sql.find_team(conn, formation_id=self._formation_id, team_id=team_id)
            return Team(*row) if row else None

    def newest(self, before: TeamId, limit: int) -> list[Team]:
        with self._database.connection() as conn:
            rows = self._sql.newest_teams(conn, formation_id=self._formation_id, before=before, limit=limit)
            return [Team(*row) for row in rows]

    def members(self, team_id: TeamId) -> list[Member]:
        with self._database.connection() as conn:
            rows = self._sql.members_of_team(conn, formation_id=self._formation_id, team_id=team_id)
            return [Member(*row) for row in rows]

    def role(self, team_id: TeamId, user_id: UserId) -> Role | None:
        with self._database.connection() as conn:
            return self._role(conn, team_id, user_id)

    def canonical(self, user_id: UserId) -> UserId | None:
        with self._database.connection() as conn:
            found: UserId | None = self._sql.canonical_of(conn, formation_id=self._formation_id, user_id=user_id)
            return found

    def of(self, user_id: UserId) -> list[Membership]:
        with self._database.connection() as conn:
            rows = self._sql.teams_of(conn, formation_id=self._formation_id, user_id=user_id)
            return [Membership(Team(*row[:4]), row[4], row[5]) for row in rows]

    def put_member(self, team_id: TeamId, user_id: UserId, role: Role, actor: str, now: datetime) -> bool:
        key = {"formation_id": self._formation_id, "team_id": team_id, "user_id": user_id}
        with self._database.transaction() as conn:
            # The user first, as whoever erases them does; then the team, so that neither is gone in the end.
            if not all(lock_users(self._identity, conn, self._formation_id, [one]) for one in (user_id, team_id)):
                return False
            before = self._role(conn, team_id, user_id)
            if before == role:
                return True
            if before is None:
                self._sql.add_member(conn, **key, role=role, now=now)
            else:
                self._sql.set_role(conn, **key, role=role)
            action = TEAM_MEMBER_ADDED if before is None else TEAM_MEMBER_CHANGED
            self._record(conn, action, user_id, {"team_id": team_id, "role": role}, actor, now)
        return True

    def remove_member(self, team_id: TeamId, user_id: UserId, actor: str, now: datetime) -> bool:
        key = {"formation_id": self._formation_id, "team_id": team_id, "user_id": user_id}
        with self._database.transaction() as conn:
            if not self._sql.remove_member(conn, **key):
                return False
            self._record(conn, TEAM_MEMBER_REMOVED, user_id, {"team_id": team_id}, actor, now)
        return True

    def delete(self, team_id: TeamId, actor: str, now: datetime) -> TeamDeleted | None:
        try:
            return self._delete(team_id, actor, now)
        except MuxiError:
            self._privacy.not_removed(team_id)
            raise

    def _delete(self, team_id: TeamId, actor: str, now: datetime) -> TeamDeleted | None:
        key = {"formation_id": self._formation_id, "team_id": team_id}
        with self._database.transaction() as conn:
            # Its row among the users: who shares something at this moment comes before, or finds no team.
            if not self._database.hold_users(conn, self._formation_id, team_id):
                return None
            members = int(self._sql.remove_members(conn, **key))
            if not self._sql.remove_team(conn, **key):
                return None
            rows = self._privacy.remove(conn, team_id)
            shared = {table: count for table, count in rows.items() if count and table != "users"}
            counts = {"team_members": members, "memories": 0, "facts": 0, **shared}
            self._record(conn, TEAM_DELETED, None, {"team_id": team_id, "counts": counts}, actor, now)
            receipt, _ = self._audit.audit_head(conn, formation_id=self._formation_id)
        return TeamDeleted(team_id, counts, receipt, now)

    def _role(self, conn: Any, team_id: TeamId, user_id: UserId) -> Role | None:
        found: Role | None = self._sql.role_in_team(
            conn, formation_id=self._formation_id, team_id=team_id, user_id=user_id
        )
        return found

    def _record(
        self, conn: Any, action: str, user_id: UserId | None, details: dict[str, Any], actor: str, now: datetime
    ) -> None:
        audit.append(self._database, conn, self._formation_id, [Change(action, user_id, details)], now, actor)


def _key(name: str) -> str:
    return name.casefold()
