"""Spans of OpenTelemetry, below the one that Airflow 3.2 and later has for the task or the trigger.

Where nobody takes spans, OpenTelemetry does nothing. Older Airflows keep their tracer to themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry.trace import Status, StatusCode, get_tracer

_tracer = get_tracer("airflow_provider_apify")


@contextmanager
def span(name: str) -> Iterator[Callable[..., None]]:
    """Show the block as a span, and give what takes its attributes.

    Of an error the span has the name, not the words: nobody masks secrets in them there.
    """
    with _tracer.start_as_current_span(f"apify {name}", record_exception=False, set_status_on_exception=False) as shown:

        def tell(**attributes: str | float | None) -> None:
            known = {f"apify.{key}": value for key, value in attributes.items() if value is not None}
            shown.set_attributes(known)

        try:
            yield tell
        except Exception as error:
            shown.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
