from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_apify._files.loading.sameness import same_item


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        (b'{"a": 1, "b": [{"c": null}]}', {"b": [{"c": None}], "a": 1}),
        (b'{"a": 1.0, "b": -0.0}', {"a": 1, "b": 0}),
        (b'{"a": 12345678901234567890}', {"a": 12345678901234567000}),
        (b'{"a": 1e400, "b": 1%s}' % (b"0" * 400), {"a": None, "b": None}),
        (b'{"a": "\\ud83c", "b": "\\ud83e\\udd8a"}', {"a": "\ufffd", "b": "🦊"}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_what_javascript_writes_otherwise_is_the_same_item(stored: bytes, found: Any) -> None:
    assert same_item(stored, found)


@pytest.mark.parametrize(
    "found", [{}, {"a": 2}, {"a": "1"}, {"a": True}, {"a": 1, "b": None}, [1], None], ids=json.dumps
)
def test_another_item_is_another(found: Any) -> None:
    assert not same_item(b'{"a": 1}', found)
