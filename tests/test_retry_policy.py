from __future__ import annotations

import inspect
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowException,
    AirflowFailException,
    AirflowOptionalProviderFeatureException,
    task,
)

from airflow_provider_apify import exceptions
from airflow_provider_apify.exceptions import (
    ApifyApiError,
    ApifyCapacityError,
    ApifyConnectionError,
    ApifyError,
    ApifyNotFoundError,
    ApifyRateLimitError,
)
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.retry_policy import ApifyRetryPolicy
from local_apify import LocalApify
from tests.dag_runs import AIRFLOW_VERSION, START_DATE, DagRunner

SCENARIO = "apify/scenario"
HAS_POLICIES = not AIRFLOW_VERSION.startswith(("2.", "3.0.", "3.1.", "3.2."))
AGAIN = "retry" if AIRFLOW_VERSION.startswith("3.3.") else "reschedule"
FULL: dict[str, Any] = {
    "action": "answer",
    "path": "*/runs",
    "status": 402,
    "error_type": "actor-memory-limit-exceeded",
    "headers": {"Retry-After": "1"},
}
EVERY_ERROR: list[Any] = [
    error for _, error in inspect.getmembers(exceptions, inspect.isclass) if error.__module__ == exceptions.__name__
]


def test_the_module_can_be_imported_on_every_airflow_and_says_which_one_it_needs() -> None:
    if HAS_POLICIES:
        ApifyRetryPolicy()
        return
    with pytest.raises(AirflowOptionalProviderFeatureException, match=r"needs Airflow 3\.3 or later"):
        ApifyRetryPolicy()


def decide(error: BaseException, **delays: float | timedelta) -> tuple[str, timedelta | None]:
    """Return what the policy decides, on an Airflow that has policies."""
    decision = ApifyRetryPolicy(**delays).evaluate(error, 1, 3)
    return decision.action.value, decision.retry_delay


def assert_retried_after(delay: timedelta, error: BaseException, **delays: timedelta) -> None:
    """Assert that the retry does not come before its time, and not much later."""
    action, actual = decide(error, **delays)
    assert action == AGAIN
    assert actual is not None
    assert delay <= actual <= 1.25 * delay


def error_of(kind: type[ApifyError], **details: Any) -> ApifyError:
    return kind("Words.", http_status=400, **details) if issubclass(kind, ApifyApiError) else kind("Words.")


if HAS_POLICIES:

    @pytest.mark.parametrize("kind", EVERY_ERROR)
    def test_what_no_retry_can_cure_fails_and_nothing_else_does(kind: type[ApifyError]) -> None:
        action, _ = decide(error_of(kind))
        assert (action == "fail") is not kind.retryable

    @pytest.mark.parametrize("kind", [ApifyCapacityError, ApifyRateLimitError])
    @pytest.mark.parametrize("seconds", [0.0, 7.0])
    def test_a_retry_waits_as_long_as_apify_asks(kind: type[ApifyError], seconds: float) -> None:
        assert_retried_after(timedelta(seconds=seconds), error_of(kind, retry_after=seconds))

    def test_a_retry_waits_as_long_as_the_policy_says_where_apify_does_not() -> None:
        delays = {"capacity_delay": timedelta(hours=1), "rate_limit_delay": timedelta(seconds=2)}
        assert_retried_after(timedelta(hours=1), error_of(ApifyCapacityError), **delays)
        assert_retried_after(timedelta(seconds=2), error_of(ApifyRateLimitError), **delays)

    def test_where_no_attempt_may_come_back_by_itself_each_retry_counts() -> None:
        action, _ = decide(error_of(ApifyCapacityError), reschedule_timeout=0)
        assert action == "retry"

    def test_tasks_that_failed_together_do_not_come_back_together() -> None:
        assert len({decide(error_of(ApifyCapacityError)) for _ in range(20)}) > 10

    @pytest.mark.parametrize("error", [ApifyConnectionError("Lost."), ValueError(), AirflowException(), SystemExit()])
    def test_what_is_no_matter_of_apify_is_left_to_the_task(error: BaseException) -> None:
        assert decide(error) == ("default", None)

    @pytest.mark.parametrize("deferrable", [False, True])
    def test_a_task_is_retried_when_apify_says_and_not_after_its_own_delay(
        apify: LocalApify, airflow: DagRunner, deferrable: bool
    ) -> None:
        apify.control.add_fault(**FULL)
        run = RunActorOperator(
            task_id="task",
            actor_id=SCENARIO,
            deferrable=deferrable,
            retries=1,
            retry_delay=timedelta(days=1),
            retry_policy=ApifyRetryPolicy(),
        )
        outcome = airflow.run_task(run)

        assert outcome.state == "success"
        assert apify.control.ledger().runs_started == 1
        if AGAIN == "retry":
            assert isinstance(outcome.error, ApifyCapacityError)
            assert "ApifyCapacityError: again in 0:00:01, or a little later" in outcome.log
        else:
            assert outcome.errors == {}
            assert outcome.task_instance().try_number == 1

    def test_an_operator_s_own_verdict_stands(apify: LocalApify, airflow: DagRunner) -> None:
        run = RunActorOperator(
            task_id="task", actor_id="me/nothing", deferrable=False, retries=3, retry_policy=ApifyRetryPolicy()
        )
        outcome = airflow.run_task(run)

        assert isinstance(outcome.error, AirflowFailException)
        assert apify.control.ledger().requests == {"POST /v2/actors/{actorId}/runs": 1}

    def test_a_dag_s_own_tasks_with_the_hook_fail_at_once_where_no_retry_helps(
        apify: LocalApify, airflow: DagRunner
    ) -> None:
        defaults = {"retries": 3, "retry_delay": timedelta(0), "retry_policy": ApifyRetryPolicy()}
        with DAG("own_task", schedule=None, start_date=START_DATE, default_args=defaults) as dag:

            @task
            def look() -> None:
                ApifyHook().get_dataset("nothing")

            look()
        outcome = airflow.run(dag)

        assert isinstance(outcome.error, ApifyNotFoundError)
        assert outcome.state == "failed"
        assert apify.control.ledger().requests == {"GET /v2/datasets/{datasetId}": 1}
