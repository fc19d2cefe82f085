"""What ends the one-time codes that are open: any change to the user or the identifier that they are bound to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from muxi.core.identity.types import Identifier
from muxi.ids import UserId


def end_of_links(
    proofs: Any, conn: Any, formation_id: str, user_ids: Iterable[UserId], identifiers: Iterable[Identifier]
) -> None:
    """Identifiers were linked, unlinked or proven, of these canonical users."""
    for user_id in sorted(set(user_ids)):
        proofs.end_requests_of(conn, formation_id=formation_id, user_id=user_id)
    for identifier in identifiers:
        proofs.end_request_for(conn, formation_id=formation_id, value=identifier.value, type=identifier.type)


def end_of_user(proofs: Any, conn: Any, formation_id: str, user_id: UserId) -> None:
    """All of a canonical user changes: merged or to be split, disabled or erased."""
    proofs.end_requests_of(conn, formation_id=formation_id, user_id=user_id)
    proofs.end_requests_about(conn, formation_id=formation_id, user_id=user_id)
