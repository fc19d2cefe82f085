"""Rule 1: every identifier gets its normal form here, whichever door it came through."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from email_validator import EmailNotValidError, validate_email

from muxi.core.identity.types import API_KEY, EMAIL, Identifier
from muxi.errors import InvalidIdentifierError

MAX_LENGTH = 255
# RFC 5321, 4.5.3.1: what an e-mail address and the part before its @ may have at most.
MAX_EMAIL = 254
MAX_LOCAL = 64
# A local part that is valid at every domain; those with other characters are left to the library.
_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
_TYPE = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_FORMS = 'a string, a number, (value, type) or {"identifier": value, "type": type}'


def normal_form(raw: Any, hash_key: bytes) -> Identifier:
    """The identifier that ``raw`` means.

    Unicode NFC, trimmed; an e-mail-shaped value without a type is case-folded and gets type ``email``; all
    else stays byte for byte. A number becomes a string. The value of an ``api_key`` is replaced by its
    keyed hash (HMAC-SHA-256) and shown masked.

    Args:
        raw: any of `IdentifierInput`.
        hash_key: the formation's key for hashing secrets.

    Raises:
        InvalidIdentifierError: not one of the forms, empty, longer than 255 characters, with control
            characters, or an ``email`` that is not an e-mail address.
    """
    value, type = _value_and_type(raw)
    written = _clean(value)
    if type in ("", EMAIL) and _is_email(written):
        folded = written.casefold()
        return Identifier(folded, EMAIL, written, folded)
    if type == EMAIL:
        raise InvalidIdentifierError(f"{written!r} is not an e-mail address. Name its real type, or none.")
    if type not in ("", API_KEY):
        return Identifier(written, type, written, written)
    hashed = hmac.new(hash_key, written.encode(), hashlib.sha256).hexdigest()
    if type == API_KEY:
        return Identifier(hashed, type, _masked(written), hashed)
    return Identifier(written, type, written, hashed)


def fingerprint(type: str, value: str, hash_key: bytes) -> str:
    """What the audit keeps of an identifier: the same one can be found again, but not read out of it."""
    # As JSON, so that no two pairs read the same.
    return hmac.new(hash_key, json.dumps([type, value]).encode(), hashlib.sha256).hexdigest()[:32]


def _value_and_type(raw: Any) -> tuple[str, str]:
    type: Any = None
    if isinstance(raw, tuple) and len(raw) == 2:
        raw, type = raw
    elif isinstance(raw, Mapping):
        unknown = set(raw) - {"identifier", "type"}
        if unknown or "identifier" not in raw:
            raise InvalidIdentifierError(f"An identifier is {_FORMS}, not a mapping with {sorted(map(str, raw))}.")
        raw, type = raw["identifier"], raw.get("type")
    # bool is an int to Python, but True is nobody's name.
    if isinstance(raw, bool) or not isinstance(raw, str | int):
        raise InvalidIdentifierError(f"An identifier is {_FORMS}, not {raw.__class__.__name__}.")
    return str(raw), _checked_type(type)


def _checked_type(type: Any) -> str:
    if type is None or type == "":
        return ""
    if not isinstance(type, str) or not _TYPE.fullmatch(type.strip().lower()):
        raise InvalidIdentifierError(
            f"{type!r} is not an identifier type. Use a-z, 0-9, '_' and '-', at most 32, like 'slack'."
        )
    return type.strip().lower()


def _clean(value: str) -> str:
    written = unicodedata.normalize("NFC", value).strip()
    if not written:
        raise InvalidIdentifierError("The identifier is empty. Pass what the channel knows the user by.")
    if len(written) > MAX_LENGTH:
        raise InvalidIdentifierError(f"The identifier has {len(written)} characters; at most {MAX_LENGTH} are allowed.")
    # Cc: control, Cf: invisible formatting, Cs: lone surrogates (not UTF-8). "isprintable" refuses all of them.
    if not written.isprintable():
        raise InvalidIdentifierError(f"The identifier {written!r} has control or invisible characters. Remove them.")
    return written


def _is_email(written: str) -> bool:
    local, at, domain = written.rpartition("@")
    if not at:
        return False
    # Checking a domain costs 100 us, but there are few of them: beside a plain local part each is checked once.
    if domain.isascii() and len(local) <= MAX_LOCAL and len(written) <= MAX_EMAIL and _PLAIN_LOCAL.fullmatch(local):
        return _is_valid_email("a@" + domain)
    return _is_valid_email(written)


@lru_cache(maxsize=4096)
def _is_valid_email(written: str) -> bool:
    try:
        validate_email(written, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


def _masked(secret: str) -> str:
    # Too short to show any of it without giving it away.
    return f"{secret[:4]}…{secret[-4:]}" if len(secret) >= 16 else "…"
