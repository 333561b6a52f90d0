"""The one door to Airflow's task state store."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from airflow.providers.common.compat.sdk import Context
from packaging.version import Version

from airflow_provider_apify._airflow.state_store import STORE


@pytest.mark.skipif(Version(version("apache-airflow")) < Version("3.3"), reason="Airflow has the store since 3.3")
def test_airflow_has_the_store_under_the_name_by_which_it_is_looked_for() -> None:
    assert STORE in Context.__annotations__
