"""A thousand starts while one request in seven goes wrong: this package, and beside it the official client.

``python -m tests.chaos.thousand_starts [STARTS [ACTORS]]`` prints a table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple
from unittest.mock import patch

from airflow_provider_apify.exceptions import ApifyError
from local_apify import ActorContext, LedgerRun, LocalApify, actor
from tests.chaos.attempts import RETRIES, Attempt
from tools.environment import clean_environment
from tools.versions import ROOT

AT_A_TIME = 32
ATTEMPTS = RETRIES + 1
SETTLE_SECONDS = 3
Faults = Mapping[str, Mapping[str, Any]]
FAULTS: Faults = {
    "503 before commit": {"action": "answer", "status": 503, "probability": 0.025},
    "500 after commit": {"action": "answer-after-commit", "status": 500, "probability": 0.025},
    "reset before commit": {"action": "cut-before-commit", "probability": 0.025},
    "reset after commit": {"action": "cut-after-commit", "probability": 0.025},
    "429, Retry-After: 1": {
        "action": "answer",
        "status": 429,
        "error_type": "rate-limit-exceeded",
        "headers": {"Retry-After": "1"},
        "probability": 0.05,
    },
}
"""Each may happen to any request to the API."""
FIRST_TIMEOUT = 10_000
"""Each start asks for a timeout of its own, in seconds: by that the ledger tells which start a run is from."""


class Crowd(NamedTuple):
    """How many starts there are, and how many Actors share them."""

    starts: int
    actors: int

    def actor(self, number: int) -> str:
        """Return the name of the Actor that a start is for."""
        return ACTORS[number % self.actors].name


# Lists of runs do not show who started them, so a look for a lost answer reads the other runs of its Actor one by one.
CROWDS = (Crowd(1_000, actors=20), Crowd(300, actors=1))
Start = Callable[[LocalApify, str, int], str | None]
"""Starts an Actor for a number, and returns the ID of its run, ``None`` where it has raised to the last."""


async def _stay(context: ActorContext) -> None:
    """Go on for longer than the measurement."""
    await context.sleep(FIRST_TIMEOUT)


ACTORS = [actor(f"crowd/actor-{number}")(_stay) for number in range(20)]


def start_with_the_hook(_apify: LocalApify, name: str, number: int) -> str | None:
    """Start as the operator does for one of many mapped tasks with two retries."""
    began = time.time()
    sent_at: float | None = None
    for attempt in range(1, ATTEMPTS + 1):
        this, sent_at = attempt_of(name, number, attempt, since=began, sent_at=sent_at), time.time()
        try:
            return this.start()
        except ApifyError:
            continue
    return None


def attempt_of(name: str, number: int, attempt: int, *, since: float, sent_at: float | None = None) -> Attempt:
    """Return an attempt whose run the ledger can tell from all others."""
    timeout = FIRST_TIMEOUT + number
    return Attempt(actor=name, number=number, timeout=timeout, number_of_try=attempt, since=since, sent_at=sent_at)


def start_with_the_official_client(apify: LocalApify, name: str, number: int) -> str | None:
    """Start with ``actor.start()`` and its own retries, in a task with two more."""
    from apify_client import ApifyClient  # noqa: PLC0415 - an optional package of the comparison

    target = ApifyClient(apify.token, api_url=apify.base_url).actor(name)
    timeout = timedelta(seconds=FIRST_TIMEOUT + number)
    for _attempt in range(ATTEMPTS):
        try:
            return target.start(run_input={"page": number}, run_timeout=timeout).id
        except Exception:  # noqa: BLE001, S112 - whatever it raises, its task would be retried
            continue
    return None


CLIENTS: dict[str, Start] = {"this package": start_with_the_hook, "apify-client": start_with_the_official_client}


def compare(crowd: Crowd) -> list[dict[str, Any]]:
    """Put both clients through the same, and return the figures of each; see :func:`put_through`."""
    return [put_through(name, start, crowd) for name, start in CLIENTS.items()]


def compare_in_another_process(crowd: Crowd) -> list[dict[str, Any]]:
    """Do what :func:`compare` does with a home for Airflow that is left behind by nobody."""
    return figures_of(__spec__.name, *map(str, crowd))


def figures_of(module: str, *arguments: str) -> list[dict[str, Any]]:
    """Return what a module like this prints with ``--json``."""
    with tempfile.TemporaryDirectory() as home:
        environment = clean_environment(AIRFLOW_HOME=home, AIRFLOW__LOGGING__LOGGING_LEVEL="ERROR")
        command = [sys.executable, "-m", module, "--json", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)  # noqa: S603 - ours
    figures: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return figures


def put_through(
    client: str, start: Start, crowd: Crowd, faults: Faults = FAULTS, *, before: Start | None = None
) -> dict[str, Any]:
    """Start that often, several at a time, against a local Apify with faults; return what came of it.

    :param before: is done for all of them first.
    :return: what :func:`judge` returns, and for how many ``actors``, how many ``requests`` Apify got, how often each of
        the ``faults`` happened, and the ``seconds`` it took.
    """
    actors = ACTORS[: crowd.actors]
    with LocalApify(actors=actors) as apify, patch.dict(os.environ, AIRFLOW_CONN_CROWD=connection_to(apify)):
        for seed, fault in enumerate(faults.values()):
            rule: dict[str, Any] = {"path": "/v2/*", "times": None, "seed": seed, **fault}
            apify.control.add_fault(**rule)
        began = time.monotonic()
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            for each in filter(None, (before, start)):
                given = list(pool.map(partial(_called, each, apify, crowd), range(crowd.starts)))
        seconds = round(time.monotonic() - began, 1)
        ledger, rules = apify.control.ledger(slim=True), apify.control.faults()
    happened = {words: rule["happened"] for words, rule in zip(faults, rules, strict=True)}
    requests = sum(count for route, count in ledger.requests.items() if "/v2/" in route)
    return {
        "client": client,
        "actors": crowd.actors,
        **judge(ledger.runs, given),
        "requests": requests,
        "faults": happened,
        "seconds": seconds,
    }


def _called(start: Start, apify: LocalApify, crowd: Crowd, number: int) -> str | None:
    return start(apify, crowd.actor(number), number)


def connection_to(apify: LocalApify) -> str:
    """Return the connection of :mod:`tests.chaos.attempts` as Airflow takes it from the environment."""
    extra = {"start_settle_seconds": SETTLE_SECONDS}
    return json.dumps({"conn_type": "apify", "host": apify.base_url, "password": apify.token, "extra": extra})


def judge(runs: Sequence[LedgerRun], given: Sequence[str | None]) -> dict[str, Any]:
    """Judge by the ledger.

    - ``runs``: started at all.
    - ``adopted``: starts whose caller has been given the run that was started for it.
    - ``duplicates``: runs beyond the first of a start that nobody has aborted.
    - ``lost``: starts that have a run, and whose caller has been given none, or another.
    - ``orphaned``: runs that go on and that no caller has been given; duplicates are among them.
    - ``raised``: starts whose caller was given an error.
    """
    by_start: defaultdict[int, list[LedgerRun]] = defaultdict(list)
    for run in runs:
        by_start[run.options["timeoutSecs"] - FIRST_TIMEOUT].append(run)
    adopted = {number for number, run_id in enumerate(given) if run_id in {run.run_id for run in by_start[number]}}
    kept = {number: [run for run in each if not run.aborted_by_request] for number, each in by_start.items()}
    return {
        "starts": len(given),
        "runs": len(runs),
        "adopted": len(adopted),
        "duplicates": sum(len(each[1:]) for each in kept.values()),
        "lost": sum(bool(each) and number not in adopted for number, each in kept.items()),
        "orphaned": sum(run.is_going and run.run_id not in given for run in runs),
        "raised": given.count(None),
    }


def table(figures: Sequence[dict[str, Any]]) -> str:
    """Write the figures as a Markdown table, a column for each client."""
    rows = [
        ["", *(each["client"] for each in figures)],
        ["---", *("---:" for _ in figures)],
        *[[name, *(f"{each[name]:,}" for each in figures)] for name in figures[0] if name not in {"client", "faults"}],
        ["requests per start", *(f"{each['requests'] / each['starts']:.2f}" for each in figures)],
        *[[words, *(str(each["faults"][words]) for each in figures)] for words in figures[0]["faults"]],
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    """Print the table; with ``--json``, the bare figures, measured in this process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("starts", nargs="?", type=int, default=CROWDS[0].starts)
    parser.add_argument("actors", nargs="?", type=int, default=CROWDS[0].actors)
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    crowd = Crowd(chosen.starts, chosen.actors)
    measured = json.dumps(compare(crowd)) if chosen.json else table(compare_in_another_process(crowd))
    sys.stdout.write(f"{measured}\n")


if __name__ == "__main__":
    main()
