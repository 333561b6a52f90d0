"""The monthly budget of a connection: every way to start a run keeps to it, and nothing else asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_apify.exceptions import ApifyAuthError, ApifyBudgetUsedUp, ApifyConnectionError, ApifyError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RetryPolicy
from local_apify import ActorContext, LocalApify, actor
from tests.local_apify.client import until
from tests.spending import asked, limit, spend, started

HELLO = "apify/hello-world"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = "/v2/users/me/limits"

WAYS: dict[str, Callable[[ApifyHook], Any]] = {
    "start_run": lambda hook: hook.start_run(HELLO),
    "start_run_once": lambda hook: hook.start_run_once("k", HELLO, since=SINCE),
    "async_start_run_once": lambda hook: asyncio.run(hook.async_start_run_once("k", HELLO, since=SINCE)),
    "run_sync": lambda hook: hook.run_sync(HELLO),
    "run_sync_get_items": lambda hook: hook.run_sync_get_items(HELLO),
}
every_way = pytest.mark.parametrize("way", WAYS)


def hook() -> ApifyHook:
    return ApifyHook(retry=RetryPolicy(attempts=2, first_delay=0.001))


@actor("me/teller")
async def teller(context: ActorContext) -> None:
    """Tell the token of its run, which may start other Actors but not read the account."""
    await context.set_value("TOKEN", context.token)
    await context.sleep(60)


@every_way
def test_a_budget_with_something_left_costs_one_request(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    spend(apify, 1)
    limit(apify, monkeypatch, monthly_budget_usd=1.5)
    WAYS[way](hook())

    assert (len(started(apify)), asked(apify)) == (1, 1)


@every_way
def test_a_budget_that_is_used_up_starts_nothing(apify: LocalApify, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    spend(apify, 1)
    limit(apify, monkeypatch, monthly_budget_usd="1.00")
    with pytest.raises(ApifyBudgetUsedUp, match="budget of Airflow connection 'apify_default' is used up") as caught:
        WAYS[way](hook())

    assert started(apify) == []
    assert caught.value.budget_usd == 1
    assert caught.value.used_usd == pytest.approx(1, abs=0.01)


def test_a_run_is_not_resurrected_past_the_budget(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, finished_run: str
) -> None:
    spend(apify, 1)
    limit(apify, monkeypatch, monthly_budget_usd=1)
    with pytest.raises(ApifyBudgetUsedUp):
        hook().resurrect_run(finished_run)
    assert hook().get_run(finished_run).history["resurrections"] == 0


def test_a_connection_without_a_budget_asks_for_nothing(apify: LocalApify) -> None:
    hook().start_run(HELLO)
    assert asked(apify) == 0


def test_a_run_that_is_there_already_is_gone_on_with(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(apify, monkeypatch, monthly_budget_usd=1)
    first = hook().start_run_once("k", HELLO, since=SINCE)
    spend(apify, 2)
    looks = asked(apify)

    assert hook().start_run_once("k", HELLO, since=SINCE).id == first.id
    assert asked(apify) == looks
    with pytest.raises(ApifyBudgetUsedUp):
        hook().start_run_once("another", HELLO, since=SINCE)


@every_way
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"action": "answer", "status": 503}, ApifyError),
        ({"action": "cut-before-commit"}, ApifyConnectionError),
        ({"action": "garbage"}, ApifyConnectionError),
    ],
    ids=["down", "cut", "garbage"],
)
def test_nothing_is_started_where_apify_does_not_tell_what_was_used(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, way: str, fault: dict[str, Any], kind: type[ApifyError]
) -> None:
    limit(apify, monkeypatch, monthly_budget_usd=1)
    apify.control.add_fault(**fault, path=LIMITS, times=None)
    with pytest.raises(kind, match="nothing is started without") as caught:
        WAYS[way](hook())

    assert caught.value.retryable
    assert apify.control.ledger().runs_started == 0


@pytest.mark.apify_actors(teller)
def test_a_token_that_may_not_read_the_account_starts_nothing(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, records = ApifyHook().start_run("me/teller"), ApifyHook()
    until(lambda: records.record_exists(run.key_value_store_id or "", "TOKEN"))
    token = records.get_record(run.key_value_store_id or "", "TOKEN").value
    limit(apify, monkeypatch, token=token)
    assert hook().start_run(HELLO).id  # such a token may start runs

    limit(apify, monkeypatch, token=token, monthly_budget_usd=1)
    with pytest.raises(
        ApifyAuthError, match=r"monthly_budget_usd of Airflow connection 'apify_default'.*403"
    ) as caught:
        hook().start_run(HELLO)
    assert not caught.value.retryable
    assert token not in str(caught.value)
    assert len(started(apify)) == 1


def test_the_test_of_a_connection_tells_what_is_used(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    spend(apify, 1)
    limit(apify, monkeypatch, monthly_budget_usd=2)
    is_good, words = ApifyHook().test_connection()
    assert (is_good, words.partition(". ")[2]) == (True, "It has used 1.00 of 2.00 US dollars (monthly_budget_usd).")

    apify.control.add_fault("answer", path=LIMITS, status=403, error_type="insufficient-permissions")
    is_good, words = ApifyHook().test_connection()
    assert not is_good
    assert "The token must be allowed to read the account's limits" in words


def test_a_new_token_serves_for_the_budget_and_the_start(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(apify, monkeypatch, monthly_budget_usd=1)
    with_old_token = hook()
    assert with_old_token._connection.access.token == apify.token
    apify.control.rotate_token("apify_api_new")
    limit(apify, monkeypatch, token="apify_api_new", monthly_budget_usd=1)

    assert with_old_token.start_run(HELLO).id


def test_the_test_of_a_connection_fails_where_nothing_would_be_started(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    spend(apify, 0.01)
    limit(apify, monkeypatch, monthly_budget_usd=0.001)
    is_good, words = ApifyHook().test_connection()

    assert not is_good
    assert "It has used 0.010 of 0.001 US dollars (monthly_budget_usd): nothing is started until " in words


@every_way
def test_a_limit_on_usage_starts_nothing_that_nobody_watches(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    limit(apify, monkeypatch, limit_abort_above_usd=2)
    words = r"has each run aborted above 2 US dollars of usage \(limit_abort_above_usd\), and nobody watches this one"
    with pytest.raises(ValueError, match=words):
        WAYS[way](hook())

    assert apify.control.ledger().requests == {}


@every_way
def test_a_default_limit_on_usage_is_only_for_who_watches(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    limit(apify, monkeypatch, default_abort_above_usd=2)
    WAYS[way](hook())

    assert apify.control.ledger().runs_started == 1
