"""What can be set, as one frozen object made at the door and handed down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator, model_validator

IdentifierType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
#: How often something may be done: ``600/minute``, ``10/5 seconds``.
Rate = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,8}/([1-9][0-9]{0,3} )?(second|minute|hour|day)s?$")]
#: A site, as browsers name it.
Origin = Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.\-\[\]:]+$")]
FORMATION_ID = r"^[a-z0-9][a-z0-9_-]{0,62}$"
_COUNTING = ("redis", "rediss", "valkey", "valkeys")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class BufferSettings(_Section):
    """The recent messages of a session."""

    max_size: int = Field(10, ge=1, le=1000, description="messages of the session that go into the prompt")
    multiplier: int = Field(
        10, ge=1, le=1000, description="max_size x multiplier messages of each session are searchable"
    )


class PersistentSettings(_Section):
    """Where everything is kept."""

    provider: Literal["sqlite", "postgres"] = Field(
        "sqlite", description="one file, or a server for many processes and machines"
    )
    connection_string: SecretStr | None = Field(
        None, description="a path for sqlite (default: muxi.db in the data directory), postgresql://... for postgres"
    )
    owner_connection_string: SecretStr | None = Field(
        None, description="postgresql://..., as whom tables are made and changed; as connection_string if not set"
    )
    pool_size: int = Field(20, ge=1, le=1000, description="connections to Postgres at most")

    @model_validator(mode="after")
    def _postgres_needs_an_address(self) -> PersistentSettings:
        address = self.connection_string.get_secret_value() if self.connection_string else ""
        if (self.provider == "postgres") != address.startswith(("postgresql://", "postgres://")):
            raise ValueError(
                "provider postgres goes with a connection_string postgresql://..., sqlite with a path or none"
            )
        owner = self.owner_connection_string.get_secret_value() if self.owner_connection_string else None
        if owner is not None and not (
            self.provider == "postgres" and owner.startswith(("postgresql://", "postgres://"))
        ):
            raise ValueError("owner_connection_string goes with provider postgres, and begins with postgresql://")
        return self


class MemobaseSettings(_Section):
    """Where Memobase keeps memories and contexts."""

    mongodb_uri: SecretStr | None = Field(None, description="mongodb://...; in the formation's own store if not set")
    database_name: str = Field("muxi", pattern=r"^[A-Za-z0-9_-]{1,63}$", description="the database on MongoDB")


class RetentionSettings(_Section):
    """How long what is kept; for ever if not set."""

    messages: float | None = Field(None, gt=0, le=36_500, description="days that the log of conversations is kept")
    memories: float | None = Field(
        None, gt=0, le=36_500, description="days that a memory is kept, since it was stored or last changed"
    )
    facts: float | None = Field(
        None, gt=0, le=36_500, description="days that what is known is kept, since it was last said"
    )
    interval: float = Field(600.0, ge=1, le=86_400, description="seconds between two sweeps of what has ended")


class ExtractionSettings(_Section):
    """Finding what users say about themselves."""

    enabled: bool = Field(True, description="what users say about themselves goes into their context by itself")
    wait: float | None = Field(
        None, ge=0, le=86_400, description="seconds that messages wait for more; 1 by rules, 30 with models.extraction"
    )
    batch_tokens: int = Field(
        2000, ge=100, le=100_000, description="so many waiting tokens are read at once, without waiting"
    )
    calls_per_day: int = Field(100, ge=1, description="model calls that one user may cost a day; the rest waits")


class RecallSettings(_Section):
    """How much shared memories count, beside a user's own, which count 1."""

    team: float = Field(
        0.6, ge=0, le=1, description="how much what a user's team shares counts, beside their own; 0 leaves it out"
    )
    formation: float = Field(0.4, ge=0, le=1, description="the same of what the whole formation shares")


class MemorySettings(_Section):
    """What is remembered, and how much of it is kept at hand."""

    buffer: BufferSettings = BufferSettings()
    persistent: PersistentSettings = PersistentSettings()
    memobase: MemobaseSettings = MemobaseSettings()
    retention: RetentionSettings = RetentionSettings()
    extraction: ExtractionSettings = ExtractionSettings()
    recall: RecallSettings = RecallSettings()
    private_values: Literal["redact", "keep"] = Field(
        "redact", description="payment cards, bank accounts, keys, national ids and passwords are cut out, or kept"
    )
    synopsis_interval: float = Field(
        3600.0, ge=0, description="seconds between two synopses of a user by models.extraction, at least"
    )
    cache_mb: int = Field(128, ge=1, description="bound on the recall indexes kept in memory, in MiB")
    context_schema: dict[str, Any] | None = Field(None, description="a JSON Schema that users' contexts have to fit")


