"""A run above ``abort_above_usd``: aborted once, and not spent again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_apify.models.runs import RunEvent
from local_apify import LocalApify
from tests.operators.played_task import Died, Fate
from tests.operators.scenes import (
    end,
    played,
    spend,
    statuses,
    waits,
)

LITTLE = 1e-12


@pytest.mark.parametrize("reason", ["deadline_passed", "cost_limit_passed"])
def test_an_abort_at_a_limit_outlasts_an_outage(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    task = played(monkeypatch, abort_above_usd=1)
    assert task.attempt(Fate()) == "execute_complete"
    run = task.hook_class()().get_run(task.watched_run_id)
    event = {"run": dict(run.raw), "deadline_passed": False, "cost_limit_passed": False} | {reason: True}
    obedient_apify.control.add_fault("answer", method="POST", path="/v2/actor-runs/*/abort", status=503, times=6)

    task.resume("execute_complete", event, Fate())

    assert not obedient_apify.control.ledger().runs_going


@pytest.mark.parametrize("has_store", [True, False])
@pytest.mark.parametrize("moment", [1, 2])
def test_a_retry_does_not_spend_again_what_was_too_much(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, has_store: bool, moment: int
) -> None:
    """The worker is shut down, and dies, when the abort is done or soon after that."""
    task = played(monkeypatch, has_store=has_store, abort_above_usd=LITTLE)
    assert task.attempt(Fate()) == "execute_complete"

    def is_shut_down() -> None:
        task.kill_and_stop(Died())

    task.resume("execute_complete", spend(obedient_apify, task), Fate(moment, is_shut_down))

    assert task.attempt(Fate()) == "failed"
    assert statuses(obedient_apify) == ["ABORTED"]


def test_a_clear_after_a_run_that_was_too_expensive_spends_again(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch, abort_above_usd=LITTLE)
    assert task.attempt(Fate()) == "execute_complete"
    assert task.resume("execute_complete", spend(obedient_apify, task), Fate()) == "failed"
    task.clear()

    assert task.attempt(Fate()) == "execute_complete"
    assert statuses(obedient_apify) == ["ABORTED", "RUNNING"]


def test_a_run_at_its_limit_is_aborted_though_airflow_cannot_note_anything(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch, abort_above_usd=LITTLE)
    assert task.attempt(Fate()) == "execute_complete"

    def is_down(*_: Any, **__: Any) -> None:
        raise AirflowException("the API server is down")

    monkeypatch.setattr(task, "_recall", is_down)
    monkeypatch.setattr(task, "_note", is_down)

    assert task.resume("execute_complete", spend(obedient_apify, task), Fate()) == "failed"
    assert not obedient_apify.control.ledger().runs_going


def test_what_the_trigger_has_aborted_is_not_aborted_again(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch, abort_above_usd=LITTLE)
    assert task.attempt(Fate()) == "execute_complete"
    hook = task.hook_class()()
    event = RunEvent(hook.abort_run(task.watched_run_id), deadline_passed=True).to_payload()

    assert task.resume("execute_complete", event, Fate()) == "retry"
    assert obedient_apify.control.ledger().requests["POST /v2/actor-runs/{runId}/abort"] == 1


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_run_that_is_dearer_than_apify_was_to_let_it_be_is_told(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str], deferrable: bool
) -> None:
    """The Actor is paid by usage, so that Apify does not stop it there."""
    task = played(monkeypatch, deferrable=deferrable, max_total_charge_usd=LITTLE)
    waits(task, obedient_apify)
    outcome = task.attempt(Fate())
    if deferrable:
        end(obedient_apify, "SUCCEEDED")
        event = RunEvent(task.hook_class()().get_run(task.watched_run_id)).to_payload()
        outcome = task.resume(outcome, event, Fate())

    assert outcome == "success"
    assert "above its max_total_charge_usd of 0.000000000001 US dollars" in logged()
