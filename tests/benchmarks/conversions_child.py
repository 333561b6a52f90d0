"""Take the steps of the comparison of conversions: the engine in a fork, another tool in an environment of its own."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import get_hook_lineage_collector
from pyarrow import compute, types
from pyarrow.csv import open_csv
from pyarrow.parquet import ParquetFile

from tests.benchmarks.child import ROOT, answer
from tests.benchmarks.downloads_child import account, export
from tests.benchmarks.machine import settle
from tools.lab import ApifyServer

_SECONDS = 600.0
_REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_FOLDER = ROOT / ".venvs" / "converters"


def _measure(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    get_hook_lineage_collector()  # loads Airflow's plugins, as every task does before
    import_module("airflow_provider_apify._files.formats.parquet")  # and pyarrow
    python = _python_of_tools()
    results = []
    for step in steps:
        settle()
        taken = _forked(_export, step) if step["way"] == "engine" else _tool(python, step)
        results.append({**taken, "contents": _forked(_contents, step)})
        Path(step["path"]).unlink()
    return results


def _forked(work: Callable[[dict[str, Any]], dict[str, Any]], step: dict[str, Any]) -> dict[str, Any]:
    """Work in a fork, so that each begins with the same memory."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(work, [step])


def _export(step: dict[str, Any]) -> dict[str, Any]:
    server, file = ApifyServer(*step["server"]), Path(step["path"])
    return {**account(lambda: export(server, file, step["format"])), "bytes": file.stat().st_size}


def _tool(python: Path, step: dict[str, Any]) -> dict[str, Any]:
    script = str(Path(__file__).with_name("convert.py"))
    command = [str(python), script, step["way"], step["format"], step["source"], step["path"]]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=_SECONDS)  # noqa: S603 - ours
    return dict(json.loads(done.stdout))


def _contents(step: dict[str, Any]) -> dict[str, Any]:
    """Return what tables must share that hold the same items: rows, columns, and a sum of each column.

    Numbers and truth values are added up, of texts their lengths.
    """
    rows, sums, file = 0, defaultdict[str, float](float), step["path"]
    batches = ParquetFile(file).iter_batches() if step["format"] == "parquet" else open_csv(file)
    for batch in batches:
        rows += batch.num_rows
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            sums[name] += _sum(column)
    return {"rows": rows, "sums": dict(sorted(sums.items()))}


def _sum(column: Any) -> float:
    is_text = types.is_string(column.type) or types.is_large_string(column.type) or types.is_string_view(column.type)
    values = compute.binary_length(column) if is_text else column
    return float(compute.sum(values.cast("float64")).as_py() or 0)


def _python_of_tools() -> Path:
    """Return a Python that has the other tools; its environment is made when it is not there as it should be."""
    python, marker, wanted = _FOLDER / "bin" / "python", _FOLDER / ".ready", _REQUIREMENTS.read_text()
    if not marker.exists() or marker.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(_FOLDER)], check=True, timeout=_SECONDS)  # noqa: S603 - ours
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(_REQUIREMENTS)]
        subprocess.run([str(python), *install], check=True, timeout=_SECONDS)  # noqa: S603 - ours
        marker.write_text(wanted)
    return python


if __name__ == "__main__":
    answer(_measure)
