"""Rule 1: what an identifier is, whichever way it was written."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email

from muxi.errors import InvalidIdentifierError

MAX_LENGTH = 255
# Of a number: no number of MAX_LENGTH digits has more.
MAX_BITS = (10**MAX_LENGTH).bit_length()
# RFC 5321, 4.5.3.1: what an e-mail address and the part before its @ may have at most.
MAX_EMAIL = 254
MAX_LOCAL = 64
# A local part that is valid at every domain; those with other characters are left to the library.
_PLAIN_LOCAL = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*")
_TYPE = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_FORMS = 'a string, a number, (value, type) or {"identifier": value, "type": type}'


def value_and_type(raw: Any) -> tuple[Any, Any]:
    """The parts of any of `IdentifierInput`, as they were written.

    Raises:
        InvalidIdentifierError: it is none of the forms.
    """
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
    # Python refuses to write out the longest ones.
    if isinstance(raw, int) and raw.bit_length() > MAX_BITS:
        raise InvalidIdentifierError(f"The identifier is a number of more than {MAX_LENGTH} digits.")
    return raw, type


def type_name(type: Any) -> str:
    """The name of a type in small letters; empty if there is none.

    Raises:
        InvalidIdentifierError: it cannot be a type.
    """
    if type is None or type == "":
        return ""
    if not isinstance(type, str) or not _TYPE.fullmatch(type.strip().lower()):
        raise InvalidIdentifierError(
            f"{type!r} is not an identifier type. Use a-z, 0-9, '_' and '-', at most 32, like 'slack'."
        )
    return type.strip().lower()


def clean(value: str) -> str:
    """The value in Unicode NFC, trimmed.

    Raises:
        InvalidIdentifierError: it is empty, longer than 255 characters, or has control or invisible ones.
    """
    written = unicodedata.normalize("NFC", value).strip()
    if not written:
        raise InvalidIdentifierError("The identifier is empty. Pass what the channel knows the user by.")
    if len(written) > MAX_LENGTH:
        raise InvalidIdentifierError(f"The identifier has {len(written)} characters; at most {MAX_LENGTH} are allowed.")
    # Cc: control, Cf: invisible formatting, Cs: lone surrogates (not UTF-8). "isprintable" refuses all of them.
    if not written.isprintable():
        # Where, not what: it may be a secret.
        place = next(place for place, character in enumerate(written, 1) if not character.isprintable())
        raise InvalidIdentifierError(
            f"The identifier has a control or invisible character, the first one at place {place}. Remove it."
        )
    return written


def as_written(written: str) -> str:
    """Byte for byte: whoever gave the value out tells ``a`` from ``A``."""
    return written


def any_case(written: str) -> str:
    """In small letters, for names that their channel compares so."""
    # Small letters may be more than capital ones were.
    return written.lower() if written.isascii() else clean(written.lower())


def email(written: str) -> str:
    """An e-mail address in NFKC and small letters, its domain as IDNA reads it (RFC 5891, UTS 46).

    Plus signs and dots stay: only the mailbox's own server knows what they mean.

    Raises:
        InvalidIdentifierError: it is not an e-mail address.
    """
    found = _email(written)
    if found is None:
        raise InvalidIdentifierError(f"{written!r} is not an e-mail address. Name its real type, or none.")
    return found


def is_email(written: str) -> bool:
    """Whether a value without a type is an e-mail address."""
    return _email(written) is not None


# Asked for twice, to know the type and then the form.
@lru_cache(maxsize=4096)
def _email(written: str) -> str | None:
    if written.isascii():
        folded = written.lower()
    else:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", written).lower())
    local, at, domain = folded.rpartition("@")
    if not at:
        return None
    # Checking a domain costs 100 us, but there are few of them: beside a plain local part each is checked once.
    if domain.isascii() and len(local) <= MAX_LOCAL and len(folded) <= MAX_EMAIL and _PLAIN_LOCAL.fullmatch(local):
        known = _address("a@" + domain)
        return None if known is None else local + known[1:]
    return _address(folded)


@lru_cache(maxsize=4096)
def _address(folded: str) -> str | None:
    try:
        return validate_email(folded, check_deliverability=False).normalized
    except EmailNotValidError:
        return None


def phone(written: str, region: str | None = None) -> str:
    """A telephone number in E.164: ``+`` and at most 15 digits.

    Args:
        written: with ``+`` and the country, or as it is dialled in ``region``.
        region: the country, as two capital letters (ISO 3166-1), of numbers without ``+``.

    Raises:
        InvalidIdentifierError: it is not a number that can be dialled, or has an extension, or no country.
    """
    found = _e164(written, region)
    if found is None:
        where = f"or as it is dialled in {region}" if region else "since identity.phone_region is not set"
        raise InvalidIdentifierError(
            f"{written!r} is not a telephone number that can be dialled. Write it with + and the country, {where}."
        )
    return found


# Reading a number costs 25 us, and who writes once writes again.
@lru_cache(maxsize=4096)
def _e164(written: str, region: str | None) -> str | None:
    # The library would read digits out of any text, and letters as the keys that they stand on.
    if any(character.isalpha() for character in written):
        return None
    numbers = import_module("phonenumbers")  # loaded for the first number only: it takes 50 ms
    try:
        number = numbers.parse(written, region)
    except numbers.NumberParseException:
        return None
    # Behind one number with extensions sit many people; what is dialled within a town only is many towns' number.
    if number.extension or numbers.is_possible_number_with_reason(number) != numbers.ValidationResult.IS_POSSIBLE:
        return None
    return str(numbers.format_number(number, numbers.PhoneNumberFormat.E164))


def known_region(region: str) -> bool:
    """Whether numbers can be read as they are dialled in this country."""
    return region in import_module("phonenumbers").SUPPORTED_REGIONS


def issuer_and_subject(written: str) -> str:
    """An account at an OpenID provider: ``issuer|subject``, both exact but for slashes at the issuer's end.

    Raises:
        InvalidIdentifierError: the issuer is not an ``https`` address (``http`` only of this machine) without query
            and fragment (OpenID Connect Core 1.0, section 2), or the subject is missing.
    """
    issuer, bar, subject = written.partition("|")
    if not bar or not subject.strip() or not _is_issuer(issuer):
        raise InvalidIdentifierError(
            f"{written!r} is not an account at an OpenID provider. Write 'issuer|subject', like "
            "'https://login.example.com|248289761001'."
        )
    return f"{issuer.rstrip('/')}|{subject}"


@lru_cache(maxsize=256)
def _is_issuer(issuer: str) -> bool:
    try:
        parts = urlsplit(issuer)
        host = parts.hostname
    except ValueError:
        return False
    here = issuer.startswith("http://") and host in ("localhost", "127.0.0.1", "::1")
    plain = bool(host) and "@" not in parts.netloc and not set("?# ") & set(issuer)
    return plain and (here or issuer.startswith("https://"))


def keyed_hash(secret: str, hash_key: bytes) -> str:
    """What is stored of a secret: HMAC-SHA-256 under the formation's key, in hexadecimal after a space.

    What is written never begins with a space: so a hash that leaks means nobody, as an identifier.
    """
    return " " + hmac.digest(hash_key, secret.encode(), "sha256").hex()


def masked(secret: str) -> str:
    """What is shown of a secret: four characters at each end, and nothing of a short one."""
    # Too short to show any of it without giving it away.
    return f"{secret[:4]}…{secret[-4:]}" if len(secret) >= 16 else "…"


def fingerprint(type: str, value: str, hash_key: bytes) -> str:
    """What the audit keeps of an identifier: the same one can be found again, but not read out of it."""
    # As JSON, so that no two pairs read the same.
    written = f"[{_quoted(type)}, {_quoted(value)}]"
    inner, outer = _hmac_begun(hash_key)
    text, whole = inner.copy(), outer.copy()
    text.update(written.encode())
    whole.update(text.digest())
    return whole.hexdigest()[:32]


@lru_cache(maxsize=64)
def _hmac_begun(hash_key: bytes) -> tuple[hashlib._Hash, hashlib._Hash]:
    """HMAC-SHA-256 (RFC 2104) as far as the key alone decides it: the rest takes a third of `hmac.digest`'s time."""
    block = (hash_key if len(hash_key) <= 64 else hashlib.sha256(hash_key).digest()).ljust(64, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in block) for pad in (0x36, 0x5C))
    return hashlib.sha256(inner), hashlib.sha256(outer)
