"""A dataset to CSV and Parquet: the export engine, which downloads it, beside tools that convert a local file."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.child import CLIENT_CORE, Child
from tests.benchmarks.downloads import ITEM_BYTES
from tests.benchmarks.nginx import file_server
from tests.benchmarks.picture import Bar
from tests.benchmarks.report import Section, number, spread

WAYS = {
    "engine": "`DatasetToFileOperator`'s engine, with the download",
    "duckdb": "DuckDB, from a local JSON Lines file",
    "polars": "Polars, from a local JSON Lines file",
}
FORMATS = {"csv": "CSV", "parquet": "Parquet (zstd)"}
CORES: Mapping[str, int | None] = {"one core": CLIENT_CORE, "all cores": None}
_SECONDS = 1_800.0
_INTRO = f"""\
{{items}} items of {ITEM_BYTES} bytes; alternating, median (and range) of {{rounds}}. How long it takes until the file \
is there: the engine downloads the dataset from nginx on this machine, and computes a sha256; the other tools read it \
from a local file of JSON Lines. With one core, what converts is kept to it, and nginx may use any. Memory: the \
largest above what each had before. A ratio is that of one round to the fastest other tool in it."""
_NOTES = """\
CSV is rendered by Apify, here in a file made beforehand, and the engine only carries it: its figure has no conversion \
in it, as a task's has none. Parquet is made by the engine out of JSON Lines.
Each file was read again afterwards: all have the same rows, columns, sums of numbers and lengths of texts.\
""".splitlines()


def measure(folder: Path, items: int, rounds: int) -> Section:
    """Convert in all ways, round by round."""
    section = Section(
        "Conversions: one dataset to CSV and Parquet",
        _INTRO.format(items=f"{items:,}", rounds=rounds),
        ["conversion", "x the fastest other tool", "s", "MB of file", "memory, MiB", "CPU s"],
        notes=_NOTES,
        picture="how long each takes, in times of the fastest other tool",
    )
    with file_server(folder / "nginx", items, ITEM_BYTES, "csv") as (server, lines):
        step = {"server": list(server), "path": str(folder / "converted"), "source": str(lines)}
        cases = [(name, way) for name in FORMATS for way in WAYS]
        steps = [{**step, "format": name, "way": way} for name, way in cases] * rounds
        for cores, core in CORES.items():
            child = Child(folder, "conversions", "tests.benchmarks.conversions_child", steps, core=core)
            answers = child.result(_SECONDS)
            _check(answers, items)
            for name, label in FORMATS.items():
                results = {way: answers[cases.index((name, way)) :: len(cases)] for way in WAYS}
                _add(section, f"{label}, {cores}", results)
    return section


def _check(answers: list[dict[str, Any]], items: int) -> None:
    """Compare what was read of the files.

    :raises RuntimeError: a file has not all items, or differs from another.
    """
    contents = [each["contents"] for each in answers]
    if any(each != contents[0] or each["rows"] != items for each in contents):
        raise RuntimeError(f"The files do not hold the same {items} items: {contents}")


def _add(section: Section, name: str, results: dict[str, list[dict[str, Any]]]) -> None:
    others = zip(*[answers for way, answers in results.items() if way != "engine"], strict=True)
    fastest = [min(each["seconds"] for each in others_of_round) for others_of_round in others]
    for way, answers in results.items():
        ratios = [each["seconds"] / base for each, base in zip(answers, fastest, strict=True)]
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
