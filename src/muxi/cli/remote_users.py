"""Users as things and proofs, on a running server. Loaded only when a command needs it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from muxi.cli.access import Format, Report, Shape, Step
from muxi.cli.options import Who
from muxi.cli.values import shape
from muxi.client.sync import FormationClient


class RemoteUsers:
    """`muxi.cli.access.UserAccess` to a formation of a server."""

    def __init__(self, client: FormationClient) -> None:
        self._users = client.users

    def list(self, search: str, disabled: bool | None, limit: int, cursor: str | None) -> Shape:
        page = self._users.list(search, disabled=disabled, limit=limit, cursor=cursor)
        return {"users": [shape(one) for one in page.items], "next_cursor": page.next_cursor}

    def details(self, who: Who) -> Shape:
        return shape(self._users.show(who))

    def disable(self, who: Who) -> Shape:
        return shape(self._users.disable(who))

    def enable(self, who: Who) -> Shape:
        return shape(self._users.enable(who))

    def export(self, who: Who, format: Format) -> Iterator[str]:
        if format == "jsonl":
            return self._users.export_lines(who)
        return iter((json.dumps(self._users.export(who), ensure_ascii=False), "\n"))

    def restore(self, export: Iterable[str]) -> Shape:
        return shape(self._users.restore(export))

    def erase(self, who: Who) -> Shape:
        return shape(self._users.erase(who))

    def delete_data(self, who: Who, before: datetime | None) -> Shape:
        return shape(self._users.delete_data(who, before))

    def import_file(self, file: Path, dry_run: bool, progress: Step, report: Report | None) -> Shape:
        tell = None if report is None else lambda conflict: report(shape(conflict))
        return shape(self._users.import_file(file, dry_run, progress=progress, report=tell))

    def expire(self) -> Shape:
        return {"erased": self._users.expire_anonymous()}


class RemoteProofs:
    """`muxi.cli.access.ProofAccess` to a formation of a server."""

    def __init__(self, client: FormationClient) -> None:
        self._proofs = client.proofs

    def start(self, user: Who, identifier: Who | None) -> Shape:
        return shape(self._proofs.start_verification(user, identifier))

    def confirm(self, code: str, identifier: Who | None, merge: bool) -> Shape:
        return shape(self._proofs.confirm_verification(code, identifier, merge))

    def create_token(self, identifier: Who, expires_in: timedelta | None) -> Shape:
        return shape(self._proofs.create_link_token(identifier, expires_in))

    def redeem_token(self, token: str, user: Who, merge: bool) -> Shape:
        return shape(self._proofs.redeem_link_token(token, user, merge))

    def associate_id_token(self, id_token: str, user: Who | None, merge: bool) -> Shape:
        return shape(self._proofs.associate_id_token(id_token, user, merge))

    def visit(self, expires_in: timedelta | None) -> Shape:
        return shape(self._proofs.resolve_anonymous(expires_in))

    def sign_in(self, token: str, identifier: Who, verified: bool) -> Shape:
        return shape(self._proofs.sign_in(token, identifier, verified))