class ModelSettings(_Section):
    """A model."""

    provider: Literal["quote", "local", "openai"] = Field(description="what runs it")
    model: str = Field("", description="its name at the provider; needed for openai")
    api_key: SecretStr | None = Field(None, description="OPENAI_API_KEY if not set")
    base_url: str | None = Field(None, description="any OpenAI-compatible server; OPENAI_BASE_URL if not set")
    timeout: float = Field(60.0, gt=0, description="seconds")

    @model_validator(mode="after")
    def _openai_needs_a_model(self) -> ModelSettings:
        if self.provider == "openai" and not self.model:
            raise ValueError("provider openai needs the name of a model")
        return self


class ChatModelSettings(ModelSettings):
    """What answers."""

    provider: Literal["quote", "openai"] = Field(
        "quote", description="quote repeats what was told, honestly; openai is any OpenAI-compatible server"
    )


class EmbeddingModelSettings(ModelSettings):
    """What makes vectors."""

    provider: Literal["local", "openai"] = Field(
        "local", description="local runs offline in this process; openai is any OpenAI-compatible server"
    )


class OpenAIChatSettings(ModelSettings):
    """What reads and answers, and cannot be done by quoting."""

    provider: Literal["openai"] = Field("openai", description="any OpenAI-compatible server")


class ModelsSettings(_Section):
    """The models a formation uses unless told otherwise."""

    chat: ChatModelSettings = ChatModelSettings()
    embedding: EmbeddingModelSettings = EmbeddingModelSettings()
    extraction: OpenAIChatSettings | None = Field(
        None, description="finds what users say about themselves, and writes synopses; rules do if not set"
    )


