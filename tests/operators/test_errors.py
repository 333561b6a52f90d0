from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException

from airflow_provider_apify._airflow.failing import ends_task
from airflow_provider_apify.exceptions import ApifyCapacityError, ApifyError, ApifyNotFoundError
from airflow_provider_apify.retry_policy import ApifyRetryPolicy
from tests.dag_runs import AIRFLOW_VERSION

GONE = ApifyNotFoundError("Gone.", http_status=404)
FULL = ApifyCapacityError("Full.", http_status=402)
CONTEXT: Any = {"ti": SimpleNamespace(try_number=2, max_tries=3, get_first_reschedule_date=lambda _context: None)}


def test_nothing_follows_the_last_attempt_nor_what_no_retry_can_cure() -> None:
    last: Any = {"ti": SimpleNamespace(try_number=4, max_tries=3)}

    assert ends_task(SimpleNamespace(), FULL, last)
    assert ends_task(SimpleNamespace(), AirflowFailException("Refused."), CONTEXT)
    assert ends_task(SimpleNamespace(), AirflowSkipException("Nothing new."), CONTEXT)


@pytest.mark.parametrize("follows", [True, False])
def test_airflow_2_is_asked_itself_because_it_counts_edited_retries_too(follows: bool) -> None:
    ti = SimpleNamespace(try_number=2, max_tries=3, is_eligible_to_retry=lambda: follows)

    assert ends_task(SimpleNamespace(), FULL, {"ti": ti}) is not follows  # type: ignore[typeddict-item]


def test_without_a_policy_retries_follow_as_the_task_says() -> None:
    assert not ends_task(SimpleNamespace(), GONE, CONTEXT), "Airflow before 3.3"
    assert not ends_task(SimpleNamespace(retry_policy=None), GONE, CONTEXT)


class Broken:
    """A policy that cannot decide: Airflow does without it then."""

    def evaluate(self, **_: Any) -> Any:
        raise KeyError("words")


def test_a_policy_that_breaks_lets_retries_follow() -> None:
    assert not ends_task(SimpleNamespace(retry_policy=Broken()), GONE, CONTEXT)


class Reschedules:
    """A policy of Airflow 3.4: the attempt comes back, within bounds, and uses up no retry."""

    def __init__(self, *, most: int | None = None, longest: timedelta | None = None) -> None:
        action = SimpleNamespace(value="reschedule")
        self._decision = SimpleNamespace(action=action, max_reschedules=most, reschedule_timeout=longest)

    def evaluate(self, **_: Any) -> Any:
        return self._decision


@pytest.mark.parametrize(
    ("bounds", "ends"),
    [
        ({"most": 3}, False),
        ({"most": 2}, True),
        ({"longest": timedelta(hours=2)}, False),
        ({"longest": timedelta(minutes=1)}, True),
        ({"most": 3, "longest": timedelta(minutes=1)}, True),
    ],
    ids=str,
)
def test_a_last_attempt_that_airflow_reschedules_is_not_the_end(bounds: dict[str, Any], ends: bool) -> None:
    began = datetime.now(UTC) - timedelta(hours=1)
    ti = SimpleNamespace(try_number=4, max_tries=3, get_first_reschedule_date=lambda _context: began)
    context: Any = {"ti": ti, "task_reschedule_count": 2}

    assert ends_task(SimpleNamespace(retry_policy=Reschedules(**bounds)), FULL, context) is ends


def test_an_attempt_that_was_never_rescheduled_has_all_its_time() -> None:
    ti = SimpleNamespace(try_number=4, max_tries=3, get_first_reschedule_date=lambda _context: None)
    policy = Reschedules(longest=timedelta(hours=1))

    assert not ends_task(SimpleNamespace(retry_policy=policy), FULL, {"ti": ti})  # type: ignore[typeddict-item]


def test_where_airflow_does_not_tell_since_when_it_reschedules_its_own_tries_count() -> None:
    away = Mock(side_effect=AirflowException("the API server is away"))
    ti = SimpleNamespace(try_number=4, max_tries=3, get_first_reschedule_date=away)
    policy = Reschedules(longest=timedelta(hours=1))

    assert ends_task(SimpleNamespace(retry_policy=policy), FULL, {"ti": ti})  # type: ignore[typeddict-item]


if not AIRFLOW_VERSION.startswith(("2.", "3.0.", "3.1.", "3.2.")):
    from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryDecision, RetryPolicy, RetryRule

    @pytest.mark.parametrize(
        ("error", "expected"), [(GONE, True), (FULL, False), (AirflowException("Trigger failure"), False)]
    )
    def test_this_package_s_own_policy_is_asked(error: Exception, expected: bool) -> None:
        assert ends_task(SimpleNamespace(retry_policy=ApifyRetryPolicy()), error, CONTEXT) == expected

    @pytest.mark.parametrize("action", RetryAction)
    def test_only_a_policy_that_says_fail_lets_no_retry_follow(action: RetryAction) -> None:
        bounds: dict[str, Any] = {"max_reschedules": 1} if action.value == "reschedule" else {}
        rules = [RetryRule(exception=ApifyError, action=action, retry_delay=timedelta(seconds=1), **bounds)]
        task = SimpleNamespace(retry_policy=ExceptionRetryPolicy(rules=rules))
        assert ends_task(task, FULL, CONTEXT) == (action is RetryAction.FAIL)

    class LastOnly(RetryPolicy):
        """Lets one retry follow, if it is told what Airflow tells."""

        def evaluate(
            self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
        ) -> RetryDecision:
            assert (exception, context) == (FULL, CONTEXT)
            return RetryDecision.fail() if (try_number, max_tries) == (2, 3) else RetryDecision.default()

    def test_a_policy_is_told_what_airflow_tells_it() -> None:
        assert ends_task(SimpleNamespace(retry_policy=LastOnly()), FULL, CONTEXT)
