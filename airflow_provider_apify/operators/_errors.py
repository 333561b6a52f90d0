"""What no retry can cure fails the task at once, so that it costs neither time nor money again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify.exceptions import ApifyError


@contextmanager
def failing_fast() -> Iterator[None]:
    """Turn errors that every retry would meet again into :class:`AirflowFailException`; wrong arguments are such."""
    try:
        yield
    except ApifyError as error:
        if error.retryable:
            raise
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error
    except ValueError as error:
        raise AirflowFailException(str(error)) from error
