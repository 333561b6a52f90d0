from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_apify._forms.filled import input_of, secrets_of


@pytest.mark.parametrize("empty", [None, "", "None"])
def test_what_is_left_empty_is_left_out(empty: Any) -> None:
    assert input_of({"a": {}, "b": {}}, {"a": empty, "b": 1}, {"a": "x"}) == {"b": 1}


def test_zero_and_false_are_given() -> None:
    assert input_of({"a": {}, "b": {}}, {"a": 0, "b": False}, {}) == {"a": 0, "b": False}


@pytest.mark.parametrize("empty", [[], {}])
def test_an_empty_list_is_sent_only_where_somebody_has_emptied_it(empty: Any) -> None:
    assert input_of({"a": {}}, {"a": empty}, {"a": empty}) == {}
    assert input_of({"a": {}}, {"a": empty}, {"a": None}) == {}
    assert input_of({"a": {}}, {"a": empty}, {"a": ["x"]}) == {"a": empty}


def test_lines_become_what_the_actor_takes_and_objects_stay() -> None:
    form = {"urls": {"editor": "requestListSources"}, "globs": {"editor": "globs"}}
    filled = {"urls": ["https://a", {"url": "https://b", "method": "POST"}], "globs": ["https://a/*"]}
    assert input_of(form, filled, {}) == {
        "urls": [{"url": "https://a"}, {"url": "https://b", "method": "POST"}],
        "globs": [{"glob": "https://a/*"}],
    }


def test_json_text_is_read_and_a_value_of_the_api_is_taken() -> None:
    form = {"a": {"editor": "json"}, "b": {"editor": "json"}}
    assert input_of(form, {"a": '[1, "x"]', "b": [2]}, {}) == {"a": [1, "x"], "b": [2]}


def test_what_is_no_json_is_told_by_the_name_of_the_field_alone() -> None:
    with pytest.raises(ValueError, match="The field plan takes JSON") as raised:
        input_of({"plan": {"editor": "json"}}, {"plan": "{hunter2"}, {})
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_dag_without_the_form_is_told_so() -> None:
    with pytest.raises(ValueError, match="no params a, b: give the form to the DAG"):
        input_of({"a": {}, "b": {}}, {"c": 1}, {})


def test_fields_of_the_dag_that_are_not_of_the_form_are_no_input() -> None:
    assert input_of({"a": {}}, {"a": 1, "budget": 5}, {}) == {"a": 1}


def test_secrets_are_masked_as_they_are_and_as_json_writes_them() -> None:
    form = {"pin": {"format": "password"}, "keys": {"format": "password", "editor": "json"}, "open": {}}
    filled = {"pin": 'hunter"2', "keys": '{"a": ["secret one"], "b": {"c": "secret two"}}', "open": "x"}
    masked = list(secrets_of(form, filled))
    assert {'hunter"2', 'hunter\\"2', "secret one", "secret two"} <= set(masked)
    assert "x" not in masked
    assert list(secrets_of(form, {})) == []
