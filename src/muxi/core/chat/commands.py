"""What a person can say to link channels, of which the model sees nothing.

``/whoami``, ``/link``, ``/link CODE``, ``/link CODE yes``, ``/unlink`` and ``/unlink IDENTIFIER [TYPE]``.
"""

from __future__ import annotations

from muxi.core.chat.types import Turn
from muxi.core.identity.proofs import LIFETIME, Proofs
from muxi.core.identity.service import Identities
from muxi.core.identity.types import IdentifierInput, LinkedIdentifier, User
from muxi.errors import (
    ConflictError,
    InvalidIdentifierError,
    InvalidProofError,
    PermissionDeniedError,
    UserNotFoundError,
)
from muxi.ids import UserId

#: Who does it, in the audit, and so the requester that a code is bound to.
ACTOR = "chat command"
NAMES = ("/whoami", "/link", "/unlink")

_MINUTES = int(LIFETIME.total_seconds() // 60)
_NO_USER = "Nobody in particular is talking here, so there is nothing to link."
_WRONG_CODE = "This code is wrong, used or too old. Say /link on the other channel to get a new one."


class Commands:
    """Answers commands. Neither a command nor its answer is kept: a code must not lie in a log.

    Args:
        identities: who talks.
        proofs: gives out the codes and takes them back.
    """

    def __init__(self, identities: Identities, proofs: Proofs) -> None:
        self._identities = identities
        self._proofs = proofs

    def hears(self, message: str) -> bool:
        """Whether a message is a command."""
        return message.lstrip().startswith("/") and message.split()[0].lower() in NAMES

    def answer(self, turn: Turn) -> str:
        """Does what a command says, and says what was done."""
        name, *words = turn.message.split()
        name = name.lower()
        if turn.user is None:
            return _NO_USER
        if name == "/whoami":
            return self._who_am_i(turn.user)
        if name == "/unlink":
            return self._unlink(turn.user, words)
        return self._take(turn.user, words) if words else self._give(turn.user)

    def _who_am_i(self, came_by: IdentifierInput) -> str:
        user = self._identities.resolve(came_by)
        return f"You are {user.id}, known as {self._known_as(user.id, came_by)}."

    def _give(self, came_by: IdentifierInput) -> str:
        user = self._identities.resolve(came_by)
        try:
            started = self._proofs.start_verification(user.id, actor=ACTOR)
        except ConflictError as refused:
            return refused.message
        return (
            f"Write this on your other channel within {_MINUTES} minutes: /link {started.code}\n"
            "Then both channels are you. Whoever has the code can do it: show it to nobody."
        )

    def _take(self, came_by: IdentifierInput, words: list[str]) -> str:
        agreed = len(words) > 1 and words[-1].lower() == "yes"
        code = "".join(words[:-1] if agreed else words)
        try:
            return self._join(came_by, code) if agreed else self._ask(came_by, code)
        except InvalidProofError:
            return _WRONG_CODE
        except (ConflictError, InvalidIdentifierError) as refused:
            return f"That cannot be linked. {refused.message}"

    def _ask(self, came_by: IdentifierInput, code: str) -> str:
        """Not at once: a code that somebody else made would give them what was said here."""
        other, here = self._proofs.look_up(code, actor=ACTOR), self._identities.find(came_by)
        if here is not None and here.id == other:
            return "These channels are one user already."
        return (
            f"This joins you with the user known as {self._known_as(other, None)}: "
            "whatever you have said or will say here is known there, too.\n"
            f"If that is you, write: /link {code} yes"
        )

    def _join(self, came_by: IdentifierInput, code: str) -> str:
        user = self._proofs.confirm_verification(code, came_by, merge=True, actor=ACTOR)
        return f"Done. You are known as {self._known_as(user.id, came_by)}."

    def _unlink(self, came_by: IdentifierInput, named: list[str]) -> str:
        user = self._identities.find(came_by)
        if user is None:
            return "You are not known here yet, so there is nothing to unlink."
        try:
            shown = self._unlinked(user, came_by, named)
        except (ConflictError, InvalidIdentifierError, PermissionDeniedError, UserNotFoundError) as refused:
            return f"That cannot be unlinked. {refused.message}"
        return f"Done. {shown} is not you any more. Whoever writes from there is somebody new."

    def _unlinked(self, user: User, came_by: IdentifierInput, named: list[str]) -> str:
        if not named:
            # Who says it from here may leave, also by the only way in that is proven; but not by the only one.
            alone = len(self._identities.identifiers(user.id)) == 1
            self._identities.unlink(came_by, user.id, force=not alone, actor=ACTOR)
            return "This channel"
        # Being recognised is not enough to cut off a channel that one does not talk from.
        self._identities.require_proven(came_by)
        raw: IdentifierInput = named[0] if len(named) == 1 else (" ".join(named[:-1]), named[-1])
        self._identities.unlink(raw, user.id, actor=ACTOR)
        return named[0]

    def _known_as(self, user_id: UserId, came_by: IdentifierInput | None) -> str:
        """A user's identifiers; masked, but for the one that this person has just come by."""
        here = None if came_by is None or came_by == user_id else self._identities.normal_form(came_by)
        held = self._identities.identifiers(user_id)
        return ", ".join(_shown(one, here is not None and here.value == one.value) for one in held) or user_id


def _shown(one: LinkedIdentifier, plain: bool) -> str:
    proven = "proven" if one.verified_at else "not proven"
    return f"{one.shown if plain else _masked(one.shown)} ({f'{one.type}, ' if one.type else ''}{proven})"


def _masked(shown: str) -> str:
    """Enough to recognise one's own, too little to learn somebody else's: ``a…@acme.com``, ``U9…C``."""
    name, at, domain = shown.rpartition("@")
    if at and name:
        return f"{name[0]}…@{domain}"
    return f"{shown[:2]}…{shown[-1]}" if len(shown) >= 6 else "…"
