"""Cron expressions mean the minutes that cron means by them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from local_apify.world.cron import Cron

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)  # a Sunday
PRAGUE = ZoneInfo("Europe/Prague")


def following(expression: str, after: datetime = NOON, timezone: ZoneInfo | None = None) -> str:
    moment = Cron.parse(expression).next_after(after, timezone or ZoneInfo("UTC"))
    return moment.strftime("%Y-%m-%d %H:%M") if moment else "never"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * *", "2026-11-22 12:01"),
        ("*/15 * * * *", "2026-11-22 12:15"),
        ("5/20 * * * *", "2026-11-22 12:05"),
        ("0 8-10 * * *", "2026-11-23 08:00"),
        ("@hourly", "2026-11-22 13:00"),
        ("@Daily", "2026-11-23 00:00"),
        ("@weekly", "2026-11-29 00:00"),
        ("30 6 * * mon-fri", "2026-11-23 06:30"),
        ("0 0 * * 7", "2026-11-29 00:00"),
        ("0 0 1 jan,jul *", "2027-01-01 00:00"),
        ("0 0 29 2 *", "2028-02-29 00:00"),
        ("0 0 30 2 *", "never"),
    ],
)
def test_the_next_time_is_the_one_that_cron_means(expression: str, expected: str) -> None:
    assert following(expression) == expected


def test_one_of_two_kinds_of_day_is_enough_where_both_are_given() -> None:
    assert following("0 0 13 * fri") == "2026-11-27 00:00"
    assert following("0 0 1 * *") == "2026-12-01 00:00"


def test_times_are_those_of_the_time_zone() -> None:
    assert following("0 9 * * *", timezone=PRAGUE) == "2026-11-23 08:00"


def test_an_hour_that_summer_time_skips_is_left_out() -> None:
    night = datetime(2027, 3, 27, 12, 0, tzinfo=UTC)
    assert following("30 2 * * *", night, PRAGUE) == "2027-03-29 00:30"


@pytest.mark.parametrize(
    "expression", ["", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "*/0 * * * *", "9-5 * * * *", "x * * * *"]
)
def test_what_is_no_cron_expression_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"cron expression|within"):
        Cron.parse(expression)


@given(st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds
def test_every_minute_is_the_next_minute(moment: datetime) -> None:
    due = Cron.parse("* * * * *").next_after(moment, ZoneInfo("UTC"))
    assert due is not None
    assert 0 < (due - moment).total_seconds() <= 60
