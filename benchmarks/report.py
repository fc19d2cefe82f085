"""What every benchmark needs to tell: the machine, times as percentiles, progress, and one JSON document."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_console = Console(stderr=True)


def emit(figures: Mapping[str, Any]) -> None:
    """Prints the figures as JSON to stdout, with the date, the command and the machine below them."""
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    command = " ".join(["python", Path(sys.argv[0]).name, *sys.argv[1:]])
    print(json.dumps({**figures, "date": date, "command": command, "machine": machine()}, indent=2))


def machine() -> dict[str, Any]:
    """What the figures were measured on. ``load`` is that of the last minute: above ``cores`` others were running."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "muxi_core": _version("muxi-core"),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }


def spread(seconds: Iterable[float], *, unit: str = "ms") -> dict[str, float | int]:
    """Times as percentiles: p50, p95, p99, how many; in ``ms`` or ``us``."""
    factor = {"ms": 1e3, "us": 1e6}[unit]
    times = np.fromiter(seconds, np.float64) * factor
    p50, p95, p99 = np.percentile(times, [50, 95, 99]).tolist()
    return {"p50": _short(p50), "p95": _short(p95), "p99": _short(p99), "count": len(times)}


def median(values: Iterable[float]) -> float:
    """The middle one, to three digits."""
    return _short(float(np.median(np.fromiter(values, np.float64))))


def ratio(value: float, base: float) -> float:
    """How many times the base, to three digits; 0 if the base is 0."""
    return _short(value / base) if base else 0.0


def times_of(call: Callable[[], Any], *, count: int, warm_up: int) -> list[float]:
    """Seconds of each of ``count`` calls, after ``warm_up`` calls that are not counted."""
    for _ in range(warm_up):
        call()
    times = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def say(text: str) -> None:
    """A line to the person who waits, on stderr."""
    _console.print(text, highlight=False)


def progress() -> Progress:
    """A progress bar on stderr; use it as a context manager."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=_console,
        transient=True,
    )


def _short(value: float) -> float:
    return float(f"{value:.3g}")


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor()


def _memory_gib() -> float | None:
    if not hasattr(os, "sysconf"):
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "from its sources"
