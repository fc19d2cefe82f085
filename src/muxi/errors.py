"""Every error that muxi raises, in one tree.

::

    MuxiError
    ├── InvalidInputError           the caller sent something unusable          422
    │   ├── InvalidIdentifierError
    │   ├── InvalidMessageError
    │   ├── MessageTooLargeError                                                413
    │   ├── InvalidMemoryError
    │   ├── InvalidContextError
    │   ├── InvalidCursorError
    │   ├── InvalidProofError       a code or token that proves nothing
    │   ├── InvalidImportError      a file with lines that cannot be read
    │   └── IdentifierLimitError
    ├── AuthenticationError         no key, or not a right one                  401
    ├── PermissionDeniedError       a right key that may not do this            403
    │   ├── UserDisabledError
    │   └── UnprovenIdentifierError
    ├── NotFoundError               not there, or not yours: the same answer    404
    │   ├── UserNotFoundError
    │   ├── SessionNotFoundError
    │   │   └── SessionEndedError                                               410
    │   ├── AgentNotFoundError
    │   ├── MemoryNotFoundError
    │   ├── FormationNotFoundError
    │   └── MergeNotFoundError
    ├── ConflictError               it clashes with what is stored              409
    │   ├── AmbiguousIdentifierError
    │   ├── IdentifierConflictError
    │   ├── LastIdentifierError
    │   ├── AgentExistsError
    │   └── MergeConflictError
    ├── ModelError                  a chat or embedding model failed            502
    │   ├── ModelKeyMissingError                                                500
    │   ├── ModelKeyRejectedError
    │   ├── ModelNotFoundError
    │   ├── ModelContextFullError                                               413
    │   ├── ModelRateLimitedError                                               503
    │   ├── ModelTimeoutError                                                   504
    │   ├── ModelUnavailableError
    │   ├── ModelInterruptedError
    │   └── ModelResponseError
    ├── IdentityProviderError       the keys of an identity provider cannot be read 502
    ├── StorageError                the database failed                         503
    │   ├── StorageUnavailableError
    │   ├── StorageBusyError
    │   ├── StorageConflictError                                                409
    │   ├── StorageReadOnlyError
    │   ├── StorageFullError                                                    507
    │   ├── StorageCorruptError                                                 500
    │   ├── StorageVersionError                                                 500
    │   └── EmbeddingMismatchError                                              500
    ├── ServerUnreachableError      (client) no answer from the server          503
    └── SettingsError               a wrong setting: the program does not start 500

The docstring of a class is its default message and the title of its problem
document; ``code`` is stable and meant for machines; ``status`` is its HTTP status.
Messages are written by us for the caller: they never hold a driver's text.
"""

from __future__ import annotations

from typing import Any, ClassVar


