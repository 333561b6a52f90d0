from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowTaskTimeout

from airflow_provider_apify.exceptions import (
    ApifyCapacityError,
    ApifyConnectionError,
    ApifyRunAborted,
    ApifyRunFailed,
    ApifyRunTimedOut,
    ApifyServerError,
    ApifyTaskStopped,
)
from airflow_provider_apify.operators.run_actor import RunActorOperator
from local_apify import LocalApify
from tests.dag_runs import DagRunner, Outcome
from tests.operators.scenario_task import NOT_FOUND, SCENARIO, run_scenario, waiting_both_ways


@waiting_both_ways
def test_a_failed_run_fails_the_task_with_the_actors_own_words(airflow: DagRunner, deferrable: bool) -> None:
    plan = {"endAs": "FAILED", "exitMessage": "The site asked for a login.", "logLines": ["Looking for the door"]}
    outcome = airflow.run_task(run_scenario(deferrable=deferrable, run_input=plan))

    assert outcome.task_state() == "failed"
    assert isinstance(outcome.error, ApifyRunFailed)
    assert "The site asked for a login." in str(outcome.error)
    assert "https://console.apify.com/actors/runs/" in str(outcome.error)
    assert "Looking for the door" in outcome.log


@waiting_both_ways
@pytest.mark.parametrize(("status", "error"), [("ABORTED", ApifyRunAborted), ("TIMED-OUT", ApifyRunTimedOut)])
def test_each_way_to_end_badly_has_its_own_error(
    airflow: DagRunner,
    deferrable: bool,
    status: str,
    error: type[Exception],
) -> None:
    outcome = airflow.run_task(run_scenario(deferrable=deferrable, run_input={"endAs": status}))

    assert type(outcome.error) is error


def test_an_accepted_status_is_a_success(airflow: DagRunner) -> None:
    outcome = airflow.run_task(
        run_scenario(run_input={"items": 2, "endAs": "TIMED-OUT"}, accept_statuses=("SUCCEEDED", "TIMED-OUT"))
    )

    assert outcome.state == "success"
    assert (outcome.xcom()["status"], outcome.xcom()["item_count"]) == ("TIMED-OUT", 2)


def test_a_status_to_skip_skips_the_task(airflow: DagRunner) -> None:
    outcome = airflow.run_task(run_scenario(run_input={"endAs": "ABORTED"}, skip_statuses=("ABORTED",)))

    assert outcome.task_state() == "skipped"
    assert "is ABORTED: skipped" in outcome.log


def test_the_end_of_the_runs_log_is_copied_and_more_of_it_after_a_failure(airflow: DagRunner) -> None:
    lines = [f"Line {number} of the Actor" for number in range(60)]
    good = airflow.run_task(run_scenario(run_input={"logLines": lines}, log_lines=10))
    bad = airflow.run_task(run_scenario(run_input={"logLines": lines, "endAs": "FAILED"}, log_lines=10))

    def copied(outcome: Outcome) -> list[str]:
        return [line for line in lines if f"Z {line}" in outcome.log]  # after its time; Airflow may log the input too

    assert copied(good) == [line for line in copied(good) if line in lines[40:]]
    assert lines[-1] in copied(good)
    assert lines[15] in copied(bad)
    assert lines[5] not in copied(bad)
    # Airflow 2 sorts lines by the times that they begin with.
    assert all(line.startswith("| ") for line in bad.log.splitlines() if "Z Line" in line)


def test_no_log_is_asked_for_where_no_lines_are_wanted(apify: LocalApify, airflow: DagRunner) -> None:
    airflow.run_task(run_scenario(log_lines=0))

    assert not [route for route in apify.control.ledger().requests if "log" in route]


def test_a_log_that_cannot_be_read_does_not_fail_the_task(apify: LocalApify, airflow: DagRunner) -> None:
    apify.control.add_fault(
        "answer", path="/v2/actor-runs/*/log", status=404, error_type="record-not-found", times=None
    )
    outcome = airflow.run_task(run_scenario())

    assert outcome.state == "success"
    assert "could not be read" in outcome.log


