"""What was deleted, out of the files of the database."""

from __future__ import annotations

import logging
import threading

from muxi.core.privacy.retention_store import RetentionStore
from muxi.errors import StorageError

_log = logging.getLogger("muxi.privacy")


class Scrub:
    """Takes what was deleted out of the files. Several who ask at once are served together.

    Args:
        store: bound to the formation.
    """

    def __init__(self, store: RetentionStore) -> None:
        self._store = store
        self._working = threading.Lock()
        self._counting = threading.Lock()
        self._asked = 0
        self._served = 0
        self._done = True

    def later(self) -> None:
        """Something was deleted; the next one, by whoever asks for it, or by a sweep, takes it out."""
        with self._working:
            self._done = False

    @property
    def due(self) -> bool:
        """Whether something that was deleted may still be in the files."""
        return not self._done

    def __call__(self) -> bool:
        """Whether it is done; if not, others were in the way, and the next sweep tries again."""
        with self._counting:
            self._asked += 1
            ticket = self._asked
        with self._working:
            if self._served < ticket:
                with self._counting:
                    asked = self._asked
                self._done = self._scrubbed()
                self._served = asked
            return self._done

    def _scrubbed(self) -> bool:
        try:
            return self._store.scrub()
        except StorageError as error:
            # What was deleted is deleted: whoever asked for that must not be told that it failed.
            _log.warning("what was deleted is not out of the files yet (%s)", error.code)
            return False