class MuxiError(Exception):
    """Something went wrong.

    Attributes:
        message: what was wrong, with which value, and what to do.
        details: machine-readable members of the problem document, safe to show the caller.
    """

    code: ClassVar[str] = "muxi_error"
    status: ClassVar[int] = 500

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = message or self.title()
        self.details = details
        super().__init__(self.message)

    @classmethod
    def title(cls) -> str:
        """The first line of the docstring, without its full stop."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0].rstrip(".")


class InvalidInputError(MuxiError):
    """The input cannot be used."""

    code, status = "invalid_input", 422


class InvalidIdentifierError(InvalidInputError):
    """The identifier cannot be used."""

    code = "invalid_identifier"


class InvalidMessageError(InvalidInputError):
    """The message cannot be used."""

    code = "invalid_message"


class MessageTooLargeError(InvalidInputError):
    """The message is too large."""

    code, status = "message_too_large", 413


class InvalidMemoryError(InvalidInputError):
    """The memory cannot be used."""

    code = "invalid_memory"


class InvalidContextError(InvalidInputError):
    """The context cannot be changed like this."""

    code = "invalid_context"


class InvalidCursorError(InvalidInputError):
    """The cursor cannot be used."""

    code = "invalid_cursor"


class InvalidProofError(InvalidInputError):
    """The code or token is wrong, used, expired or meant for something else."""

    # One answer for all of these: which of them it is would help only who is guessing.
    code = "invalid_proof"


class InvalidImportError(InvalidInputError):
    """The file cannot be imported.

    ``details["lines"]`` lists the first wrong lines, each with its number and what is wrong. Nothing was changed.
    """

    code = "invalid_import"


class IdentifierLimitError(InvalidInputError):
    """The user has as many identifiers of this type as are allowed."""

    code = "identifier_limit"


class AuthenticationError(MuxiError):
    """The key is missing or wrong."""

    code, status = "authentication_failed", 401


class PermissionDeniedError(MuxiError):
    """The key may not do this."""

    code, status = "permission_denied", 403


class UserDisabledError(PermissionDeniedError):
    """This user is disabled."""

    code = "user_disabled"


class UnprovenIdentifierError(PermissionDeniedError):
    """This identifier is not proven to be the user's.

    It is enough to be recognised by, not to export, to merge or to have credentials.
    """

    code = "unproven_identifier"


class NotFoundError(MuxiError):
    """Nothing is there."""

    code, status = "not_found", 404


class UserNotFoundError(NotFoundError):
    """There is no such user."""

    code = "user_not_found"


class SessionNotFoundError(NotFoundError):
    """There is no such session."""

    code = "session_not_found"


class SessionEndedError(SessionNotFoundError):
    """This session has ended."""

    code, status = "session_ended", 410


class AgentNotFoundError(NotFoundError):
    """There is no such agent."""

    code = "agent_not_found"


class MemoryNotFoundError(NotFoundError):
    """There is no such memory."""

    code = "memory_not_found"


class FormationNotFoundError(NotFoundError):
    """There is no such formation."""

    code = "formation_not_found"


class MergeNotFoundError(NotFoundError):
    """There is no such merge."""

    code = "merge_not_found"


class ConflictError(MuxiError):
    """This clashes with what is stored."""

    code, status = "conflict", 409


class AmbiguousIdentifierError(ConflictError):
    """The identifier belongs to several users under several types.

    ``details["types"]`` lists the types; name one of them.
    """

    code = "ambiguous_identifier"


class IdentifierConflictError(ConflictError):
    """The identifiers belong to another user.

    ``details["identifiers"]`` lists the conflicting ones; ``details["owners"]`` is shown to admins only.
    """

    code = "identifier_conflict"


class LastIdentifierError(ConflictError):
    """This is the user's last identifier."""

    code = "last_identifier"


class AgentExistsError(ConflictError):
    """There is an agent of this name already."""

    code = "agent_exists"


class MergeConflictError(ConflictError):
    """These users cannot be merged, or this merge cannot be undone now."""

    code = "merge_conflict"


class ModelError(MuxiError):
    """The model failed."""

    code, status = "model_error", 502


class ModelKeyMissingError(ModelError):
    """The model needs an API key and none is set."""

    code, status = "model_key_missing", 500


class ModelKeyRejectedError(ModelError):
    """The model's server rejected the API key."""

    code = "model_key_rejected"


class ModelNotFoundError(ModelError):
    """The model's server does not know this model."""

    code = "model_not_found"


class ModelContextFullError(ModelError):
    """The prompt is larger than the model's context."""

    code, status = "model_context_full", 413


class ModelRateLimitedError(ModelError):
    """The model's server asks us to slow down."""

    code, status = "model_rate_limited", 503


class ModelTimeoutError(ModelError):
    """The model did not answer in time."""

    code, status = "model_timeout", 504


class ModelUnavailableError(ModelError):
    """The model's server cannot be reached or failed."""

    code = "model_unavailable"


class ModelInterruptedError(ModelError):
    """The model's answer broke off half-way."""

    code = "model_interrupted"


class ModelResponseError(ModelError):
    """The model's answer cannot be read."""

    code = "model_response_invalid"


class IdentityProviderError(MuxiError):
    """The identity provider did not answer."""

    code, status = "identity_provider", 502


class StorageError(MuxiError):
    """The database failed."""

    code, status = "storage_error", 503


class StorageUnavailableError(StorageError):
    """The database cannot be reached."""

    code = "storage_unavailable"


class StorageBusyError(StorageError):
    """The database is busy."""

    code = "storage_busy"


class StorageConflictError(StorageError):
    """Somebody else has stored this already."""

    code, status = "storage_conflict", 409


class StorageReadOnlyError(StorageError):
    """The database cannot be written."""

    code = "storage_read_only"


class StorageFullError(StorageError):
    """The disk is full."""

    code, status = "storage_full", 507


class StorageCorruptError(StorageError):
    """What is stored is not sound."""

    code, status = "storage_corrupt", 500


class StorageVersionError(StorageError):
    """The database was made by another version of muxi."""

    code, status = "storage_version", 500


class EmbeddingMismatchError(StorageError):
    """The stored vectors were made by another embedding model."""

    code, status = "embedding_mismatch", 500


class ServerUnreachableError(MuxiError):
    """The muxi server did not answer."""

    code, status = "server_unreachable", 503


class SettingsError(MuxiError):
    """A setting is wrong."""

    code = "settings"
