"""Narrow places of the promise: what must not become a second run, nor leave one behind."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowTaskTimeout

from airflow_provider_apify._api import flows
from airflow_provider_apify._api.finding import Finder
from airflow_provider_apify._api.starting import Starter
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models import RunEvent
from airflow_provider_apify.operators import _memory, _task_run
from airflow_provider_apify.operators._interruption import Interrupted
from airflow_provider_apify.testing import LocalApify, Settings
from tests.dag_runs import AIRFLOW_VERSION
from tests.operators.played_task import PACE, Died, Fate, PlayedTask, Stopped, Terminated
from tests.operators.test_exactly_once_property import obedient, orders
from tools.lab.waiting import wait_until

FOUR_TIMES_BEFORE_THE_ID_IS_KNOWN = range(4)
# After both sides of the note, and of reading the run of before.
MOMENT_OF_THE_FIRST_POST, MOMENT_OF_THE_SECOND_POST = 2, 4
OUTAGE_REQUESTS = 41
LITTLE = 1e-12


class TimeIsOver(Stopped, AirflowTaskTimeout):
    """Airflow ends the task in the midst of something."""


@pytest.fixture
def apify(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalApify]:
    with LocalApify(actors=[obedient], settings=Settings(ready_seconds=0, graceful_abort_seconds=5 * PACE)) as apify:
        connection = {"conn_type": "apify", "host": apify.base_url, "password": apify.token}
        monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))
        yield apify


def played(monkeypatch: pytest.MonkeyPatch, *, has_store: bool = True, **arguments: Any) -> PlayedTask:
    task = PlayedTask(has_store=has_store, actor_id=obedient.name, log_lines=0, **arguments)
    task.use(monkeypatch)
    return task


def statuses(apify: LocalApify) -> list[str]:
    return [run.status for run in apify.control.ledger().runs]


def use(apify: LocalApify) -> None:
    """Let the runs that go on succeed."""
    for run in apify.control.ledger().runs:
        if run.is_going:
            orders[run.run_id] = "SUCCEEDED"


def end(apify: LocalApify, status: str) -> None:
    """Let the newest run end."""
    orders[apify.control.ledger().runs[-1].run_id] = status
    wait_until(lambda: statuses(apify)[-1] == status, "the run to end", timeout=10, poll=PACE)


def waits(task: PlayedTask, apify: LocalApify, *happens: Callable[[], None]) -> None:
    """Let something happen each time that a worker waits; after that the run succeeds."""
    events = iter(happens)

    def happen() -> None:
        event = next(events, None)
        if event is not None:
            event()
        else:
            use(apify)

    task.on_wait = happen


def spend(apify: LocalApify, task: PlayedTask) -> dict[str, Any]:
    """Wait until a run has cost something, and return the event of a limit below that."""
    hook = task.hook_class()()
    wait_until(lambda: bool(hook.get_run(task.watched_run_id).usage_total_usd), "costs", timeout=10, poll=PACE)
    assert statuses(apify) == ["RUNNING"]
    return RunEvent(hook.get_run(task.watched_run_id), cost_limit_passed=True).to_payload()


def dies() -> None:
    raise Died


@pytest.mark.parametrize("on_failed_run", ["fail", "resurrect"])
def test_a_clear_of_a_running_task_starts_anew_where_airflow_keeps_a_state(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, on_failed_run: str
) -> None:
    """Airflow 3.3 raises ``max_tries`` for it."""
    task = played(monkeypatch, on_failed_run=on_failed_run, deferrable=False)
    waits(task, apify, task.restart)
    assert task.attempt(Fate()) == "retry"

    assert task.attempt(Fate()) == "success"

    assert statuses(apify) == ["ABORTED", "SUCCEEDED"]


@pytest.mark.parametrize("has_store", [True, False])
@pytest.mark.parametrize("on_failed_run", ["new", "fail", "resurrect"])
def test_a_worker_that_is_shut_down_leaves_its_run_to_the_retry(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, has_store: bool, on_failed_run: str
) -> None:
    task = played(monkeypatch, has_store=has_store, on_failed_run=on_failed_run, deferrable=False)
    waits(task, apify, lambda: task.kill("running"))
    assert task.attempt(Fate()) == "retry"
    assert statuses(apify) == ["RUNNING"]

    assert (task.attempt(Fate()), statuses(apify)) == ("success", ["SUCCEEDED"])


@pytest.mark.parametrize("state", ["queued", "scheduled", "deferred", "up_for_retry", "running"])
def test_a_run_that_another_attempt_owns_by_now_is_left_alone(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """As when a machine slept for so long that Airflow has begun the next attempt elsewhere."""
    task = played(monkeypatch, deferrable=False)
    waits(task, apify, lambda: task.kill(state))

    assert task.attempt(Fate()) == "retry"

    assert statuses(apify) == ["RUNNING"]


@pytest.mark.parametrize("state", ["failed", "success", "restarting", "removed", None])
def test_a_run_that_a_user_has_given_up_is_aborted(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, state: Any
) -> None:
    task = played(monkeypatch, deferrable=False)
    waits(task, apify, lambda: task.kill(state))

    assert task.attempt(Fate()) == "retry"

    assert statuses(apify) == ["ABORTED"]


def test_a_start_that_is_sent_after_the_next_attempt_has_its_own_run_is_aborted(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the machine slept right before the start was sent: Airflow takes no note of an attempt that is over."""
    sleeper, task = (played(monkeypatch, deferrable=False) for _ in range(2))
    note = sleeper._note

    def note_while_it_is_the_last(key: str, value: Any) -> None:
        if task.tries:
            raise AirflowException("the task instance is not known")
        note(key, value)

    def the_next_attempt_starts() -> None:
        task.use(monkeypatch)
        task.on_wait = dies
        assert [task.attempt(Fate(0, dies)), task.attempt(Fate())] == ["died", "died"]
        sleeper.use(monkeypatch)

    monkeypatch.setattr(sleeper, "_note", note_while_it_is_the_last)
    waits(sleeper, apify, lambda: sleeper.kill("running"))
    sleeper.use(monkeypatch)

    assert sleeper.attempt(Fate(MOMENT_OF_THE_FIRST_POST, the_next_attempt_starts)) == "retry"

    assert sorted(statuses(apify)) == ["ABORTED", "RUNNING"]


