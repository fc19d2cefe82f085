"""The OpenAPI document: what the framework finds out, and the headers that `caller` reads by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from muxi.core.access.policy import DEVELOPER, ROLES
from muxi.server.caller import ANY
from muxi.server.credentials import ADMIN_KEY, API_KEY, CLIENT_KEY, REQUEST_KEY, USER, USER_TYPE
from muxi.server.problems import MEDIA_TYPE
from muxi.server.repeats import WRITING
from muxi.server.requirements import required

SCHEMES = {
    "ClientKey": {
        "type": "apiKey",
        "in": "header",
        "name": CLIENT_KEY,
        "description": "The client key of the settings: everything but administration.",
    },
    "AdminKey": {
        "type": "apiKey",
        "in": "header",
        "name": ADMIN_KEY,
        "description": "The admin key of the settings: everything.",
    },
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": API_KEY,
        "description": "A key that was made: what its role and scopes allow, for the user that it is bound to, or any.",
    },
    "Bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key, or a token of a user: that user's own matters.",
    },
}
HEADERS = {
    USER: "The acting user, by any identifier or usr_ id, as UTF-8.",
    USER_TYPE: "The type of that identifier.",
}

#: Schemas of answers that no route gives.
_OF_THE_FRAMEWORK = ("HTTPValidationError", "ValidationError")


class Described(FastAPI):
    """An application whose OpenAPI document is made when it is first asked for: it takes longer than all the rest."""

    def openapi(self) -> dict[str, Any]:
        """The document, complete."""
        if self.openapi_schema is None:
            _complete(super().openapi(), required(self))
        return super().openapi()


def _complete(document: dict[str, Any], permissions: Mapping[tuple[str, str], str | None]) -> None:
    document["components"]["securitySchemes"] = SCHEMES
    for name in _OF_THE_FRAMEWORK:
        document["components"]["schemas"].pop(name, None)
    for methods in document["paths"].values():
        for operation in methods.values():
            _tell_of_problems(operation["responses"])
    for (method, path), permission in permissions.items():
        operation = document["paths"].get(path, {}).get(method)
        if operation is not None and permission is not None:
            for_clients = permission == ANY or permission in ROLES[DEVELOPER].permissions
            operation["security"] = [{name: []} for name in SCHEMES if name != "ClientKey" or for_clients]
            operation["x-permission"] = permission
            _add_headers(operation, repeatable=method.upper() in WRITING)


def _tell_of_problems(responses: dict[str, Any]) -> None:
    """Every failure is a problem document; the framework would tell of another form, and of another media type."""
    responses.pop("422", None)
    content = responses["default"]["content"]
    responses["default"]["content"] = {MEDIA_TYPE: content.pop("application/json", None) or content[MEDIA_TYPE]}


def _add_headers(operation: dict[str, Any], *, repeatable: bool) -> None:
    headers = HEADERS | (
        {REQUEST_KEY: "A repeat with the same key is done once, and answered alike for a day."} if repeatable else {}
    )
    operation.setdefault("parameters", []).extend(
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": text}
        for name, text in headers.items()
    )
