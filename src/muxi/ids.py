"""Public ids: a prefix that says what it is, and a TypeID suffix (26 characters, sortable by time)."""

from __future__ import annotations

import re
from typing import NewType

from typeid import TypeID

UserId = NewType("UserId", str)
SessionId = NewType("SessionId", str)
MessageId = NewType("MessageId", str)
MemoryId = NewType("MemoryId", str)
MergeId = NewType("MergeId", str)
FactId = NewType("FactId", str)
ExtractionFailureId = NewType("ExtractionFailureId", str)
KeyId = NewType("KeyId", str)
CredentialId = NewType("CredentialId", str)
#: A team owns memories and facts as a user does, so its id goes where an owner's does.
TeamId = NewType("TeamId", UserId)

# TypeID: 26 characters of Crockford base32, the first at most 7 (128 bits).
_FORM = re.compile(r"(?:usr|ses|msg|mem|mrg|fct|exf|key|crd|team)_[0-7][0-9a-hjkmnp-tv-z]{25}")


def new_user_id() -> UserId:
    return UserId(str(TypeID(prefix="usr")))


def new_session_id() -> SessionId:
    return SessionId(str(TypeID(prefix="ses")))


def new_message_id() -> MessageId:
    return MessageId(str(TypeID(prefix="msg")))


def new_memory_id() -> MemoryId:
    return MemoryId(str(TypeID(prefix="mem")))


def new_merge_id() -> MergeId:
    return MergeId(str(TypeID(prefix="mrg")))


def new_fact_id() -> FactId:
    return FactId(str(TypeID(prefix="fct")))


def new_extraction_failure_id() -> ExtractionFailureId:
    return ExtractionFailureId(str(TypeID(prefix="exf")))


def new_key_id() -> KeyId:
    return KeyId(str(TypeID(prefix="key")))


def new_credential_id() -> CredentialId:
    return CredentialId(str(TypeID(prefix="crd")))


def new_team_id() -> TeamId:
    return TeamId(UserId(str(TypeID(prefix="team"))))


def is_id(value: str, prefix: str) -> bool:
    """Whether ``value`` has the form of a public id with this prefix (it may still not exist)."""
    return value.startswith(prefix + "_") and _FORM.fullmatch(value) is not None
