"""Download one dataset after another, each in a fork of its own, and keep account of time and memory."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify.export.engine import Export
from airflow_provider_apify.export.formats import FORMATS
from airflow_provider_apify.hooks.apify import ApifyHook
from tests.benchmarks.child import CONNECTION_VARIABLE, answer, connection_of
from tests.benchmarks.machine import forget_peak, peak_mb, resident_mb
from tools.lab import ApifyServer

_CURL_SECONDS = 300.0


def _measure(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take the steps in order; a fork per step starts with the same memory, and Airflow is imported only once."""
    fork = multiprocessing.get_context("fork")
    results = []
    for step in steps:
        with fork.Pool(1) as pool:
            results.append(pool.apply(_curl if step["way"] == "curl" else _export, [step]))
        Path(step["path"]).unlink()
    return results


def _export(step: dict[str, Any]) -> dict[str, Any]:
    os.environ[CONNECTION_VARIABLE] = connection_of(ApifyServer(*step["server"]))
    hook = ApifyHook()
    hook.get_dataset(step["dataset_id"])  # everything is imported and connected before the clock runs
    path = ObjectStoragePath(f"file://{step['path']}")
    can_reset = forget_peak()
    idle, began, began_cpu = resident_mb(), time.perf_counter(), time.process_time()
    manifest = Export(hook, step["dataset_id"], lambda _part: path, FORMATS[step["format"]]).run()
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - began_cpu,
        "items": manifest.items,
        "bytes": manifest.bytes,
        "memory_growth_mb": peak_mb() - idle if can_reset else None,
    }


def _curl(step: dict[str, Any]) -> dict[str, Any]:
    server = ApifyServer(*step["server"])
    url = f"{server.base_url}/v2/datasets/{step['dataset_id']}/items?format={step['format']}"
    command = ["curl", "--silent", "--show-error", "--fail", "--config", "-", "--output", step["path"], url]
    if step["gzip"]:
        command.append("--compressed")
    began = time.perf_counter()
    subprocess.run(  # noqa: S603 - the benchmarks' own command
        command,
        input=f"header = {json.dumps(f'Authorization: Bearer {server.token}')}",
        text=True,
        check=True,
        timeout=_CURL_SECONDS,
    )
    return {"seconds": time.perf_counter() - began, "bytes": Path(step["path"]).stat().st_size}


if __name__ == "__main__":
    answer(_measure)
