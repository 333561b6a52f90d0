"""The logs of runs, against the local Apify."""

from __future__ import annotations

from threading import Thread

import pytest
import requests

from airflow_provider_apify.exceptions import ApifyDataError, ApifyNotFoundError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RetryPolicy
from local_apify import LocalApify
from tests.hooks.conftest import RunScenario
from tests.local_apify.client import until

LINES = [f"Line {number}" for number in range(20)]


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - where it leads
    return ApifyHook(retry=RetryPolicy(attempts=3, first_delay=0.001, max_delay=0.002))


def test_a_log_is_read_whole(hook: ApifyHook, run_scenario: RunScenario) -> None:
    log = hook.get_log(run_scenario(wait=30, logLines=LINES))
    assert [line.partition("Z ")[2] for line in log.splitlines() if " Line " in line] == LINES


def test_a_log_is_followed_while_it_is_written(hook: ApifyHook, run_scenario: RunScenario) -> None:
    run_id = run_scenario(durationSecs=600, logLines=LINES)
    shown: list[str] = []
    follower = Thread(target=hook.follow_log, args=[run_id, shown.append])
    follower.start()
    until(lambda: any("Line 0" in line for line in shown))
    ApifyHook().abort_run(run_id)
    follower.join(timeout=30)

    assert not follower.is_alive()
    assert shown == hook.get_log(run_id).splitlines()


@pytest.mark.parametrize("fault", ["cut-body", "cut-before-commit", "answer"])
def test_each_line_comes_once_though_the_connection_breaks(
    hook: ApifyHook, apify: LocalApify, run_scenario: RunScenario, fault: str
) -> None:
    apify.control.add_fault(fault, path="*/log", times=3, after_bytes=300, status=503)
    shown: list[str] = []
    run = hook.follow_log(run_scenario(durationSecs=0.5, logLines=LINES), shown.append)

    assert run.status == "SUCCEEDED"
    assert shown == hook.get_log(run.id).splitlines()


@pytest.mark.parametrize("kind", [ApifyDataError, requests.ConnectionError])
def test_an_error_of_who_is_given_the_lines_ends_it(
    hook: ApifyHook, apify: LocalApify, finished_run: str, kind: type[Exception]
) -> None:
    shown: list[str] = []

    def fail(line: str) -> None:
        shown.append(line)
        raise kind("the receiver is full")

    before = dict(apify.control.ledger().requests)
    with pytest.raises(kind, match="the receiver is full"):
        hook.follow_log(finished_run, fail)
    assert len(shown) == 1
    logs = "GET /v2/actor-runs/{runId}/log"
    assert apify.control.ledger().requests[logs] - before.get(logs, 0) == 1


def test_the_log_of_no_run_is_not_found(hook: ApifyHook) -> None:
    with pytest.raises(ApifyNotFoundError):
        hook.follow_log("nothing", print)


def test_a_page_in_place_of_a_log_is_asked_for_again(hook: ApifyHook, apify: LocalApify, finished_run: str) -> None:
    whole = hook.get_log(finished_run)
    for text in ("<html>Sign in</html>", ""):
        apify.control.add_fault("answer", path="*/log", status=200, text=text)
        assert hook.get_log(finished_run) == whole
        apify.control.add_fault("answer", path="*/log", status=200, text=text)
        lines: list[str] = []
        hook.follow_log(finished_run, lines.append)
        assert lines == whole.splitlines()
