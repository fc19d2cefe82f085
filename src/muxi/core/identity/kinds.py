"""The known types of identifiers, and those that an application adds.

A type that is not among them works too: its values stay byte for byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from muxi.core.identity import normal_form as forms
from muxi.core.identity.types import ANONYMOUS, API_KEY, EMAIL, Identifier, LinkedIdentifier
from muxi.errors import IdentifierLimitError, InvalidIdentifierError, SettingsError
from muxi.ids import UserId

PHONE = "phone"
OIDC = "oidc"
#: What a program writes when it does not know the user, compared in any case. Whoever it is taken for, it is everybody.
DEFAULT_REFUSED = (
    "null", "(null)", "nil", "none", "undefined", "nan", "n/a", "false", "true", "unknown", "anonymous", "guest",
    "0", "-1", "[object object]", "{}", "[]",
    "00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
)  # fmt: skip
#: How many identifiers of one type a user may have. Those without a type are not counted: they may be of any.
DEFAULT_LIMIT = 20
#: An identifier without a type that begins so, and is this long, is an anonymous user's token.
TOKEN_START = "anon_"
TOKEN_LENGTH = 40


@dataclass(frozen=True, slots=True)
class IdentifierKind:
    """A type of identifiers.

    Attributes:
        name: the type: a-z, 0-9, ``_`` and ``-``, at most 32.
        normal: makes the normal form, which is compared, of the value in NFC without spaces around it. Normal forms
            must be their own normal forms. Raises `InvalidIdentifierError` or ``ValueError`` for what is not of this
            type.
        shown: makes what is displayed of the normal form (of a secret: before it is hashed). If not told, it is what
            was written, and of a secret a masked form.
        secret: only a keyed hash is stored.
        limit: how many a user may have; `DEFAULT_LIMIT` if not told.
    """

    name: str
    normal: Callable[[str], str] = forms.as_written
    shown: Callable[[str], str] | None = None
    secret: bool = False
    limit: int | None = None


KNOWN = (
    IdentifierKind(EMAIL, forms.email),
    IdentifierKind(PHONE, forms.phone, shown=forms.as_written),
    IdentifierKind("slack"),
    IdentifierKind("github", forms.any_case),
    IdentifierKind("telegram"),
    IdentifierKind("discord"),
    IdentifierKind(API_KEY, secret=True),
    IdentifierKind("internal"),
    IdentifierKind(ANONYMOUS, secret=True),
    IdentifierKind(OIDC, forms.issuer_and_subject),
)
#: The types of which only a keyed hash is stored, unless an application adds some.
SECRET_TYPES = frozenset(kind.name for kind in KNOWN if kind.secret)


class HasIdentifiers(Protocol):
    """A transaction that can list a user's identifiers."""

    def identifiers(self, user_id: UserId) -> Collection[LinkedIdentifier]:
        """A canonical user's identifiers, as this transaction sees them."""


class Typed(Protocol):
    """An identifier, linked or not."""

    @property
    def type(self) -> str:
        """Empty if not told."""


