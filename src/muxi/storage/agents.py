"""Default agents in SQL."""

from __future__ import annotations

from muxi.ids import UserId
from muxi.storage import queries
from muxi.storage.databases.base import Database


class SqlAgentStore:
    """`muxi.core.agents.store.AgentStore` on SQLite and Postgres."""

    def __init__(self, database: Database, formation_id: str) -> None:
        self._database = database
        self._formation_id = formation_id
        self._sql = queries.load(database, "agents")

    def default(self, user_id: UserId) -> str | None:
        with self._database.connection() as conn:
            name: str | None = self._sql.default_agent(conn, formation_id=self._formation_id, user_id=user_id)
            return name

    def set_default(self, user_id: UserId, agent_id: str) -> None:
        with self._database.transaction() as conn:
            self._sql.set_default_agent(conn, formation_id=self._formation_id, user_id=user_id, agent_id=agent_id)
