"""The table of API calls in the docs says what the code does, and all of it."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from airflow_provider_apify._api import account, actors, webhooks
from airflow_provider_apify._api.runs import endpoints as run_endpoints
from airflow_provider_apify._api.storages import endpoints as storage_endpoints
from airflow_provider_apify.get_provider_info import get_provider_info
from airflow_provider_apify.hooks.apify import ApifyHook
from tests.contract.openapi import contract

TABLE = Path(__file__).parents[2] / "docs" / "api-coverage.md"
CALL = re.compile(r"``([A-Z]+ /v2[^`]*)``")
# What Airflow asks of a hook, and another client.
NO_CALLS = {
    "get_connection_form_widgets",
    "get_ui_field_behaviour",
    "get_client",
    "get_async_client",
    "receiver_spec",
}


class Row(NamedTuple):
    call: str
    methods: list[str]
    classes: list[str]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def rows() -> list[Row]:
    cells = [line.split("|")[1:-1] for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return [Row(words(call)[0], words(methods), words(classes)) for call, methods, classes in cells]


def api_rows() -> list[Row]:
    """Return the rows of the API: Web Fetch is beside it."""
    return [row for row in rows() if " /v2/" in row.call]


def modules() -> set[str]:
    info = get_provider_info()
    found = {name for kind in ("operators", "sensors") for each in info[kind] for name in each["python-modules"]}
    found |= {path.rpartition(".")[0] for path in info["notifications"]}
    return found | {each["python-module"] for each in info["transfers"]}


def test_every_call_that_the_code_makes_is_in_the_table_once() -> None:
    texts = [
        Path(str(module.__file__)).read_text(encoding="utf-8")
        for module in (run_endpoints, storage_endpoints, actors, account, webhooks)
    ]
    made = {call for text in texts for call in CALL.findall(text)}
    assert sorted(row.call for row in api_rows()) == sorted(made)


def test_every_call_is_one_of_the_api() -> None:
    assert {row.call for row in api_rows()} <= contract().operations


def test_every_public_method_of_the_hook_is_in_the_table() -> None:
    ours = [base for base in ApifyHook.__mro__ if base.__module__.startswith("airflow_provider_apify.")]
    public = {
        name for base in ours for name, value in vars(base).items() if callable(value) and not name.startswith("_")
    }
    assert {method for row in rows() for method in row.methods} == public - NO_CALLS


@pytest.mark.parametrize("name", sorted({name for row in rows() for name in row.classes}))
def test_every_class_in_the_table_is_there(name: str) -> None:
    assert any(hasattr(import_module(module), name) for module in modules())
