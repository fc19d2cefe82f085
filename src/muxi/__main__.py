"""``python -m muxi`` is ``muxi``."""

from __future__ import annotations

from muxi.cli.app import main

if __name__ == "__main__":
    main()
