"""More waiters than a process may have files open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from airflow_provider_apify._api.request import taking_turns
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify

CHILD = "tests.triggers.crowd_child"
HOME = Path(__file__).parents[2]


def test_more_waiters_than_files_take_turns_and_leave_files_to_everything_else(apify: LocalApify) -> None:
    run_id = ApifyHook().start_run("apify/scenario", {"durationSecs": 600}).id
    command = [sys.executable, "-m", CHILD, run_id, "120", "100"]
    child = subprocess.run(command, cwd=HOME, capture_output=True, text=True, timeout=280, check=False)  # noqa: S603 - our own

    assert child.returncode == 0, child.stderr
    assert child.stdout.split()[-1:] == ["ABORTED"]
    assert apify.control.ledger().runs[0].aborted_by_request


def test_a_long_poll_is_as_long_as_its_share_of_the_connections() -> None:
    request = endpoints.get_run("run1", wait=60)

    assert taking_turns(request, 1.0) == request
    crowded = taking_turns(request, 0.5)
    assert (crowded.params["waitForFinish"], crowded.timeout) == ("15", 45.0)
    assert taking_turns(request, 0.001).params["waitForFinish"] == "1"


def test_a_request_that_does_not_let_the_server_wait_stays_as_it_is() -> None:
    assert taking_turns(endpoints.get_run("run1"), 0.1) == endpoints.get_run("run1")
