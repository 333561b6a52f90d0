from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, Context

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.run_lifecycle import (
    MetamorphRunOperator,
    RebootRunOperator,
    ResurrectRunOperator,
)
from local_apify import LocalApify
from tests.dag_runs import REMEMBERS, DagRunner, die_at_the_end_of_the_first_attempt
from tests.operators.changed_runs import HELLO, ONE_RETRY, SCENARIO, requests_of

LONG = {"durationSecs": 600}
CHANGES: dict[str, Callable[..., Any]] = {
    "resurrections": partial(ResurrectRunOperator, **ONE_RETRY),
    "reboots": partial(RebootRunOperator, **ONE_RETRY),
    "metamorphs": partial(MetamorphRunOperator, target_actor_id=SCENARIO, run_input=LONG, **ONE_RETRY),
}
ENDINGS = {"resurrections": "resurrect", "reboots": "reboot", "metamorphs": "metamorph"}
each_change = pytest.mark.parametrize("change", CHANGES)


@pytest.fixture
def subject(change: str, request: pytest.FixtureRequest) -> str:
    """Return the ID of a run to which the change can be made."""
    return str(request.getfixturevalue("failed" if change == "resurrections" else "running"))


@each_change
@pytest.mark.parametrize(
    "fault",
    [
        {"action": "cut-before-commit"},
        {"action": "cut-after-commit"},
        {"action": "answer-after-commit", "status": 502},
        {"action": "answer", "status": 503},
        {"action": "garbage"},
        {"action": "answer", "status": 429, "error_type": "rate-limit-exceeded"},
    ],
    ids=lambda fault: f"{fault['action']}-{fault.get('status', '')}",
)
def test_a_change_whose_answer_is_lost_happens_once(
    apify: LocalApify, airflow: DagRunner, subject: str, change: str, fault: dict[str, Any]
) -> None:
    apify.control.add_fault(**fault, method="POST", path=f"*/{ENDINGS[change]}")
    outcome = airflow.run_task(CHANGES[change](run_id=subject))

    assert (outcome.state, outcome.errors) == ("success", {})
    assert ApifyHook().get_run(subject).history[change] == 1


@each_change
def test_a_retry_does_not_change_again_what_the_attempt_before_has_changed(
    apify: LocalApify, airflow: DagRunner, hook: ApifyHook, subject: str, change: str
) -> None:
    operator = CHANGES[change](run_id=subject, post_execute=die_at_the_end_of_the_first_attempt)
    outcome = airflow.run_task(operator)

    assert str(outcome.error) == "died at the end"
    assert outcome.state == "success"
    # Before 3.3 Airflow remembers nothing between attempts; a run that goes on is never resurrected.
    happened = 1 if REMEMBERS or change == "resurrections" else 2
    assert hook.get_run(subject).history[change] == happened
    assert requests_of(apify, ENDINGS[change]) == (1 if REMEMBERS else 2)


@pytest.mark.parametrize("change", ["reboots", "metamorphs"])
def test_a_run_that_is_over_cannot_be_changed_and_no_retry_helps(airflow: DagRunner, failed: str, change: str) -> None:
    outcome = airflow.run_task(CHANGES[change](run_id=failed))

    assert isinstance(outcome.error, AirflowFailException)
    assert "HTTP 400 job-finished" in str(outcome.error)


def test_a_retry_makes_its_metamorph_though_somebody_else_was_faster_with_another(
    apify: LocalApify, airflow: DagRunner, hook: ApifyHook, running: str
) -> None:
    def be_faster(context: Context) -> None:
        if context["ti"].try_number > 1:
            hook.metamorph_run(running, SCENARIO, LONG)

    busy: dict[str, Any] = {"status": 429, "error_type": "rate-limit-exceeded", "headers": {"Retry-After": "0"}}
    apify.control.add_fault("answer", path="*/metamorph", times=6, **busy)
    metamorph = MetamorphRunOperator(run_id=running, target_actor_id=HELLO, pre_execute=be_faster, **ONE_RETRY)
    outcome = airflow.run_task(metamorph)

    became = [each.actor_id for each in hook.get_run(running).metamorphs]
    assert outcome.state == "success"
    assert became == [hook.start_run(actor).actor_id for actor in (SCENARIO, HELLO)]
