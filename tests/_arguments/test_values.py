"""What values DAG authors may write."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_apify._arguments.values import parse_dollars, parse_seconds


@pytest.mark.parametrize(
    ("value", "dollars"), [(1, "1"), (0.1, "0.1"), ("2.50", "2.50"), (Decimal("0.0001"), "0.0001"), ("1e2", "100")]
)
def test_dollars_are_read_exactly(value: Any, dollars: str) -> None:
    assert parse_dollars("charge", value) == Decimal(dollars)


@pytest.mark.parametrize("value", [0, -1, "0", "free", "$5", "1,5", "nan", "inf", True, None, [], ""])
def test_what_is_no_amount_above_zero_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"charge must be US dollars above 0, for example 2\.5, not"):
        parse_dollars("charge", value)


@pytest.mark.parametrize(("value", "seconds"), [(0, 0.0), ("2.5", 2.5), (timedelta(minutes=1), 60.0)])
def test_time_spans_are_seconds_or_timedeltas(value: Any, seconds: float) -> None:
    assert parse_seconds("poll_interval", value) == seconds


@pytest.mark.parametrize("value", [-1, "soon", float("nan"), float("inf"), None, True])
def test_what_is_no_time_span_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="poll_interval must be seconds, 0 or more, not"):
        parse_seconds("poll_interval", value)
