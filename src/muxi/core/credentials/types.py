"""The words of credentials: what a user opens outside services with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from muxi.ids import CredentialId, UserId

HIDDEN = "********"
#: Of a secret with at least so many characters the preview shows the last four.
SHOWN_FROM, SHOWN = 16, 4


@dataclass(frozen=True, slots=True)
class Credential:
    """What is kept of a secret, without the secret.

    Attributes:
        id: ``crd_...``.
        user_id: whose it is; of users who were merged, the one who stored it.
        service: for which it is: ``github``.
        name: which of several: ``default``, ``work`` ...
        preview: ``********``, with the last four characters of a long one.
        metadata: the application's own. It is not encrypted.
        created_at: in UTC.
        updated_at: when the secret was last replaced.
        last_used_at: to the minute; ``None``: never.
        expires_at: from then on it is not given out; ``None``: it stays.
    """

    id: CredentialId
    user_id: UserId
    service: str
    name: str
    preview: str
    metadata: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    last_used_at: datetime | None = None
    expires_at: datetime | None = None


class Secret:
    """A secret that is not shown by accident: not by ``str``, ``repr``, formatting, in a log or a pickle.

    Attributes:
        credential: what it is.
    """

    __slots__ = ("__value", "credential")

    def __init__(self, value: str, credential: Credential) -> None:
        self.__value = value
        self.credential = credential

    def reveal(self) -> str:
        """The secret itself."""
        return self.__value

    def __repr__(self) -> str:
        return f"<secret of {self.credential.service}/{self.credential.name}: {HIDDEN}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret is not pickled or copied. reveal() gives it.")


@dataclass(frozen=True, slots=True)
class DataKey:
    """A user's data key, wrapped.

    Attributes:
        user_id: whose.
        master_key_id: by which master key it is wrapped.
        wrapped: as `muxi.core.credentials.envelope.seal` gives it.
    """

    user_id: UserId
    master_key_id: str
    wrapped: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A credential as it is stored.

    Attributes:
        credential: what it is.
        secret: sealed under the data key.
        data_key: of the user who stored it.
    """

    credential: Credential
    secret: str = field(repr=False)
    data_key: DataKey


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation has done.

    Attributes:
        key_id: of the master key that wraps from now on.
        rewrapped: how many data keys it has wrapped anew.
        left: how many are still wrapped by others, which are not known here, or do not open.
    """

    key_id: str
    rewrapped: int
    left: int


def preview(secret: str) -> str:
    """What is shown of a secret: of a long one the last four characters, if they are letters and digits."""
    end = secret[-SHOWN:]
    return HIDDEN + end if len(secret) >= SHOWN_FROM and end.isascii() and end.isalnum() else HIDDEN
