"""What no retry can cure fails the task at once, so that it costs neither time nor money again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_apify._airflow.attempts import has_tries_left
from airflow_provider_apify.exceptions import ApifyAddressError, ApifyAuthError, ApifyError, ApifyRunOutOfSight

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class WatchedForError(AirflowFailException):
    """What a sensor watches for has ended badly, so that it fails for good, or skips with ``soft_fail``."""


@contextmanager
def failing_fast(may_have_run: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Turn errors that every retry would meet again into :class:`AirflowFailException`; wrong arguments are such.

    A connection that is not found is not: so does a secrets backend look that is down, while the run goes on.

    :param may_have_run: whether a run may be going on. A refused token or an unusable address is no reason to give it
        up then: somebody may mend the connection before the next attempt.
    """
    try:
        yield
    except ApifyError as error:
        if error.retryable:
            raise
        if isinstance(error, ApifyAuthError | ApifyAddressError) and may_have_run():
            raise ApifyRunOutOfSight(f"{error} A run of this task may be going on: the next attempt looks.") from error
        raise for_good(error) from error
    except ValueError as error:
        raise AirflowFailException(str(error)) from error


def for_good(error: ApifyError, kind: type[AirflowFailException] = AirflowFailException) -> AirflowFailException:
    """Return an error that Airflow does not retry, with the words and details of another."""
    failure = kind(f"{type(error).__name__}: {error}")
    vars(failure).update(error.details)
    return failure


def ends_task(task: Any, error: BaseException, context: Context) -> bool:
    """Tell whether no other attempt will follow the one that ends with this error."""
    is_last = isinstance(error, AirflowFailException | AirflowSkipException) or not has_tries_left(context["ti"])
    return is_last or _policy_fails(task, error, context)


def _policy_fails(task: Any, error: BaseException, context: Context) -> bool:
    """Tell whether the task's retry policy (Airflow 3.3) will let no retry follow.

    The policy is asked here as Airflow asks it afterwards; ``False`` without one, or where it cannot decide.
    """
    policy, ti = getattr(task, "retry_policy", None), context["ti"]
    if policy is None:
        return False
    try:
        decision = policy.evaluate(exception=error, try_number=ti.try_number, max_tries=ti.max_tries, context=context)
    except Exception:  # noqa: BLE001 - any; Airflow logs it when it asks, and then does without the policy
        return False
    return bool(decision.action.value == "fail")
