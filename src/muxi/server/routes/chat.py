"""Saying something, and being answered."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from muxi.core.chat.reply import reply, stream
from muxi.core.chat.types import Turn
from muxi.server.caller import Caller, requires
from muxi.server.events import Answer
from muxi.server.hang_up import unless_hung_up
from muxi.server.schemas.chat import ChatReply, ChatRequest

router = APIRouter(tags=["chat"])
EVENT_STREAM = "text/event-stream"


@router.post("/chat", response_model=ChatReply, responses={200: {"content": {EVENT_STREAM: {}}}})
async def chat(
    request: Request, caller: Annotated[Caller, requires("chat:write")], body: ChatRequest
) -> Response | ChatReply:
    """Answers a message and remembers the exchange, whole or not at all; as JSON or as a stream of events."""
    turn = Turn(
        body.message,
        caller.user(body.user_id),
        body.session_id,
        body.agent,
        body.metadata or {},
        caller.request_key,
    )
    if body.stream or EVENT_STREAM in request.headers.get("accept", ""):
        source = stream(caller.formation, turn)
        return Answer(request, source, await unless_hung_up(request, anext(source)))
    return ChatReply.of(await unless_hung_up(request, reply(caller.formation, turn)))
