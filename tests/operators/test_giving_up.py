"""An attempt gives its run up, and says what became of it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_apify._api.runs import finding
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify
from tests.operators.played_task import Fate
from tests.operators.scenes import MOMENT_OF_THE_FIRST_POST, played, statuses, waits
from tests.operators.test_sleepers import Night


def test_the_abort_before_a_deferral_outlasts_some_seconds(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch)
    obedient_apify.control.add_fault("answer", method="POST", path="/v2/actor-runs/*/abort", status=503, times=4)

    def is_marked() -> None:
        task.state = "failed"

    assert task.attempt(Fate(MOMENT_OF_THE_FIRST_POST, is_marked)) == "retry"

    assert statuses(obedient_apify) == ["ABORTED"]


def test_a_superseded_run_is_aborted_by_its_id(obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeper = played(monkeypatch, deferrable=False)
    night, note, started = Night(monkeypatch, sleeper, dead=1), sleeper._note, finding.Finder.started

    def note_while_it_is_the_last(key: str, value: Any) -> None:
        if night.task.tries:
            raise AirflowException("the task instance is not known")
        note(key, value)

    def lagging(finder: finding.Finder, *arguments: Any, **more: Any) -> Any:
        found = yield from started(finder, *arguments, **more)
        return [run for run in found if not finder.is_mine(run)]

    monkeypatch.setattr(sleeper, "_note", note_while_it_is_the_last)
    monkeypatch.setattr(finding.Finder, "started", lagging)
    waits(sleeper, obedient_apify, lambda: sleeper.kill("running"))

    assert sleeper.attempt(Fate(MOMENT_OF_THE_FIRST_POST, night.passes)) == "retry"

    assert sorted(statuses(obedient_apify)) == ["ABORTED", "RUNNING"]


@pytest.mark.usefixtures("obedient_apify")
def test_a_look_up_that_fails_hides_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    task = played(monkeypatch)
    task.clear(retries=0)
    assert task.attempt(Fate()) == "execute_complete"

    def away(*_: Any) -> Any:
        raise RuntimeError("the API server is away")

    monkeypatch.setattr(ApifyHook, "get_connection", staticmethod(away))

    assert task.resume("__fail__", {"error": "TriggerFailed"}, Fate()) == "failed"


def test_a_lost_answer_does_not_adopt_the_run_of_a_deleted_dag_run(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted = played(monkeypatch, wait_for_completion=False)
    assert deleted.attempt(Fate()) == "success"
    time.sleep(6)  # Apify tells its time in whole seconds, and clocks may differ a little
    task = played(monkeypatch, wait_for_completion=False)
    task.began = datetime.now(UTC)
    obedient_apify.control.add_fault("cut-before-commit", method="POST", path="/v2/actors/*/runs")

    assert task.attempt(Fate()) == "success"

    assert task.watched_run_id != deleted.watched_run_id


def test_links_that_cannot_be_read_do_not_fail_an_attempt_that_has_started_its_run(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch, has_store=False)
    context = task._context

    def without_links(operator: Any) -> Any:
        made = context(operator)
        made["ti"].xcom_pull = away
        return made

    def away(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the API server is away")

    monkeypatch.setattr(task, "_context", without_links)

    assert task.attempt(Fate()) == "execute_complete"
    assert statuses(obedient_apify) == ["RUNNING"]
