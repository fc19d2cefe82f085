"""formation.yaml: what works, and how exactly each mistake is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from muxi.errors import SettingsError
from muxi.settings import FormationSettings
from muxi.settings_file import load

ROOT = Path(__file__).parents[2]
POSTGRES = "postgresql://u:hush-hush@db/muxi"  # pragma: allowlist secret
FROM_THE_DOCUMENTS = """\
memory:
  persistent:
    provider: postgres  # Required for multi-identity
    connection_string: ${{ secrets.POSTGRES_URL }}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "formation.yaml"


def error_of(file: Path, text: str, **environment: str) -> str:
    """The message for a file of this text, without the file's name, which it must begin with."""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        load(file, environment=environment)
    assert raised.value.message.startswith(f"{file}: ")
    assert raised.value.__cause__ is None
    return raised.value.message.removeprefix(f"{file}: ")


def secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value else None


def test_the_documented_fragment_works_as_it_is(file: Path) -> None:
    """The documents' YAML gives a Postgres formation with the secret's address and every other default."""
    file.write_text(FROM_THE_DOCUMENTS, encoding="utf-8")
    settings = load(file, environment={"POSTGRES_URL": POSTGRES})
    assert settings.memory.persistent.provider == "postgres"
    assert settings.database(Path("unused")) == POSTGRES
    assert settings.id == "default"


def test_the_example_works(tmp_path: Path) -> None:
    """examples/formation.yaml is a right one."""
    environment = {"POSTGRES_URL": POSTGRES, "OPENAI_API_KEY": "sk-hush"}
    settings = load(ROOT / "examples" / "formation.yaml", environment=environment)
    assert settings.id == "acme"
    assert secret(settings.models.chat.api_key) == "sk-hush"
    assert [agent.id for agent in settings.agents] == ["assistant", "accountant"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "memory:\n", "memory:\n  buffer:\n  persistent:\n    provider:\n"])
def test_what_is_left_out_has_its_default(file: Path, text: str) -> None:
    """An empty file, and keys without a value, mean the defaults."""
    file.write_text(text, encoding="utf-8")
    assert load(file, environment={}) == FormationSettings()


def test_environment_comes_before_the_secrets_file(file: Path) -> None:
    """A secret is taken from the environment, else from secrets.env beside the file."""
    file.write_text("keys:\n  client_key: ${{ secrets.ONE }}\n  admin_key: ${{secrets.TWO}}\n", encoding="utf-8")
    (file.parent / "secrets.env").write_text(
        "# keys\nONE=file-file-file-file\nexport TWO='with # and $HOME and = 1'\n", encoding="utf-8"
    )
    keys = load(file, environment={"ONE": "environment-environment"}).keys
    assert secret(keys.client_key) == "environment-environment"
    assert secret(keys.admin_key) == "with # and $HOME and = 1"


def test_a_secrets_file_can_be_named(file: Path, tmp_path: Path) -> None:
    """The file that is named is read instead of secrets.env."""
    file.write_text(FROM_THE_DOCUMENTS, encoding="utf-8")
    (tmp_path / "secrets.env").write_text("POSTGRES_URL=postgresql://wrong\n", encoding="utf-8")
    named = tmp_path / "production.env"
    named.write_text(f"POSTGRES_URL={POSTGRES}\n", encoding="utf-8")
    assert load(file, named, {}).database(tmp_path) == POSTGRES


def test_a_named_secrets_file_must_exist(file: Path, tmp_path: Path) -> None:
    """A secrets file that was asked for and is not there stops the start."""
    file.write_text("", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"gone\.env: there is no such secrets file\.$"):
        load(file, tmp_path / "gone.env", {})


def test_a_secret_inside_a_longer_value(file: Path) -> None:
    """A secret may be a part of a value, and there may be several."""
    file.write_text(
        "memory:\n  persistent:\n    provider: postgres\n"
        "    connection_string: postgresql://${{ secrets.NAME }}:${{ secrets.WORD }}@db/muxi\n",
        encoding="utf-8",
    )
    assert load(file, environment={"NAME": "u", "WORD": "hush-hush"}).database(Path()) == POSTGRES


def test_a_missing_secret_names_file_key_and_secret(file: Path) -> None:
    """Which secret, at which key, and where to put it."""
    assert error_of(file, FROM_THE_DOCUMENTS) == (
        "memory.persistent.connection_string: the secret POSTGRES_URL is not set. "
        f"Set the environment variable POSTGRES_URL, or write POSTGRES_URL=... into {file.parent / 'secrets.env'}."
    )


def test_an_unknown_key_names_what_is_allowed(file: Path) -> None:
    """An unknown setting is named with its path, the nearest right name and all allowed ones."""
    assert error_of(file, "memory:\n  persistant:\n    provider: sqlite\n") == (
        "memory.persistant: there is no such setting (did you mean 'persistent'?). "
        "Allowed: buffer, cache_mb, context_schema, extraction, memobase, persistent, private_values, recall, "
        "retention, synopsis_interval."
    )


