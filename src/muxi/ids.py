"""Public ids: a prefix that says what it is, and a TypeID suffix (26 characters, sortable by time)."""

from __future__ import annotations

import re
from typing import NewType

from typeid.codecs.base32 import encode
from uuid_utils import uuid7

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
    return UserId(_new("usr"))


def new_session_id() -> SessionId:
    return SessionId(_new("ses"))


def new_message_id() -> MessageId:
    return MessageId(_new("msg"))


def new_memory_id() -> MemoryId:
    return MemoryId(_new("mem"))


def new_merge_id() -> MergeId:
    return MergeId(_new("mrg"))


def new_fact_id() -> FactId:
    return FactId(_new("fct"))


def new_extraction_failure_id() -> ExtractionFailureId:
    return ExtractionFailureId(_new("exf"))


def new_key_id() -> KeyId:
    return KeyId(_new("key"))


def new_credential_id() -> CredentialId:
    return CredentialId(_new("crd"))


def new_team_id() -> TeamId:
    return TeamId(UserId(_new("team")))


def _new(prefix: str) -> str:
    # A `TypeID` checks its prefix each time and keeps its number: three times as long, and an import makes millions.
    return f"{prefix}_{encode(uuid7().bytes)}"


def is_id(value: str, prefix: str) -> bool:
    """Whether ``value`` has the form of a public id with this prefix (it may still not exist)."""
    return value.startswith(prefix + "_") and _FORM.fullmatch(value) is not None
