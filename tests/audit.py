"""Known faults of what is pinned: `python -m tests.audit requirements/run.txt`. It says so if nobody could be asked."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

#: Services of advisories, the next one where the one before cannot be asked.
SERVICES = ("pypi", "osv")


def ask(service: str, locks: list[str]) -> list[dict[str, Any]] | None:
    """What a service knows of each pinned distribution; ``None`` if it does not answer."""
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", service, "--format", "json"]
    command += ["--disable-pip", "--require-hashes", "--progress-spinner", "off"]
    for lock in locks:
        command += ["--requirement", lock]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return None
    return found if any("skip_reason" not in one for one in found) else None


def main(locks: list[str]) -> int:
    """0: no known fault. 1: some. 2: nobody could be asked, so nothing is known."""
    for service in SERVICES:
        found = ask(service, locks)
        if found is not None:
            return tell(service, found)
    sys.stderr.write(f"NOT AUDITED: no advisory service answers from here ({', '.join(SERVICES)}). Nothing is known.\n")
    return 2


def tell(service: str, found: list[dict[str, Any]]) -> int:
    """Says what was found."""
    unknown = [one["name"] for one in found if "skip_reason" in one]
    faulty = [one for one in found if one.get("vulns")]
    sys.stdout.write(f"{len(found) - len(unknown)} of {len(found)} distributions asked for at {service}\n")
    for name in unknown:
        sys.stdout.write(f"not known there: {name}\n")
    for one in faulty:
        for fault in one["vulns"]:
            fixed = ", ".join(fault["fix_versions"]) or "no version yet"
            sys.stdout.write(f"{one['name']} {one['version']}: {fault['id']}, fixed in {fixed}\n")
    return int(bool(faulty))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
