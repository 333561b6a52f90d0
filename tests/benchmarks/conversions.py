"""A dataset to CSV and Parquet: the export engine, download included, beside tools that convert a local file."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from tests.benchmarks.child import Child
from tests.benchmarks.downloads import ITEM_BYTES
from tests.benchmarks.nginx import file_server
from tests.benchmarks.picture import Bar
from tests.benchmarks.report import Section, number, spread

WAYS = {
    "engine": "`DatasetToFileOperator`'s engine: downloaded, sha256, fsync",
    "duckdb": "DuckDB, from a local JSON Lines file",
    "polars": "Polars, from a local JSON Lines file",
}
FORMATS = {"csv": "CSV", "parquet": "Parquet (zstd)"}
_SECONDS = 1_800.0


def measure(folder: Path, items: int, rounds: int) -> Section:
    """Convert in all ways, round by round."""
    section = Section(
        "Conversions: one dataset to CSV and Parquet",
        f"{items:,} items of {ITEM_BYTES} bytes; alternating, median (and range) of {rounds}. The engine downloads "
        "from nginx on this machine: CSV as Apify renders it, for Parquet JSON Lines. The other tools read the same "
        "JSON Lines from the disk, with all cores, and write no checksum. Memory: the largest above what each had "
        "before.",
        ["conversion", "x the fastest other tool", "s", "MB of file", "memory, MiB", "CPU s"],
        picture="how long each takes, in times of the fastest other tool",
    )
    place = folder / "conversions"
    place.mkdir()
    with file_server(place, items, ITEM_BYTES) as server:
        step = {"server": list(server), "path": str(folder / "converted"), "source": str(place / "data" / "jsonl--")}
        cases = [(name, way) for name in FORMATS for way in WAYS]
        steps = [{**step, "format": name, "way": way} for name, way in cases] * rounds
        answers = Child(folder, "conversions", "tests.benchmarks.conversions_child", steps, core=None).result(_SECONDS)
    for number_of_format, name in enumerate(FORMATS):
        first = number_of_format * len(WAYS)
        _add(section, FORMATS[name], {way: answers[first + index :: len(cases)] for index, way in enumerate(WAYS)})
    return section


def _add(section: Section, name: str, results: dict[str, list[dict[str, Any]]]) -> None:
    fastest = min(_median(answers, "seconds") for way, answers in results.items() if way != "engine")
    for way, answers in results.items():
        ratios = [each["seconds"] / fastest for each in answers]
        section.bars.append(Bar(name, WAYS[way], statistics.median(ratios)))
        section.rows.append(
            [
                f"{name}: {WAYS[way]}",
                spread(ratios),
                spread([each["seconds"] for each in answers]),
                number(_median(answers, "bytes") / 1e6),
                number(_median(answers, "memory_growth_mb")),
                number(_median(answers, "cpu_seconds")),
            ],
        )


def _median(answers: list[dict[str, Any]], key: str) -> float:
    return float(statistics.median(each[key] for each in answers))
