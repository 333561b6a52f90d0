from __future__ import annotations

import logging

import pytest

from airflow_provider_apify._airflow.compat import _first, deferral_errors, mask_secret
from tests.dag_runs import AIRFLOW_VERSION


def test_a_masked_secret_is_starred_out_wherever_airflow_redacts() -> None:
    from airflow.providers.common.compat.sdk import redact  # noqa: PLC0415 - the other half of what is tested

    mask_secret("apify_api_test_compat_secret")
    assert redact("Bearer apify_api_test_compat_secret!") == "Bearer ***!"


def test_the_first_home_that_has_the_name_is_used() -> None:
    assert _first("getLogger", ("no.such.module", "json", "logging", "no.other")) is logging.getLogger


def test_a_name_without_a_home_is_told_with_where_it_was_looked_for() -> None:
    with pytest.raises(ImportError, match=r"This Airflow has no frobnicate in any of json, no\.such\.module"):
        _first("frobnicate", ("json", "no.such.module"))


def test_both_ways_in_which_a_deferral_fails_are_known_where_airflow_tells_them_apart() -> None:
    names = {error.__name__ for error in deferral_errors()}

    assert names == {"TaskDeferralError"} | (set() if AIRFLOW_VERSION.startswith("2.") else {"TaskDeferralTimeout"})
