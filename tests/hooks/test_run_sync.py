"""Runs in one request, against the local Apify."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_apify.exceptions import ApifyDataError, ApifyNotFoundError, ApifyRunFailed, ApifyRunTimedOut
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RetryPolicy, RunOptions, Target
from local_apify import LocalApify, scenario_item
from tests._api.plain_server import plain_server

SCENARIO = "apify/scenario"
PLAN: dict[str, Any] = {"items": 3, "records": {"OUTPUT": {"answer": 42}, "TEXT": "hello"}}
FAULTS = ["cut-before-commit", "cut-after-commit", "answer-after-commit", "garbage", "cut-body", "end-body-early"]


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - where it leads
    return ApifyHook(retry=RetryPolicy(attempts=3, first_delay=0.001, max_delay=0.002))


@pytest.fixture
def task(apify: LocalApify) -> Target:
    return Target("task", apify.add_task("plan", SCENARIO, PLAN))


def kept(apify: LocalApify) -> int:
    """Return how many runs were started and not aborted."""
    return sum(not run.aborted_by_request for run in apify.control.ledger().runs)


def test_an_actor_and_a_task_answer_with_their_output(hook: ApifyHook, apify: LocalApify, task: Target) -> None:
    assert hook.run_sync(SCENARIO, PLAN) == {"answer": 42}
    assert hook.run_sync(task) == {"answer": 42}
    assert hook.run_sync(task, output_key="TEXT") == "hello"
    assert {name for name in apify.control.ledger().requests if "run-sync" not in name} == {"POST /v2/actor-tasks"}


def test_an_actor_and_a_task_answer_with_their_items(hook: ApifyHook, apify: LocalApify, task: Target) -> None:
    assert hook.run_sync_get_items(SCENARIO, PLAN) == [scenario_item(number) for number in range(3)]
    assert hook.run_sync_get_items(task, fields=["id"], clean=True) == [{"id": 0}, {"id": 1}, {"id": 2}]
    assert {name for name in apify.control.ledger().requests if "run-sync" not in name} == {"POST /v2/actor-tasks"}


def test_the_options_of_a_start_are_options_here(hook: ApifyHook, apify: LocalApify) -> None:
    hook.run_sync(SCENARIO, PLAN, options=RunOptions(memory=512, timeout=60))
    assert apify.control.ledger().runs[0].options["memoryMbytes"] == 512


@pytest.mark.parametrize("status", [201, 404])
def test_a_run_without_a_record_of_this_key_has_no_output(hook: ApifyHook, apify: LocalApify, status: int) -> None:
    apify.control.settings(sync_without_output_status=status)
    assert hook.run_sync(SCENARIO, {}, output_key="NONE") is None
    assert apify.control.ledger().runs_started == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_becomes_of_the_answer_one_run_is_kept_and_its_output_comes(
    hook: ApifyHook, apify: LocalApify, fault: str
) -> None:
    apify.control.add_fault(fault, path="*/run-sync-get-dataset-items", status=503, after_bytes=700)
    assert hook.run_sync_get_items(SCENARIO, {"items": 5}) == [scenario_item(number) for number in range(5)]
    assert kept(apify) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_the_record_of_a_run_whose_answer_is_lost_or_torn_is_read_from_its_store(
    hook: ApifyHook, apify: LocalApify, fault: str
) -> None:
    apify.control.add_fault(fault, path="*/run-sync", status=503, after_bytes=3)
    assert hook.run_sync(SCENARIO, PLAN) == {"answer": 42}
    assert kept(apify) == 1


@pytest.mark.parametrize("key", ["OUTPUT", "TEXT"])
def test_a_record_that_ends_early_in_its_store_too_is_read_again(hook: ApifyHook, apify: LocalApify, key: str) -> None:
    apify.control.add_fault("garbage", path="*/run-sync")
    apify.control.add_fault("end-body-early", path="*/records/*", after_bytes=3)
    assert hook.run_sync(SCENARIO, PLAN, output_key=key) == PLAN["records"][key]
    assert kept(apify) == 1


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "application/octet-stream"])
def test_an_answer_without_content_is_no_output(monkeypatch: pytest.MonkeyPatch, content_type: str) -> None:
    with plain_server(lambda _: (201, {"Content-Type": content_type}, b"")) as server:
        monkeypatch.setenv("AIRFLOW_CONN_EMPTY", json.dumps({"host": server.base_url, "password": "apify_api_nobody"}))
        assert ApifyHook("empty").run_sync(SCENARIO) is None
    assert len(server.targets) == 1


def test_a_record_that_is_not_what_its_type_says_is_an_error_that_names_the_run(
    hook: ApifyHook, apify: LocalApify
) -> None:
    apify.control.add_fault("garbage", path="*/run-sync")
    apify.control.add_fault("garbage", path="*/records/*", times=None)
    with pytest.raises(ApifyDataError, match=r"succeeded .* is not the application/json"):
        hook.run_sync(SCENARIO, PLAN)
    assert kept(apify) == 1


def test_a_dataset_that_is_longer_than_an_answer_comes_whole(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.settings(max_items_per_request=10)
    assert len(hook.run_sync_get_items(SCENARIO, {"items": 35})) == 35
    assert apify.control.ledger().runs_started == 1


def test_a_run_that_takes_longer_than_the_request_is_waited_for(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.settings(sync_wait_seconds=0.1)
    assert hook.run_sync(SCENARIO, {**PLAN, "durationSecs": 1}) == {"answer": 42}
    assert kept(apify) == 1


def test_a_run_that_takes_longer_is_aborted_where_it_should_be(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.settings(sync_wait_seconds=0.1)
    with pytest.raises(
        ApifyRunTimedOut,
        match=r"had not ended after \d+ seconds, which is longer than one request may take; it is aborted",
    ):
        hook.run_sync_get_items(SCENARIO, {"durationSecs": 60}, when_late="abort")
    assert kept(apify) == 0


def test_a_run_that_is_in_time_is_not_aborted_because_its_answer_is_lost(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.add_fault("cut-after-commit", path="*/run-sync")
    assert hook.run_sync(SCENARIO, PLAN, when_late="abort") == {"answer": 42}
    assert kept(apify) == 1


def test_a_run_that_fails_says_so_in_the_actor_s_words(hook: ApifyHook, apify: LocalApify) -> None:
    with pytest.raises(ApifyRunFailed, match="is FAILED: No luck"):
        hook.run_sync(SCENARIO, {"endAs": "FAILED", "exitMessage": "No luck"})
    assert apify.control.ledger().runs_started == 1


def test_an_actor_that_does_not_exist_is_not_found(hook: ApifyHook, apify: LocalApify) -> None:
    with pytest.raises(ApifyNotFoundError):
        hook.run_sync("me/nothing")
    assert apify.control.ledger().runs_started == 0


@pytest.mark.parametrize("method", ["run_sync", "run_sync_get_items"])
def test_the_connection_s_limit_holds(apify: LocalApify, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    connection: dict[str, Any] = {"conn_type": "apify", "host": apify.base_url, "password": apify.token}
    connection["extra"] = {"limit_max_total_charge_usd": 2}
    monkeypatch.setenv("AIRFLOW_CONN_LIMITED", json.dumps(connection))
    run = getattr(ApifyHook("limited"), method)
    with pytest.raises(ValueError, match="allows a run at most 2 US dollars"):
        run(SCENARIO, options=RunOptions.parse({"max_total_charge_usd": 3}))
    run(SCENARIO, PLAN)
    assert [each.options["maxTotalChargeUsd"] for each in apify.control.ledger().runs] == [2]


@pytest.mark.parametrize("method", ["run_sync", "run_sync_get_items"])
def test_a_misspelt_choice_starts_nothing(hook: ApifyHook, apify: LocalApify, method: str) -> None:
    with pytest.raises(ValueError, match="when_late must be one of wait, abort, not 'Abort'"):
        getattr(hook, method)(SCENARIO, PLAN, when_late="Abort")
    assert apify.control.ledger().runs_started == 0


def test_options_may_be_a_dictionary(hook: ApifyHook, apify: LocalApify) -> None:
    hook.run_sync(SCENARIO, PLAN, options={"memory": "512"})
    assert apify.control.ledger().runs[0].options["memoryMbytes"] == 512