def test_a_dataset_that_cannot_be_counted_does_not_fail_the_task(apify: LocalApify, airflow: DagRunner) -> None:
    apify.control.add_fault("answer", path="/v2/datasets/*", **NOT_FOUND)
    outcome = airflow.run_task(run_scenario(run_input={"items": 3}))

    assert outcome.state == "success"
    assert outcome.xcom()["item_count"] is None


def test_status_messages_of_the_actor_show_in_the_log_while_the_task_waits(airflow: DagRunner) -> None:
    plan = {"durationSecs": 3, "statusMessages": ["Warming up"], "exitMessage": "Done and dusted"}
    outcome = airflow.run_task(run_scenario(run_input=plan, poll_interval=0.1))

    assert "is RUNNING: Warming up" in outcome.log
    assert "is SUCCEEDED: Done and dusted" in outcome.log


@waiting_both_ways
def test_the_cost_is_read_when_it_is_final(apify: LocalApify, airflow: DagRunner, deferrable: bool) -> None:
    apify.control.settings(cost_settles_seconds=4)
    plan = {"durationSecs": 0.2, "chargedEvents": {"page": 30}}
    hasty = airflow.run_task(run_scenario(deferrable=deferrable, run_input=plan, cost_settle_seconds=0)).xcom()
    patient = airflow.run_task(run_scenario(deferrable=deferrable, run_input=plan, cost_settle_seconds=4.2)).xcom()

    assert patient["charged_event_counts"]["page"] == 30
    assert patient["charged_event_counts"] != hasty["charged_event_counts"]


@waiting_both_ways
def test_a_run_that_outlives_the_execution_timeout_is_aborted(
    apify: LocalApify, airflow: DagRunner, deferrable: bool
) -> None:
    operator = run_scenario(
        deferrable=deferrable, run_input={"durationSecs": 600}, run_timeout=0, execution_timeout=timedelta(seconds=3)
    )
    with suppress(AirflowTaskTimeout):  # Airflow may be first; on 2.11 ``dag.test()`` lets its error through
        assert airflow.run_task(operator).task_state() == "failed"

    assert apify.control.ledger().runs[0].aborted_by_request


def test_the_task_s_time_is_no_limit_for_a_run_that_nobody_waits_for(apify: LocalApify, airflow: DagRunner) -> None:
    airflow.run_task(run_scenario(execution_timeout=timedelta(minutes=5), wait_for_completion=False))

    (started,) = apify.control.ledger().runs
    assert started.options["timeoutSecs"] != pytest.approx(300, abs=40)


def test_the_run_ends_by_itself_a_little_before_the_execution_timeout(apify: LocalApify, airflow: DagRunner) -> None:
    airflow.run_task(run_scenario(execution_timeout=timedelta(minutes=5)))
    airflow.run_task(run_scenario(execution_timeout=timedelta(minutes=5), run_timeout=90))

    assert [run.options["timeoutSecs"] for run in apify.control.ledger().runs] == [270, 90]


def test_a_task_that_is_killed_before_it_started_a_run_aborts_nothing(apify: LocalApify) -> None:
    run_scenario().on_kill()

    assert apify.control.ledger().requests == {}


