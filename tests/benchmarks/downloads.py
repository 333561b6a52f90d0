"""A dataset to a file: the export engine beside curl and the official client, near and far."""

from __future__ import annotations

import contextlib
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.child import ROOT, Child
from tests.benchmarks.items import write_lines
from tests.benchmarks.nginx import file_server
from tests.benchmarks.picture import Bar
from tests.benchmarks.report import Section, number, spread
from tools.environment import clean_environment
from tools.lab import ApifyServer, Component
from tools.lab.apify import wait_for_announcement
from tools.lab.component import stop_together

ITEM_BYTES = 500
LATENCY_SECONDS = 0.1
CONNECTION_BYTES_PER_SECOND = 10_000_000
NAMES = {
    "curl": "`curl`, one plain stream, nothing checked",
    "engine": "`DatasetToFileOperator`'s engine: counted, sha256, fsync",
    "iterate_items": "`apify-client`, `iterate_items` and `json.dumps`",
    "stream_items": "`apify-client`, `stream_items`",
}
_SECONDS = 1_800.0
_COLUMNS = ["download", "x curl", "s", "MB/s of file", "memory, MiB", "CPU s of the client"]


def measure(folder: Path, near: int, far: int, sizes: Sequence[int], rounds: int) -> Section:
    """Download in all ways, round by round.

    :param near: how many items over loopback.
    :param far: how many items over a link with latency and a limit per connection.
    :param sizes: how many items the engine's memory is measured at.
    """
    section = Section(
        "Downloads: one dataset to JSON Lines on a local disk",
        f"Items of {ITEM_BYTES} bytes; alternating, median (and range) of {rounds}. Near: nginx on this machine. "
        f"Far: {LATENCY_SECONDS * 1000:.0f} ms before each answer, {CONNECTION_BYTES_PER_SECOND / 1e6:.0f} MB/s per "
        "connection, compressed for who asks. Memory: the largest above what the process had before.",
        _COLUMNS,
        picture="how long each takes, in times of curl",
    )
    (folder / "near").mkdir()
    with file_server(folder / "near", near, ITEM_BYTES) as server:
        ways = ["curl", "engine", "stream_items", "iterate_items"]
        _add(section, f"near, {near:,} items", _compare(folder, server, ways, near, rounds))
    with _far_server(folder, far) as server:
        ways = ["curl", "engine", "stream_items", "iterate_items"]
        _add(section, f"far, {far:,} items", _compare(folder, server, ways, far, rounds))
    for items in sizes:
        with _lines_server(folder, items) as server:
            _add(section, f"near, {items:,} items", _compare(folder, server, ["curl", "engine"], items, 1))
    return section


def _compare(
    folder: Path, server: ApifyServer, ways: Sequence[str], items: int, rounds: int
) -> dict[str, list[dict[str, Any]]]:
    step = {"server": list(server), "path": str(folder / "download")}
    steps = [{**step, "way": way} for way in ways] * rounds
    answers = Child(folder, "downloads", "tests.benchmarks.downloads_child", steps, core=None).result(_SECONDS)
    if any(each["lines"] != items for each in answers):
        raise RuntimeError(f"Items are missing or doubled among {items} of {server.base_url}")
    return {way: answers[index :: len(ways)] for index, way in enumerate(ways)}


def _add(section: Section, where: str, results: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    for way, answers in results.items():
        seconds = [each["seconds"] for each in answers]
        ratios = [own / base["seconds"] for own, base in zip(seconds, results["curl"], strict=True)]
        section.bars.append(Bar(where, NAMES[way], statistics.median(ratios)))
        section.rows.append(
            [
                f"{where}: {NAMES[way]}",
                "1" if way == "curl" else spread(ratios),
                spread(seconds),
                number(statistics.median(each["bytes"] / each["seconds"] / 1e6 for each in answers)),
                "" if way == "curl" else _median(answers, "memory_growth_mb"),
                "" if way == "curl" else _median(answers, "cpu_seconds"),
            ]
        )


def _median(answers: Sequence[Mapping[str, Any]], key: str) -> str:
    values = [each[key] for each in answers if each[key] is not None]
    return number(statistics.median(values)) if values else ""


def _far_server(folder: Path, items: int) -> contextlib.AbstractContextManager[ApifyServer]:
    far = ["--latency", str(LATENCY_SECONDS), "--speed", str(CONNECTION_BYTES_PER_SECOND)]
    return _lines_server(folder, items, *far)


@contextlib.contextmanager
def _lines_server(folder: Path, items: int, *options: str) -> Iterator[ApifyServer]:
    file = folder / f"{items}.jsonl"
    write_lines(file, items, ITEM_BYTES)
    component = Component(
        "wire",
        [sys.executable, "-m", "tests.benchmarks.wire", str(file), str(ITEM_BYTES), *options],
        environment=clean_environment(),
        folder=ROOT,
        log=folder / f"wire-{items}.log",
    )
    try:
        yield wait_for_announcement(component)
    finally:
        stop_together([component])
        file.unlink()
