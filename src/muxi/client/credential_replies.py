"""What the server answers about credentials, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn


@dataclass(frozen=True, slots=True)
class Credential:
    """What is kept of a secret, without the secret.

    Attributes:
        credential_id: ``crd_...``; names one of several after a merge.
        muxi_user_id: who stored it.
        service: for which it is.
        name: which of several.
        preview: ``********``, with the last four characters of a long one.
        metadata: the application's own.
        created_at: in UTC.
        updated_at: when the secret was last replaced.
        last_used_at: to the minute; ``None``: never.
        expires_at: from then on it is not given out; ``None``: it stays.
    """

    credential_id: str
    muxi_user_id: str
    service: str
    name: str
    preview: str
    metadata: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


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
        return f"<secret of {self.credential.service}/{self.credential.name}: ********>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret is not pickled or copied. reveal() gives it.")
