"""The permissions, the roles, and the one place that decides who may do what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from muxi.core.access.types import Role
from muxi.errors import InvalidInputError, PermissionDeniedError

#: Every permission: a verb on a kind of thing.
PERMISSIONS: Mapping[str, str] = {
    "chat:write": "say something, and be answered",
    "sessions:read": "read conversations",
    "sessions:write": "open and end conversations",
    "memories:read": "read and search what is remembered",
    "memories:write": "remember and forget",
    "context:read": "read what is known of a user",
    "context:write": "change what is known of a user",
    "preferences:read": "read a user's choices",
    "preferences:write": "make a user's choices",
    "teams:read": "see the acting user's teams, and read what they share",
    "teams:share": "share with the acting user's teams, and let in and put out where the user is a manager",
    "teams:write": "make and delete teams, and reach any of them without a user",
    "data:export": "export the acting user, if proven",
    "data:delete": "delete what the acting user said, if proven",
    "credentials:read": "list the acting user's credentials, without the secrets, if proven",
    "credentials:write": "store and delete the acting user's credentials, if proven",
    "credentials:reveal": "be handed any user's secrets",
    "identities:read": "read a user's identifiers and merges",
    "identities:prove": "link what a token proves to be the acting user's",
    "identities:write": "resolve, link and unlink identifiers, give out codes and tokens that prove them",
    "identities:merge": "make users one, undo it, and say what is proven",
    "identities:import": "link the identifiers of many users",
    "users:read": "list users, and look at any",
    "users:write": "shut users out, and let them in again",
    "users:export": "export any user",
    "users:erase": "erase any user, or what they said",
    "users:restore": "bring exported users back",
    "extraction:read": "see how reading what users say stands",
    "extraction:write": "read again what could not be read",
    "audit:read": "read and check the audit",
    "tokens:write": "make and revoke tokens of users",
    "keys:read": "list keys",
    "keys:write": "make, replace and revoke keys",
    "roles:read": "list roles",
    "roles:write": "make, change and remove roles, and change with what tokens are signed",
}

#: What is about one user: more a caller that acts for one user only never has, whatever its role.
OF_ONE_USER = frozenset(
    {
        "chat:write",
        "sessions:read",
        "sessions:write",
        "memories:read",
        "memories:write",
        "context:read",
        "context:write",
        "preferences:read",
        "preferences:write",
        "teams:read",
        "teams:share",
        "data:export",
        "data:delete",
        "credentials:read",
        "credentials:write",
        "identities:read",
        "identities:prove",
    }
)

USER, DEVELOPER, SUPPORT, ADMIN, OWNER = "user", "developer", "support", "admin", "owner"

#: The roles that every formation has.
ROLES: Mapping[str, Role] = {
    role.name: role
    for role in (
        Role(OWNER, "everything; the admin key of the settings has it", frozenset(PERMISSIONS)),
        Role(ADMIN, "everything but roles and signing keys", frozenset(PERMISSIONS) - {"roles:write"}),
        Role(
            SUPPORT,
            "who people are, and nothing of what they said",
            frozenset({"identities:read", "users:read", "audit:read"}),
        ),
        Role(
            DEVELOPER,
            "an application, for all its users; the client key of the settings has it",
            OF_ONE_USER | {"teams:write", "identities:write", "tokens:write"},
        ),
        Role(USER, "one user, for themself; every user's token has it", OF_ONE_USER),
    )
}


def require(permissions: frozenset[str], needed: str) -> None:
    """The decision: everything that asks whether a caller may do something asks here.

    Args:
        permissions: the caller's, as `granted` gave them.
        needed: one of `PERMISSIONS`.

    Raises:
        PermissionDeniedError: it is not among them; ``details["permission"]`` names it.
    """
    if needed not in permissions:
        raise PermissionDeniedError(f"This needs the permission {needed}.", permission=needed)


def granted(role: Role | None, scopes: Iterable[str] | None, *, bound: bool) -> frozenset[str]:
    """What a caller may do.

    Args:
        role: ``None`` for one that is not there any more: nothing.
        scopes: as `expanded` takes them; ``None``: all that the role may.
        bound: whether it acts for one user only.
    """
    permissions = role.permissions if role else frozenset()
    if scopes is not None:
        permissions &= expanded(scopes)
    return permissions & OF_ONE_USER if bound else permissions


def expanded(scopes: Iterable[str]) -> frozenset[str]:
    """The permissions that scopes mean: each is one (``memories:read``), or all of a kind (``memories:*``).

    Raises:
        InvalidInputError: one means nothing.
    """
    found: set[str] = set()
    for scope in scopes:
        kind, _, verb = scope.partition(":")
        meant = {name for name in PERMISSIONS if name == scope or (verb == "*" and name.startswith(f"{kind}:"))}
        if not meant:
            raise InvalidInputError(f"{scope[:64]!r} is not a permission. Take one of: {', '.join(PERMISSIONS)}.")
        found |= meant
    return frozenset(found)


def is_admin(permissions: frozenset[str]) -> bool:
    """Whether these are at least an administrator's."""
    return permissions >= ROLES[ADMIN].permissions


def may_grant(own: frozenset[str], wanted: frozenset[str]) -> None:
    """Nobody gives what they do not have.

    Raises:
        PermissionDeniedError: something of ``wanted`` is not among one's own.
    """
    if beyond := sorted(wanted - own):
        raise PermissionDeniedError(f"You cannot give what you may not do: {', '.join(beyond)}.", permission=beyond[0])


def role_table() -> str:
    """The permissions of every role, as the table of docs/access.md."""
    names = [USER, DEVELOPER, SUPPORT, ADMIN, OWNER]
    lines = [f"| permission | means | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    for permission, meaning in PERMISSIONS.items():
        marks = ["yes" if permission in ROLES[name].permissions else "" for name in names]
        lines.append(f"| `{permission}` | {meaning} | {' | '.join(marks)} |")
    return "\n".join(lines)
