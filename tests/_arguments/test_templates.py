from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator

from airflow_provider_apify._arguments.templates import is_template


@pytest.mark.parametrize(
    "value",
    [
        "{{ ds }}",
        "crawl-{{ ds }}.jsonl",
        "{% if params.a %}1{% endif %}",
        ["a", "{{ ds }}"],
        ("{{ ds }}",),
        {"startUrls": [{"url": "{{ params.url }}"}]},
    ],
)
def test_a_value_that_airflow_will_render_is_a_template(value: Any) -> None:
    assert is_template(value)


@pytest.mark.parametrize("value", ["", "ds", "{ds}", "{}", 7, None, True, [], {}, {"a": ["b", {"c": 1}]}, b"{{ ds }}"])
def test_a_finished_value_is_none(value: Any) -> None:
    assert not is_template(value)


def test_the_output_of_another_task_is_a_template() -> None:
    with DAG("a_dag", schedule=None):
        output = BaseOperator(task_id="before").output
    assert is_template(output)
    assert is_template({"startUrls": [{"url": output}]})
