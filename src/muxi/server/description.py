"""The OpenAPI document: what the framework finds out, and the headers that `caller` reads by itself."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from muxi.server.caller import ADMIN_KEY, CLIENT_KEY, REQUEST_KEY, USER, USER_TYPE

SCHEMES = {
    "ClientKey": {"type": "apiKey", "in": "header", "name": CLIENT_KEY, "description": "Opens the formation."},
    "AdminKey": {
        "type": "apiKey",
        "in": "header",
        "name": ADMIN_KEY,
        "description": "Opens the formation, administration included.",
    },
}
HEADERS = {
    USER: "The acting user, by any identifier or usr_ id, as UTF-8.",
    USER_TYPE: "The type of that identifier.",
}
REPEATABLE = ("/v1/chat", "/v1/memories")
FOR_ADMINS = frozenset(
    {
        "post /v1/users/merge",
        "post /v1/users/split",
        "get /v1/users",
        "get /v1/users/{user_id}/details",
        "post /v1/users/{user_id}/disable",
        "post /v1/users/{user_id}/enable",
        "delete /v1/users/{user_id}",
        "post /v1/users/restore",
        "post /v1/users/expire",
        "post /v1/identifiers/bulk",
        "get /v1/audit",
        "get /v1/audit/verify",
    }
)


def describe(app: FastAPI) -> None:
    """Completes the application's OpenAPI document, once its routes are there."""
    document = app.openapi()
    document["components"]["securitySchemes"] = SCHEMES
    for path, operations in document["paths"].items():
        if path.startswith("/v1/"):
            for method, operation in operations.items():
                admin_only = f"{method} {path}" in FOR_ADMINS
                operation["security"] = [{name: []} for name in SCHEMES if name == "AdminKey" or not admin_only]
                _add_headers(operation, repeatable=method == "post" and path in REPEATABLE)


def _add_headers(operation: dict[str, Any], *, repeatable: bool) -> None:
    headers = HEADERS | ({REQUEST_KEY: "A repeat with the same key is stored once."} if repeatable else {})
    operation.setdefault("parameters", []).extend(
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": text}
        for name, text in headers.items()
    )
