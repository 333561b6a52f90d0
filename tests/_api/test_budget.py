"""What a month's budget makes of Apify's answers, and when it is asked for at all."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_apify._api.answers import Answer
from airflow_provider_apify._api.budget import within_budget
from airflow_provider_apify._api.flows import Flow, call_data
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify._api.runs.finding import Finder
from airflow_provider_apify._api.runs.identity import Identity
from airflow_provider_apify._api.runs.starting import Capacity, Starter
from airflow_provider_apify.exceptions import (
    ApifyAuthError,
    ApifyBudgetRenewsSoon,
    ApifyBudgetUsedUp,
    ApifyConnectionError,
    ApifyError,
    ApifyRateLimitError,
)
from airflow_provider_apify.options import RetryPolicy, RunLimits, RunOptions, Target
from tests._api.answering import LOST, Fed, failed, ok, run_data

RETRY = RetryPolicy(attempts=2, first_delay=0.1)
BUDGET = RunLimits(monthly_budget_usd=Decimal(100), source="Airflow connection 'mine'")
CYCLE = {"startAt": "2026-10-02T00:00:00.000Z", "endAt": "2026-11-01T23:59:59.999Z"}
START = endpoints.start_run(Target("actor", "me/actor"), None, RunOptions())
MIDDLE = "Wed, 14 Oct 2026 12:00:00 GMT"


def used(usd: Any, *, date: str = MIDDLE, **changes: Any) -> Answer:
    return ok({"monthlyUsageCycle": CYCLE, "limits": {}, "current": {"monthlyUsageUsd": usd}, **changes}, date=date)


def start(request: Request = START, limits: RunLimits = BUDGET) -> Fed:
    return Fed(within_budget(call_data(request, RETRY), lambda: limits, RETRY))


def refusal(flow: Fed, answer: Answer) -> ApifyError:
    with pytest.raises(ApifyError) as caught:
        flow.finish(answer)
    return caught.value


def test_what_is_left_is_asked_for_right_before_the_start() -> None:
    flow = start(START.after(5))
    assert (flow.request.method, flow.request.path, flow.request.delay) == ("GET", "/v2/users/me/limits", 5)
    assert flow.answer(used(99.99)) == START
    assert flow.finish(ok(run_data())) == run_data()


@pytest.mark.parametrize("usd", [100, 100.0, 100.001, 5000])
def test_a_budget_that_is_used_up_withholds_the_start_for_good(usd: float) -> None:
    error = refusal(start(), used(usd))

    assert type(error) is ApifyBudgetUsedUp
    assert not error.retryable
    assert str(error).startswith("Nothing was started: the monthly budget of Airflow connection 'mine' is used up.")
    assert f"has used {Decimal(str(usd)):f} US dollars in the billing cycle that ends at 2026-11-01 23:59 UTC" in str(
        error
    )
    assert "monthly_budget_usd is 100. Raise it in the connection's extra, or wait for the next cycle" in str(error)
    assert error.details == {
        "budget_usd": 100.0,
        "used_usd": float(usd),
        "cycle_ends_at": "2026-11-01T23:59:59.999000+00:00",
    }


@pytest.mark.parametrize(
    ("date", "kind"),
    [
        ("Thu, 01 Oct 2026 23:59:00 GMT", ApifyBudgetRenewsSoon),  # a cycle that has not begun
        ("Fri, 02 Oct 2026 00:59:59 GMT", ApifyBudgetRenewsSoon),
        ("Fri, 02 Oct 2026 01:00:00 GMT", ApifyBudgetUsedUp),
        ("Sun, 01 Nov 2026 22:59:59 GMT", ApifyBudgetUsedUp),
        ("Sun, 01 Nov 2026 23:30:00 GMT", ApifyBudgetRenewsSoon),
        ("Mon, 02 Nov 2026 00:00:10 GMT", ApifyBudgetRenewsSoon),  # Apify still tells of the cycle that is over
    ],
)
def test_near_the_edge_of_a_cycle_a_retry_may_help(date: str, kind: type[ApifyBudgetUsedUp]) -> None:
    error = refusal(start(), used(100, date=date))

    assert type(error) is kind
    assert error.retryable is ("a retry may find its budget" in str(error))


@pytest.mark.parametrize("date", ["Mon, 02 Nov 2026 00:00:10 GMT", ""])
def test_what_is_left_is_spent_whatever_the_time(date: str) -> None:
    assert start().answer(used(99, date=date)) == START


@pytest.mark.parametrize("usd", [None, "", "many", True, [], "NaN", float("nan"), float("inf")])
@pytest.mark.parametrize("lacks", [(), ("current",), ("monthlyUsageCycle",)])
def test_an_answer_that_tells_nothing_starts_nothing(usd: Any, lacks: tuple[str, ...]) -> None:
    flow = start()
    gone: dict[str, Any] = dict.fromkeys(lacks)
    answer = used(1 if lacks else usd, **gone)
    assert flow.answer(answer).path == "/v2/users/me/limits"
    error = refusal(flow, answer)

    assert isinstance(error, ApifyConnectionError)
    assert error.retryable
    assert "nothing is started without" in str(error)


@pytest.mark.parametrize(
    ("answer", "tries", "kind", "retryable"),
    [
        (LOST, 2, ApifyConnectionError, True),
        (failed(429, "rate-limit-exceeded"), 2, ApifyRateLimitError, True),
        (failed(403, "insufficient-permissions"), 1, ApifyAuthError, False),
        (failed(401, "invalid-token"), 1, ApifyAuthError, False),
    ],
)
def test_nothing_is_started_where_apify_does_not_tell(
    answer: Answer, tries: int, kind: type[ApifyError], retryable: bool
) -> None:
    flow = start()
    for _ in range(tries - 1):
        flow.answer(answer)
    error = refusal(flow, answer)

    assert type(error) is kind
    assert error.retryable is retryable
    assert str(error).startswith("What is left of monthly_budget_usd of Airflow connection 'mine' is not known")
    assert "The token must be allowed to read the account's limits" in str(error)
    assert {request.path for request in flow.requests} == {"/v2/users/me/limits"}


def test_each_sending_of_a_start_is_checked_anew() -> None:
    flow = start()
    flow.answer(used(1))
    assert flow.answer(failed(429, "rate-limit-exceeded")).path == "/v2/users/me/limits"
    assert isinstance(refusal(flow, used(100)), ApifyBudgetUsedUp)


def test_a_start_that_waits_for_capacity_is_checked_each_time_after_the_pause() -> None:
    identity = Identity("0123456789abcdef", rerun=0, attempt=1)
    finder = Finder(Target("actor", "me/actor"), identity, RETRY)
    starter = Starter(START, finder, RETRY, print, capacity=Capacity(until=float("inf"), pause=20))
    flow = Fed(within_budget(starter.start(), lambda: BUDGET, RETRY))
    marked = flow.answer(used(1))
    again = flow.answer(failed(402, "actor-memory-limit-exceeded"))
    assert (marked.path, again.path, again.delay) == (START.path, "/v2/users/me/limits", 20)

    assert isinstance(refusal(flow, used(100)), ApifyBudgetUsedUp)
    assert (starter.run_id, starter.in_doubt_since) == (None, None)


@pytest.mark.parametrize(
    ("request_", "is_asked"),
    [
        (START, True),
        (endpoints.start_run(Target("task", "me/task"), b"{}", RunOptions()), True),
        (endpoints.run_sync(Target("actor", "a"), None, RunOptions(), output_key="OUTPUT"), True),
        (endpoints.run_sync_items(Target("actor", "a"), None, RunOptions(), {}), True),
        (endpoints.resurrect_run("run1", RunOptions()), True),
        (endpoints.get_run("run1"), False),
        (endpoints.abort_run("run1"), False),
        (endpoints.reboot_run("run1"), False),
        (endpoints.metamorph_run("run1", Target("actor", "a"), None), False),
    ],
)
def test_only_what_makes_a_run_cost_money_is_checked(request_: Request, is_asked: bool) -> None:
    assert (start(request_).request.path == "/v2/users/me/limits") is is_asked
    assert start(request_, RunLimits()).request == request_


def test_a_connection_is_looked_up_only_for_what_spends() -> None:
    def nobody() -> RunLimits:
        raise AssertionError("looked up")

    flow: Flow[Any] = within_budget(call_data(endpoints.get_run("run1"), RETRY), nobody, RETRY)
    assert Fed(flow).finish(ok(run_data())) == run_data()