def test_a_wrong_choice_names_what_is_allowed(file: Path) -> None:
    """A value that is none of the choices is shown, with the nearest choice and all of them."""
    assert error_of(file, "memory:\n  persistent:\n    provider: postgre\n") == (
        "memory.persistent.provider: it is 'postgre' (did you mean 'postgres'?). Allowed: sqlite, postgres."
    )


def test_all_mistakes_are_named_at_once(file: Path) -> None:
    """Several wrong settings make one error that lists each."""
    assert error_of(file, "id: Not An Id\nmemory:\n  cache_mb: 0\n  buffer: 5\nagents:\n  - default: maybe\n") == (
        "5 settings are wrong:\n"
        "  id: it is 'Not An Id'; it should match pattern '^[a-z0-9][a-z0-9_-]{0,62}$'.\n"
        "  memory.buffer: it must be a mapping of settings.\n"
        "  memory.cache_mb: it is 0; it should be greater than or equal to 1.\n"
        "  agents[0].id: it is needed, and not there.\n"
        "  agents[0].default: it is 'maybe'; it should be a valid boolean, unable to interpret input."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id: a\nid: b\n", "line 2, column 1: the key 'id' is there twice."),
        ("memory: {buffer: {max_size: 1, max_size: 2}}\n", "line 1, column 32: the key 'max_size' is there twice."),
        ("- a\n", "it holds a list; it must hold settings, like 'id: default'."),
        ("id: [\n", "line 2, column 1: expected the node content, but found '<stream end>'."),
        ("id: ${{ env.HOME }}\n", "id: ${{ env.HOME }} is not ${{ secrets.NAME }}."),
        ("agents: [{id: a}, {id: a}]\n", "the formation: agents: the id 'a' is there twice; each agent needs its own."),
        ("models:\n  chat:\n    provider: openai\n", "models.chat: provider openai needs the name of a model."),
        (
            "memory: {persistent: {provider: postgres}}\n",
            "memory.persistent: provider postgres goes with a connection_string postgresql://..., "
            "sqlite with a path or none.",
        ),
        (
            "id: !!python/object/apply:os.getcwd []\n",
            "line 1, column 5: could not determine a constructor for the tag "
            "'tag:yaml.org,2002:python/object/apply:os.getcwd'.",
        ),
    ],
)
def test_mistakes_are_named(file: Path, text: str, message: str) -> None:
    """Each mistake stops the start with one sentence that says where it is and what is right."""
    assert error_of(file, text) == message


@pytest.mark.parametrize(
    "text",
    [
        "keys:\n  client_key: hush\n",
        "keys:\n  client_key: ${{ secrets.S }}\n",
        "memory:\n  buffer:\n    max_size: ${{ secrets.S }}\n",
        "memory:\n  persistent:\n    provider: ${{ secrets.S }}\n",
        "memory:\n  persistent:\n    connection_string: [hush]\n",
        "memory:\n  persistent:\n    provider: postgres\n    connection_string: mysql://hush\n",
        "id: ${{ secrets.S }} not an id\n",
        "models:\n  chat:\n    api_key: {hush: hush}\n",
    ],
)
def test_no_message_shows_a_secret(file: Path, text: str) -> None:
    """Neither a secret's value nor what stands at a secret setting gets into a message."""
    assert "hush" not in error_of(file, text, S="hush")


def test_files_that_cannot_be_read(file: Path, tmp_path: Path) -> None:
    """A missing file, a folder, and bytes that are not text are named as such."""
    with pytest.raises(SettingsError, match=r"formation\.yaml: it cannot be read \(No such file or directory\)\.$"):
        load(file, environment={})
    with pytest.raises(SettingsError, match=r"it cannot be read \(Is a directory\)\.$"):
        load(tmp_path, environment={})
    file.write_bytes(b"id: \xff\xfe\n")
    with pytest.raises(SettingsError, match=r"formation\.yaml: it is not UTF-8 text\.$"):
        load(file, environment={})


def test_every_setting_is_documented() -> None:
    """docs/configuration.md has one row for each setting: its key, default and meaning, and none besides."""
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_.\[\]]+)` \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    assert sorted(rows) == sorted(described(FormationSettings))


def described(section: type[BaseModel], before: str = "") -> Iterator[tuple[str, str, str]]:
    for name, field in section.model_fields.items():
        inner = [kind for kind in (field.annotation, *get_args(field.annotation)) if is_section(kind)]
        if inner and name != "model":  # an agent's own model has the keys of models.chat
            place = f"{before}{name}[]." if get_origin(field.annotation) is tuple else f"{before}{name}."
            yield from described(inner[0], place)
        else:
            yield f"{before}{name}", default(field), field.description or ""


def is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "needed"
    if field.default is None or field.default == "":
        return "none"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"
