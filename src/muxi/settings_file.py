"""Reads a formation.yaml: secrets put in, every wrong setting named with its file and key."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from dotenv import dotenv_values
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from muxi.errors import SettingsError
from muxi.settings import FormationSettings

SECRETS_FILE = "secrets.env"

_PLACEHOLDER = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_SECRET = re.compile(r"\s*secrets\.([A-Za-z_][A-Za-z0-9_]*)\s*")
_LONGEST_SHOWN = 80
_PLAIN = {
    "missing": "it is needed, and not there",
    "invalid_key": "the name of a setting must be text",
    "model_type": "it must be a mapping of settings",
}

Key = str | int


def load(
    path: Path, secrets_file: Path | None = None, environment: Mapping[str, str] | None = None
) -> FormationSettings:
    """The settings of one formation.

    ``${{ secrets.NAME }}`` anywhere in a value is replaced: by the environment variable NAME if there is one, else
    by the line ``NAME=value`` of the secrets file.

    Args:
        path: the YAML file.
        secrets_file: must exist if given; if not, ``secrets.env`` beside ``path`` is read where there is one.
        environment: instead of the process's.

    Raises:
        SettingsError: the file cannot be read, is not YAML, has a key twice, names a secret that is not set, or a
            setting is unknown or wrong. The message says file, key, what was given and what is allowed; the value of
            a secret never.
    """
    document = _parsed(path)
    secrets = _Secrets(path, secrets_file, os.environ if environment is None else environment)
    filled = _filled(document, (), secrets.fill)
    try:
        return FormationSettings.model_validate(filled)
    except ValidationError as error:
        problems = [_problem(one, document) for one in error.errors(include_url=False)]
        # Not "from error": it holds the values.
        raise _wrong(path, problems) from None


def _parsed(path: Path) -> Mapping[str, Any]:
    try:
        # A loader of PyYAML's safe kind: plain values only, nothing is constructed.
        document = yaml.load(_read(path), Loader=_Loader)  # nosec B506
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise SettingsError(f"{path}: {place}{getattr(error, 'problem', None) or 'it is not YAML'}.") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise SettingsError(f"{path}: it holds {_kind(document)}; it must hold settings, like 'id: default'.")
    return document


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: it is not UTF-8 text.") from None
    except OSError as error:
        raise SettingsError(f"{path}: it cannot be read ({error.strerror}).") from None


class _Loader(yaml.SafeLoader):
    """Plain values, and no key twice: of two the last would win, unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                twice = f"the key {key.value!r} is there twice"
                raise yaml.constructor.ConstructorError(None, None, twice, key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


class _Secrets:
    """Where ``${{ secrets.NAME }}`` gets its value."""

    def __init__(self, path: Path, secrets_file: Path | None, environment: Mapping[str, str]) -> None:
        self._path = path
        self._file = secrets_file or path.parent / SECRETS_FILE
        self._environment = environment
        if secrets_file is not None and not secrets_file.is_file():
            raise SettingsError(f"{secrets_file}: there is no such secrets file.")
        self._stored = _secrets_of(self._file) if self._file.is_file() else {}

    def fill(self, value: str, key: tuple[Key, ...]) -> str:
        return _PLACEHOLDER.sub(lambda found: self._value(found.group(1), key), value)

    def _value(self, inside: str, key: tuple[Key, ...]) -> str:
        named = _SECRET.fullmatch(inside)
        if named is None:
            raise _wrong(self._path, [f"{_dotted(key)}: ${{{{{inside}}}}} is not ${{{{ secrets.NAME }}}}"])
        name = named.group(1)
        value = self._environment.get(name, self._stored.get(name))
        if value is None:
            missing = f"the secret {name} is not set. Set the environment variable {name}, or write {name}=... into"
            raise _wrong(self._path, [f"{_dotted(key)}: {missing} {self._file}"])
        return value


def _secrets_of(file: Path) -> Mapping[str, str | None]:
    try:
        return dotenv_values(file, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: it cannot be read ({type(error).__name__}).") from None


def _filled(value: Any, key: tuple[Key, ...], fill: Callable[[str, tuple[Key, ...]], str]) -> Any:
    if isinstance(value, str):
        return fill(value, key)
    if isinstance(value, dict):
        # A key without a value (all below it commented out, say) has its default.
        return {name: _filled(inner, (*key, name), fill) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_filled(inner, (*key, place), fill) for place, inner in enumerate(value)]
    return value


def _wrong(path: Path, problems: list[str]) -> SettingsError:
    if len(problems) == 1:
        return SettingsError(f"{path}: {problems[0]}.", file=str(path), problems=problems)
    listed = "".join(f"\n  {problem}." for problem in problems)
    return SettingsError(f"{path}: {len(problems)} settings are wrong:{listed}", file=str(path), problems=problems)


def _problem(error: ErrorDetails, document: Mapping[str, Any]) -> str:
    """One sentence: the key, what was given, what is allowed."""
    key = error["loc"]
    section, annotation = _declared(key)
    if error["type"] == "extra_forbidden":
        allowed = sorted(section.model_fields)
        return f"{_dotted(key)}: there is no such setting{_guess(str(key[-1]), allowed)}. Allowed: {', '.join(allowed)}"
    if error["type"] == "value_error":
        return f"{_dotted(key) or 'the formation'}: {error['msg'].removeprefix('Value error, ')}"
    if error["type"] in _PLAIN:
        return f"{_dotted(key)}: {_PLAIN[error['type']]}"
    given = _given(document, key, annotation)
    if choices := _choices(annotation):
        return f"{_dotted(key)}: it is {given}{_guess(given.strip(chr(39)), choices)}. Allowed: {', '.join(choices)}"
    return f"{_dotted(key)}: it is {given}; {_demand(error['msg'])}"


def _demand(message: str) -> str:
    message = message.replace("items after validation", "characters")
    return "it" + message.removeprefix("Input").removeprefix("Value").removeprefix("String")


def _guess(given: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(given, allowed, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _given(document: Any, key: tuple[Key, ...], annotation: Any) -> str:
    """What the file says there: a secret's placeholder, never its value."""
    for part in key:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return "something else"
    if SecretStr in (annotation, *get_args(annotation)) and not isinstance(document, dict | list):
        return "a hidden value"
    if isinstance(document, dict | list):
        return _kind(document)
    shown = repr(document)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"


def _declared(key: tuple[Key, ...]) -> tuple[type[BaseModel], Any]:
    """The section that holds a key, and the type of the setting there (``None`` if there is none)."""
    section: type[BaseModel] = FormationSettings
    annotation: Any = FormationSettings
    for part in key:
        if isinstance(part, int):
            continue
        inner = _section(annotation)
        if inner is None:
            break
        section = inner
        field = section.model_fields.get(part)
        annotation = field.annotation if field else None
    return section, annotation


def _section(annotation: Any) -> type[BaseModel] | None:
    kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
    return next((kind for kind in kinds if issubclass(kind, BaseModel)), None)


def _choices(annotation: Any) -> list[str]:
    return [str(choice) for choice in get_args(annotation)] if get_origin(annotation) is Literal else []


def _kind(value: Any) -> str:
    names: dict[type, str] = {dict: "a mapping", list: "a list", str: "text"}
    return names.get(type(value), type(value).__name__)


def _dotted(key: tuple[Key, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")
