"""What the figures were measured on, and how a process is kept to one core and read."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

import psutil

_MEBIBYTE = 2**20
# What a digest and a parser gain most from, as Linux writes it for x86 and for ARM.
_DIGEST_FLAGS, _OTHER_FLAGS = {"sha_ni", "sha2"}, {"avx2", "avx512f", "asimd"}


def describe() -> str:
    """Say what decides the figures: cores, their instructions for digests, memory, Python, Airflow."""
    memory = round(psutil.virtual_memory().total / 2**30)
    system = f"{platform.system()} {platform.machine()}"
    airflow = importlib.metadata.version("apache-airflow")
    cores = f"{len(_cores())} cores ({_instructions()})"
    return f"{cores}, {memory} GiB, {system}, Python {platform.python_version()}, Airflow {airflow}"


def load() -> str:
    """Say how busy the machine is, in processes that want a core, over the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


def settle() -> None:
    """Let the disk take what earlier steps have left to it, so that the next one does not pay for it."""
    os.sync()


def keep_to_core(pid: int, index: int) -> None:
    """Keep the main thread of a process, and all that it starts later, to one core, where the system can.

    :param index: counts the cores that this process may use, and starts again when there are fewer.
    """
    process = psutil.Process(pid)
    if hasattr(process, "cpu_affinity"):
        cores = _cores()
        process.cpu_affinity([cores[index % len(cores)]])


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _instructions() -> str:
    """Say which of the instructions the processor has, as far as the system tells."""
    file = Path("/proc/cpuinfo")
    flags = set(file.read_text().split()) if file.exists() else set()
    return ", ".join([*sorted(_DIGEST_FLAGS & flags or {"no SHA instructions"}), *sorted(_OTHER_FLAGS & flags)])


def resident_mb() -> float:
    """Return the resident memory of this process, in MiB."""
    return float(psutil.Process().memory_info().rss / _MEBIBYTE)


def forget_peak() -> bool:
    """Let the peak of this process's memory start anew; only Linux can, and says so by ``True``."""
    file = Path("/proc/self/clear_refs")
    if not file.exists():
        return False
    file.write_text("5")
    return True


def peak_mb() -> float:
    """Return the largest resident memory of this process since :func:`forget_peak`, in MiB. Linux only."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024
