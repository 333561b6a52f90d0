"""A retry policy of Airflow 3.3 that knows this package's errors."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

from airflow_provider_apify._arguments.values import parse_seconds
from airflow_provider_apify.exceptions import ApifyApiError, ApifyCapacityError, ApifyError, ApifyRateLimitError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk import RetryDecision, RetryPolicy
else:
    try:
        from airflow.sdk import RetryDecision, RetryPolicy
    except ImportError:  # Airflow before 3.3: a DAG file may import this module, but not use it
        RetryDecision, RetryPolicy = None, object

# Of the time to wait, at most so much is waited.
_LATEST = 1.25


class ApifyRetryPolicy(RetryPolicy):
    """Retry when it can help: what no retry can cure fails at once, a lack of capacity waits for its time.

    For any task whose errors are this package's, be it an operator or a ``@task`` with the hook, and ``default_args``::

        RunActorOperator(..., retries=5, retry_policy=ApifyRetryPolicy())

    * An error that is not :attr:`retryable <airflow_provider_apify.exceptions.ApifyError.retryable>` (wrong token,
      unknown Actor, refused input): no retry. The operators do that by themselves, on every Airflow.
    * A full account or too many requests: a retry after the time that Apify asks for, else after the one given here,
      and up to a quarter of it more, so that tasks that failed together do not come back together. It replaces the
      task's ``retry_delay``. On Airflow 3.4 the task comes back without using up one of ``retries``, for
      ``reschedule_timeout``; then, and on 3.3, each retry counts. To wait for capacity without that on 3.3, give
      ``RunActorOperator`` a ``wait_for_capacity``.
    * Anything else, errors of others included: as the task says.

    It is evaluated on the worker. Airflow does not ask it about a worker that died.

    :param capacity_delay: seconds before the retry where the account's memory or run slots are taken.
    :param rate_limit_delay: seconds before the retry where Apify has had too many requests.
    :param reschedule_timeout: seconds for which an attempt comes back without using up a retry, on Airflow 3.4;
        0 for never.
    :raises ValueError: a delay that is no time span.
    :raises AirflowOptionalProviderFeatureException: this Airflow is older than 3.3.
    """

    def __init__(
        self,
        *,
        capacity_delay: float | timedelta = timedelta(minutes=5),
        rate_limit_delay: float | timedelta = timedelta(minutes=1),
        reschedule_timeout: float | timedelta = timedelta(hours=12),
    ) -> None:
        if RetryDecision is None:
            raise AirflowOptionalProviderFeatureException(
                "ApifyRetryPolicy needs Airflow 3.3 or later. On an older one leave retry_policy out: the operators "
                "fail at once by themselves where no retry can help, and other retries wait for retry_delay.",
            )
        self.capacity_delay = timedelta(seconds=parse_seconds("capacity_delay", capacity_delay))
        self.rate_limit_delay = timedelta(seconds=parse_seconds("rate_limit_delay", rate_limit_delay))
        self.reschedule_timeout = timedelta(seconds=parse_seconds("reschedule_timeout", reschedule_timeout))

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 - Airflow's signature
        max_tries: int,  # noqa: ARG002 - Airflow's signature
        context: Context | None = None,  # noqa: ARG002 - Airflow's signature
    ) -> RetryDecision:
        """Decide by the exception alone. Called by Airflow when the task has failed."""
        if not isinstance(exception, ApifyError):
            return RetryDecision.default()
        name = type(exception).__name__
        if not exception.retryable:
            return RetryDecision.fail(f"{name}: no retry can cure it")
        if isinstance(exception, ApifyCapacityError):
            return self._after(exception, self.capacity_delay)
        if isinstance(exception, ApifyRateLimitError):
            return self._after(exception, self.rate_limit_delay)
        return RetryDecision.default()

    def _after(self, error: ApifyApiError, usual: timedelta) -> RetryDecision:
        """Come back after the time that the error carries, or the usual one, and not much later."""
        delay = usual if error.retry_after is None else timedelta(seconds=error.retry_after)
        spread = delay * random.uniform(1.0, _LATEST)  # Airflow adds none to what a policy says
        reason = f"{type(error).__name__}: again in {delay}, or a little later"
        reschedule = getattr(RetryDecision, "reschedule", None)  # Airflow 3.4
        if reschedule is None or not self.reschedule_timeout:
            return RetryDecision.retry(spread, reason)
        decision: RetryDecision = reschedule(spread, reschedule_timeout=self.reschedule_timeout, reason=reason)
        return decision
