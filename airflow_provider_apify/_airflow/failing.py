"""What no retry can cure fails the task at once, so that it costs neither time nor money again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSkipException,
    conf,
)

from airflow_provider_apify._airflow.attempts import has_tries_left
from airflow_provider_apify.exceptions import ApifyAddressError, ApifyAuthError, ApifyError, ApifyRunOutOfSight

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class WatchedForError(AirflowFailException):
    """What a sensor watches for has ended badly, so that it fails for good, or skips with ``soft_fail``."""


@contextmanager
def failing_fast(may_have_run: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Turn errors that every retry would meet again into :class:`AirflowFailException`; wrong arguments are such.

    A connection that does not exist is one as well, unless a secrets backend is set up: one that is away looks so, too.

    :param may_have_run: whether a run may be going on. A connection that is gone, a refused token or an unusable
        address is no reason to give it up then: somebody may mend the connection before the next attempt.
    """
    try:
        yield
    except ApifyError as error:
        if error.retryable:
            raise
        if isinstance(error, ApifyAuthError | ApifyAddressError) and may_have_run():
            raise _out_of_sight(error) from error
        raise for_good(error) from error
    except AirflowNotFoundException as error:
        if _has_secrets_backend():
            raise
        if may_have_run():
            raise _out_of_sight(error) from error
        raise AirflowFailException(str(error)) from error
    except ValueError as error:
        raise AirflowFailException(str(error)) from error


def _out_of_sight(error: Exception) -> ApifyRunOutOfSight:
    return ApifyRunOutOfSight(f"{error} A run of this task may be going on: a further attempt looks.")


def _has_secrets_backend() -> bool:
    """Tell whether connections come from elsewhere, too: Airflow goes on to its own where that cannot be asked."""
    places = (("secrets", "backend"), ("workers", "secrets_backend"))
    return any(conf.get(section, key, fallback="") for section, key in places)


def for_good(error: ApifyError, kind: type[AirflowFailException] = AirflowFailException) -> AirflowFailException:
    """Return an error that Airflow does not retry, with the words and details of another."""
    failure = kind(f"{type(error).__name__}: {error}")
    vars(failure).update(error.details)
    return failure


def ends_task(task: Any, error: BaseException, context: Context) -> bool:
    """Tell whether this task will not go on after the process that ends with this error."""
    if isinstance(error, AirflowFailException | AirflowSkipException):
        return True
    decision = _policy_decision(task, error, context)
    action = None if decision is None else decision.action.value
    if action == "fail":
        return True
    if action == "reschedule" and _may_reschedule(decision, context):
        return False
    return not has_tries_left(context["ti"])


def _policy_decision(task: Any, error: BaseException, context: Context) -> Any:
    """Ask the task's retry policy (Airflow 3.3) as Airflow asks it afterwards.

    :return: ``None`` without one, or where it cannot decide.
    """
    policy, ti = getattr(task, "retry_policy", None), context["ti"]
    if policy is None:
        return None
    try:
        return policy.evaluate(exception=error, try_number=ti.try_number, max_tries=ti.max_tries, context=context)
    except Exception:  # noqa: BLE001 - any; Airflow logs it when it asks, and then does without the policy
        return None


def _may_reschedule(decision: Any, context: Context) -> bool:
    """Tell whether Airflow (3.4) will run this attempt again, as the policy asks: there are bounds to it.

    Where Airflow does not tell when the first time was, it does not know either, and fails the task.
    """
    most, longest = decision.max_reschedules, decision.reschedule_timeout
    if most is not None and context.get("task_reschedule_count", 0) >= most:
        return False
    try:
        first = None if longest is None else context["ti"].get_first_reschedule_date(context)
    except Exception:  # noqa: BLE001 - each Airflow has errors of its own
        return False
    return first is None or datetime.now(UTC) - first < longest
