"""Moments that DAG authors write: times, or spans from when the DAG run was due."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_apify._arguments.templates import is_template

Moment = datetime | timedelta | str
ANY = "any"


def read_moment(name: str, value: object, due: datetime) -> datetime:
    """Return the time that an argument means.

    :param name: of the argument, for errors.
    :param value: a time with a zone, the same as ISO 8601 text, or a span from ``due``.
    :param due: when the DAG run was due.
    :raises ValueError: it is none of these.
    """
    if isinstance(value, timedelta):
        return due + value
    if value == "":
        raise ValueError(f"{name} is empty. If a template makes it, what that looks for is not there.")
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        moment = None
    if not isinstance(moment, datetime):
        words = f"{name} must be a time, for example '2026-01-31T02:00:00Z', or a timedelta, not {value!r}."
        raise ValueError(words)  # noqa: TRY004 - wrong arguments are ValueError
    if moment.tzinfo is None:
        raise ValueError(f"{name} must have a time zone, for example '2026-01-31T02:00:00Z', unlike {str(value)!r}.")
    return moment


def check_moment(name: str, value: object) -> None:
    """Raise :class:`ValueError` for what :func:`read_moment` does not take, unless it is a template."""
    if not is_template(value):
        read_moment(name, value, datetime.now().astimezone())
