"""Who is who: users, identifiers, proofs, merges, exports."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from muxi.ids import new_user_id
from tests.fuzz.connection import Answer
from tests.fuzz.model import ACTING, EVERYBODY, Call
from tests.fuzz.pick import Pick
from tests.fuzz.routes import keeps, way
from tests.fuzz.words import ACTORS, CONTENT, IDENTITY, LABEL
from tests.fuzz.world import FORMATIONS, World
from tests.support.identity_provider import IdentityProvider

PROVIDER = IdentityProvider()
LONG_AGO = "2000-01-01T00:00:00Z"


def _stranger(world: World, call: Call, answer: Answer) -> None:
    """A user whom nothing else knows: may be disabled, merged, erased."""
    if b"stranger" in call.body:
        world.spare[call.formation, "user"].append(answer.json["muxi_user_id"])


@way("post", "/v1/users/resolve", weight=2, of=EVERYBODY, names="", learn=_stranger)
def resolve(pick: Pick) -> tuple[str, Any]:
    person = pick.world.person_in(pick.formation)
    identifier = pick.rng.choice((pick.stranger(), person.identifiers[0][0], person.user_id))
    return "/v1/users/resolve", {"identifier": identifier}


@way("get", "/v1/users", shows=IDENTITY, of=EVERYBODY, names="")
def list_users(pick: Pick) -> tuple[str, Any]:
    person = pick.world.person_in(pick.formation)
    search = pick.rng.choice(("", person.identifiers[0][0][:9], person.user_id))
    return f"/v1/users?limit=20&search={search}", None


@way("get", "/v1/users/{user_id}", weight=2, shows=IDENTITY, names="")
def get_user(pick: Pick) -> tuple[str, Any]:
    return f"/v1/users/{pick.target()}", None


@way("get", "/v1/users/{user_id}/details", shows=IDENTITY, names="")
def show_user(pick: Pick) -> tuple[str, Any]:
    return f"/v1/users/{pick.target()}/details", None


@way(
    "get",
    "/v1/users/{user_id}/export",
    shows=IDENTITY + CONTENT + LABEL + ACTORS,
    any_with="users:export",
    names="proven",
)
def export(pick: Pick) -> tuple[str, Any]:
    return f"/v1/users/{pick.target()}/export?format={pick.rng.choice(('json', 'jsonl'))}", None


@way("delete", "/v1/users/{user_id}/data", weight=0.5, any_with="users:erase", names="proven")
def delete_data(pick: Pick) -> tuple[str, Any]:
    return f"/v1/users/{pick.target()}/data?before={LONG_AGO}", None


def _spare_user(pick: Pick, *, keep: bool) -> str:
    """A user who may be lost, or one of another formation, who must not be: never one of the people here."""
    pick.call.of = EVERYBODY
    found = pick.spare("user", keep=keep)
    if found is not None and pick.chance(0.8):
        return str(found)
    other = pick.world.person_in(next(one for one in FORMATIONS if one != pick.formation))
    pick.call.owners.add(other.name)
    return pick.rng.choice((other.user_id, new_user_id()))


@way("delete", "/v1/users/{user_id}", weight=0.5, names="")
def erase(pick: Pick) -> tuple[str, Any]:
    return f"/v1/users/{_spare_user(pick, keep=False)}", None


@way("post", "/v1/users/{user_id}/disable", weight=0.5, shows=IDENTITY, names="")
def disable(pick: Pick) -> tuple[str, Any]:
    return f"/v1/users/{_spare_user(pick, keep=True)}/disable", None


@way("post", "/v1/users/{user_id}/enable", weight=0.5, shows=IDENTITY, names="")
def enable(pick: Pick) -> tuple[str, Any]:
    return f"/v1/users/{_spare_user(pick, keep=True)}/enable", None


@way("post", "/v1/users/expire", weight=0.2, of=EVERYBODY, names="")
def expire(pick: Pick) -> tuple[str, Any]:
    return "/v1/users/expire", None


@way("post", "/v1/users/restore", weight=0.3, of=EVERYBODY, names="")
def restore(pick: Pick) -> tuple[str, Any]:
    document = pick.spare("export")
    pick.call.owners.clear()  # who has the file may restore it anywhere
    return "/v1/users/restore", document if document else {"format": "muxi.user"}


@way("post", "/v1/users/anonymous", of=EVERYBODY, names="", learn=keeps("visitor", "token"))
def visit(pick: Pick) -> tuple[str, Any]:
    return "/v1/users/anonymous", {"expires_in": pick.rng.choice((1, 3600))}


@way("post", "/v1/users/sign-in", weight=0.5, shows=IDENTITY, of=EVERYBODY, names="")
def sign_in(pick: Pick) -> tuple[str, Any]:
    token = pick.spare("visitor")
    if token is None:
        pick.call.owners.add("nobody")
    return "/v1/users/sign-in", {"token": token or "anon_" + "0" * 43, "identifier": pick.stranger(), "type": "email"}


@way("post", "/v1/users/merge", weight=0.5, shows=CONTENT, of=EVERYBODY, names="", learn=keeps("merge", "merge_id"))
def merge(pick: Pick) -> tuple[str, Any]:
    if pick.chance(0.5):  # only to be told what they hold: nothing comes of it
        one, other = (pick.world.person_in(pick.formation) for _ in range(2))
        return "/v1/users/merge", {"users": [one.user_id, other.user_id], "dry_run": True}
    return "/v1/users/merge", {"users": [_spare_user(pick, keep=False), _spare_user(pick, keep=False)]}


@way("post", "/v1/users/split", weight=0.5, of=EVERYBODY, names="")
def split(pick: Pick) -> tuple[str, Any]:
    return "/v1/users/split", {"merge_id": pick.spare("merge") or pick.id("mrg")}


@way("get", "/v1/merges")
def merges(pick: Pick) -> tuple[str, Any]:
    return "/v1/merges", None


@way("get", "/v1/identifiers", weight=3, shows=IDENTITY)
def identifiers(pick: Pick) -> tuple[str, Any]:
    return "/v1/identifiers", None


@way("post", "/v1/identifiers", shows=IDENTITY, names="body", more=True)
def associate(pick: Pick) -> tuple[str, Any]:
    wanted = [pick.stranger()]
    if pick.chance(0.3):  # somebody else's: a conflict
        other = pick.world.person_in(pick.formation)
        wanted.append(other.identifiers[0][0])
        if pick.acting is None or other.name != pick.acting.name:
            pick.call.owners.add(other.name)
            # Administrators are told whose it is.
            pick.call.of = EVERYBODY if pick.may("identities:merge") else ACTING
    body: dict[str, Any] = {"identifiers": wanted}
    if not pick.may("identities:merge") and pick.chance(0.3):
        body |= {"merge": True, "verified": True}
    return "/v1/identifiers", body


def _linked(world: World, call: Call, answer: Answer) -> None:
    if answer.json["linked"] and b"dry_run" not in call.body:
        world.spare[call.formation, "linked"].append(json.loads(call.body)["groups"][0]["identifiers"][0])


@way("post", "/v1/identifiers/unlink", weight=0.5, shows=IDENTITY, of=EVERYBODY, names="")
def unlink(pick: Pick) -> tuple[str, Any]:
    person = pick.world.person_in(pick.formation)
    if not pick.may_use_up or not pick.may("identities:write"):
        return "/v1/identifiers/unlink", {"identifier": person.identifiers[0][0], "force": True}
    # Nobody of the people here loses one.
    return "/v1/identifiers/unlink", {"identifier": pick.spare("linked") or pick.stranger()}


@way("post", "/v1/identifiers/bulk", weight=0.5, shows=IDENTITY, of=EVERYBODY, names="", learn=_linked)
def bulk(pick: Pick) -> tuple[str, Any]:
    if pick.chance(0.5):
        one, other = (pick.world.person_in(pick.formation).identifiers[0][0] for _ in range(2))
        return "/v1/identifiers/bulk", {"groups": [{"identifiers": [one, other]}], "dry_run": True}
    return "/v1/identifiers/bulk", {"groups": [{"identifiers": [pick.stranger(), pick.stranger()]}]}


@way("post", "/v1/identifiers/import", weight=0.3, shows=IDENTITY, of=EVERYBODY, names="", content_type="text/csv")
def import_file(pick: Pick) -> tuple[str, Any]:
    name = f"crm-{pick.world.number()}"
    return "/v1/identifiers/import", f"user,identifier,type\n{name},{pick.stranger()},email\n"


@way("post", "/v1/identifiers/id-token", weight=0.5, shows=IDENTITY, names="body")
def id_token(pick: Pick) -> tuple[str, Any]:
    acting = pick.acting
    # Of a bound caller who names another it is nobody's.
    good = acting is not None and acting.formation == pick.formation and not acting.gone and pick.chance(0.7)
    subject = pick.world.words.of(acting.name, IDENTITY) if good and acting else "nobody"
    token = PROVIDER.token(datetime.now(UTC), subject) if good else "eyJhbGciOiJub25lIn0.e30."
    return "/v1/identifiers/id-token", {"id_token": token}


def _code(world: World, call: Call, answer: Answer) -> None:
    world.spare[call.formation, "code"].append((answer.json["code"], call.credential))


@way("post", "/v1/verifications", shows=IDENTITY, names="body", learn=_code)
def start_verification(pick: Pick) -> tuple[str, Any]:
    return "/v1/verifications", {"identifier": pick.stranger()}


@way("post", "/v1/verifications/confirm", weight=0.5, shows=IDENTITY, of=EVERYBODY, names="")
def confirm(pick: Pick) -> tuple[str, Any]:
    code, asked = pick.spare("code") or ("0000-000000", None)
    if asked is not None and pick.chance(0.7):  # only who asked for it can bring it back
        pick.call.credential = asked
    return "/v1/verifications/confirm", {"code": code}


@way("post", "/v1/link-tokens", of=EVERYBODY, names="", learn=keeps("link token", "token"))
def link_token(pick: Pick) -> tuple[str, Any]:
    return "/v1/link-tokens", {"identifier": pick.stranger()}


@way("post", "/v1/link-tokens/redeem", shows=IDENTITY, names="body")
def redeem(pick: Pick) -> tuple[str, Any]:
    return "/v1/link-tokens/redeem", {"token": pick.spare("link token") or "eyJhbGciOiJub25lIn0.e30."}
