"""Play exports and pushes by chance against a local Apify that lies, and count what is wrong and was not told.

``python -m tests.silence.run [--plays 2000] [--seed 1] [--package CHECKOUT]``: where a checkout of another commit is
given, its package does the same, to compare.
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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from local_apify import LocalApify
from tests.silence.exports import export, export_of_a_list
from tests.silence.pushes import a_push
from tools.versions import ROOT

tell = partial(print, flush=True)
_WORKING, _MARK = Path(__file__).with_name("working.py"), "OUTCOME "


class Play(Protocol):
    """An export or a push."""

    @property
    def faults(self) -> list[dict[str, Any]]:
        """What goes wrong, as the local Apify takes it."""

    def begin(self, apify: LocalApify, folder: Path, /) -> dict[str, Any]:
        """Prepare Apify and the folder, and return the job."""

    def wrong(self, outcome: dict[str, Any], apify: LocalApify, folder: Path, /) -> str | None:
        """Say what is wrong and was not told."""


Plays = Callable[[random.Random], Play]
PLAYS: Mapping[str, Plays] = {"exports": export, "lists": export_of_a_list, "pushes": a_push}


@dataclass
class Tally:
    """What has come of plays.

    :ivar plays: how many.
    :ivar right: those that succeeded with all items.
    :ivar refused: those that failed, by the class of their error.
    :ivar faults: how often each kind has happened that has.
    :ivar silent: those that succeeded with other items, and those that failed and left what must not be; in words.
    """

    plays: int = 0
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
                f"{self.plays:,} played: {self.right:,} right, {self.refused.total():,} refused ({refusals})",
                f"{self.faults.total():,} faults: {kinds}",
                f"{len(self.silent)} silent differences",
                *self.silent,
            ]
        )


class Worker:
    """A process that works with the package of a checkout."""

    def __init__(self, base_url: str, package: Path, log: Path) -> None:
        with log.open("w") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and script
                [sys.executable, "-P", str(_WORKING), base_url, _MARK],
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
        raise RuntimeError(f"The working process has ended with {self._process.wait()}.")

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@contextmanager
def worker(base_url: str, package: Path, log: Path) -> Iterator[Worker]:
    """Lend a process that works."""
    process = Worker(base_url, package, log)
    try:
        yield process
    finally:
        process.close()


def play(plays: Plays, count: int, seed: int, package: Path, folder: Path) -> Tally:
    """Play so many, the same for the same seed.

    :param package: a checkout, whose package works.
    :param folder: for files; the log of what works is left there.
    """
    tally, dice = Tally(), random.Random(seed)
    with LocalApify() as apify, worker(apify.base_url, package, folder / "working.log") as process:
        for number in range(count):
            target = folder / f"play-{number}"
            target.mkdir()
            chosen = plays(dice)
            apify.control.reset()
            outcome = process.do(chosen.begin(apify, target))
            for fault in apify.control.faults():
                tally.faults += Counter({fault["action"]: fault["happened"]})  # which drops what has not happened
            wrong = chosen.wrong(outcome, apify, target)
            tally.plays += 1
            if "error" in outcome:
                tally.refused[outcome["error"].partition(":")[0]] += 1
            tally.right += "error" not in outcome and wrong is None
            if wrong:
                tally.silent.append(f"{seed}/{number}: {chosen}: {wrong}; {chosen.faults}; {outcome.get('error', '')}")
    return tally


def main() -> None:
    """Play, and print what has come of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.silence.run", description=__doc__)
    parser.add_argument("--plays", type=int, default=2_000, help="how many of each kind; 2,000 take some minutes")
    parser.add_argument("--only", choices=list(PLAYS), help="play one kind")
    parser.add_argument("--seed", type=int, default=1, help="another number plays others")
    parser.add_argument("--package", type=Path, default=ROOT, help="a checkout of the commit to work with")
    chosen = parser.parse_args()
    are_silent = False
    for name, plays in PLAYS.items():
        if chosen.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                tally = play(plays, chosen.plays, chosen.seed, chosen.package.resolve(), Path(folder))
            tell(f"{name}: {tally}")
            are_silent |= bool(tally.silent)
    sys.exit(are_silent)


if __name__ == "__main__":
    main()
