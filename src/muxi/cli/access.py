"""What commands ask for, of a store in this process or of a running server.

Both answer in the shapes of the HTTP interface, so `--json` prints the same wherever a command works.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from muxi.cli.options import Who

if TYPE_CHECKING:
    from muxi.cli.access_doors import DoorAccess
    from muxi.cli.access_teams import TeamAccess

Shape = dict[str, Any]
#: How a value goes to its path.
Op = Literal["set", "add", "remove"]
#: Of an export: one JSON document, or JSON Lines.
Format = Literal["json", "jsonl"]
#: Told of an import's step, how much is done, and of how much.
Step = Callable[[str, int, int], None]
#: Told each conflict of an import.
Report = Callable[[Shape], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """One message to be answered."""

    message: str
    who: Who
    agent: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class SecretDraft:
    """A secret to be stored."""

    service: str
    name: str
    secret: str = field(repr=False)
    metadata: Shape
    expires_in: timedelta | None
    credential_id: str | None


class UserAccess(Protocol):
    """Users as things."""

    def list(self, search: str, disabled: bool | None, limit: int, cursor: str | None) -> Shape:
        """``users``, newest first, and ``next_cursor``."""

    def details(self, who: Who) -> Shape:
        """One of `list`, with ``holdings`` and ``merges``."""

    def disable(self, who: Who) -> Shape:
        """Shuts a user out, and returns one of `list`."""

    def enable(self, who: Who) -> Shape:
        """Lets a user in again, and returns one of `list`."""

    def export(self, who: Who, format: Format) -> Iterator[str]:
        """Everything of a user, as text in pieces."""

    def restore(self, export: Iterable[str]) -> Shape:
        """Brings a user back from the lines of a file of either format: ``muxi_user_id``, ``counts``, ``skipped``."""

    def erase(self, who: Who) -> Shape:
        """``muxi_user_id``, ``users``, ``counts``, ``receipt``, ``erased_at``."""

    def delete_data(self, who: Who, before: datetime | None) -> Shape:
        """``muxi_user_id``, ``counts``, ``before``, ``receipt``, ``deleted_at``."""

    def import_file(self, file: Path, dry_run: bool, progress: Step, report: Report | None) -> Shape:
        """Links what a file says: ``groups``, ``linked``, ``users_made``, ``unchanged``, ``conflicts`` ..."""

    def expire(self) -> Shape:
        """Erases visitors whose token has ended: ``erased``, how many."""


class ProofAccess(Protocol):
    """Codes, link tokens, ID tokens, and visitors who sign in."""

    def start(self, user: Who, identifier: Who | None) -> Shape:
        """``code``, ``expires_at``, ``identifier``."""

    def confirm(self, code: str, identifier: Who | None, merge: bool) -> Shape:
        """The user, as `Access.show`."""

    def create_token(self, identifier: Who, expires_in: timedelta | None) -> Shape:
        """A link token: ``token``, ``expires_at``."""

    def redeem_token(self, token: str, user: Who, merge: bool) -> Shape:
        """Links a link token's identifier. The user, as `Access.show`."""

    def associate_id_token(self, id_token: str, user: Who | None, merge: bool) -> Shape:
        """Links an OpenID Connect identity. The user, as `Access.show`."""

    def visit(self, expires_in: timedelta | None) -> Shape:
        """A new visitor: ``muxi_user_id``, ``token``, ``expires_at``."""

    def sign_in(self, token: str, identifier: Who, verified: bool) -> Shape:
        """A visitor turns out to be somebody. The user, as `Access.show`."""


class ContextAccess(Protocol):
    """What is known of a user, by path."""

    def show(self, who: Who, at: datetime | None) -> Shape:
        """``context``, now or as it was; empty for nobody."""

    def change(self, who: Who, path: str, value: Any, op: Op, source: str, importance: float) -> Shape:
        """Sets, adds or removes a value: ``facts`` that were written."""

    def delete(self, who: Who, path: str, forget: bool) -> Shape:
        """``deleted``: whether there was something."""

    def history(self, who: Who, path: str, limit: int, cursor: str | None) -> Shape:
        """``facts``, newest first, and ``next_cursor``."""


