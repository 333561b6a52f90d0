"""Download a dataset in one way after another, each in a fork of its own, and keep account of time and memory."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from airflow.providers.common.compat.sdk import ObjectStoragePath, get_hook_lineage_collector
from apify_client import ApifyClient

from airflow_provider_apify._files.export import Export
from airflow_provider_apify._files.formats.registry import FORMATS
from airflow_provider_apify.hooks.apify import ApifyHook
from tests.benchmarks.child import CONNECTION_VARIABLE, answer, connection_of
from tests.benchmarks.machine import forget_peak, peak_mb, resident_mb, settle
from tools.lab import ApifyServer

_SECONDS = 600.0


class Step(NamedTuple):
    """One download.

    :ivar file: to be written.
    :ivar lines: the file that is served.
    """

    server: ApifyServer
    file: Path
    lines: Path


def _curl(step: Step, *options: str) -> None:
    url = f"{step.server.base_url}/v2/datasets/dataset/items?format=jsonl"
    command = ["curl", "--silent", "--fail", *options, "--output", str(step.file), url]
    subprocess.run(command, check=True, timeout=_SECONDS)  # noqa: S603 - the benchmark's own


def _sha256(step: Step) -> None:
    """Compute a digest, and download nothing."""
    with step.lines.open("rb") as lines:
        hashlib.file_digest(lines, "sha256")
    step.file.hardlink_to(step.lines)


def _iterate_items(step: Step) -> None:
    client = ApifyClient(step.server.token, api_url=step.server.base_url)
    with step.file.open("w") as lines:
        for item in client.dataset("dataset").iterate_items():
            lines.write(json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n")


def _stream_items(step: Step) -> None:
    client = ApifyClient(step.server.token, api_url=step.server.base_url)
    with client.dataset("dataset").stream_items(item_format="jsonl") as response, step.file.open("wb") as lines:
        for piece in response.iter_bytes():
            lines.write(piece)


WAYS: Mapping[str, Callable[[Step], None]] = {
    "curl": _curl,
    "curl_compressed": lambda step: _curl(step, "--compressed"),
    "sha256": _sha256,
    "engine": lambda step: export(step.server, step.file, "jsonl"),
    "engine_json": lambda step: export(step.server, step.file, "json"),
    "iterate_items": _iterate_items,
    "stream_items": _stream_items,
}


def export(server: ApifyServer, file: Path, name: str) -> None:
    """Write the dataset in a format with the engine."""
    os.environ[CONNECTION_VARIABLE] = connection_of(server)
    path = ObjectStoragePath(f"file://{file}")
    Export(ApifyHook(), ["dataset"], lambda _part: path, FORMATS[name]).run()


def _measure(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take the steps in order; a fork per step starts with the same memory, and all is imported only once."""
    get_hook_lineage_collector()  # loads Airflow's plugins, as every task does before
    fork = multiprocessing.get_context("fork")
    results = []
    for step in steps:
        settle()
        with fork.Pool(1) as pool:
            results.append(pool.apply(_take, [step]))
        _check(step["way"], Path(step["path"]), Path(step["lines"]))
        Path(step["path"]).unlink()
    return results


def _take(step: dict[str, Any]) -> dict[str, Any]:
    download = Step(ApifyServer(*step["server"]), Path(step["path"]), Path(step["lines"]))
    return {**account(lambda: WAYS[step["way"]](download)), "bytes": download.file.stat().st_size}


def account(work: Callable[[], None]) -> dict[str, Any]:
    """Work, and tell the time and memory that it took."""
    can_reset = forget_peak()
    idle, began, began_cpu = resident_mb(), time.perf_counter(), time.process_time()
    work()
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - began_cpu,
        "memory_growth_mb": peak_mb() - idle if can_reset else None,
    }


def _check(way: str, file: Path, lines: Path) -> None:
    """Compare a file with the lines that were served.

    :raises RuntimeError: it holds something else.
    """
    with lines.open("rb") as served:
        wanted = hashlib.file_digest(served, "sha256").digest()
    if _digest_of_lines(file, is_array=way == "engine_json") != wanted:
        raise RuntimeError(f"{way} has written other items than were served")


def _digest_of_lines(file: Path, *, is_array: bool) -> bytes:
    with file.open("rb") as written:
        if not is_array:
            return hashlib.file_digest(written, "sha256").digest()
        digest = hashlib.sha256()
        for line in written:
            if line not in (b"[\n", b"]\n"):
                digest.update(line.removesuffix(b",\n").removesuffix(b"\n") + b"\n")
        return digest.digest()


if __name__ == "__main__":
    answer(_measure)