def test_a_start_that_is_stopped_after_the_next_attempt_has_its_own_run_is_aborted(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the machine slept right before the start was sent, and Airflow tells the task so while it is sent."""
    sleeper, task = (played(monkeypatch, has_store=False, deferrable=False) for _ in range(2))

    def the_next_attempt_starts_and_this_one_is_stopped() -> None:
        task.use(monkeypatch)
        task.on_wait = dies
        assert [task.attempt(Fate(0, dies)), task.attempt(Fate())] == ["died", "died"]
        sleeper.use(monkeypatch)
        sleeper.arrives_after = 1
        sleeper.kill("running")

    sleeper.use(monkeypatch)

    assert sleeper.attempt(Fate(0, the_next_attempt_starts_and_this_one_is_stopped)) == "retry"

    assert sorted(statuses(apify)) == ["ABORTED", "RUNNING"]


def test_a_run_goes_on_where_airflow_does_not_answer(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its API server is away; whoever is stopped for that has done nothing wrong."""
    task = played(monkeypatch, deferrable=False)

    def is_away(_ti: Any) -> None:
        raise ConnectionError("the API server is away")

    monkeypatch.setattr(_task_run, "state_of", is_away)
    waits(task, apify, task.kill)

    assert task.attempt(Fate()) == "retry"

    assert statuses(apify) == ["RUNNING"]


def test_the_last_attempt_asks_nobody_before_it_aborts(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    task = played(monkeypatch, deferrable=False)
    task.clear(retries=0)
    waits(task, apify, lambda: task.kill("running"))

    assert task.attempt(Fate()) == "failed"

    assert statuses(apify) == ["ABORTED"]


def test_a_signal_handler_does_nothing_but_stop_the_wait(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its interrupts a line to Airflow, or one of the log, whose locks are held then."""
    task = played(monkeypatch, deferrable=False)
    asked: list[dict[str, int]] = []

    def told() -> None:
        before = apify.control.ledger().requests
        with pytest.raises(Interrupted):
            task.kill()
        asked.append(apify.control.ledger().requests)
        assert asked == [before]
        raise Interrupted

    waits(task, apify, told)

    assert task.attempt(Fate()) == "retry"
    assert len(asked) == 1
    assert statuses(apify) == ["ABORTED"]


def test_a_task_that_is_killed_while_its_connection_is_looked_up_starts_nothing(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch)
    look_up = ApifyHook.get_connection

    def killed(*arguments: Any) -> Any:
        task.kill()
        return look_up(*arguments)

    monkeypatch.setattr(ApifyHook, "get_connection", staticmethod(killed))

    assert task.attempt(Fate()) == "retry"
    assert statuses(apify) == []


@pytest.mark.parametrize("first", ["ABORTED", "FAILED"])
def test_a_start_that_a_killed_worker_leaves_under_way_is_waited_for(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    task = played(monkeypatch)
    assert task.attempt(Fate()) == "execute_complete"
    hook = task.hook_class()()
    if first == "ABORTED":
        hook.abort_run(task.watched_run_id)
    else:
        end(apify, first)
    event = hook.wait_for_run(task.watched_run_id).to_payload()
    assert task.resume("execute_complete", event, Fate()) == "retry"

    def is_shut_down() -> None:
        task.kill_and_stop(Died(looks=2))

    assert task.attempt(Fate(MOMENT_OF_THE_SECOND_POST, is_shut_down)) == "died"
    assert statuses(apify) == [first]
    task.attempt(Fate())

    assert task.let_stragglers_arrive() == 0
    assert statuses(apify) == [first, "RUNNING"]


@pytest.mark.parametrize("moment", FOUR_TIMES_BEFORE_THE_ID_IS_KNOWN)
def test_airflow_2_ends_a_start_by_an_exception_and_its_run_is_aborted(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    task = played(monkeypatch, has_store=False)

    def sigterm() -> None:
        task.kill_and_stop(Terminated(), "failed")

    assert task.attempt(Fate(moment, sigterm)) == "retry"

    assert not apify.control.ledger().runs_going


@pytest.mark.parametrize("reason", ["deadline_passed", "cost_limit_passed"])
def test_an_abort_at_a_limit_outlasts_an_outage(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    task = played(monkeypatch, abort_above_usd=1)
    assert task.attempt(Fate()) == "execute_complete"
    run = task.hook_class()().get_run(task.watched_run_id)
    event = {"run": dict(run.raw), "deadline_passed": False, "cost_limit_passed": False} | {reason: True}
    apify.control.add_fault("answer", method="POST", path="/v2/actor-runs/*/abort", status=503, times=6)

    task.resume("execute_complete", event, Fate())

    assert not apify.control.ledger().runs_going


def test_a_404_that_is_not_apify_s_leads_to_no_second_run(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    task = played(monkeypatch)
    assert task.attempt(Fate()) == "execute_complete"
    apify.control.add_fault("answer", method="GET", path="/v2/actor-runs/*", status=404, error_type="nginx", times=3)

    task.attempt(Fate())

    assert statuses(apify) == ["RUNNING"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 407])
def test_a_proxy_s_refusal_does_not_end_a_run_that_is_waited_for(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    task = played(monkeypatch, deferrable=False)
    monkeypatch.setattr(flows, "_REPLICA_LAG_SECONDS", -1_000.0)  # as after a while
    apify.control.add_fault("answer", method="GET", path="/v2/actor-runs/*", status=status, text="<html>No</html>")

    def let_it_succeed_afterwards() -> None:
        if apify.control.faults()[0]["happened"]:
            orders[apify.control.ledger().runs[0].run_id] = "SUCCEEDED"

    task.on_wait = let_it_succeed_afterwards

    assert task.attempt(Fate()) == "success"
    assert apify.control.faults()[0]["happened"] == 1
    assert statuses(apify) == ["SUCCEEDED"]


def test_a_last_attempt_aborts_its_run_though_it_could_not_look_for_another(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first start is lost, the second is answered, and then the list of runs is refused."""
    task = played(monkeypatch)
    task.clear(retries=0)
    apify.control.add_fault("cut-before-commit", method="POST", path="/v2/actors/*/runs")
    refused: dict[str, Any] = {"status": 403, "error_type": "insufficient-permissions"}
    apify.control.add_fault("answer", method="GET", path="/v2/actors/*/runs", skip=5, **refused)

    assert task.attempt(Fate()) == "failed"

    assert statuses(apify) == ["ABORTED"]


@pytest.mark.parametrize("hours", [0.5, 2, -2])
def test_a_start_whose_answer_is_lost_is_found_however_wrong_the_worker_s_clock_is(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    real = time.time
    monkeypatch.setattr(_task_run, "Finder", partial(Finder, clock=lambda: real() + 3_600 * hours))
    monkeypatch.setattr(_task_run, "Starter", partial(Starter, clock=lambda: real() + 3_600 * hours))
    task = played(monkeypatch)
    apify.control.add_fault("cut-after-commit", method="POST", path="/v2/actors/*/runs")

    assert task.attempt(Fate()) == "execute_complete"

    assert statuses(apify) == ["RUNNING"]


def test_a_worker_s_clock_may_be_wrong_by_minutes(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    task = played(monkeypatch)
    real = time.time
    monkeypatch.setattr(_memory, "time", SimpleNamespace(time=lambda: real() + 1_800))

    task.attempt(Fate(4, dies))
    assert statuses(apify) == ["RUNNING"]

    task.attempt(Fate())

    assert statuses(apify) == ["RUNNING"]


@pytest.mark.parametrize("has_store", [True, False])
@pytest.mark.parametrize("moment", [1, 2])
def test_a_retry_does_not_spend_again_what_was_too_much(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, has_store: bool, moment: int
) -> None:
    """The worker is shut down, and dies, when the abort is done or soon after that."""
    task = played(monkeypatch, has_store=has_store, abort_above_usd=LITTLE)
    assert task.attempt(Fate()) == "execute_complete"

    def is_shut_down() -> None:
        task.kill_and_stop(Died())

    task.resume("execute_complete", spend(apify, task), Fate(moment, is_shut_down))

    assert task.attempt(Fate()) == "failed"
    assert statuses(apify) == ["ABORTED"]


def test_a_clear_after_a_run_that_was_too_expensive_spends_again(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch, abort_above_usd=LITTLE)
    assert task.attempt(Fate()) == "execute_complete"
    assert task.resume("execute_complete", spend(apify, task), Fate()) == "failed"
    task.clear()

    assert task.attempt(Fate()) == "execute_complete"
    assert statuses(apify) == ["ABORTED", "RUNNING"]


def test_a_run_at_its_limit_is_aborted_though_airflow_cannot_note_anything(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch, abort_above_usd=LITTLE)
    assert task.attempt(Fate()) == "execute_complete"

    def is_down(*_: Any, **__: Any) -> None:
        raise AirflowException("the API server is down")

    monkeypatch.setattr(task, "_recall", is_down)
    monkeypatch.setattr(task, "_note", is_down)

    assert task.resume("execute_complete", spend(apify, task), Fate()) == "failed"
    assert not apify.control.ledger().runs_going


def test_what_the_trigger_has_aborted_is_not_aborted_again(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    task = played(monkeypatch, abort_above_usd=LITTLE)
    assert task.attempt(Fate()) == "execute_complete"
    hook = task.hook_class()()
    event = RunEvent(hook.abort_run(task.watched_run_id), deadline_passed=True).to_payload()

    assert task.resume("execute_complete", event, Fate()) == "retry"
    assert apify.control.ledger().requests["POST /v2/actor-runs/{runId}/abort"] == 1


@pytest.mark.parametrize("abort_on_kill", [True, False])
def test_a_start_that_the_task_s_time_cuts_off_leaves_no_run_behind(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, abort_on_kill: bool
) -> None:
    """Airflow raises its time-out out of the request, and calls ``on_kill`` after that; no SIGKILL follows."""
    task = played(monkeypatch, deferrable=False, abort_on_kill=abort_on_kill)

    def time_is_over() -> None:
        raise TimeIsOver(looks=1)

    with pytest.raises(TimeIsOver):
        task.attempt(Fate(MOMENT_OF_THE_FIRST_POST, time_is_over))
    task.kill()

    assert task.let_stragglers_arrive() == 0
    assert statuses(apify) == ["ABORTED"]


def test_the_last_attempt_looks_for_a_run_that_it_may_have_started(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Apify does not answer for half an hour after the start."""
    task = played(monkeypatch)
    task.clear(retries=0)
    apify.control.add_fault("cut-after-commit", method="POST", path="/v2/actors/*/runs")
    apify.control.add_fault("answer", method="GET", path="/v2/actors/*/runs", status=503, times=OUTAGE_REQUESTS)

    assert task.attempt(Fate()) == "failed"

    assert statuses(apify) == ["ABORTED"]


def test_a_run_that_cannot_be_aborted_is_told_with_its_address(
    apify: LocalApify,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    task = played(monkeypatch, deferrable=False)
    apify.control.add_fault("answer", method="POST", path="/v2/actor-runs/*/abort", status=503, times=None)
    waits(task, apify, task.kill)

    assert task.attempt(Fate()) == "retry"

    address = f"https://console.apify.com/actors/runs/{task.watched_run_id}"
    log = caplog.text + capsys.readouterr().out  # Airflow 3 prints it
    assert f"may go on and cost money; look at {address}" in log


if not AIRFLOW_VERSION.startswith(("2.", "3.0.", "3.1.", "3.2.")):
    from airflow.sdk import RetryDecision, RetryPolicy
    from airflow.sdk.bases.operator import TriggerFailureReason

    class Never(RetryPolicy):
        """Lets no retry follow."""

        def evaluate(self, *_: Any, **__: Any) -> RetryDecision:
            return RetryDecision.fail("enough")

    def test_where_the_retry_policy_lets_no_attempt_follow_nobody_s_run_goes_on(
        apify: LocalApify, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = played(monkeypatch, retry_policy=Never())
        assert task.attempt(Fate()) == "execute_complete"

        task.resume("__fail__", {}, Fate())

        assert statuses(apify) == ["ABORTED"]

    def test_a_deferral_that_takes_too_long_is_a_failed_one(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
        task = played(monkeypatch, retry_policy=Never())
        assert task.attempt(Fate()) == "execute_complete"

        task.resume("__fail__", {"error": TriggerFailureReason.TRIGGER_TIMEOUT}, Fate())

        assert statuses(apify) == ["ABORTED"]
