"""A JSON Schema that a formation's contexts have to fit. Loaded only where one is set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import validator_for
from referencing import Registry

from muxi.core.memory.facts import Document
from muxi.core.memory.paths import path_of
from muxi.errors import InvalidContextError, SettingsError

MOST_FAULTS = 20


class ContextSchema:
    """What a context may hold.

    Args:
        schema: a JSON Schema, draft 2020-12 unless it names another. It refers to nothing outside itself.

    Raises:
        SettingsError: it is no JSON Schema.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        kind = validator_for(schema, default=Draft202012Validator)
        try:
            kind.check_schema(schema)
        except SchemaError as error:
            raise SettingsError(f"memory.context_schema is no JSON Schema: {error.message}.") from error
        # An empty registry fetches nothing.
        self._validator = kind(schema, registry=Registry())

    def check(self, before: Document, after: Document) -> None:
        """Refuses a change after which something does not fit that fitted before.

        Raises:
            InvalidContextError: ``details["errors"]`` says where and against which rule.
        """
        faults = dict(self._faults(after))
        if faults and (new := faults.keys() - dict(self._faults(before)).keys()):
            told = [faults[key] for key in faults if key in new][:MOST_FAULTS]
            where = told[0]["where"] or "the context"
            raise InvalidContextError(
                f"{where} does not fit the formation's schema of contexts ({told[0]['problem']}).", errors=told
            )

    def _faults(self, document: Document) -> Iterator[tuple[tuple[str, str], dict[str, str]]]:
        for error in self._validator.iter_errors(document):
            where, rule = _where(error), "/".join(str(part) for part in error.absolute_schema_path)
            yield (where, rule), {"where": where, "problem": rule}


def _where(error: ValidationError) -> str:
    return path_of(str(part) for part in error.absolute_path)
