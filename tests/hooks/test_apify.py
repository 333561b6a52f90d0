"""The hook's methods against the local Apify, over both transports where both have them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_apify.exceptions import (
    ApifyAuthError,
    ApifyCapacityError,
    ApifyNotFoundError,
)
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.options import RunOptions, Target
from local_apify import LocalApify
from tests.hooks.conftest import RunScenario
from tests.hooks.material import QUICK, SCENARIO, count

DAILY = Target("task", "local/daily-crawl")


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - what the hook's connection points at
    return ApifyHook(retry=QUICK)


@pytest.fixture
async def async_hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - the same
    return ApifyHook(retry=QUICK)


def test_an_actor_is_started_with_its_input_and_options(hook: ApifyHook, apify: LocalApify) -> None:
    options = RunOptions.parse({"memory": 512, "run_timeout": 60, "max_items": 5, "max_total_charge_usd": "1.5"})
    run = hook.start_run(SCENARIO, {"items": 3}, options=options)
    assert not run.is_finished
    (started,) = apify.control.ledger().runs
    assert (started.run_id, started.actor, started.task) == (run.id, "apify/scenario", None)
    assert started.options["memoryMbytes"] == 512
    assert started.options["timeoutSecs"] == 60
    assert started.options["maxTotalChargeUsd"] == 1.5
    assert started.user_agent is not None
    assert started.user_agent.startswith("airflow-provider-apify/")
    assert started.headers["x-apify-integration-platform"] == "airflow"


def test_a_saved_task_is_started_with_its_own_input(hook: ApifyHook, apify: LocalApify) -> None:
    run = hook.start_run(DAILY)
    (started,) = apify.control.ledger().runs
    assert (started.run_id, started.task) == (run.id, "daily-crawl")
    assert started.input_sha256 is not None
    assert run.actor_task_id is not None


def test_no_input_and_an_empty_input_are_not_the_same(hook: ApifyHook, apify: LocalApify) -> None:
    hook.start_run(SCENARIO)
    hook.start_run(SCENARIO, {})
    nothing, empty = apify.control.ledger().runs
    assert "content-type" not in nothing.headers
    assert empty.headers["content-type"] == "application/json; charset=utf-8"
    assert nothing.input_sha256 != empty.input_sha256


def test_webhooks_travel_with_the_start(hook: ApifyHook, apify: LocalApify) -> None:
    webhook = {"eventTypes": ["ACTOR.RUN.SUCCEEDED"], "requestUrl": f"{apify.base_url}/nowhere"}
    run = hook.start_run(SCENARIO, {}, options=RunOptions.parse({"webhooks": [webhook]}))
    hook.wait_for_run(run.id)
    for _ in range(200):
        deliveries = apify.control.ledger().deliveries
        if deliveries:
            break
    assert deliveries[0].run_id == run.id


def test_wrong_input_and_too_dear_options_start_nothing(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "apify", "host": apify.base_url, "password": apify.token}
    limited = {**connection, "extra": {"limit_max_total_charge_usd": 2}}
    monkeypatch.setenv("AIRFLOW_CONN_LIMITED", json.dumps(limited))
    hook = ApifyHook("limited")
    with pytest.raises(ValueError, match="holds no JSON"):
        hook.start_run(SCENARIO, "{")
    with pytest.raises(ValueError, match="allows a run at most 2 US dollars"):
        hook.start_run(SCENARIO, {}, options=RunOptions.parse({"max_total_charge_usd": 3}))
    assert apify.control.ledger().runs_started == 0
    hook.start_run(SCENARIO, {})
    assert apify.control.ledger().runs[0].options["maxTotalChargeUsd"] == 2


def test_an_unknown_actor_is_not_found(hook: ApifyHook) -> None:
    with pytest.raises(ApifyNotFoundError, match="POST /v2/actors/me~nothing/runs: HTTP 404"):
        hook.start_run(Target("actor", "me/nothing"))


def test_a_full_account_is_a_matter_of_capacity(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.settings(max_memory_mbytes=128)
    with pytest.raises(ApifyCapacityError):
        hook.start_run(SCENARIO, options=RunOptions(memory=256))
    assert apify.control.ledger().runs_started == 0


def test_a_run_is_read(hook: ApifyHook, finished_run: str) -> None:
    run = hook.get_run(finished_run)
    assert (run.id, run.status) == (finished_run, "SUCCEEDED")
    assert run.started_at is not None
    assert run.finished_at is not None
    assert run.started_at < run.finished_at


def test_the_last_run_can_be_asked_for_by_status_and_origin(hook: ApifyHook, run_scenario: RunScenario) -> None:
    good, bad = run_scenario(wait=30), run_scenario(wait=30, endAs="FAILED")
    assert hook.get_last_run(SCENARIO).id == bad
    assert hook.get_last_run(SCENARIO, status="SUCCEEDED", origin="API").id == good
    with pytest.raises(ApifyNotFoundError):
        hook.get_last_run(SCENARIO, origin="SCHEDULER")
    with pytest.raises(ApifyNotFoundError):
        hook.get_last_run(DAILY)


@pytest.mark.parametrize("gracefully", [False, True])
def test_a_run_is_aborted(
    hook: ApifyHook,
    apify: LocalApify,
    run_scenario: RunScenario,
    gracefully: bool,
) -> None:
    run_id = run_scenario(durationSecs=60)
    assert hook.abort_run(run_id, gracefully=gracefully).status in {"ABORTING", "ABORTED"}
    assert hook.wait_for_run(run_id).run.status == "ABORTED"
    assert apify.control.ledger().runs[0].aborted_by_request


def test_aborting_a_finished_run_does_nothing(hook: ApifyHook, finished_run: str) -> None:
    assert hook.abort_run(finished_run).status == "SUCCEEDED"


def test_a_wait_ends_with_the_run_and_tells_of_its_progress(hook: ApifyHook, run_scenario: RunScenario) -> None:
    seen: list[ActorRun] = []
    run_id = run_scenario(durationSecs=0.4, statusMessages=["half", "done"], exitMessage="Bye")
    event = hook.wait_for_run(run_id, poll_interval=0.05, on_update=seen.append)
    assert (event.run.status, event.run.status_message, event.deadline_passed) == ("SUCCEEDED", "Bye", False)
    assert len(seen) > 2
    assert seen[-1].is_finished


def test_a_wait_costs_one_request_however_long_it_is(
    hook: ApifyHook, apify: LocalApify, run_scenario: RunScenario
) -> None:
    hook.wait_for_run(run_scenario(durationSecs=1))
    assert count(apify, "GET /v2/actor-runs/{runId}") == 1


def test_a_wait_ends_at_its_deadline(hook: ApifyHook, run_scenario: RunScenario) -> None:
    event = hook.wait_for_run(run_scenario(durationSecs=60), deadline=time.time() + 0.2, poll_interval=0.1)
    assert event.deadline_passed
    assert not event.run.is_finished


def test_the_final_cost_is_read_when_it_is_final(hook: ApifyHook, apify: LocalApify, run_scenario: RunScenario) -> None:
    apify.control.settings(cost_settles_seconds=0.3)
    event = hook.wait_for_run(run_scenario(chargedEvents={"item": 10}), settle=0.5)
    assert event.run.charged_event_counts["item"] == 10
    assert event.run.usage_total_usd == hook.get_run(event.run.id).usage_total_usd


@pytest.mark.parametrize("lag", [0.5, 1.5])
def test_a_run_that_is_not_known_everywhere_yet_is_waited_for(
    hook: ApifyHook, apify: LocalApify, run_scenario: RunScenario, lag: float
) -> None:
    apify.control.settings(replica_lag_seconds=lag)
    assert hook.wait_for_run(run_scenario()).run.status == "SUCCEEDED"


def test_the_tail_of_a_log_is_its_last_lines_cut_to_size(hook: ApifyHook, run_scenario: RunScenario) -> None:
    run_id = run_scenario(wait=30, logLines=[*(f"Line {number}" for number in range(50)), "x" * 5000])
    tail = hook.get_log_tail(run_id, 3)
    assert len(tail) == 3
    assert any("Line 49" in line for line in tail)
    assert max(map(len, tail)) == 2000
    assert hook.get_log_tail(run_id, 0) == []


def test_a_dataset_is_described(hook: ApifyHook, run_scenario: RunScenario) -> None:
    run = hook.get_run(run_scenario(wait=30, items=7))
    dataset = hook.get_dataset(run.dataset_id or "")
    assert (dataset.id, dataset.item_count, dataset.name) == (run.dataset_id, 7, None)


def test_a_dataset_tells_its_run(hook: ApifyHook, run_scenario: RunScenario) -> None:
    run = hook.get_run(run_scenario(wait=30, items=2))
    assert hook.get_dataset(run.dataset_id or "").run_id == run.id


def test_the_account_is_read(hook: ApifyHook) -> None:
    assert hook.get_me()["username"] == "local"


def test_a_good_connection_says_whose_token_it_holds(hook: ApifyHook) -> None:
    good, words = hook.test_connection()
    assert good
    assert words.startswith("The token belongs to Apify user 'local' (plan ")


def test_a_wrong_token_is_said_to_be_wrong(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"conn_type": "apify", "host": apify.base_url, "password": "apify_api_wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", json.dumps(wrong))
    good, words = ApifyHook("wrong").test_connection()
    assert not good
    assert "HTTP 401 user-or-token-not-found" in words
    assert "Check the API token in the Airflow connection's password" in words
    assert "apify_api_wrong" not in words


def test_an_unreachable_host_is_said_to_be_unreachable_within_two_tries(apify: LocalApify, hook: ApifyHook) -> None:
    apify.control.add_fault("cut-before-commit", times=None)
    good, words = hook.test_connection()
    assert not good
    assert words.startswith("GET /v2/users/me: no answer")
    assert count(apify, "GET /v2/users/me") == 2


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        ({"conn_type": "apify"}, "This connection has no password"),
        (
            {"conn_type": "apify", "password": "apify_api_x", "extra": {"cost_settle_seconds": -1}},
            "Extra of this connection: cost_settle_seconds must be seconds",
        ),
        (None, "does not exist. Create it with type 'apify'"),
    ],
)
def test_a_connection_that_cannot_be_read_says_what_is_wrong(
    connection: dict[str, object] | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection:
        monkeypatch.setenv("AIRFLOW_CONN_BROKEN", json.dumps(connection))
    good, said = ApifyHook("broken").test_connection()
    assert not good
    assert words in said


def test_an_expired_token_ends_what_was_going_on(hook: ApifyHook, apify: LocalApify, run_scenario: RunScenario) -> None:
    run_id = run_scenario(durationSecs=60)
    apify.control.add_fault("expire-token", path="/v2/actor-runs/*", skip=1)
    with pytest.raises(ApifyAuthError):
        hook.wait_for_run(run_id, poll_interval=0.05)


def test_the_token_is_in_no_log_no_url_and_no_shown_object(
    hook: ApifyHook, apify: LocalApify, logged: Callable[[], str]
) -> None:
    urls: list[str] = []
    apify.on_exchange = lambda exchange: urls.append(f"{exchange.path}?{exchange.query}")
    apify.control.add_fault("answer", path="*/abort", times=None, status=500)
    run = hook.start_run(SCENARIO, {"items": 1})
    hook.wait_for_run(run.id)
    hook.get_log_tail(run.id, 5)
    with pytest.raises(Exception, match="500"):
        hook.abort_run(run.id)
    with pytest.raises(ApifyNotFoundError):
        hook.get_dataset("nothing")
    hook.test_connection()
    shown = f"{hook!r}{hook._connection!r}{hook._connection.access!r}{run!r}{hook._session!r}"
    assert len(urls) > 4
    assert apify.token not in shown + "".join(urls) + logged()


# On the event loop


async def test_the_last_run_is_found_on_the_event_loop(async_hook: ApifyHook, finished_run: str) -> None:
    assert (await async_hook.async_get_last_run(SCENARIO, status="SUCCEEDED", origin="API")).id == finished_run
    with pytest.raises(ApifyNotFoundError):
        await async_hook.async_get_last_run(DAILY)


async def test_a_run_is_awaited_on_the_event_loop(
    async_hook: ApifyHook, apify: LocalApify, run_scenario: RunScenario
) -> None:
    seen: list[ActorRun] = []
    event = await async_hook.async_wait_for_run(run_scenario(durationSecs=0.5), on_update=seen.append)
    assert event.run.status == "SUCCEEDED"
    assert seen == [event.run]
    assert count(apify, "GET /v2/actor-runs/{runId}") == 1


async def test_a_run_is_aborted_on_the_event_loop(async_hook: ApifyHook, run_scenario: RunScenario) -> None:
    run_id = run_scenario(durationSecs=60)
    await async_hook.async_abort_run(run_id)
    assert (await async_hook.async_wait_for_run(run_id)).run.status == "ABORTED"


async def test_passing_faults_are_survived_on_the_event_loop(
    async_hook: ApifyHook, apify: LocalApify, finished_run: str
) -> None:
    for fault in ("cut-before-commit", "garbage", "answer", "cut-body"):
        apify.control.add_fault(fault, path="/v2/actor-runs/*", times=1, status=502)
    assert (await async_hook.async_wait_for_run(finished_run)).run.status == "SUCCEEDED"
    assert (await async_hook.async_abort_run(finished_run)).status == "SUCCEEDED"


async def test_a_missing_connection_is_told_on_the_event_loop() -> None:
    with pytest.raises(AirflowNotFoundException, match="'nowhere' does not exist"):
        await ApifyHook("nowhere").async_abort_run("r1")


async def test_the_connection_is_looked_up_once_on_the_event_loop(
    async_hook: ApifyHook, finished_run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await async_hook.async_abort_run(finished_run)
    monkeypatch.delenv("AIRFLOW_CONN_APIFY_DEFAULT")
    assert (await async_hook.async_abort_run(finished_run)).id == finished_run
