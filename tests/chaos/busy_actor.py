"""What a retry costs on an Actor that many others start, too: how many requests find the run of a dead attempt.

``python -m tests.chaos.busy_actor [RUNS_A_DAY]`` prints a table.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from unittest.mock import patch

from airflow_provider_apify.exceptions import ApifyError
from local_apify import LocalApify
from tests.chaos.thousand_starts import ACTORS, attempt_of, connection_to, figures_of

RUNS_A_DAY = 10_000
DAY, HOUR, MINUTES, MOMENT = timedelta(days=1), timedelta(hours=1), timedelta(minutes=5), timedelta(seconds=1)


class Situation(NamedTuple):
    """What a retry finds.

    :param words: for the table.
    :param since: how long ago the first attempt began to start its run, as far as the task can know.
    :param started: how long ago its run was started; ``None`` where none was.
    :param is_noted: whether the task has noted when it sent its start, as it does on Airflow 3.3.
    """

    words: str
    since: timedelta
    started: timedelta | None
    is_noted: bool = True


SITUATIONS = (
    Situation("5 minutes after the start", MINUTES + MOMENT, MINUTES),
    Situation("5 minutes after a start that never arrived", MINUTES + MOMENT, None),
    Situation("an hour after the start", HOUR + MOMENT, HOUR),
    Situation("an hour after a start that never arrived", HOUR + MOMENT, None),
    Situation(
        "5 minutes after the start, in a DAG run of an hour, nothing noted", timedelta(hours=1), timedelta(minutes=5)
    ),
    Situation("5 minutes after the start, in a DAG run of an hour, nothing noted", HOUR, MINUTES, is_noted=False),
    Situation("5 minutes after the start, in a DAG run of a day, nothing noted", DAY, MINUTES, is_noted=False),
)


def measure(runs_a_day: int = RUNS_A_DAY) -> list[dict[str, Any]]:
    """Return for each situation what became of the retry, its requests and its seconds."""
    return [_retried(situation, runs_a_day) for situation in SITUATIONS]


def _retried(situation: Situation, runs_a_day: int) -> dict[str, Any]:
    actor, now = ACTORS[0], datetime.now(UTC)
    with LocalApify(actors=[actor]) as apify, patch.dict(os.environ, AIRFLOW_CONN_CROWD=connection_to(apify)):
        since = (now - situation.since).timestamp()
        sent_at = since if situation.is_noted else None
        dead, retry = (attempt_of(actor.name, 0, attempt, since=since, sent_at=sent_at) for attempt in (1, 2))
        apify.control.add_past_runs(actor.name, [now - DAY + DAY / runs_a_day * index for index in range(runs_a_day)])
        its_own = [now - situation.started] if situation.started else []
        wanted = apify.control.add_past_runs(actor.name, its_own, user_agent=f"worker {dead.marker}")
        before, began = _requests(apify), time.monotonic()
        try:
            ends = "found" if [retry.start()] == wanted else "started anew"
        except ApifyError as error:
            ends = f"{type(error).__name__}: {error}"
        seconds = round(time.monotonic() - began, 1)
        return {"a retry": situation.words, "ends": ends, "requests": _requests(apify) - before, "seconds": seconds}


def _requests(apify: LocalApify) -> int:
    return sum(count for route, count in apify.control.ledger(slim=True).requests.items() if "/v2/" in route)


def table(figures: Sequence[dict[str, Any]]) -> str:
    """Write the figures as a Markdown table, a row for each situation."""
    rows = [list(figures[0]), ["---"] * len(figures[0]), *(map(str, each.values()) for each in figures)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    """Print the table; with ``--json``, the bare figures, measured in this process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs_a_day", nargs="?", type=int, default=RUNS_A_DAY)
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.json:
        sys.stdout.write(f"{json.dumps(measure(chosen.runs_a_day))}\n")
    else:
        sys.stdout.write(f"{table(figures_of(__spec__.name, str(chosen.runs_a_day)))}\n")


if __name__ == "__main__":
    main()
