"""What the library does about identity, every door does: HTTP, both clients, the command line and the documents."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from muxi import AsyncFormationClient, FormationClient
from muxi.client import proofs as client_proofs
from muxi.client import users as client_users
from muxi.core.audit.service import Audit
from muxi.core.identity.anonymous import AnonymousUsers
from muxi.core.identity.bulk import Bulk
from muxi.core.identity.id_tokens import IdTokens
from muxi.core.identity.link_tokens import LinkTokens
from muxi.core.identity.merging import Merges
from muxi.core.identity.proofs import Proofs
from muxi.core.identity.service import Identities
from muxi.core.identity.users import Users
from muxi.core.privacy.deletion import Deletion
from muxi.core.privacy.service import Privacy
from tests.acceptance.test_cli import commands

DOCS = Path(__file__).parents[2] / "docs"
CLIENTS: dict[type, dict[str, type]] = {
    FormationClient: {"users": client_users.Users, "proofs": client_proofs.Proofs},
    AsyncFormationClient: {"users": client_users.AsyncUsers, "proofs": client_proofs.AsyncProofs},
}
SERVICES = (Identities, Merges, Proofs, LinkTokens, IdTokens, AnonymousUsers, Users, Bulk, Privacy, Deletion, Audit)


class Doors(NamedTuple):
    """Where one thing is done."""

    route: str
    client: str
    command: str


MATRIX = {
    "Identities.resolve": Doors("POST /v1/users/resolve", "resolve_user", "muxi users resolve"),
    "Identities.get": Doors("GET /v1/users/{user_id}", "get_user", "muxi users show"),
    "Identities.identifiers": Doors("GET /v1/identifiers", "get_user_identifiers", "muxi users identifiers"),
    "Identities.associate": Doors("POST /v1/identifiers", "associate_user_identifiers", "muxi link"),
    "Identities.unlink": Doors("POST /v1/identifiers/unlink", "unlink_user_identifier", "muxi unlink"),
    "Merges.merge": Doors("POST /v1/users/merge", "merge_users", "muxi users merge"),
    "Merges.preview": Doors("POST /v1/users/merge", "merge_users", "muxi users merge"),
    "Merges.split": Doors("POST /v1/users/split", "split_merge", "muxi users split"),
    "Merges.of": Doors("GET /v1/merges", "list_merges", "muxi users merges"),
    "Proofs.start_verification": Doors("POST /v1/verifications", "proofs.start_verification", "muxi verify start"),
    "Proofs.confirm_verification": Doors(
        "POST /v1/verifications/confirm", "proofs.confirm_verification", "muxi verify confirm"
    ),
    "LinkTokens.create_link_token": Doors(
        "POST /v1/link-tokens", "proofs.create_link_token", "muxi link-tokens create"
    ),
    "LinkTokens.redeem_link_token": Doors(
        "POST /v1/link-tokens/redeem", "proofs.redeem_link_token", "muxi link-tokens redeem"
    ),
    "IdTokens.associate_id_token": Doors(
        "POST /v1/identifiers/id-token", "proofs.associate_id_token", "muxi verify id-token"
    ),
    "AnonymousUsers.resolve_anonymous": Doors(
        "POST /v1/users/anonymous", "proofs.resolve_anonymous", "muxi users anonymous"
    ),
    "AnonymousUsers.sign_in": Doors("POST /v1/users/sign-in", "proofs.sign_in", "muxi users sign-in"),
    "AnonymousUsers.expire_anonymous": Doors("POST /v1/users/expire", "users.expire_anonymous", "muxi users expire"),
    "Users.list": Doors("GET /v1/users", "users.list", "muxi users list"),
    "Users.show": Doors("GET /v1/users/{user_id}/details", "users.show", "muxi users show"),
    "Users.disable": Doors("POST /v1/users/{user_id}/disable", "users.disable", "muxi users disable"),
    "Users.enable": Doors("POST /v1/users/{user_id}/enable", "users.enable", "muxi users enable"),
    "Bulk.associate_many": Doors("POST /v1/identifiers/bulk", "users.associate_many", "muxi users import"),
    "Bulk.import_file": Doors("POST /v1/identifiers/import", "users.import_file", "muxi users import"),
    "Privacy.erase": Doors("DELETE /v1/users/{user_id}", "users.erase", "muxi users erase"),
    "Privacy.export": Doors("GET /v1/users/{user_id}/export", "users.export", "muxi users export"),
    "Privacy.restore": Doors("POST /v1/users/restore", "users.restore", "muxi users restore"),
    "Deletion.delete_data": Doors("DELETE /v1/users/{user_id}/data", "users.delete_data", "muxi users delete-data"),
    "Audit.newest": Doors("GET /v1/audit", "list_audit", "muxi audit"),
    "Audit.verify": Doors("GET /v1/audit/verify", "verify_audit", "muxi audit"),
}
#: Parts that the above are made of, or that other domains ask.
OF_THE_LIBRARY = {
    "Identities": {"find", "require_proven", "locate", "normal_form", "linkable", "note_claims", "noting_disputes"}
    | {"cached", "forget_cached", "forget_if"},
    "Merges": {"get"},
    "Proofs": {"look_up"},
    "IdTokens": {"subject"},
    "Users": {"locate"},
    "Bulk": {"import_opened"},
}


def test_nothing_is_for_the_library_only() -> None:
    """Every public method of the services of identity has its doors, or is a part of one that has."""
    for service in SERVICES:
        methods = {name for name in vars(service) if not name.startswith("_")}
        with_doors = {name.partition(".")[2] for name in MATRIX if name.startswith(f"{service.__name__}.")}
        assert methods == with_doors | OF_THE_LIBRARY.get(service.__name__, set()), service.__name__


@pytest.mark.parametrize("method", MATRIX)
def test_each_door_is_there_and_documented(method: str) -> None:
    """The route and the command have a heading in their documents, and both clients have the method."""
    route, client, command = MATRIX[method]
    assert re.search(rf"^### `{re.escape(route)}[`?]", (DOCS / "http-api.md").read_text(), re.MULTILINE), route
    name, _, part = client.partition(".")
    for kind, parts in CLIENTS.items():
        assert callable(getattr(parts[name] if part else kind, part or name)), client
    assert client.rpartition(".")[2] in (DOCS / "sdk.md").read_text() + (DOCS / "linking.md").read_text(), client
    assert command in commands()
