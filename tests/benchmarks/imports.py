"""What importing the provider adds to a process that has Airflow already."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

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
exec({first!r})
before = set(sys.modules)
began = time.perf_counter()
exec({then!r})
took = time.perf_counter() - began
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print("RESULT" + json.dumps([took * 1000, sorted(new - sys.stdlib_module_names)]))
"""


def measure(folder: Path, rounds: int) -> Section:
    """Import in fresh processes, alternating."""
    cases = {
        "operator, sensor, transfer, after the modules of Airflow they use": (_ALL_AIRFLOW, _PROVIDER),
        "the same, after what every DAG file imports": (_DAG_AUTHOR, _PROVIDER),
        _AIRFLOW: ("", _DAG_AUTHOR),
        "provider metadata, in an empty process": ("", _METADATA),
    }
    for case in cases.values():  # the first import of all compiles, and fills the disk's cache
        _probe(folder, *case)
    seen = [{name: _probe(folder, *case) for name, case in cases.items()} for _ in range(rounds)]
    section = Section(
        "Import time",
        f"Milliseconds in fresh processes, alternating, median (and range) of {rounds}.",
        ["what is imported", "x Airflow's own import", "ms", "packages it brings in"],
    )
    for name in cases:
        took, airflow = [each[name][0] for each in seen], [each[_AIRFLOW][0] for each in seen]
        ratios = [one / other for one, other in zip(took, airflow, strict=True)]
        section.rows.append([name, spread(ratios), spread(took), _shown(seen[0][name][1])])
    return section


def _shown(packages: list[str]) -> str:
    return ", ".join(packages) if len(packages) <= _SHOWN_PACKAGES else str(len(packages))


def _probe(folder: Path, first: str, then: str) -> tuple[float, list[str]]:
    process = subprocess.Popen(  # noqa: S603 - the benchmarks' own commands
        [sys.executable, "-c", _PROBE.format(first=first, then=then)],
        cwd=ROOT,
        env=clean_environment(AIRFLOW_HOME=str(folder / "airflow")),
        stdout=subprocess.PIPE,
        text=True,
    )
    keep_to_core(process.pid, CLIENT_CORE)
    output, _ = process.communicate(timeout=_SECONDS)
    if process.returncode != 0:
        raise RuntimeError(f"The import failed with exit code {process.returncode}.")
    milliseconds, packages = json.loads(output.rpartition("RESULT")[2])
    return milliseconds, packages
