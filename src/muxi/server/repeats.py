"""``Idempotency-Key``: a request that is sent again is done once, and answered alike."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muxi.core.access.repeats import LEASE, Another, Answer, Asked, Begun, Repeats
from muxi.core.formation import Formation
from muxi.core.identity.types import IdentifierInput
from muxi.core.threads import step
from muxi.errors import MuxiError
from muxi.ids import UserId, is_id
from muxi.server.authentication import USER_TOKEN, Entered
from muxi.server.credentials import REQUEST_KEY, Sent
from muxi.server.limits import READ_THEMSELVES
from muxi.server.named import in_body, name_of
from muxi.server.refusals import RequestRunningError, ReusedKeyError

HEADER = REQUEST_KEY.lower().encode()
REPLAYED = "Idempotency-Replayed"
WRITING = ("POST", "PUT", "PATCH", "DELETE")
#: How long a second request waits for the first one's answer, in seconds, and how often it looks.
WAIT_S = 10.0
FIRST_LOOK_S = 0.02
LONGEST_LOOK_S = 0.25
RETRY_AFTER_S = 1
EVENT_STREAM = "text/event-stream"

log = structlog.get_logger("muxi.server")


class ReplayedError(Exception):
    """Not an error: this request was answered before, like this."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


async def of_replayed(request: Request, exc: Exception) -> Response:
    """The response to a request that was answered before."""
    if not isinstance(exc, ReplayedError):
        raise TypeError("only ReplayedError comes here") from exc
    answer = exc.answer
    return Response(answer.body or None, answer.status, {REPLAYED: "true"}, answer.media_type or None)


async def begin(
    request: Request,
    formation: Formation,
    found: Entered,
    sent: Sent,
    request_key: str | None,
    header_user: IdentifierInput | None,
) -> None:
    """Begins a request that may be sent again; whoever may not do it has been refused before.

    Raises:
        ReplayedError: it was answered before.
        RequestRunningError: the first one is still under way.
        ReusedKeyError: the key was used for another request.
    """
    if request_key is None or request.method not in WRITING:
        return
    named = found.bound or header_user or await in_body(request)
    asked = await _asked(request, formation, found, sent, request_key, named)
    repeats, wait = formation.access.repeats, FIRST_LOOK_S
    until = asyncio.get_running_loop().time() + WAIT_S
    while True:
        state = await step(formation.embedded, repeats.begin, asked)
        if isinstance(state, Begun):
            request.state.running = Running(formation, state, named, request.path_params.get("user_id"))
            return
        if isinstance(state, Another):
            raise ReusedKeyError("This Idempotency-Key was used for another request. Use a new one for each.")
        if isinstance(state, Answer):
            if state.user_id is not None:  # who was shut out meanwhile stays so
                await step(formation.embedded, formation.identities.get, state.user_id)
            raise ReplayedError(state)
        if asyncio.get_running_loop().time() > until:
            raise RequestRunningError(retry_after=RETRY_AFTER_S)
        await asyncio.sleep(wait)
        wait = min(2 * wait, LONGEST_LOOK_S)


async def _asked(
    request: Request, formation: Formation, found: Entered, sent: Sent, request_key: str, named: IdentifierInput | None
) -> Asked:
    if request.url.path.endswith(READ_THEMSELVES):  # too large to be read twice
        body = request.headers.get("content-length", "").encode()
    else:
        body = await request.body()
    # A token is another one from hour to hour; whose it is stays.
    credential = "" if found.actor == USER_TOKEN else "\n".join(one for _, one in sent.credentials)
    query: bytes = request.scope["query_string"]
    what = (request.method.encode(), request.url.path.encode(), query, body)
    user = "" if named is None else name_of(formation, named)
    return formation.access.repeats.asked(f"{found.actor}:{found.bound or ''}", user, request_key, credential, *what)


class Running:
    """A request that is being answered.

    Args:
        formation: which is asked.
        begun: its place.
        named: for whom it is.
        in_path: the user in the address.
    """

    def __init__(self, formation: Formation, begun: Begun, named: IdentifierInput | None, in_path: str | None) -> None:
        self._formation = formation
        self._begun = begun
        self._named = in_path or named
        self._loop = asyncio.get_running_loop()
        self._holding: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(LEASE.total_seconds() / 3, self._hold)
        self.ended = False

    async def finish(self, status: int, media_type: str, body: bytes) -> None:
        """It is answered: whoever asks again is answered the same."""
        if await self._end(lambda repeats: self._keep(repeats, status, media_type, body)):
            return
        log.warning("an answer could not be kept for repeats")

    async def release(self) -> None:
        """It failed, and may be tried again."""
        await self._end(lambda repeats: repeats.release(self._begun))

    async def _end(self, write: Callable[[Repeats], None]) -> bool:
        self.ended = True
        self._timer.cancel()
        formation = self._formation
        try:
            await step(formation.embedded, write, formation.access.repeats)
        except MuxiError:  # what was done is done: it is held until the lease ends
            return False
        return True

    def _keep(self, repeats: Repeats, status: int, media_type: str, body: bytes) -> None:
        repeats.finish(self._begun, Answer(status, media_type, body, self._owner(media_type, body)))

    def _owner(self, media_type: str, body: bytes) -> UserId | None:
        """Whom an answer is about: as it says itself, or whoever the request was for."""
        said: Any = None
        if body and "json" in media_type:
            document = json.loads(body)
            said = document.get("muxi_user_id") or document.get("user_id") if isinstance(document, dict) else None
        if isinstance(said, str) and is_id(said, "usr"):
            return UserId(said)
        if self._named is None:
            return None
        try:
            found = self._formation.identities.find(self._named)
        except MuxiError:
            return None
        return found.id if found else None

    def _hold(self) -> None:
        self._holding = self._loop.create_task(self._hold_longer())
        self._timer = self._loop.call_later(LEASE.total_seconds() / 3, self._hold)

    async def _hold_longer(self) -> None:
        try:
            await step(self._formation.embedded, self._formation.access.repeats.hold, self._begun)
        except MuxiError as error:
            log.warning("a request could not be held", code=error.code)


class Recorder:
    """Pure ASGI: keeps the answers to requests that `begin` has begun. Costs others a look at their headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not any(name == HEADER for name, _ in scope["headers"]):
            await self.app(scope, receive, send)
            return
        recording = _Recording(scope.setdefault("state", {}), send)
        try:
            await self.app(scope, receive, recording.send)
        finally:
            running = recording.running
            if running is not None and not running.ended:
                await asyncio.shield(running.release())


class _Recording:
    def __init__(self, state: dict[str, Any], send: Send) -> None:
        self._state = state
        self._send = send
        self._status = 0
        self._media_type = ""
        self._body = bytearray()

    @property
    def running(self) -> Running | None:
        return self._state.get("running")

    async def send(self, message: Message) -> None:
        running = self.running
        if running is not None and not running.ended:
            if message["type"] == "http.response.start":
                self._status = message["status"]
                self._media_type = dict(message["headers"]).get(b"content-type", b"").decode("latin-1")
            else:
                self._body += message.get("body", b"")
                if not message.get("more_body", False):
                    await self._end(running)
        await self._send(message)

    async def _end(self, running: Running) -> None:
        broke_off = self._media_type.startswith(EVENT_STREAM) and b"\nevent: error\n" in self._body
        if 200 <= self._status < 300 and not broke_off:
            await running.finish(self._status, self._media_type, bytes(self._body))
        else:
            await running.release()
