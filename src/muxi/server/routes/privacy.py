"""Privacy: what is known of a user, handed out, brought back, and erased."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import IO, Annotated, Literal

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from muxi.core.privacy.types import UserExport
from muxi.errors import UnprovenIdentifierError, UserNotFoundError
from muxi.ids import UserId, is_id
from muxi.server.caller import Caller, requires
from muxi.server.download import JSON_LINES, Download
from muxi.server.schemas.base import Moment
from muxi.server.schemas.users import DeletedOut, ErasedOut, RestoredOut
from muxi.server.shown import user_id_of
from muxi.server.upload import received

router = APIRouter(prefix="/users", tags=["privacy"])

_TWO_FORMS = {"application/json": {"schema": {"type": "object"}}, JSON_LINES: {"schema": {"type": "string"}}}


@router.get("/{user_id}/export", response_class=Response, responses={HTTPStatus.OK: {"content": _TWO_FORMS}})
async def export_user(
    caller: Annotated[Caller, requires("data:export")], user_id: str, format: Literal["json", "jsonl"] = "json"
) -> Response:
    """Everything of a user, as a file: of any with the admin key, else of the acting user, if that one is proven."""
    # Not among the threads of the short steps: it takes as long as the user has said much.
    export = await run_in_threadpool(_export, caller, user_id)
    return Download(export, format)


@router.post(
    "/restore",
    status_code=HTTPStatus.CREATED,
    openapi_extra={"requestBody": {"required": True, "content": _TWO_FORMS}},
)
async def restore_user(request: Request, caller: Annotated[Caller, requires("users:restore")]) -> RestoredOut:
    """Brings an exported user back, ids and all, into a formation that has nothing of it."""
    lines = JSON_LINES in request.headers.get("content-type", "")
    async with received(request, whole=not lines) as file:
        return await run_in_threadpool(_restore, caller, file)


@router.delete("/{user_id}")
async def erase_user(caller: Annotated[Caller, requires("users:erase")], user_id: str) -> ErasedOut:
    """Erases a user and everyone who was merged into them, in every table."""
    # Not among the threads of the short steps: it takes what was erased out of the files, too.
    return await run_in_threadpool(_erase, caller, user_id)


@router.delete("/{user_id}/data")
async def delete_data(
    caller: Annotated[Caller, requires("data:delete")], user_id: str, before: Moment | None = None
) -> DeletedOut:
    """Deletes what a user said and what is remembered of them, all or what is older; the user stays.

    Of any user with the admin key, else of the acting user, if that one is proven.
    """
    return await run_in_threadpool(_delete_data, caller, user_id, before)


def _export(caller: Caller, user_id: str) -> UserExport:
    return caller.formation.privacy.export(_own_or_any(caller, user_id, "users:export"))


def _delete_data(caller: Caller, user_id: str, before: datetime | None) -> DeletedOut:
    wanted = _own_or_any(caller, user_id, "users:erase")
    return DeletedOut.of(caller.formation.deletion.delete_data(wanted, before, actor=caller.actor))


def _own_or_any(caller: Caller, user_id: str, of_any: str) -> UserId:
    """Whom the path names: anybody with the permission ``of_any``, else only the acting user, if that one is proven."""
    wanted = user_id_of(user_id)
    if not caller.may(of_any):
        named = caller.user()
        if caller.bound is None and isinstance(named, str) and is_id(named, "usr"):
            # A key speaks for anybody: an id that was read somewhere must not be enough to be handed everything.
            raise UnprovenIdentifierError("A usr_ id proves nothing. Act by an identifier that is proven.")
        acting = caller.formation.identities.require_proven(named)
        if acting.id != caller.formation.users.locate(wanted):
            raise UserNotFoundError(f"There is no user {wanted}.")
    return wanted


def _restore(caller: Caller, file: IO[bytes]) -> RestoredOut:
    return RestoredOut.of(caller.formation.privacy.restore(file, actor=caller.actor))


def _erase(caller: Caller, user_id: str) -> ErasedOut:
    return ErasedOut.of(caller.formation.privacy.erase(user_id_of(user_id), actor=caller.actor))
