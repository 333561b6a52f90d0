from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock
from urllib.parse import urlsplit

import airflow
import jsonschema
import pytest
from airflow.providers.common.compat.sdk import (
    BaseHook,
    BaseNotifier,
    BaseOperator,
    BaseOperatorLink,
    BaseSensorOperator,
)
from airflow.triggers.base import BaseTrigger

from airflow_provider_apify import __version__
from airflow_provider_apify.get_provider_info import get_provider_info
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.links import (
    ApifyDatasetLink,
    ApifyKeyValueStoreLink,
    ApifyRequestQueueLink,
    ApifyRunLink,
)

INFO = get_provider_info()
SCHEMA = Path(airflow.__file__).with_name("provider_info.schema.json")
FORMS = Path(airflow.__file__).with_name("customized_form_field_behaviours.schema.json")
BASES: dict[str, type] = {
    "hooks": BaseHook,
    "operators": BaseOperator,
    "sensors": BaseSensorOperator,
    "triggers": BaseTrigger,
}


def _modules() -> Iterator[tuple[str, str]]:
    for kind in BASES:
        for entry in INFO[kind]:
            for module in entry["python-modules"]:
                yield kind, module
    for entry in INFO["transfers"]:
        yield "operators", entry["python-module"]


def test_the_installed_airflow_accepts_the_metadata() -> None:
    jsonschema.validate(INFO, json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_the_metadata_is_plain_json_of_this_version() -> None:
    assert json.loads(json.dumps(INFO)) == INFO
    assert INFO["versions"] == [__version__]


def test_reading_the_metadata_imports_neither_airflow_nor_any_http_library() -> None:
    code = (
        "import sys; from airflow_provider_apify.get_provider_info import get_provider_info; get_provider_info();"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - us
    imported = set(done.stdout.split())
    assert "airflow_provider_apify" in imported
    assert not imported & {"airflow", "requests", "aiohttp", "pendulum", "wtforms", "flask_appbuilder", "fsspec"}


@pytest.mark.parametrize(("kind", "module"), list(_modules()))
def test_every_module_it_names_holds_a_class_of_its_kind(kind: str, module: str) -> None:
    classes = [value for value in vars(import_module(module)).values() if isinstance(value, type)]
    assert any(issubclass(each, BASES[kind]) and each.__module__ == module for each in classes)


def test_every_module_of_the_package_that_holds_a_class_is_named() -> None:
    package = Path(import_module("airflow_provider_apify").__path__[0])
    folders = {"hooks", "operators", "sensors", "triggers", "transfers"}
    there = {
        f"airflow_provider_apify.{file.parent.name}.{file.stem}"
        for folder in folders
        for file in (package / folder).glob("[!_]*.py")
    }
    assert there == {module for _, module in _modules()}


def _named(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def test_every_task_decorator_it_names_makes_tasks() -> None:
    for each in INFO["task-decorators"]:
        decorator = _named(each["class-name"])
        assert (
            decorator(lambda: None, actor_id="me/actor").operator_class.custom_operator_name == f"@task.{each['name']}"
        )


def test_every_notifier_it_names_is_one() -> None:
    assert all(issubclass(_named(path), BaseNotifier) for path in INFO["notifications"])


def test_airflow_finds_what_it_calls_for_assets_by_their_scheme() -> None:
    (uris,) = INFO["asset-uris"]
    assert INFO["dataset-uris"] == INFO["asset-uris"]
    asset = _named(uris["factory"])(kind="actor", reference="apify/hello-world")
    assert uris["schemes"] == [asset.uri.partition(":")[0]]
    assert _named(uris["handler"])(urlsplit(asset.uri)).geturl() == asset.uri
    assert callable(_named(uris["to_openlineage_converter"]))


def test_the_connection_type_is_the_hook_s() -> None:
    (connection,) = INFO["connection-types"]
    module, _, name = connection["hook-class-name"].rpartition(".")
    assert getattr(import_module(module), name) is ApifyHook
    assert connection["connection-type"] == ApifyHook.conn_type
    assert connection["hook-name"] == ApifyHook.hook_name


def test_every_link_is_named_so_that_old_airflows_can_show_it() -> None:
    found = [getattr(import_module(path.rpartition(".")[0]), path.rpartition(".")[2]) for path in INFO["extra-links"]]
    assert found == [ApifyRunLink, ApifyDatasetLink, ApifyKeyValueStoreLink, ApifyRequestQueueLink]
    assert all(issubclass(link, BaseOperatorLink) for link in found)


def test_the_form_hides_renames_and_fills_in_the_same_fields_old_and_new() -> None:
    new: dict[str, Any] = INFO["connection-types"][0]["ui-field-behaviour"]
    old = ApifyHook.get_ui_field_behaviour()
    assert old == {name.replace("-", "_"): value for name, value in new.items()}


def test_the_installed_airflow_accepts_the_old_form() -> None:
    jsonschema.validate(ApifyHook.get_ui_field_behaviour(), json.loads(FORMS.read_text(encoding="utf-8")))


def test_every_field_of_the_form_is_one_that_the_connection_reads() -> None:
    fields = INFO["connection-types"][0]["conn-fields"]
    assert set(fields) == {
        "default_max_total_charge_usd",
        "limit_max_total_charge_usd",
        "default_abort_above_usd",
        "limit_abort_above_usd",
        "monthly_budget_usd",
        "cost_settle_seconds",
        "start_settle_seconds",
        "installation",
        "console_url",
        "web_fetch_url",
        "webhook_secret",
        "previous_webhook_secret",
    }
    assert all(field["label"] and field["description"] for field in fields.values())


def test_each_limit_of_money_says_for_which_actors_it_holds() -> None:
    fields = INFO["connection-types"][0]["conn-fields"]
    labels = {name: field["label"].partition(":")[0] for name, field in fields.items() if name.endswith("_usd")}
    assert labels == {
        "default_max_total_charge_usd": "Paid per event",
        "limit_max_total_charge_usd": "Paid per event",
        "default_abort_above_usd": "Paid by usage",
        "limit_abort_above_usd": "Paid by usage",
        "monthly_budget_usd": "All Actors",
    }


def test_the_older_airflows_widgets_are_the_same_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow 3.0 and 3.1 have no form library either: they put stand-ins there, as this does."""
    names = ("wtforms", "flask_babel", "flask_appbuilder", "flask_appbuilder.fieldwidgets")
    for name in names:
        monkeypatch.setitem(sys.modules, name, MagicMock())
    fields = INFO["connection-types"][0]["conn-fields"]
    assert list(ApifyHook.get_connection_form_widgets()) == list(fields)
    labels = [call.args[0] for call in sys.modules["flask_babel"].lazy_gettext.call_args_list]
    assert labels == [field["label"] for field in fields.values()]


def test_airflow_finds_the_metadata_by_its_entry_point() -> None:
    project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8"))["project"]
    (path,) = project["entry-points"]["apache_airflow_provider"].values()
    module, _, name = path.partition(":")
    assert getattr(import_module(module), name) is get_provider_info
    assert project["name"] == INFO["package-name"]
