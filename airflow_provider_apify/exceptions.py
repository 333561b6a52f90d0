"""Every error this provider raises.

* ApifyError                  base of all; an ``AirflowException``
  - ApifyConnectionError      no usable answer from the API
    + ApifyRequestTooLate     the machine slept right before a request was sent, so it was not
  - ApifyTooManyRuns          too many runs to find out whether an earlier attempt has started one
  - ApifyAddressError         the address of the API, or of a proxy, cannot be used; nothing was sent
  - ApifyApiError             the API answered with an error
    + ApifyAuthError          401, or 403: the token is missing, wrong, or lacks permission
      + ApifyApprovalError    a person has to approve the Actor's permissions first
    + ApifyNotFoundError      404: no such Actor, task, run or storage, or the token may not see it
    + ApifyInvalidInputError  400: the input is not what the Actor takes
    + ApifyCapacityError      402: no memory or no free run slot now; nothing was started
    + ApifyRateLimitError     429, after retries
    + ApifyServerError        5xx, or 3xx or 4xx of something that is not Apify (a proxy), after retries
    + ApifyWebFetchError      Web Fetch could not load the page
  - ApifyBudgetUsedUp         the connection's monthly_budget_usd is used up; nothing was started
    + ApifyBudgetRenewsSoon   the same, at an edge of the billing cycle, so that a retry may help
  - ApifyRunError             the run ended, but not as the task wanted
    + ApifyRunFailed
    + ApifyRunAborted
    + ApifyRunTimedOut        at Apify, or at the task's own deadline
    + ApifyRunFailedBefore    an earlier attempt's run failed, and the task wants no other
    + ApifyRunTooExpensive    the task aborted it for its cost
  - ApifyRunOutOfSight        no connection, or a refused token, while a run may be going on; a further attempt looks
  - ApifyTaskStopped          Airflow told the task to stop while it waited for its run
  - ApifyDataError            data arrived torn, or less of it than Apify counts
  - ApifyLostColumnsError     a table would lack columns that Apify leaves out

Wrong arguments are ``ValueError``. No message ever holds the token or the run's input.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowException


class ApifyError(AirflowException):
    """Base of all errors raised by this provider.

    ``retryable`` says whether trying the same thing later can help.
    """

    retryable: ClassVar[bool] = True

    @property
    def details(self) -> dict[str, Any]:
        """What the error knows beside its words, by name. Each is an attribute as well."""
        return {}

    def serialize(self) -> tuple[str, tuple[str], dict[str, Any]]:
        """Return what Airflow needs to make the error again in another process."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, (str(self),), self.details

    def __reduce__(self) -> tuple[Callable[[], ApifyError], tuple[()]]:
        """Return what ``pickle`` and ``copy`` need: exceptions keep only their positional arguments by themselves."""
        return partial(type(self), str(self), **self.details), ()


class ApifyConnectionError(ApifyError):
    """The API could not be reached, or the connection broke before a whole answer arrived."""


class ApifyRequestTooLate(ApifyConnectionError):
    """The machine slept, or stood still, right before the request was to be sent. It was not sent.

    What was looked up before may be wrong by now: another attempt of the task may have taken over.
    """


class ApifyTooManyRuns(ApifyError):
    """The Actor has too many runs to find out whether an earlier attempt has started one. Nothing was started."""

    retryable = False


class ApifyAddressError(ApifyError):
    """The address in the connection, or that of a proxy in the environment, cannot be used. Nothing was sent.

    The message says where it is written, and what to write instead.
    """

    retryable = False