class Kinds:
    """What a formation takes for an identifier.

    Args:
        custom: the application's own types; one with the name of a known type takes its place.
        refused: values that are nobody's, of any type, compared in any case.
        phone_region: the country of telephone numbers without ``+``: two capital letters.
        limits: how many identifiers of a type a user may have, before the type's own limit; ``None`` for any number.

    Raises:
        SettingsError: a custom type's name is wrong, there twice, or that of a secret for what is not secret; or
            nobody knows the region.
    """

    def __init__(
        self,
        custom: Iterable[IdentifierKind] = (),
        refused: Iterable[str] = DEFAULT_REFUSED,
        phone_region: str | None = None,
        limits: Mapping[str, int | None] | None = None,
    ) -> None:
        self._kinds = {kind.name: kind for kind in KNOWN}
        if phone_region:
            self._kinds[PHONE] = _phone_of(phone_region)
        self._kinds.update(_checked(custom))
        self._refused = frozenset(value.strip().casefold() for value in refused)
        self._limits: dict[str, int | None] = {
            name: kind.limit for name, kind in self._kinds.items() if kind.limit is not None
        }
        self._limits.update(limits or {})
        #: As many identifiers are too many of no type.
        self.least_limit = min([DEFAULT_LIMIT, *(limit for limit in self._limits.values() if limit is not None)])
        #: The types of which only a keyed hash is stored.
        self.secret_types = frozenset(name for name, kind in self._kinds.items() if kind.secret)

    def normal_form(self, raw: Any, hash_key: bytes, *, refuse: bool = True) -> Identifier:
        """The identifier that ``raw`` means.

        Unicode NFC, trimmed; then as its type says, and without a known type byte for byte. Without a type, an e-mail
        address gets the type ``email``, and an anonymous user's token ``anonymous``. A number becomes a string. The
        value of a secret is replaced by its keyed hash (HMAC-SHA-256).

        Args:
            raw: any of `IdentifierInput`.
            hash_key: the formation's key for hashing secrets.
            refuse: off only to find, and take away, what was linked before it was refused.

        Raises:
            InvalidIdentifierError: not one of the forms, empty, longer than 255 characters, with control characters,
                not of its type, or a refused value.
        """
        value, type = forms.value_and_type(raw)
        kind = self._kinds.get(type) if type.__class__ is str else None
        written = forms.clean(str(value))
        if kind is None:
            type = forms.type_name(type)
            kind = self._kinds.get(type) if type else self._recognised(written)
        normal = written if kind is None else kind.normal(written)
        if refuse and self._is_refused(normal, kind):
            raise InvalidIdentifierError(
                f"{normal!r} is nobody's: programs write it when they do not know the user. Pass what the channel "
                "knows the user by. The setting identity.refused_values lists what is refused."
            )
        if kind is None:
            hashed = normal if type else forms.keyed_hash(normal, hash_key)
            return Identifier(normal, type, written, hashed)
        if kind.secret:
            hashed = forms.keyed_hash(normal, hash_key)
            return Identifier(hashed, kind.name, (kind.shown or forms.masked)(normal), hashed)
        return Identifier(normal, kind.name, kind.shown(normal) if kind.shown else written, normal)

    def limit(self, type: str) -> int | None:
        """How many identifiers of a type a user may have; ``None``: any number."""
        return self._limits.get(type, DEFAULT_LIMIT if type else None)

    def check_limits(self, writer: HasIdentifiers, user_id: UserId, identifiers: Iterable[Typed]) -> None:
        """Refuses what a user now has too many of. Called after linking, in the transaction that links.

        Args:
            writer: the transaction.
            user_id: a canonical user, locked or made by this transaction.
            identifiers: what was linked: only their types are counted.

        Raises:
            IdentifierLimitError: naming the type and the limit.
        """
        limits = {one.type: limit for one in identifiers if (limit := self.limit(one.type)) is not None}
        if not limits:
            return
        counts = Counter(one.type for one in writer.identifiers(user_id))
        for type, limit in sorted(limits.items()):
            if counts[type] > limit:
                raise IdentifierLimitError(
                    f"A user may have {limit} identifiers of type {type!r}. Nothing was changed: unlink one first, or "
                    "raise identity.limits.",
                    type=type,
                    limit=limit,
                )

    def _recognised(self, written: str) -> IdentifierKind | None:
        """The type of a value without one, if its shape tells."""
        if written.startswith(TOKEN_START) and len(written) >= TOKEN_LENGTH:
            return self._kinds[ANONYMOUS]
        if "@" not in written and written.isascii():
            return None
        return self._kinds[EMAIL] if forms.is_email(written) else None

    def _is_refused(self, normal: str, kind: IdentifierKind | None) -> bool:
        value = normal.partition("|")[2] if kind is not None and kind.name == OIDC else normal
        return value.casefold() in self._refused


def _guarded(kind: IdentifierKind) -> IdentifierKind:
    """The same kind, whose forms are fit to be stored, whatever its functions make."""

    def normal(written: str) -> str:
        try:
            return forms.clean(kind.normal(written))
        except ValueError as error:
            raise InvalidIdentifierError(f"The value is not an identifier of type {kind.name!r}.") from error

    return replace(kind, normal=normal, shown=_plain(kind.shown) if kind.shown else None)


def _plain(show: Callable[[str], str]) -> Callable[[str], str]:
    """The same function, whose texts are of no class of an application's own."""
    return lambda value: str(show(value))


def _phone_of(region: str) -> IdentifierKind:
    if not forms.known_region(region):
        raise SettingsError(f"identity.phone_region: nobody dials in {region!r}. Use two capital letters, like DE.")
    return IdentifierKind(PHONE, partial(forms.phone, region=region), shown=forms.as_written)


def _checked(custom: Iterable[IdentifierKind]) -> dict[str, IdentifierKind]:
    checked: dict[str, IdentifierKind] = {}
    for kind in custom:
        try:
            fits = forms.type_name(kind.name) == kind.name != ""
        except InvalidIdentifierError:
            fits = False
        if not fits:
            raise SettingsError(f"{kind.name!r} cannot name a type of identifiers. Use a-z, 0-9, '_' and '-'.")
        if kind.name in checked:
            raise SettingsError(f"The type {kind.name!r} is there twice among the identifier kinds.")
        if kind.name in SECRET_TYPES and not kind.secret:
            raise SettingsError(f"The type {kind.name!r} is of secrets. Set secret=True, or choose another name.")
        checked[kind.name] = _guarded(kind)
    return checked