class AgentSettings(_Section):
    """A shared agent."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="its name")
    system_message: str = Field("", description="what it is told before every conversation")
    model: ChatModelSettings | None = Field(None, description="models.chat if not set")
    default: bool = Field(False, description="answers unless another is named; the first agent if none says so")


class KeySettings(_Section):
    """The keys of the server; made at the first start if not set."""

    client_key: SecretStr | None = Field(None, min_length=16, description="opens everything but administration")
    admin_key: SecretStr | None = Field(None, min_length=16, description="opens everything")


class OidcSettings(_Section):
    """An identity provider whose ID tokens are accepted."""

    issuer: str = Field(min_length=1, max_length=200, description="as its tokens name it, exactly")
    audience: str = Field(min_length=1, description="the application's own id at the provider")
    jwks_url: str | None = Field(None, description="where its public keys are; https, or http on this machine")
    jwks: dict[str, Any] | None = Field(None, description="its public keys (a JWK set), instead of jwks_url")
    algorithms: tuple[Literal["RS256", "ES256", "EdDSA"], ...] = Field(
        ("RS256", "ES256", "EdDSA"), min_length=1, description="with which it signs"
    )

    @model_validator(mode="after")
    def _keys_come_from_one_safe_place(self) -> OidcSettings:
        if (self.jwks_url is None) == (self.jwks is None):
            raise ValueError("set jwks_url or jwks, and not both")
        if self.jwks is not None and not _are_objects(self.jwks.get("keys")):
            raise ValueError('jwks has to hold a list of keys: {"keys": [{...}]}')
        for address in (self.issuer, self.jwks_url):
            if address is not None and not _is_safe(address):
                raise ValueError("issuer and jwks_url have to begin with https:// (http:// only on this machine)")
        return self


class IdentitySettings(_Section):
    """Who an identifier means."""

    cache_ttl: float = Field(3600.0, ge=0, description="seconds that a resolved identifier is remembered")
    anonymous_ttl: float = Field(
        2_592_000.0, ge=1, le=3_153_600_000, description="seconds that an anonymous user's token works (30 days)"
    )
    oidc: tuple[OidcSettings, ...] = Field((), description="identity providers whose ID tokens link accounts")
    refused_values: tuple[str, ...] | None = Field(
        None, description="values that are nobody's, in any case, instead of muxi's own list"
    )
    phone_region: str | None = Field(
        None, pattern="^[A-Z]{2}$", description="country of telephone numbers without +, like DE"
    )
    limits: dict[IdentifierType, Annotated[int, Field(ge=1)] | None] = Field(
        {}, description="how many identifiers of a type a user may have; null for any number"
    )
    attractor_users: int = Field(5, ge=1, description="an identifier that more users than these ask for is audited")


class AccessSettings(_Section):
    """Who may do what."""

    environment: str = Field("live", pattern="^[a-z]{2,12}$", description="stands in the keys that are made")
    token_algorithm: Literal["HS256", "EdDSA"] = Field(
        "HS256", description="with what tokens of users are signed; EdDSA has public keys, for others to check them"
    )
    issuers: tuple[OidcSettings, ...] = Field(
        (), description="identity providers whose access tokens are taken as tokens of users"
    )
    session_idle: float | None = Field(
        None, ge=1, le=3_153_600_000, description="seconds of silence that end a session that was opened by itself"
    )
    session_lifetime: float | None = Field(
        None, ge=1, le=3_153_600_000, description="seconds after which it ends in any case"
    )


class CredentialSettings(_Section):
    """Credentials of users for outside services."""

    master_key: SecretStr | None = Field(
        None, description="32 bytes as base64, from muxi credentials new-key; several with spaces, the newest first"
    )
    master_key_file: Path | None = Field(
        None, description="a file with such keys, one a line, instead of master_key; read again when it changes"
    )

    @model_validator(mode="after")
    def _keys_come_from_one_place(self) -> CredentialSettings:
        if self.master_key is not None and self.master_key_file is not None:
            raise ValueError("set master_key or master_key_file, and not both")
        return self


class ChatSettings(_Section):
    """What a conversation can do besides."""

    prompt_tokens: int = Field(
        8000, ge=500, description="tokens of a prompt at most, estimated at three bytes each; a longer message is sent"
    )
    commands: bool = Field(False, description="people link channels themselves, by /link, /unlink and /whoami")


def _leads_somewhere(address: str) -> bool:
    try:
        place = urlsplit(address)
        return place.scheme in _COUNTING and bool(place.hostname) and place.port != 0
    except ValueError:  # its port is none; what it says of it could be a part of the password
        return False


class LimitSettings(_Section):
    """How many requests are answered: a number a second, minute, hour or day, or every so many of them."""

    per_key: Rate | None = Field(None, description="of one key, or of one user's tokens, such as 600/minute")
    per_user: Rate | None = Field(None, description="for one user, whoever calls")
    per_formation: Rate | None = Field(None, description="of all callers together")
    store: SecretStr | None = Field(
        None, description="redis://... or valkey://..., where processes count together; each by itself if not set"
    )

    @field_validator("store")
    @classmethod
    def _is_an_address(cls, store: SecretStr | None) -> SecretStr | None:
        if store is not None and not _leads_somewhere(store.get_secret_value()):
            raise ValueError("it has to be redis://HOST:PORT or valkey://HOST:PORT, with an s for TLS")
        return store


class ServerSettings(_Section):
    """What the server does besides answering."""

    limits: LimitSettings = LimitSettings()
    allowed_origins: tuple[Origin, ...] = Field(
        (), description="sites whose pages may call, such as https://app.acme.com; of the server's own formation"
    )
    metrics: bool = Field(
        False, description="numbers for Prometheus at /metrics, without a key; of the server's own formation"
    )
    tracing: bool = Field(
        False, description="spans for OpenTelemetry, of requests and steps of turns; of the server's own formation"
    )


class FormationSettings(_Section):
    """One formation: the contents of a formation.yaml."""

    id: str = Field("default", pattern=FORMATION_ID, description="its name, also in /api/{id}/v1/...")
    memory: MemorySettings = MemorySettings()
    models: ModelsSettings = ModelsSettings()
    agents: tuple[AgentSettings, ...] = ()
    keys: KeySettings = KeySettings()
    identity: IdentitySettings = IdentitySettings()
    chat: ChatSettings = ChatSettings()
    access: AccessSettings = AccessSettings()
    credentials: CredentialSettings = CredentialSettings()
    server: ServerSettings = ServerSettings()

    @model_validator(mode="after")
    def _agents_are_told_apart(self) -> FormationSettings:
        names = [agent.id for agent in self.agents]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"agents: the id {twice[0]!r} is there twice; each agent needs its own")
        if len(defaults := [agent.id for agent in self.agents if agent.default]) > 1:
            raise ValueError(f"agents: {' and '.join(defaults)} are both the default; only one can be")
        return self

    def database(self, data_dir: Path) -> str | Path:
        """The address of the database: as set, else ``muxi.db`` in the data directory."""
        address = self.memory.persistent.connection_string
        return address.get_secret_value() if address else data_dir / "muxi.db"

    def database_owner(self) -> str | None:
        """The address under which a Postgres database is migrated; ``None``: the same."""
        address = self.memory.persistent.owner_connection_string
        return address.get_secret_value() if address else None


def _are_objects(keys: Any) -> bool:
    return isinstance(keys, list) and all(isinstance(key, dict) for key in keys)


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1"))