class ApifyApiError(ApifyError):
    """The API answered with an error.

    :param http_status: HTTP status, for example ``404``.
    :param error_type: Apify's machine-readable type, for example ``"record-not-found"``.
    :param retry_after: seconds after which Apify asks to try again; ``None`` where it does not say.
    """

    retryable = False

    def __init__(
        self,
        message: str,
        *,
        http_status: int,
        error_type: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.error_type = error_type
        self.retry_after = retry_after

    @property
    def details(self) -> dict[str, Any]:
        """What the API said, by the names of the parameters."""
        return {"http_status": self.http_status, "error_type": self.error_type, "retry_after": self.retry_after}


class ApifyAuthError(ApifyApiError):
    """The token is missing, wrong, or lacks permission (HTTP 401 or 403)."""


class ApifyApprovalError(ApifyAuthError):
    """The Actor wants permissions that a person has to approve in Apify Console; the message says where."""


class ApifyNotFoundError(ApifyApiError):
    """The Actor, task, run or storage does not exist, or the token may not see it (HTTP 404)."""

    @property
    def is_certain(self) -> bool:
        """Whether Apify itself says so; a proxy, or a server at a wrong address, answers 404 to anything."""
        return self.error_type == "record-not-found"


class ApifyInvalidInputError(ApifyApiError):
    """The input does not fit the Actor's input schema, or a body is not what the API takes (HTTP 400)."""


class ApifyCapacityError(ApifyApiError):
    """The account has no memory or no run slot free now (HTTP 402). Nothing was started."""

    retryable = True


class ApifyRateLimitError(ApifyApiError):
    """Still rate-limited after the last retry (HTTP 429). Nothing was done."""

    retryable = True


class ApifyServerError(ApifyApiError):
    """The API failed on its side (HTTP 5xx), or something before it answered in its place.

    That is a 4xx without Apify's error, or a redirect of what changes something: only reads are sent on.

    A start that ends like this may have started a run.
    """

    retryable = True


class ApifyWebFetchError(ApifyApiError):
    """Web Fetch could not load the page, after tries of its own; the site may be up again later."""

    retryable = True


class ApifyBudgetUsedUp(ApifyError):
    """The monthly budget of the connection is used up. Nothing was started.

    :param budget_usd: the budget, ``monthly_budget_usd`` of the connection.
    :param used_usd: US dollars that the account has used in its billing cycle, as far as Apify has counted.
    :param cycle_ends_at: when the next cycle begins, in ISO 8601.
    """

    retryable = False

    def __init__(
        self,
        message: str,
        *,
        budget_usd: float | None = None,
        used_usd: float | None = None,
        cycle_ends_at: str | None = None,
    ) -> None:
        super().__init__(message)
        self.budget_usd = budget_usd
        self.used_usd = used_usd
        self.cycle_ends_at = cycle_ends_at

    @property
    def details(self) -> dict[str, Any]:
        """What is known of the budget, by the names of the parameters."""
        return {"budget_usd": self.budget_usd, "used_usd": self.used_usd, "cycle_ends_at": self.cycle_ends_at}


class ApifyBudgetRenewsSoon(ApifyBudgetUsedUp):
    """The same within an hour of the billing cycle's beginning or end: a retry may find the next cycle's budget."""

    retryable = True


class ApifyRunError(ApifyError):
    """An Actor run ended in a status that the task does not accept.

    The run is told by attributes, for alerts. Where the task fails for good, Airflow's ``AirflowFailException`` has the
    same. ``None`` is what is not known, and all of it where no run was started.

    :param run_id: the run.
    :param run_url: its page in Apify Console.
    :param status: of the run, as it was last seen.
    :param usage_total_usd: US dollars of platform usage until then.
    :param actor: the Actor or saved task, as the task in the DAG names it; else the Actor's ID.
    """

    def __init__(
        self,
        message: str,
        *,
        run_id: str | None = None,
        run_url: str | None = None,
        status: str | None = None,
        usage_total_usd: float | None = None,
        actor: str | None = None,
    ) -> None:
        super().__init__(message)
        self.run_id = run_id
        self.run_url = run_url
        self.status = status
        self.usage_total_usd = usage_total_usd
        self.actor = actor

    @property
    def details(self) -> dict[str, Any]:
        """What is known of the run, by the names of the parameters."""
        names = ("run_id", "run_url", "status", "usage_total_usd", "actor")
        return {name: getattr(self, name) for name in names}


class ApifyRunFailed(ApifyRunError):
    """The run ended ``FAILED``, or in a status this version does not know."""


class ApifyRunAborted(ApifyRunError):
    """The run ended ``ABORTED``."""


class ApifyRunTimedOut(ApifyRunError):
    """The run ended ``TIMED-OUT``, or outlived the task's own deadline."""


class ApifyRunFailedBefore(ApifyRunError):
    """The run of an earlier attempt ended badly, and the task is not to start another."""

    retryable = False


class ApifyRunTooExpensive(ApifyRunError):
    """The run cost more than the task allows while it was going, and was aborted. A retry would spend it again."""

    retryable = False


class ApifyRunOutOfSight(ApifyError):
    """The connection is gone, or its token is refused, while a run of the task may go on. Somebody may mend it."""


class ApifyTaskStopped(ApifyError):
    """Airflow told the task to stop while it waited for its run; the message says what became of the run."""


class ApifyDataError(ApifyError):
    """What Apify sent cannot be used: a body broke off, items are missing that it counts, a schema is no JSON."""


class ApifyLostColumnsError(ApifyError):
    """A table would lack columns: Apify gives 2,000 at most, with names of 200 characters at most."""

    retryable = False
