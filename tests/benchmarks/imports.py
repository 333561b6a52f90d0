"""What importing the provider adds to a process that has Airflow already."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.child import CLIENT_CORE, ROOT
from tests.benchmarks.machine import keep_to_core
from tests.benchmarks.report import Section, spread
from tools.environment import clean_environment

_SECONDS = 300.0
_SHOWN_PACKAGES = 4
_AIRFLOW = "Airflow itself, as every DAG file imports it"
_DAG_AUTHOR = "from airflow.providers.common.compat.sdk import DAG, BaseOperator, task"
_ALL_AIRFLOW = """
from airflow.providers.common.compat.sdk import (
    AirflowException, AirflowFailException, AirflowNotFoundException, AirflowSkipException, BaseHook, BaseOperator,
    BaseOperatorLink, BaseSensorOperator, DAG, ObjectStoragePath, PokeReturnValue, XCom, conf, task,
)
import airflow.triggers.base
"""
_PROVIDER = """
import airflow_provider_apify.operators.run_actor
import airflow_provider_apify.sensors.run
import airflow_provider_apify.transfers.dataset_to_file
"""
_METADATA = """
from airflow_provider_apify.get_provider_info import get_provider_info
get_provider_info()
"""
_PROBE = """
import json, sys, time
def timed(code):
    before, began, began_cpu = set(sys.modules), time.perf_counter(), time.process_time()
    exec(code, {{}})
    took, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
    return [took * 1000, cpu * 1000, sorted(new - sys.stdlib_module_names)]
print("RESULT" + json.dumps([timed({first!r}), timed({then!r})]))
"""


class _Import(NamedTuple):
    ms: float
    cpu_ms: float
    packages: list[str]


def measure(folder: Path, rounds: int) -> Section:
    """Import in fresh processes, alternating."""
    _probe(folder, _ALL_AIRFLOW, _PROVIDER)  # the first import of all compiles, and fills the disk's cache
    seen = [_round(folder) for _ in range(rounds)]
    section = Section(
        "Import time",
        f"Milliseconds in fresh processes, alternating, median (and range) of {rounds}.",
        ["what is imported", "CPU, x Airflow's own import", "CPU ms", "ms", "packages it brings in"],
    )
    for name in seen[0]:
        ratios = [each[name].cpu_ms / each[_AIRFLOW].cpu_ms for each in seen]
        cpu, took = [each[name].cpu_ms for each in seen], [each[name].ms for each in seen]
        section.rows.append([name, spread(ratios), spread(cpu), spread(took), _shown(seen[0][name].packages)])
    return section


def _round(folder: Path) -> dict[str, _Import]:
    _, after_all = _probe(folder, _ALL_AIRFLOW, _PROVIDER)
    airflow, after_author = _probe(folder, _DAG_AUTHOR, _PROVIDER)
    _, metadata = _probe(folder, "", _METADATA)
    return {
        "operator, sensor, transfer, after the modules of Airflow they use": after_all,
        "the same, after what every DAG file imports": after_author,
        "provider metadata, in an empty process": metadata,
        _AIRFLOW: airflow,
    }


def _shown(packages: list[str]) -> str:
    return ", ".join(packages) if len(packages) <= _SHOWN_PACKAGES else str(len(packages))


def import_after(folder: Path, first: str, then: str) -> float:
    """Return the milliseconds of CPU that one import takes in a process that has made another."""
    return _probe(folder, first, then)[1].cpu_ms


def _probe(folder: Path, first: str, then: str) -> tuple[_Import, _Import]:
    command = [sys.executable, "-c", _PROBE.format(first=first, then=then)]
    environment = clean_environment(AIRFLOW_HOME=str(folder / "airflow"))
    with subprocess.Popen(  # noqa: S603 - the benchmarks' own commands
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        keep_to_core(process.pid, CLIENT_CORE)
        try:
            output, _ = process.communicate(timeout=_SECONDS)
        finally:
            process.kill()
    if process.returncode != 0:
        raise RuntimeError(f"The import failed with exit code {process.returncode}.")
    first_seen, then_seen = json.loads(output.rpartition("RESULT")[2])
    return _Import(*first_seen), _Import(*then_seen)
