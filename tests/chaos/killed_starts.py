"""Very many starts of one Actor whose workers are all killed once, right after their start request.

Killed is: the attempt ends there, whether or not an answer has come, and has noted nothing of it. One answer in twenty
is lost besides. ``python -m tests.chaos.killed_starts [STARTS]`` prints a table.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn
from unittest.mock import patch

import requests
from requests.adapters import HTTPAdapter

from airflow_provider_apify.exceptions import ApifyError
from local_apify import LocalApify
from tests.chaos.thousand_starts import ATTEMPTS, Crowd, Faults, attempt_of, figures_of, put_through, table

STARTS = 300
PAUSE_SECONDS = 0.2
"""Between two starts: what an Airflow of many workers does with mapped tasks."""
LOST_ANSWERS: Faults = {"answers lost": {"action": "cut-after-commit", "probability": 0.05}}
"""May happen to any request to the API."""


class WorkerKilled(BaseException):
    """The process is gone: nothing after its start request is done."""


class Killer:
    """Kill attempts right after their start request, in a process that goes on.

    :param pause: seconds between two starts, as far as the machine keeps up.
    """

    def __init__(self, pause: float = 0.0) -> None:
        self._pause, self._began = pause, time.time()
        self._sent_at: dict[int, float] = {}
        self._doomed = threading.local()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let :meth:`kill` work."""
        send = HTTPAdapter.send

        def send_and_die(adapter: HTTPAdapter, request: requests.PreparedRequest, **how: Any) -> requests.Response:
            is_last = request.method == "POST" and getattr(self._doomed, "is_doomed", False)
            return self._die(send, adapter, request, **how) if is_last else send(adapter, request, **how)

        with patch.object(HTTPAdapter, "send", send_and_die):
            yield

    def kill(self, _apify: LocalApify, name: str, number: int) -> None:
        """Begin the first attempt of a start, and kill it."""
        time.sleep(max(0.0, self._began + number * self._pause - time.time()))
        self._doomed.is_doomed = True
        self._sent_at[number] = began = time.time()
        with suppress(WorkerKilled):
            attempt_of(name, number, 1, since=began).start()
        self._doomed.is_doomed = False

    def retry(self, _apify: LocalApify, name: str, number: int) -> str | None:
        """Make the attempts that follow."""
        noted = self._sent_at[number]
        for attempt in range(2, ATTEMPTS + 1):
            try:
                return attempt_of(name, number, attempt, since=noted, sent_at=noted).start()
            except ApifyError:
                continue
        return None

    def kill_and_retry(self, apify: LocalApify, name: str, number: int) -> str | None:
        """Do both at once."""
        self.kill(apify, name, number)
        return self.retry(apify, name, number)

    @staticmethod
    def _die(send: Any, adapter: HTTPAdapter, request: requests.PreparedRequest, **how: Any) -> NoReturn:
        with suppress(requests.RequestException):
            send(adapter, request, **how).close()
        raise WorkerKilled


def measure(starts: int = STARTS) -> list[dict[str, Any]]:
    """Return the figures of retries that come at once, and of retries after all have been killed."""
    crowd = Crowd(starts, actors=1)
    with (killer := Killer()).at_work():
        at_once = put_through("each is retried at once", killer.kill_and_retry, crowd, LOST_ANSWERS)
    with (killer := Killer()).at_work():
        later = put_through("retried when all are dead", killer.retry, crowd, LOST_ANSWERS, before=killer.kill)
    with (killer := Killer(PAUSE_SECONDS)).at_work():
        paced = put_through("the same, begun five a second", killer.retry, crowd, LOST_ANSWERS, before=killer.kill)
    return [at_once, later, paced]


def main() -> None:
    """Print the table; with ``--json``, the bare figures, measured in this process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("starts", nargs="?", type=int, default=STARTS)
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.json:
        sys.stdout.write(f"{json.dumps(measure(chosen.starts))}\n")
    else:
        sys.stdout.write(f"{table(figures_of(__spec__.name, str(chosen.starts)))}\n")


if __name__ == "__main__":
    main()
