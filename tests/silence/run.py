"""Play exports by chance against a local Apify that lies, and count what is wrong and was not told.

``python -m tests.silence.run [--exports 2000] [--seed 1] [--package CHECKOUT]``: where a checkout of another commit is
given, its package exports the same, to compare.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import requests

from airflow_provider_apify.testing import LocalApify
from tests.silence.case import Case, case
from tools.versions import ROOT

tell = partial(print, flush=True)
_PUSHED_AT_ONCE = 1_000
_EXPORTING, _MARK = Path(__file__).with_name("exporting.py"), "OUTCOME "


@dataclass
class Tally:
    """What has come of exports.

    :ivar exports: how many.
    :ivar right: those that succeeded with all items.
    :ivar refused: those that failed, by the class of their error; they have left nothing.
    :ivar faults: how often each kind has happened.
    :ivar silent: those that succeeded with other items, and those that failed and left a file; in words.
    """

    exports: int = 0
    right: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    silent: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Say all of it."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.faults.items()))
        refusals = ", ".join(f"{count} {kind}" for kind, count in self.refused.most_common())
        return "\n".join(
            [
                f"{self.exports:,} exports: {self.right:,} right, {self.refused.total():,} refused ({refusals})",
                f"{self.faults.total():,} faults: {kinds}",
                f"{len(self.silent)} silent differences",
                *self.silent,
            ]
        )


class Exporter:
    """A process that exports with the package of a checkout."""

    def __init__(self, base_url: str, package: Path, log: Path) -> None:
        with log.open("w") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and script
                [sys.executable, "-P", str(_EXPORTING), base_url, _MARK],
                env={**os.environ, "PYTHONPATH": str(package)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def do(self, job: dict[str, Any]) -> dict[str, Any]:
        """Have it do a job, and return the outcome."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith(_MARK):
                outcome: dict[str, Any] = json.loads(line.removeprefix(_MARK))
                return outcome
        raise RuntimeError(f"The exporting process has ended with {self._process.wait()}.")

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@contextmanager
def exporter(base_url: str, package: Path, log: Path) -> Iterator[Exporter]:
    """Lend a process that exports."""
    process = Exporter(base_url, package, log)
    try:
        yield process
    finally:
        process.close()


def play(count: int, seed: int, package: Path, folder: Path) -> Tally:
    """Play so many exports, the same for the same seed.

    :param package: a checkout, whose package exports.
    :param folder: for files; the log of what exports is left there.
    """
    tally, dice = Tally(), random.Random(seed)
    with LocalApify() as apify, exporter(apify.base_url, package, folder / "exporting.log") as process:
        for number in range(count):
            target = folder / f"export-{number}"
            target.mkdir()
            chosen = case(dice)
            wrong = _judge(chosen, _played(chosen, apify, process, target), target, tally)
            for fault in apify.control.faults():
                tally.faults[fault["action"]] += fault["happened"]
            tally.exports += 1
            if wrong:
                shown = f"{chosen.way} of {len(chosen.items)} items {chosen.query}: {wrong}; {chosen.faults}"
                tally.silent.append(f"{seed}/{number}: {shown}")
    return tally


def _played(chosen: Case, apify: LocalApify, process: Exporter, folder: Path) -> dict[str, Any]:
    apify.control.reset()
    dataset_id = _pushed(apify, chosen.items)
    apify.control.settings(max_items_per_request=chosen.cap)
    for fault in chosen.faults:
        apify.control.add_fault(**{**fault, "path": fault["path"].format(dataset=dataset_id)})
    split = {"items_per_file": 250} if chosen.way == "split" else {}
    path, way, query = str(chosen.path(folder)), chosen.way, chosen.query
    return process.do({"dataset": dataset_id, "path": path, "way": way, "query": query, **split})


def _judge(chosen: Case, outcome: dict[str, Any], folder: Path, tally: Tally) -> str | None:
    """Say what is wrong and was not told; count what is not."""
    if "error" in outcome:
        tally.refused[outcome["error"].partition(":")[0]] += 1
        # Files of a split export that were finished before it failed are whole.
        return None if chosen.way == "split" or not list(folder.iterdir()) else "failed, and left a file"
    wrong = chosen.difference(folder)
    tally.right += wrong is None
    return wrong


def _pushed(apify: LocalApify, items: list[dict[str, Any]]) -> str:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {apify.token}"
        dataset_id: str = session.post(f"{apify.base_url}/v2/datasets", timeout=30).json()["data"]["id"]
        for start in range(0, len(items), _PUSHED_AT_ONCE):
            page = items[start : start + _PUSHED_AT_ONCE]
            session.post(f"{apify.base_url}/v2/datasets/{dataset_id}/items", json=page, timeout=30).raise_for_status()
    return dataset_id


def main() -> None:
    """Play, and print what has come of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.silence.run", description=__doc__)
    parser.add_argument("--exports", type=int, default=2_000, help="how many; 2,000 take some minutes")
    parser.add_argument("--seed", type=int, default=1, help="another number plays others")
    parser.add_argument("--package", type=Path, default=ROOT, help="a checkout of the commit to export with")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = play(chosen.exports, chosen.seed, chosen.package.resolve(), Path(folder))
    tell(tally)
    sys.exit(bool(tally.silent))


if __name__ == "__main__":
    main()
