"""What an account's list of runs says of those that go on."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_apify._api.answers import Answer, Response
from airflow_provider_apify._api.runs.going import MOST_RUNS, going_runs
from airflow_provider_apify.exceptions import ApifyAuthError, ApifyConnectionError
from airflow_provider_apify.models.runs import UNFINISHED_STATUSES
from airflow_provider_apify.options import RetryPolicy
from tests._api.answering import LOST, Fed, failed, ok

RETRY = RetryPolicy(attempts=2, first_delay=0.0)
FULL = 1_000


def page(first: int, count: int, **changes: Any) -> Answer:
    items = [{"id": f"run{number}", "status": "RUNNING", **changes} for number in range(first, first + count)]
    return ok({"items": items, "total": 5})  # a total that is wrong does not matter


def test_one_page_holds_what_goes_on_and_what_it_has_cost() -> None:
    fed = Fed(going_runs(RETRY))
    going = fed.finish(
        ok(
            {
                "items": [
                    {"id": "new", "status": "READY"},
                    {"id": "cheap", "status": "RUNNING", "usageTotalUsd": 0.25},
                    {"id": "hidden", "status": "ABORTING", "usageTotalUsd": None},
                ]
            }
        )
    )
    assert going == {"new": None, "cheap": 0.25, "hidden": None}
    assert fed.request.path == "/v2/actor-runs"
    assert fed.request.params["status"].split(",") == list(UNFINISHED_STATUSES)
    assert (fed.request.params["limit"], fed.request.params["offset"]) == ("1000", "0")


def test_pages_are_read_until_one_is_not_full() -> None:
    fed = Fed(going_runs(RETRY))
    fed.answer(page(0, FULL))
    fed.answer(page(FULL, FULL))
    assert len(fed.finish(page(2 * FULL, 7))) == 2_007
    assert [request.params["offset"] for request in fed.requests] == ["0", "1000", "2000"]


@pytest.mark.parametrize(("expected", "at_once"), [(0, 1), (999, 1), (1_000, 2), (3_999, 4), (25_000, 4)])
def test_a_long_list_is_asked_for_in_several_pages_at_the_same_time(expected: int, at_once: int) -> None:
    request = next(going_runs(RETRY, expected=expected))
    offsets = [int(each.params["offset"]) for each in (request, *request.beside)]
    assert offsets == list(range(0, at_once * FULL, FULL))


def test_runs_that_move_to_the_next_page_meanwhile_count_once() -> None:
    fed = Fed(going_runs(RETRY))
    fed.answer(page(0, FULL))
    assert len(fed.finish(page(FULL - 3, 5))) == FULL + 2


def test_a_server_that_lists_finished_runs_as_well_does_not_make_them_go_on() -> None:
    fed = Fed(going_runs(RETRY))
    fed.answer(page(0, FULL, status="SUCCEEDED"))
    assert set(fed.finish(page(FULL, 1))) == {"run1000"}


def test_a_list_that_has_no_end_is_not_read_to_its_end() -> None:
    fed = Fed(going_runs(RETRY))
    fed.answer_all(page(first, FULL) for first in range(0, MOST_RUNS - FULL, FULL))
    assert fed.finish(page(MOST_RUNS - FULL, FULL)) is None
    assert len(fed.requests) == MOST_RUNS // FULL


def test_what_else_has_a_status_inside_of_a_run_makes_no_difference() -> None:
    items = [{"id": "run1", "status": "RUNNING", "build": {"status": "SUCCEEDED"}, "task": {"id": 1, "status": "x"}}]
    assert Fed(going_runs(RETRY)).finish(ok({"items": items})) == {"run1": None}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"items": 7},
        {"items": [7]},
        {"items": [{"id": "run1"}]},
        {"items": [{"status": "RUNNING"}]},
        {"items": [{"id": "run1", "name": "a", "usageTotalUsd": 1}]},
        {"items": [{"id": "run1", "status": "RUNNING", "usageTotalUsd": "much"}]},
        {"items": [{"id": "run1", "status": "RUNNING", "usageTotalUsd": [1]}]},
        {"items": [{"id": "run1", "status": ["RUNNING"]}]},
        {"items": [{"id": ["run1"], "status": "RUNNING"}]},
    ],
)
def test_what_is_no_list_of_runs_is_asked_for_again_and_then_an_error(data: Any) -> None:
    fed = Fed(going_runs(RETRY))
    fed.answer(ok(data))
    with pytest.raises(ApifyConnectionError):
        fed.finish(ok(data))


def test_a_lost_page_is_asked_for_again() -> None:
    fed = Fed(going_runs(RETRY))
    assert fed.answer(LOST).params == fed.requests[0].params
    assert set(fed.finish(page(0, 1))) == {"run0"}


def test_a_token_that_must_not_list_is_told_at_once() -> None:
    fed = Fed(going_runs(RETRY))
    with pytest.raises(ApifyAuthError):
        fed.finish(failed(403, "insufficient-permissions"))


def test_an_answer_that_is_not_json_is_no_list() -> None:
    fed = Fed(going_runs(RETRY))
    fed.answer(Response(200, {}, b"<html>"))
    assert set(fed.finish(page(0, 1))) == {"run0"}
