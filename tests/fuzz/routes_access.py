"""Keys, tokens, roles, the audit, and what needs no key."""

from __future__ import annotations

from typing import Any

from muxi.ids import new_key_id
from tests.fuzz.model import EVERYBODY
from tests.fuzz.pick import Pick
from tests.fuzz.routes import keeps, way


@way("get", "/v1/access", weight=2, names="")
def access(pick: Pick) -> tuple[str, Any]:
    return "/v1/access", None


@way("get", "/v1/audit", of=EVERYBODY, names="")
def audit(pick: Pick) -> tuple[str, Any]:
    return "/v1/audit?limit=20", None


@way("get", "/v1/audit/verify", weight=0.02, of=EVERYBODY, names="")
def verify_audit(pick: Pick) -> tuple[str, Any]:
    return "/v1/audit/verify", None


def _key_id(pick: Pick, kind: str, *, keep: bool) -> str:
    found = pick.spare(kind, keep=keep)
    if found is not None and pick.chance(0.8):
        return str(found)
    elsewhere = [one for one in pick.world.credentials if one.key_id and one.formation != pick.formation]
    pick.call.owners.add("elsewhere")
    return pick.rng.choice((pick.rng.choice(elsewhere).key_id, str(new_key_id())))


@way("get", "/v1/keys", of=EVERYBODY, names="")
def list_keys(pick: Pick) -> tuple[str, Any]:
    return "/v1/keys?limit=20", None


@way("post", "/v1/keys", weight=0.5, of=EVERYBODY, names="", learn=keeps("key", "record.key_id"))
def create_key(pick: Pick) -> tuple[str, Any]:
    return "/v1/keys", {"role": "reader", "name": pick.world.agents[pick.formation]}


@way("get", "/v1/keys/{key_id}", of=EVERYBODY, names="")
def get_key(pick: Pick) -> tuple[str, Any]:
    return f"/v1/keys/{_key_id(pick, 'key', keep=True)}", None


@way("post", "/v1/keys/{key_id}/rotate", weight=0.3, of=EVERYBODY, names="", learn=keeps("key", "record.key_id"))
def rotate_key(pick: Pick) -> tuple[str, Any]:
    return f"/v1/keys/{_key_id(pick, 'key', keep=False)}/rotate", {"overlap": 0}


@way("delete", "/v1/keys/{key_id}", weight=0.3, of=EVERYBODY, names="")
def revoke_key(pick: Pick) -> tuple[str, Any]:
    return f"/v1/keys/{_key_id(pick, 'key', keep=False)}", None


@way("post", "/v1/tokens", weight=0.5, names="body", learn=keeps("jti", "jti"))
def create_token(pick: Pick) -> tuple[str, Any]:
    return "/v1/tokens", {"expires_in": 60}


@way("post", "/v1/tokens/revoke", weight=0.5, of=EVERYBODY, names="")
def revoke_token(pick: Pick) -> tuple[str, Any]:
    if pick.chance(0.3):
        pick.call.owners.add("nobody")
        return "/v1/tokens/revoke", {"token": "eyJhbGciOiJub25lIn0.e30."}  # pragma: allowlist secret
    jti = pick.spare("jti")
    pick.call.owners.clear()  # one that is not there can be revoked as well
    return "/v1/tokens/revoke", {"jti": jti or "made-up"}


@way("post", "/v1/tokens/rotate", weight=0.05, of=EVERYBODY, names="")
def rotate_signing_key(pick: Pick) -> tuple[str, Any]:
    return "/v1/tokens/rotate", None


@way("get", "/v1/.well-known/jwks.json", weight=0.3, names="")
def public_keys(pick: Pick) -> tuple[str, Any]:
    return "/v1/.well-known/jwks.json", None


@way("get", "/v1/roles", weight=0.5, of=EVERYBODY, names="")
def list_roles(pick: Pick) -> tuple[str, Any]:
    return "/v1/roles", None


@way("put", "/v1/roles/{name}", weight=0.3, of=EVERYBODY, names="", learn=keeps("role", "name"))
def put_role(pick: Pick) -> tuple[str, Any]:
    return f"/v1/roles/role{pick.world.number()}", {
        "permissions": ["memories:read"],
        "description": pick.world.agents[pick.formation],
    }


@way("delete", "/v1/roles/{name}", weight=0.3, of=EVERYBODY, names="")
def remove_role(pick: Pick) -> tuple[str, Any]:
    role = pick.spare("role")
    if role is None:
        pick.call.owners.add("nobody")
    return f"/v1/roles/{role or 'none'}", None


@way("get", "/health", weight=0.1, names="")
def health(pick: Pick) -> tuple[str, Any]:
    return "/health", None


@way("get", "/ready", weight=0.1, names="")
def ready(pick: Pick) -> tuple[str, Any]:
    return "/ready", None
