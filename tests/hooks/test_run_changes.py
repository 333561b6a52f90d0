from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from airflow_provider_apify.exceptions import ApifyApiError, ApifyNotFoundError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RunOptions
from local_apify import LocalApify
from tests.hooks.conftest import RunScenario
from tests.local_apify.client import until

HELLO = "apify/hello-world"


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - where it leads
    return ApifyHook()


@pytest.fixture
def running(hook: ApifyHook, run_scenario: RunScenario) -> str:
    run_id = run_scenario(durationSecs=600, items=1)
    until(lambda: hook.get_run(run_id).status == "RUNNING")
    return run_id


def test_a_finished_run_is_resurrected_with_more_memory(hook: ApifyHook, run_scenario: RunScenario) -> None:
    run_id = run_scenario(wait=30, endAs=["FAILED", "SUCCEEDED"])
    hook.resurrect_run(run_id, options=RunOptions(memory=512))
    run = hook.wait_for_run(run_id).run
    assert (run.status, run.history["resurrections"]) == ("SUCCEEDED", 1)
    assert run.raw["options"]["memoryMbytes"] == 512


def test_a_run_that_is_being_stopped_is_resurrected_when_it_has_ended(
    hook: ApifyHook, apify: LocalApify, running: str
) -> None:
    apify.control.settings(graceful_abort_seconds=1)
    hook.abort_run(running, gracefully=True)
    assert hook.resurrect_run(running).status == "RUNNING"
    assert hook.get_run(running).history["resurrections"] == 1


def test_what_an_earlier_attempt_did_is_not_done_again(hook: ApifyHook, apify: LocalApify, running: str) -> None:
    before = hook.get_run(running).history
    hook.reboot_run(running, history=before)
    hook.reboot_run(running, history=before)
    assert hook.get_run(running).history["reboots"] == 1
    hook.metamorph_run(running, HELLO, history=before)
    hook.metamorph_run(running, HELLO, history=before)
    assert hook.get_run(running).history["metamorphs"] == 1
    assert apify.control.ledger().requests["POST /v2/actor-runs/{runId}/reboot"] == 1


def test_another_actor_goes_on_with_the_run(hook: ApifyHook, running: str) -> None:
    hook.metamorph_run(running, HELLO, {"message": "Taken over"})
    run = hook.wait_for_run(running).run
    assert run.status == "SUCCEEDED"
    assert list(hook.iterate_items(str(run.dataset_id))) == [{"message": "Taken over"}]


def test_an_input_that_is_no_json_changes_nothing(hook: ApifyHook, running: str) -> None:
    with pytest.raises(ValueError, match="holds no JSON"):
        hook.metamorph_run(running, HELLO, "{")
    with pytest.raises(ValueError, match="is no Actor ID"):
        hook.metamorph_run(running, "not an id")
    assert hook.get_run(running).history["metamorphs"] == 0


def test_a_status_message_is_the_last_word_where_it_is_said_so(hook: ApifyHook, running: str) -> None:
    assert hook.set_run_status_message(running, "One").status_message == "One"
    hook.set_run_status_message(running, "Two", is_terminal=True)
    assert hook.set_run_status_message(running, "Three").status_message == "Two"


def test_a_run_is_deleted_with_its_dataset(hook: ApifyHook, finished_run: str) -> None:
    run = hook.delete_run(finished_run)
    assert run.status == "SUCCEEDED"
    with pytest.raises(ApifyNotFoundError):
        hook.get_run(finished_run)
    with pytest.raises(ApifyNotFoundError):
        hook.get_dataset(str(run.dataset_id))


def test_a_page_that_answers_in_apifys_place_deletes_no_run(
    hook: ApifyHook, apify: LocalApify, finished_run: str
) -> None:
    apify.control.add_fault("answer", method="DELETE", status=200, text="<html>Sign in</html>")
    hook.delete_run(finished_run)
    with pytest.raises(ApifyNotFoundError):
        hook.get_run(finished_run)


def test_a_run_that_goes_on_is_not_deleted(hook: ApifyHook, running: str) -> None:
    with pytest.raises(ApifyApiError, match="cannot-remove-running-run"):
        hook.delete_run(running)
    assert hook.get_run(running).is_going


def test_a_resurrection_above_the_connection_s_limit_is_not_asked_for(
    apify: LocalApify, finished_run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"default_max_total_charge_usd": 0.1, "limit_max_total_charge_usd": 1}
    connection = {"conn_type": "apify", "host": apify.base_url, "password": apify.token, "extra": limits}
    monkeypatch.setenv("AIRFLOW_CONN_LIMITED", json.dumps(connection))
    hook = ApifyHook("limited")
    with pytest.raises(ValueError, match="allows a run at most 1 US dollars"):
        hook.resurrect_run(finished_run, options=RunOptions.parse({"max_total_charge_usd": 2}))
    run = hook.resurrect_run(finished_run)
    assert "maxTotalChargeUsd" not in run.raw["options"], "a default must not lower what the run had"


def test_what_was_found_out_about_a_lost_request_is_logged(
    hook: ApifyHook, apify: LocalApify, running: str, logged: Callable[[], str]
) -> None:
    apify.control.add_fault("cut-after-commit", path="*/reboot")
    hook.reboot_run(running)
    log = logged()
    assert "Nothing more is needed: run" in log
    assert apify.token not in log
