"""A dataset to a file: the export engine beside curl and the official client, over links of several kinds."""

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
GIGABIT = ("--speed", "125000000")
LATENCY_SECONDS, FAR_BYTES_PER_SECOND = 0.1, 10_000_000
FAR = ("--latency", str(LATENCY_SECONDS), "--speed", str(FAR_BYTES_PER_SECOND), "--compresses")
NAMES = {
    "curl": "`curl`, one plain stream, nothing checked",
    "curl_compressed": "`curl --compressed`, one stream, nothing checked",
    "sha256": "nothing but the sha256 of the file, by `hashlib`",
    "engine": "`DatasetToFileOperator`'s engine",
    "engine_json": "`DatasetToFileOperator`'s engine, to one JSON array",
    "iterate_items": "`apify-client`, `iterate_items` and `json.dumps`",
    "stream_items": "`apify-client`, `stream_items`",
}
_CLIENTS = ["stream_items", "iterate_items"]
_SECONDS = 1_800.0
_COLUMNS = ["download", "x curl", "s", "MB/s of file", "memory, MiB", "CPU s of the client"]
_INTRO = f"""\
Items of {ITEM_BYTES} bytes; alternating, median (and range) of {{rounds}}, or the figure of one round. Near: nginx on \
this machine. 1 Gbit/s and far: a server that sends each connection no more than 125 MB/s, or \
{FAR_BYTES_PER_SECOND / 1e6:.0f} MB/s after {LATENCY_SECONDS * 1000:.0f} ms before each answer, compressed for who \
asks. Memory: the largest above what the process had before."""
_NOTES = """\
Each file that a way has written was read again afterwards: it holds exactly what was served, by its sha256.
The engine counts the items and computes the file's sha256 while it writes, and its file is on the disk when the clock \
stops (`fsync`); the others do none of this, and their bytes may still be on their way to the disk. No way that has a \
sha256 can take less than the sha256 alone, which depends on the processor.
Server and client share the machine; what the far server sends was compressed beforehand.""".splitlines()


def measure(folder: Path, near: int, far: int, sizes: Sequence[int], rounds: int) -> Section:
    """Download in all ways, round by round.

    :param near: how many items over loopback, and at 1 Gbit/s.
    :param far: how many items over a link with latency and a limit per connection.
    :param sizes: how many items the engine's memory is measured at, in one round.
    """
    section = Section(
        "Downloads: one dataset to JSON Lines on a local disk",
        _INTRO.format(rounds=rounds),
        _COLUMNS,
        notes=_NOTES,
        picture="how long each takes, in times of curl",
    )
    with file_server(folder / "nginx", near, ITEM_BYTES, "json") as served:
        ways = ["sha256", "engine", "engine_json", *_CLIENTS]
        _add(section, f"near, {near:,} items", _compare(folder, *served, ways, rounds))
    with _wire(folder, near, *GIGABIT) as served:
        _add(section, f"1 Gbit/s, {near:,} items", _compare(folder, *served, ["engine", "stream_items"], rounds))
    with _wire(folder, far, *FAR) as served:
        ways = ["curl_compressed", "engine", *_CLIENTS]
        _add(section, f"far, {far:,} items", _compare(folder, *served, ways, rounds))
    for items in sizes:
        with file_server(folder / "nginx", items, ITEM_BYTES) as served:
            _add(section, f"near, {items:,} items", _compare(folder, *served, ["sha256", "engine"], 1))
    return section


def _compare(
    folder: Path, server: ApifyServer, lines: Path, ways: Sequence[str], rounds: int
) -> dict[str, list[dict[str, Any]]]:
    """Take the ways in turn, after curl; the client has the whole machine, as a task has.

    :param lines: the file that is served.
    :raises RuntimeError: what was written is something else.
    """
    ways = ["curl", *ways]
    step = {"server": list(server), "path": str(folder / "download"), "lines": str(lines)}
    steps = [{**step, "way": way} for way in ways] * rounds
    answers = Child(folder, "downloads", "tests.benchmarks.downloads_child", steps, core=None).result(_SECONDS)
    return {way: answers[index :: len(ways)] for index, way in enumerate(ways)}


def _add(section: Section, where: str, results: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    for way, answers in results.items():
        seconds = [each["seconds"] for each in answers]
        ratios = [own / base["seconds"] for own, base in zip(seconds, results["curl"], strict=True)]
        section.bars.append(Bar(where, NAMES[way], statistics.median(ratios)))
        is_curl = way.startswith("curl")
        section.rows.append(
            [
                f"{where}: {NAMES[way]}",
                "1" if way == "curl" else spread(ratios),
                spread(seconds),
                number(statistics.median(each["bytes"] / each["seconds"] / 1e6 for each in answers)),
                "" if is_curl else _median(answers, "memory_growth_mb"),
                "" if is_curl else _median(answers, "cpu_seconds"),
            ]
        )


def _median(answers: Sequence[Mapping[str, Any]], key: str) -> str:
    values = [each[key] for each in answers if each[key] is not None]
    return number(statistics.median(values)) if values else ""


@contextlib.contextmanager
def _wire(folder: Path, items: int, *options: str) -> Iterator[tuple[ApifyServer, Path]]:
    """Serve over a limited link; yield the server and the file with the lines."""
    file = folder / "wire.jsonl"
    write_lines(file, items, ITEM_BYTES)
    component = Component(
        "wire",
        [sys.executable, "-m", "tests.benchmarks.wire", str(file), str(ITEM_BYTES), *options],
        environment=clean_environment(),
        folder=ROOT,
        log=folder / "wire.log",
    )
    try:
        yield wait_for_announcement(component), file
    finally:
        stop_together([component])
        file.unlink()
