from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_apify.models import ActorRun, Console
from airflow_provider_apify.models.runs import RunEvent

RUN: dict[str, Any] = {"id": "r1", "actId": "a1", "status": "RUNNING", "defaultDatasetId": "d1"}
ELSEWHERE = Console("http://127.0.0.1:8010")


@pytest.mark.parametrize("answer", [RUN, {"items": [RUN]}, {"id": "d1", "itemCount": 0}])
def test_what_is_in_apify_console_is_left_as_apify_says_it(answer: dict[str, Any]) -> None:
    assert Console().told_by(answer) is answer


def test_a_run_of_another_console_says_so_on_its_own_and_in_a_list() -> None:
    page = "http://127.0.0.1:8010/actors/runs/r1"
    assert ELSEWHERE.told_by(RUN)["consoleUrl"] == page
    listed = ELSEWHERE.told_by({"total": 2, "items": [RUN, "no object"]})
    assert listed == {"total": 2, "items": [{**RUN, "consoleUrl": page}, "no object"]}


@pytest.mark.parametrize("answer", [{"id": "d1", "itemCount": 0}, {"id": "b1", "actId": "a1", "status": "READY"}, {}])
def test_what_is_no_run_stays_as_it_is(answer: dict[str, Any]) -> None:
    assert ELSEWHERE.told_by(answer) == answer


def test_the_page_outlives_the_way_through_a_trigger() -> None:
    run = ActorRun.from_api(ELSEWHERE.told_by(RUN))
    woken = RunEvent.from_payload(RunEvent(run).to_payload()).run
    assert woken.console_url == run.to_dict()["run_url"] == "http://127.0.0.1:8010/actors/runs/r1"
    assert woken.console == ELSEWHERE


@pytest.mark.parametrize("told", ["javascript:alert(1)", "data:text/html,x", " https://x", "//x", 5, ""])
def test_a_link_that_is_no_page_is_not_passed_on(told: Any) -> None:
    assert ActorRun.from_api({**RUN, "consoleUrl": told}).console_url == "https://console.apify.com/actors/runs/r1"


def test_a_page_that_apify_names_itself_is_no_console() -> None:
    run = ActorRun.from_api({**RUN, "consoleUrl": "https://console.apify.com/view/runs/r1"})
    assert run.console_url == "https://console.apify.com/view/runs/r1"
    assert run.console == Console()
