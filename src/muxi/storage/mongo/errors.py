"""What the driver raises, as muxi's own errors: without the driver's words, which name hosts and documents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bson.errors import BSONError
from pymongo import errors as mongo

from muxi.errors import (
    SettingsError,
    StorageBusyError,
    StorageConflictError,
    StorageError,
    StorageFullError,
    StorageUnavailableError,
)

UNAVAILABLE = "MongoDB cannot be reached. Check that it runs, and mongodb_uri."
_REFUSED = "MongoDB refused the login. Check the user and the password in mongodb_uri, and what that user may do."
_BUSY = "MongoDB is busy. Try again."
_FULL = "A user has more in one place than a MongoDB document holds (16 MB). Nothing was stored."

# Numbers of the server's errors.
_LOGIN = {13, 18, 8000}
_OVERLOADED = {50, 64, 112, 189, 91, 11600, 11602, 10107, 13435}
_TOO_LARGE = {10334, 17419, 17420, 17280}
_OUT_OF_DISK = {14031}
_DUPLICATE = {11000, 11001}


@contextmanager
def translated() -> Iterator[None]:
    """Has every error of the driver leave as a `StorageError`, or as a `SettingsError` if the address is wrong."""
    try:
        yield
    except (mongo.InvalidURI, mongo.ConfigurationError, mongo.InvalidName) as error:
        raise SettingsError("mongodb_uri cannot be read. Write it like mongodb://localhost:27017.") from error
    except (mongo.ExecutionTimeout, mongo.WTimeoutError) as error:
        raise StorageBusyError(_BUSY) from error
    except mongo.ConnectionFailure as error:
        raise StorageUnavailableError(UNAVAILABLE) from error
    except mongo.DocumentTooLarge as error:
        raise StorageFullError(_FULL) from error
    except mongo.OperationFailure as error:
        raise _of_codes(_codes(error)) from error
    except (mongo.PyMongoError, BSONError) as error:
        raise StorageError("MongoDB failed.") from error


def _codes(error: mongo.OperationFailure) -> set[int]:
    details = error.details or {}
    of_many = [one.get("code") for one in details.get("writeErrors", [])]
    return {code for code in (error.code, *of_many) if isinstance(code, int)}


def _of_codes(codes: set[int]) -> StorageError:
    if codes & _DUPLICATE:
        return StorageConflictError("Something of this is in MongoDB already.")
    if codes & _LOGIN:
        return StorageUnavailableError(_REFUSED)
    if codes & _OVERLOADED:
        return StorageBusyError(_BUSY)
    if codes & _TOO_LARGE:
        return StorageFullError(_FULL)
    if codes & _OUT_OF_DISK:
        return StorageFullError("MongoDB has no room left on its disk.")
    return StorageError("MongoDB failed.")
