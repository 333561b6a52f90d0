from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_apify.models.storages import Record


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        ("application/json; charset=utf-8", b'{"a": [1, null]}', {"a": [1, None]}),
        ("application/ld+json", b"[]", []),
        ("application/json", b"", None),
        ("text/plain; charset=utf-8", "žluť".encode(), "žluť"),
        ("text/html", "žluť".encode(), "žluť"),
        ("text/csv; charset=iso-8859-2", "žluť".encode("iso-8859-2"), "žluť"),
        ("image/png", b"\x89PNG", b"\x89PNG"),
        ("application/octet-stream", b"{}", b"{}"),
        ("", b"?", "?"),
    ],
)
def test_a_record_means_what_its_type_says(content_type: str, body: bytes, value: Any) -> None:
    assert Record("key", content_type, body).value == value


@pytest.mark.parametrize(("content_type", "body"), [("application/json", b"{"), ("text/plain", b"\xff")])
def test_a_record_that_is_not_what_its_type_says_still_has_its_bytes(content_type: str, body: bytes) -> None:
    record = Record("key", content_type, body)
    with pytest.raises(ValueError, match=r"Expecting|decode"):
        _ = record.value
    assert record.body == body
