"""Users as things and proofs, on a store that this process opens itself. Loaded only when a command needs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from muxi.cli import shapes
from muxi.cli.access import Format, Report, Shape, Step
from muxi.cli.options import Who
from muxi.core.formation import Formation
from muxi.core.identity.link_tokens import DEFAULT_LIFETIME
from muxi.core.identity.types import User

#: Who does it, in the audit.
ACTOR = "command line"


class EmbeddedUsers:
    """`muxi.cli.access.UserAccess` to a formation in this process."""

    def __init__(self, formation: Formation) -> None:
        self._formation = formation

    def list(self, search: str, disabled: bool | None, limit: int, cursor: str | None) -> Shape:
        page = self._formation.users.list(search, disabled=disabled, cursor=cursor, limit=limit)
        return {"users": [shapes.user_summary(one) for one in page.items], "next_cursor": page.next_cursor}

    def details(self, who: Who) -> Shape:
        return shapes.user_details(self._formation.users.show(who))

    def disable(self, who: Who) -> Shape:
        return shapes.user_summary(self._formation.users.disable(who, actor=ACTOR))

    def enable(self, who: Who) -> Shape:
        return shapes.user_summary(self._formation.users.enable(who, actor=ACTOR))

    def export(self, who: Who, format: Format) -> Iterator[str]:
        with self._formation.privacy.export(who) as export:
            yield from export.lines() if format == "jsonl" else export.document()

    def restore(self, export: Iterable[str]) -> Shape:
        return shapes.restored(self._formation.privacy.restore(export, actor=ACTOR))

    def erase(self, who: Who) -> Shape:
        return shapes.erased(self._formation.privacy.erase(who, actor=ACTOR))

    def delete_data(self, who: Who, before: datetime | None) -> Shape:
        return shapes.deleted(self._formation.deletion.delete_data(who, before, actor=ACTOR))

    def import_file(self, file: Path, dry_run: bool, progress: Step, report: Report | None) -> Shape:
        tell = None if report is None else lambda conflict: report(asdict(conflict))
        bulk = self._formation.bulk
        return asdict(bulk.import_file(file, dry_run=dry_run, progress=progress, report=tell, actor=ACTOR))

    def expire(self) -> Shape:
        return {"erased": self._formation.anonymous.expire_anonymous()}


class EmbeddedProofs:
    """`muxi.cli.access.ProofAccess` to a formation in this process."""

    def __init__(self, formation: Formation) -> None:
        self._formation = formation

    def start(self, user: Who, identifier: Who | None) -> Shape:
        return shapes.started(self._formation.proofs.start_verification(user, identifier, actor=ACTOR))

    def confirm(self, code: str, identifier: Who | None, merge: bool) -> Shape:
        return self._whole(self._formation.proofs.confirm_verification(code, identifier, merge=merge, actor=ACTOR))

    def create_token(self, identifier: Who, expires_in: timedelta | None) -> Shape:
        lifetime = DEFAULT_LIFETIME if expires_in is None else expires_in
        tokens = self._formation.link_tokens
        return shapes.link_token(tokens.create_link_token(identifier, expires_in=lifetime, actor=ACTOR))

    def redeem_token(self, token: str, user: Who, merge: bool) -> Shape:
        return self._whole(self._formation.link_tokens.redeem_link_token(token, user, merge=merge, actor=ACTOR))

    def associate_id_token(self, id_token: str, user: Who | None, merge: bool) -> Shape:
        return self._whole(self._formation.id_tokens.associate_id_token(id_token, user, merge=merge, actor=ACTOR))

    def visit(self, expires_in: timedelta | None) -> Shape:
        anonymous = self._formation.anonymous
        return shapes.anonymous_user(anonymous.resolve_anonymous(expires_in=expires_in, actor=ACTOR))

    def sign_in(self, token: str, identifier: Who, verified: bool) -> Shape:
        return self._whole(self._formation.anonymous.sign_in(token, identifier, verified=verified, actor=ACTOR))

    def _whole(self, user: User) -> Shape:
        return shapes.user(user, self._formation.identities.identifiers(user.id))
