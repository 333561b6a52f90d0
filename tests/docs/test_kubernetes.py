"""The values for Airflow's Helm chart: keys and types that the chart's schema has, and what the page says of them.

``chart_values.json`` has the keys and types of the chart that the page names, as far as they are used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # comes with Airflow, without types
from airflow.configuration import retrieve_configuration_description

from tests.dag_runs import AIRFLOW_VERSION
from tools.versions import DEVELOPMENT_VERSION

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/kubernetes.md").read_text(encoding="utf-8")
VALUES = yaml.safe_load((ROOT / "docs/kubernetes/values.yaml").read_text(encoding="utf-8"))
CHART = json.loads((Path(__file__).parent / "chart_values.json").read_text(encoding="utf-8"))
TYPES: dict[str, list[str]] = CHART["types"]
NAMES = {bool: "boolean", int: "integer", str: "string", type(None): "null"}


def leaves(value: Any, *path: str) -> Iterator[tuple[str, str]]:
    """Give each key with a value of its own, and the value's type; the items of a list have the list's key."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, *path, key)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, *path)
    else:
        yield ".".join(path), NAMES[type(value)]


def key_of_chart(key: str) -> str:
    """Name a key as the chart does, which has ``*`` where any name will do."""
    return key if key in TYPES else f"{key.rpartition('.')[0]}.*"


def test_each_value_has_a_key_and_a_type_of_the_chart() -> None:
    wrong = [(key, kind) for key, kind in leaves(VALUES) if kind not in TYPES.get(key_of_chart(key), ())]
    assert wrong == []
    assert {key_of_chart(key) for key, _ in leaves(VALUES)} == set(TYPES)
    assert f"version {CHART['chart']}" in PAGE


@pytest.mark.skipif(DEVELOPMENT_VERSION.release != AIRFLOW_VERSION, reason="the image has the newest Airflow")
def test_each_setting_is_one_of_airflow() -> None:
    known = retrieve_configuration_description(include_providers=False)
    settings = {(section, option) for section, options in VALUES["config"].items() for option in options}
    assert {(section, option) for section, option in settings if option not in known[section]["options"]} == set()


def test_the_image_and_the_values_have_the_same_airflow() -> None:
    image = (ROOT / "docs/kubernetes/Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^FROM apache/airflow:(.+)$", image, re.MULTILINE) == [DEVELOPMENT_VERSION.release]
    assert VALUES["airflowVersion"] == VALUES["defaultAirflowTag"] == DEVELOPMENT_VERSION.release


def test_the_secret_is_the_one_that_the_page_makes() -> None:
    (secret,) = VALUES["secret"]
    assert secret["envName"] == "AIRFLOW_CONN_APIFY_DEFAULT"
    made = f"create secret generic {secret['secretName']} --namespace airflow --from-file={secret['secretKey']}="
    assert made in PAGE


def test_the_page_says_the_numbers_of_the_values() -> None:
    assert VALUES["triggerer"]["replicas"] == 2
    assert VALUES["config"]["triggerer"]["capacity"] == 1000
    graces = [
        VALUES["triggerer"]["terminationGracePeriodSeconds"],
        VALUES["workers"]["kubernetes"]["terminationGracePeriodSeconds"],
    ]
    assert [int(found) for found in re.findall(r"\| (\d+) \|$", PAGE, re.MULTILINE)] == graces