def test_a_wrong_token_fails_the_task_for_good_and_shows_the_token_nowhere(
    apify: LocalApify, airflow: DagRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "apify_api_wrong_and_secret"
    monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", f"apify://:{secret}@{apify.base_url.partition('//')[2]}/http")
    outcome = airflow.run_task(run_scenario(retries=3))

    assert outcome.task_state() == "failed"
    assert isinstance(outcome.error, AirflowFailException)
    assert "Check the API token" in str(outcome.error)
    assert secret not in outcome.log + str(outcome.error)


def test_an_unknown_actor_fails_the_task_for_good(airflow: DagRunner) -> None:
    outcome = airflow.run_task(run_scenario(actor_id="apify/no-such-actor", retries=3))

    assert isinstance(outcome.error, AirflowFailException)
    assert "apify~no-such-actor" in str(outcome.error)
    assert "Check the ID" in str(outcome.error)


def test_input_that_apify_refuses_fails_the_task_for_good_with_its_words(airflow: DagRunner) -> None:
    outcome = airflow.run_task(run_scenario(run_input="{{ [1, 2] | tojson }}", retries=3))

    assert isinstance(outcome.error, AirflowFailException)
    assert "Input must be a JSON object." in str(outcome.error)


@pytest.mark.parametrize(
    ("run_input", "words"),
    [
        ("{{ 'no json' }}", "run_input is a string that holds no JSON"),
        ('{"text": "{{ "x" * 9_500_000 }}"}', "Apify takes at most 9,437,184"),
        ('{"rate": {{ "NaN" }}}', "NaN is no JSON number"),
    ],
    ids=["no JSON", "too large", "NaN"],
)
def test_input_that_is_wrong_only_at_run_time_fails_the_task_before_anything_is_started(
    apify: LocalApify, airflow: DagRunner, run_input: str, words: str
) -> None:
    outcome = airflow.run_task(run_scenario(run_input=run_input, retries=3))

    assert isinstance(outcome.error, AirflowFailException)
    assert words in str(outcome.error)
    assert len(str(outcome.error)) < 400
    assert apify.control.ledger().runs_started == 0


def test_options_that_are_wrong_only_at_run_time_fail_the_task_for_good(airflow: DagRunner) -> None:
    outcome = airflow.run_task(run_scenario(memory="{{ 300 }}", retries=3))

    assert isinstance(outcome.error, AirflowFailException)
    assert "memory must be one of 128, 256," in str(outcome.error)


def test_a_missing_connection_says_how_to_make_one(airflow: DagRunner) -> None:
    outcome = airflow.run_task(run_scenario(apify_conn_id="apify_elsewhere"))

    assert outcome.task_state() == "failed"
    assert "Create it with type 'apify'" in str(outcome.error)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"action": "answer", "status": 402, "error_type": "actor-memory-limit-exceeded"}, ApifyCapacityError),
        ({"action": "answer", "status": 502, "times": 4}, ApifyServerError),
        ({"action": "cut-before-commit", "times": 4}, ApifyConnectionError),
    ],
    ids=["no capacity", "server errors", "cut connections"],
)
def test_passing_troubles_leave_the_task_to_airflows_retries(
    apify: LocalApify, airflow: DagRunner, fault: dict[str, Any], error: type[Exception]
) -> None:
    apify.control.add_fault(**fault, method="POST", path="/v2/actors/*/runs")
    outcome = airflow.run_task(run_scenario(retries=1, retry_delay=timedelta(0), run_input={"items": 1}))

    assert isinstance(outcome.error, error)
    assert outcome.state == "success"
    assert outcome.xcom()["item_count"] == 1


def test_the_token_is_nowhere_in_what_a_task_leaves_behind(apify: LocalApify, airflow: DagRunner) -> None:
    good = airflow.run_task(run_scenario(deferrable=True, run_input={"items": 1}))
    bad = airflow.run_task(run_scenario(actor_id="apify/no-such-actor"))

    assert apify.token not in "".join([good.log, str(good.xcom()), bad.log, str(bad.error)])


class KilledWhileStarting(RunActorOperator):
    """Airflow calls ``on_kill`` while the start is on its way, as its signal handler does."""

    def _input(self, context: Any) -> Any:
        self.on_kill()
        return super()._input(context)


def test_a_task_that_is_killed_before_its_run_is_started_starts_none(apify: LocalApify, airflow: DagRunner) -> None:
    outcome = airflow.run_task(KilledWhileStarting(task_id="task", actor_id=SCENARIO, deferrable=False))

    assert isinstance(outcome.error, ApifyTaskStopped)
    assert apify.control.ledger().runs_started == 0


@pytest.mark.parametrize("deferrable", [False, True])
def test_each_break_of_the_connection_is_told_while_the_run_is_waited_for(
    apify: LocalApify, airflow: DagRunner, deferrable: bool
) -> None:
    apify.control.add_fault("answer", path="/v2/actor-runs/*", status=503, times=2, method="GET")
    outcome = airflow.run_task(run_scenario(run_input={"durationSecs": 0.5}, deferrable=deferrable))

    assert outcome.state == "success"
    assert outcome.log.count("HTTP 503") >= 2
    assert "Asking again in" in outcome.log
