"""A chat turn as JSON."""

from __future__ import annotations

from pydantic import Field, StrictStr

from muxi.core.chat.types import Reply
from muxi.core.models.base import Usage
from muxi.server.schemas.base import Metadata, Request, Response
from muxi.server.schemas.identifiers import IdentifierIn
from muxi.server.schemas.memories import HitOut


class ChatRequest(Request):
    """What a person says."""

    message: StrictStr
    user_id: IdentifierIn | None = Field(None, description="Whoever says it; X-Muxi-User-Id does as well.")
    agent: StrictStr | None = None
    session_id: StrictStr | None = Field(None, description="A ses_ id, or your own name of the conversation.")
    metadata: Metadata | None = None
    stream: bool = False


class UsageOut(Response):
    """Tokens of the model call."""

    prompt_tokens: int
    completion_tokens: int

    @classmethod
    def of(cls, usage: Usage) -> UsageOut:
        return cls(prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)


class ChatReply(Response):
    """The answer, and what it rests on."""

    text: str
    user_id: str
    session_id: str
    message_id: str
    agent: str
    recalled: list[HitOut]
    usage: UsageOut

    @classmethod
    def of(cls, reply: Reply) -> ChatReply:
        return cls(
            text=reply.text,
            user_id=reply.user_id or "",
            session_id=reply.session_id,
            message_id=reply.message_id,
            agent=reply.agent,
            recalled=[HitOut.of(hit) for hit in reply.recalled],
            usage=UsageOut.of(reply.usage),
        )
