from __future__ import annotations

import json
import math
from collections import UserDict, UserList
from datetime import date, datetime, time
from typing import Any

import pendulum
import pytest
from hypothesis import given, strategies as st

from airflow_provider_apify._api.facts import MAX_INPUT_BYTES
from airflow_provider_apify._api.runs.input import encode_body, encode_input


@pytest.mark.parametrize(
    ("run_input", "content_type", "body"),
    [
        (None, "text/csv", None),
        ("a,b", "text/csv", b"a,b"),
        (b"\xff", "application/octet-stream", b"\xff"),
        ({"a": 1}, "application/json", b'{"a": 1}'),
        ('{"a": 1}', "application/json; charset=utf-8", b'{"a": 1}'),
    ],
)
def test_an_input_of_another_type_than_json_is_sent_as_it_is(
    run_input: Any, content_type: str, body: bytes | None
) -> None:
    assert encode_body(run_input, content_type) == body


@pytest.mark.parametrize(("run_input", "content_type"), [({"a": 1}, "text/csv"), ("{", "application/json")])
def test_an_input_that_is_not_of_its_type_is_refused(run_input: Any, content_type: str) -> None:
    with pytest.raises(ValueError, match="run_input"):
        encode_body(run_input, content_type)


def test_no_input_is_no_body() -> None:
    assert encode_input(None) is None


@pytest.mark.parametrize(
    ("run_input", "body"),
    [
        ({}, b"{}"),
        ({"a": [1, None, True]}, b'{"a": [1, null, true]}'),
        ('{"a": 1}', b'{"a": 1}'),
        (" null ", b"null"),
        ([], b"[]"),
        (0, b"0"),
        ({"name": "Kč 🦊"}, '{"name": "Kč 🦊"}'.encode()),
        # A lone surrogate, as scraped text has it, is no UTF-8; JSON writes it as an escape.
        ({"half": "\ud83d"}, b'{"half": "\\ud83d"}'),
    ],
)
def test_input_is_sent_as_json_text(run_input: Any, body: bytes) -> None:
    assert encode_input(run_input) == body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(JSON.filter(lambda value: value is not None and not isinstance(value, str)))
def test_any_json_value_arrives_as_it_is(value: Any) -> None:
    assert json.loads(encode_input(value) or b"") == value


@given(JSON)
def test_any_json_text_arrives_with_the_same_meaning(value: Any) -> None:
    assert json.loads(encode_input(json.dumps(value)) or b"") == value


_CIRCLE: dict[str, Any] = {"secret": 1}
_CIRCLE["self"] = _CIRCLE
_DEEP: list[Any] = []
for _ in range(100_000):
    _DEEP = [_DEEP]


@pytest.mark.parametrize(
    ("run_input", "complaint"),
    [
        ({"secret": math.nan}, "NaN or an infinite number, which JSON has not; use null"),
        ({"secret": [-math.inf]}, "NaN or an infinite number"),
        ('{"secret": NaN}', "NaN is no JSON number"),
        ('{"secret": -Infinity}', "-Infinity is no JSON number"),
        ("secret", "holds no JSON: Expecting value at line 1, column 1"),
        ('{"secret": 1,}', r"\.json"),
        ("", "holds no JSON"),
        ({"secret": {1, 2}}, "type set is not JSON serializable"),
        ({("secret",): 1}, "keys must be str"),
        ("{'secret': None}", r"Python\. In a template, write {{ params\.x \| tojson }}"),
        ('{"secret": True}', r"write {{ params\.x \| tojson }}"),
        (b'{"secret": 1}', "type bytes is not JSON serializable"),
        (_CIRCLE, "Circular reference"),
        (_DEEP, "recursion"),
        ('{"secret": "' + "x" * MAX_INPUT_BYTES + '"}', r"9,437,198 bytes of JSON; Apify takes at most 9,437,184"),
        ({"secret": "é" * (MAX_INPUT_BYTES // 2)}, r"9 MiB.*key-value store"),
    ],
)
def test_input_that_is_no_json_is_refused_without_being_shown(run_input: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        encode_input(run_input)
    shown = f"{caught.value}{caught.value!r}{caught.value.args}"
    assert str(caught.value).startswith("run_input ")
    assert "secret" not in shown
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_input_of_exactly_the_limit_is_sent() -> None:
    body = encode_input("x" * 0 + json.dumps("x" * (MAX_INPUT_BYTES - 2)))
    assert body is not None
    assert len(body) == MAX_INPUT_BYTES


def test_times_and_what_is_like_lists_and_mappings_become_json() -> None:
    given = {
        "at": pendulum.datetime(2026, 1, 2, 3),
        "day": date(2026, 1, 2),
        "naive": datetime(2026, 1, 2, 3),  # noqa: DTZ001 - as people have it
        "time": time(3),
        "urls": UserList([UserDict({"url": "a"}), ("b", range(2))]),
    }
    assert json.loads(encode_input(given) or b"") == {
        "at": "2026-01-02T03:00:00+00:00",
        "day": "2026-01-02",
        "naive": "2026-01-02T03:00:00",
        "time": "03:00:00",
        "urls": [{"url": "a"}, ["b", [0, 1]]],
    }