class ExtractionAccess(Protocol):
    """Finding what users say about themselves."""

    def status(self) -> Shape:
        """``waiting``, ``waiting_since``, ``failing``, ``errors``, ``failures``."""

    def failures(self, who: Who | None, limit: int, cursor: str | None) -> Shape:
        """``failures``, newest first, and ``next_cursor``."""

    def replay(self, failure_id: str) -> Shape:
        """Reads messages again: ``facts``, ``memories``, ``refused``."""

    def choose(self, who: Who, enabled: bool) -> Shape:
        """Opts a user in or out: ``opted_out_at``."""


class CredentialAccess(Protocol):
    """Users' secrets for outside services. ``credential_id`` says which, where there are several of a name."""

    def put(self, who: Who, draft: SecretDraft) -> Shape:
        """Stores one, and returns one of `list`."""

    def list(self, who: Who, service: str) -> Shape:
        """``credentials``, without the secrets."""

    def reveal(self, who: Who, service: str, name: str, credential_id: str | None) -> Shape:
        """``secret`` and ``credential``."""

    def delete(self, who: Who, service: str, name: str, credential_id: str | None) -> Shape:
        """Removes one, and returns what it was."""


class Access(Protocol):
    """A context manager; raises only `muxi.errors.MuxiError` and its children.

    Attributes:
        where: what it works on, for a person.
        users: users as things.
        context: what is known of a user, by path.
        extraction: finding what users say about themselves.
        doors: who may do what: keys, roles, tokens, sessions.
        proofs: codes, link tokens, ID tokens, and visitors who sign in.
        credentials: users' secrets for outside services.
        teams: users who share memories and a context.
    """

    where: str
    users: UserAccess
    context: ContextAccess
    extraction: ExtractionAccess
    doors: DoorAccess
    proofs: ProofAccess
    credentials: CredentialAccess
    teams: TeamAccess

    def resolve(self, who: Who) -> Shape:
        """The user; made if new: ``muxi_user_id``, ``created``, ``created_at``."""

    def show(self, who: Who) -> Shape:
        """The user, who must exist: ``muxi_user_id``, ``created_at``, ``identifiers``."""

    def link(self, identifiers: Sequence[Who], user: Who | None, merge: bool = False, verified: bool = False) -> Shape:
        """Links all or none: ``muxi_user_id``, ``created``, ``identifiers``."""

    def unlink(self, identifier: Who, user: Who | None, force: bool) -> Shape:
        """Takes one away: ``muxi_user_id``, ``identifiers``."""

    def merge(self, users: Sequence[Who], into: Who | None) -> Shape:
        """Makes users one: ``merge_id``, ``survivor``, ``merged``, ``merged_at``, ``merged_by``, ``split_at``."""

    def preview(self, users: Sequence[Who], into: Who | None) -> Shape:
        """What `merge` would join: ``survivor``, ``holdings`` by user, and ``disagreements`` of their contexts."""

    def split(self, merge_id: str) -> Shape:
        """Undoes a merge and returns it."""

    def merges(self, who: Who) -> Shape:
        """``merges`` of a user, newest first."""

    def audit(self, who: Who | None, action: str | None, limit: int, cursor: str | None) -> Shape:
        """``records``, newest first, and ``next_cursor``."""

    def verify_audit(self) -> Shape:
        """Whether the audit is as it was written: ``sound``, ``rows``, ``broken_at``."""

    def remember(
        self, who: Who, text: str, metadata: Shape, importance: float, expires_in: timedelta | None = None
    ) -> Shape:
        """Stores a memory and returns it."""

    def search(self, who: Who, query: str, limit: int, agent: str | None, *, explain: bool = False) -> Shape:
        """``hits``, each a ``memory`` and its ``score``, the best first; with ``features`` and ``adds`` if asked."""

    def memories(self, who: Who, limit: int, cursor: str | None) -> Shape:
        """``memories``, newest first, and ``next_cursor``."""

    def forget(self, who: Who, memory_id: str) -> None:
        """Deletes a memory."""

    def reply(self, asked: Asked) -> Shape:
        """The answer, whole."""

    def stream(self, asked: Asked) -> Generator[str, None, None]:
        """The answer's pieces. Closing the iterator stops the model."""

    def close(self) -> None:
        """Lets go of it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
