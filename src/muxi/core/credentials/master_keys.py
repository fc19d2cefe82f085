"""The master keys that are known: those of a setting, or of a file, which is read again when it changes."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from muxi.core.credentials.envelope import MasterKey, read_master_key
from muxi.errors import SettingsError

_MISSING = (
    "No master key of credentials is set. `muxi credentials new-key` makes one: set credentials.master_key to it, or "
    "credentials.master_key_file to a file that holds it."
)
_Stamp = tuple[int, int, int]

_log = logging.getLogger("muxi.credentials")


class MasterKeys:
    """Master keys, the newest first: that one wraps, all of them unwrap.

    Args:
        written: keys with white space between them, the newest first; empty if none are set.
        file: holds keys in the same form, one a line; a line that begins with ``#`` is passed over. What is added to it
            is known at once, in every process.

    Raises:
        SettingsError: a key is none, or the file cannot be read or holds none.
    """

    def __init__(self, written: str = "", file: Path | None = None) -> None:
        self._file = file
        self._reading = threading.Lock()
        self._added: tuple[MasterKey, ...] = ()
        self._known = _read(written)
        self._stamp: _Stamp | None = None
        if file is not None:
            self._known, self._stamp = _read_file(file), _stamp(file)

    def newest(self) -> MasterKey:
        """The key that wraps.

        Raises:
            SettingsError: none is set; the message says what to set.
        """
        self._read_again()
        known = self._all()
        if not known:
            raise SettingsError(_MISSING)
        return known[0]

    def find(self, key_id: str) -> MasterKey | None:
        """The key of this id, if it is known.

        Raises:
            SettingsError: none is set at all.
        """
        for again in (False, True):
            if again:
                self._read_again()
            for key in self._all():
                if key.id == key_id:
                    return key
        if not self._all():
            raise SettingsError(_MISSING)
        return None

    def add(self, written: str) -> MasterKey:
        """Makes a key the newest, in this process: others learn of it by their settings.

        Raises:
            SettingsError: it is none.
        """
        key = read_master_key(written)
        with self._reading:
            self._added = (key, *(one for one in self._added if one.id != key.id))
        return key

    def _all(self) -> tuple[MasterKey, ...]:
        return (*self._added, *self._known)

    def _read_again(self) -> None:
        if self._file is None or _stamp(self._file) == self._stamp:
            return
        with self._reading:
            stamp = _stamp(self._file)
            try:
                self._known = _read_file(self._file)
            except SettingsError as error:
                # Who serves goes on with what it knows; a start would have failed.
                _log.warning("the file with the master keys was changed and cannot be used: %s", error.message)
            self._stamp = stamp


def _read(written: str) -> tuple[MasterKey, ...]:
    return tuple({key.id: key for key in map(read_master_key, written.split())}.values())


def _read_file(file: Path) -> tuple[MasterKey, ...]:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"credentials.master_key_file: {file} cannot be read as text in ASCII.") from None
    keys = _read(" ".join(line for line in lines if not line.lstrip().startswith("#")))
    if not keys:
        raise SettingsError(f"credentials.master_key_file: {file} holds no key. `muxi credentials new-key` makes one.")
    return keys


def _stamp(file: Path) -> _Stamp | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
