from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_apify import exceptions
from airflow_provider_apify.exceptions import (
    ApifyApiError,
    ApifyAuthError,
    ApifyBudgetRenewsSoon,
    ApifyBudgetUsedUp,
    ApifyError,
    ApifyRateLimitError,
    ApifyRunError,
)

ALL: list[Any] = [
    error for _, error in inspect.getmembers(exceptions, inspect.isclass) if error.__module__ == exceptions.__name__
]


@pytest.mark.parametrize("error", ALL)
def test_airflow_knows_every_error_as_its_own(error: type[Exception]) -> None:
    """A deferred sensor honours ``soft_fail`` only for these."""
    assert issubclass(error, AirflowException)
    assert issubclass(error, ApifyError)


def test_the_tree_in_the_documentation_is_the_tree_in_the_code() -> None:
    drawn = re.findall(r"^( *)[*+-] (Apify\w+)", inspect.getdoc(exceptions) or "", flags=re.MULTILINE)
    path: list[str] = []
    parents: dict[str, str] = {}
    for indent, name in drawn:
        path[len(indent) // 2 :] = [name]
        parents[name] = path[-2] if len(path) > 1 else "AirflowException"
    assert parents == {error.__name__: error.__bases__[0].__name__ for error in ALL}


def test_an_api_error_keeps_the_status_and_type_beside_airflow_s_own_status_code() -> None:
    error = ApifyAuthError("No.", http_status=401, error_type="invalid-token")
    assert (str(error), error.http_status, error.error_type) == ("No.", 401, "invalid-token")
    assert error.status_code == AirflowException.status_code


WAIT = ApifyRateLimitError("Slow down.", http_status=429, error_type="rate-limit-exceeded", retry_after=7.0)


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])  # noqa: S301 - our own
def test_an_api_error_is_the_same_in_another_process(again: Callable[[ApifyApiError], ApifyApiError]) -> None:
    error = again(WAIT)
    assert type(error) is ApifyRateLimitError
    assert (str(error), error.http_status, error.error_type) == ("Slow down.", 429, "rate-limit-exceeded")
    assert error.retry_after == 7


def test_airflow_can_make_an_api_error_again_from_what_it_has_written_down() -> None:
    path, arguments, details = WAIT.serialize()
    assert path == "airflow_provider_apify.exceptions.ApifyRateLimitError"
    assert ApifyRateLimitError(*arguments, **details).serialize() == WAIT.serialize()


def test_what_is_known_of_a_budget_goes_with_its_error() -> None:
    known = {"budget_usd": 100.0, "used_usd": 100.5, "cycle_ends_at": "2026-11-01T23:59:59.999000+00:00"}
    for error in (ApifyBudgetUsedUp("No.", **known), ApifyBudgetRenewsSoon("No.", **known)):  # type: ignore[arg-type] # as it comes back
        path, arguments, details = error.serialize()
        assert (path.rpartition(".")[2], arguments, details) == (type(error).__name__, ("No.",), known)
        assert vars(pickle.loads(pickle.dumps(error))) == vars(error)  # noqa: S301 - our own


def test_what_a_later_try_may_cure_is_marked() -> None:
    assert {error.__name__ for error in ALL if not error.retryable} == {
        "ApifyAddressError",
        "ApifyApiError",
        "ApifyAuthError",
        "ApifyApprovalError",
        "ApifyBudgetUsedUp",
        "ApifyInvalidInputError",
        "ApifyLostColumnsError",
        "ApifyNotFoundError",
        "ApifyRunFailedBefore",
        "ApifyRunTooExpensive",
        "ApifyTooManyRuns",
    }


def test_one_except_catches_all_bad_ends_of_a_run_and_none_of_the_api() -> None:
    assert {error.__name__ for error in ALL if issubclass(error, ApifyRunError)} == {
        "ApifyRunError",
        "ApifyRunFailed",
        "ApifyRunAborted",
        "ApifyRunTimedOut",
        "ApifyRunFailedBefore",
        "ApifyRunTooExpensive",
    }
    assert not issubclass(ApifyRunError, ApifyApiError)
