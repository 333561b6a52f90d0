from __future__ import annotations

from typing import TYPE_CHECKING

from tools.environment import clean_environment

if TYPE_CHECKING:
    import pytest


def test_nothing_of_the_airflow_in_the_callers_shell_reaches_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", "/production")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://production")
    monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", "{}")
    monkeypatch.setenv("APIFY_TOKEN", "secret")

    assert not {name for name in clean_environment() if name.startswith(("AIRFLOW", "APIFY"))}


def test_a_proxy_is_kept_but_not_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "intranet.example")

    environment = clean_environment()

    assert environment["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert environment["NO_PROXY"] == "intranet.example,127.0.0.1,localhost"
