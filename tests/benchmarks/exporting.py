"""Large datasets to files: speed beside a plain download of the same bytes, and memory."""

from __future__ import annotations

import contextlib
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_apify.testing import scenario_item
from airflow_provider_apify.testing.datasets import encode
from tests.benchmarks.child import ROOT, SERVER_CORE, Child
from tests.benchmarks.local import local_apify, make_dataset
from tests.benchmarks.machine import keep_to_core
from tests.benchmarks.report import Section, number, spread
from tools.environment import clean_environment
from tools.lab import ApifyServer, Component
from tools.lab.apify import wait_for_announcement
from tools.lab.component import stop_together

ITEM_BYTES = 500
_SECONDS = 900.0
LOCAL, WIRE = "local Apify", "file server"
_NOTES = """\
Each export was checked to hold exactly the dataset's items.
The local Apify is Python and makes the items while it sends them, so it bounds the speed of its rows, and compressing \
costs it more. The file server does nothing but send: its rows show the client's own cost.
The provider's file is on disk when the clock stops (`fsync`), its pages are checked and hashed; curl's bytes may \
still be on their way to the disk.""".splitlines()


@dataclass(frozen=True)
class Case:
    """A download that is measured; it is compared with curl's plain one of the same.

    :param way: ``"provider"`` or ``"curl"``.
    """

    server: str
    items: int
    format: str
    way: str
    gzip: bool

    @property
    def baseline(self) -> Case:
        """What it is compared with."""
        return Case(self.server, self.items, self.format, "curl", gzip=False)


def cases_for(sizes: Sequence[int]) -> list[Case]:
    """Return what is measured: all formats at all sizes but the largest; in between, with and without compression."""
    *tabular, largest = sizes
    wanted = [
        *[Case(LOCAL, items, name, "provider", gzip=True) for items in tabular for name in ("jsonl", "json", "csv")],
        Case(LOCAL, largest, "jsonl", "provider", gzip=True),
        Case(LOCAL, tabular[-1], "jsonl", "provider", gzip=False),
        Case(LOCAL, tabular[-1], "jsonl", "curl", gzip=True),
        *[Case(WIRE, items, name, "provider", gzip=False) for items in sizes[1:] for name in ("jsonl", "json")],
    ]
    return list(dict.fromkeys(each for case in wanted for each in (case.baseline, case)))


def measure(folder: Path, sizes: Sequence[int], rounds: int) -> Section:
    """Download everything, round by round, on the clients' core; the servers are on the other."""
    cases = cases_for(sizes)
    with local_apify(folder, "export-apify") as apify, contextlib.ExitStack() as stack:
        places = {(LOCAL, items): (apify, make_dataset(apify, items, ITEM_BYTES)) for items in sizes}
        for items in sizes[1:]:
            places[WIRE, items] = stack.enter_context(_file_server(folder, items)), "dataset"
        steps = [_step(case, *places[case.server, case.items], folder / "download") for case in cases]
        answers = Child(folder, "exporting", "tests.benchmarks.exporting_child", steps * rounds).result(_SECONDS)
    results = {case: answers[index :: len(cases)] for index, case in enumerate(cases)}
    _check(results)
    section = Section(
        "Export: datasets to files",
        f"Items of {ITEM_BYTES} bytes, `DatasetToFileOperator`'s engine beside `curl --output` of the same items "
        f"without compression; alternating, median (and range) of {rounds}; server and client each on a core of its "
        "own. Memory: the largest above what the process had before.",
        ["download", "x curl", "s", "MB/s of file", "memory, MiB", "CPU s of the client"],
        notes=_NOTES,
    )
    section.rows += [_row(case, results[case], results[case.baseline]) for case in cases]
    return section


def _step(case: Case, server: ApifyServer, dataset_id: str, path: Path) -> dict[str, Any]:
    return {**vars(case), "server": list(server), "dataset_id": dataset_id, "path": str(path)}


@contextlib.contextmanager
def _file_server(folder: Path, items: int) -> Iterator[ApifyServer]:
    """Serve items from a file, on the servers' core."""
    file = folder / f"{items}.jsonl"
    with file.open("wb") as lines:
        lines.writelines(encode(scenario_item(index, ITEM_BYTES)) + b"\n" for index in range(items))
    component = Component(
        "wire",
        [sys.executable, "-m", "tests.benchmarks.wire", str(file), str(ITEM_BYTES)],
        environment=clean_environment(),
        folder=ROOT,
        log=folder / f"wire-{items}.log",
    )
    keep_to_core(component.pid, SERVER_CORE)
    try:
        yield wait_for_announcement(component)
    finally:
        stop_together([component])
        file.unlink()


def _row(case: Case, results: list[dict[str, Any]], baselines: list[dict[str, Any]]) -> list[str]:
    seconds = [each["seconds"] for each in results]
    ratios = [each["seconds"] / base["seconds"] for each, base in zip(results, baselines, strict=True)]
    speeds = [each["bytes"] / each["seconds"] / 1e6 for each in results]
    name = f"{case.server}, {case.items:,} items, {case.format}, {case.way}{', gzip' if case.gzip else ''}"
    return [
        name,
        "1" if case == case.baseline else spread(ratios),
        spread(seconds),
        number(statistics.median(speeds)),
        _median(results, "memory_growth_mb"),
        _median(results, "cpu_seconds"),
    ]


def _median(results: list[dict[str, Any]], key: str) -> str:
    values = [each[key] for each in results if each.get(key) is not None]
    return number(statistics.median(values)) if values else ""


def _check(results: dict[Case, list[dict[str, Any]]]) -> None:
    for case, answers in results.items():
        if any(each.get("items", case.items) != case.items for each in answers):
            raise RuntimeError(f"Items are missing or doubled: {case}")
