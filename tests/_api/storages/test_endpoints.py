from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, strategies as st

from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.storages import endpoints
from airflow_provider_apify._api.storages.endpoints import encode_record

REQUESTS = [
    (endpoints.create_store("mine"), "POST", "/v2/key-value-stores", {"name": "mine"}),
    (endpoints.create_store(None), "POST", "/v2/key-value-stores", {}),
    (endpoints.get_store("me~s"), "GET", "/v2/key-value-stores/me~s", {}),
    (
        endpoints.list_keys("s", start="a", prefix="p"),
        "GET",
        "/v2/key-value-stores/s/keys",
        {"exclusiveStartKey": "a", "prefix": "p", "limit": "1000"},
    ),
    (endpoints.get_record("s", "O'"), "GET", "/v2/key-value-stores/s/records/O%27", {"attachment": "true"}),
    (endpoints.get_records("s", prefix=None), "GET", "/v2/key-value-stores/s/records", {}),
    (endpoints.get_records("s", prefix="p"), "GET", "/v2/key-value-stores/s/records", {"prefix": "p"}),
    (endpoints.look_for_record("s", "k"), "HEAD", "/v2/key-value-stores/s/records/k", {}),
    (endpoints.put_record("s", "k", b"", "text/plain"), "PUT", "/v2/key-value-stores/s/records/k", {}),
    (endpoints.delete_record("s", "k"), "DELETE", "/v2/key-value-stores/s/records/k", {}),
    (endpoints.get_queue("q"), "GET", "/v2/request-queues/q", {}),
    (endpoints.get_queue_head("q", limit=5), "GET", "/v2/request-queues/q/head", {"limit": "5"}),
    (endpoints.add_requests("q", [], forefront=False), "POST", "/v2/request-queues/q/requests/batch", {}),
    (
        endpoints.add_requests("q", [], forefront=True),
        "POST",
        "/v2/request-queues/q/requests/batch",
        {"forefront": "true"},
    ),
    (endpoints.create_dataset("mine"), "POST", "/v2/datasets", {"name": "mine"}),
    (endpoints.name_storage("request_queue", "q", "mine"), "PUT", "/v2/request-queues/q", {}),
    (endpoints.push_items("d", b"[]"), "POST", "/v2/datasets/d/items", {}),
]
NAMES = st.text(min_size=1).filter(lambda name: name not in {".", ".."})


@pytest.mark.parametrize(("request_", "method", "path", "params"), REQUESTS)
def test_each_operation_is_the_request_that_the_api_documents(
    request_: Request, method: str, path: str, params: dict[str, str]
) -> None:
    assert (request_.method, request_.path, request_.params) == (method, path, params)


def test_only_what_would_be_there_twice_must_not_be_sent_twice() -> None:
    unsafe = [request.path for request, *_ in REQUESTS if not request.retry_safe]
    assert unsafe == ["/v2/key-value-stores", "/v2/datasets/d/items"]
    assert endpoints.create_store("mine").retry_safe


@given(NAMES, NAMES)
def test_any_store_and_key_are_one_quoted_segment_each(store: str, key: str) -> None:
    _, version, collection, store_part, records, key_part = endpoints.get_record(store, key).path.split("/")
    assert (version, collection, records) == ("v2", "key-value-stores", "records")
    assert (unquote(store_part), unquote(key_part)) == (store, key)


@pytest.mark.parametrize("key", ["", ".", ".."])
def test_a_key_that_would_change_the_path_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="is no Apify ID or key"):
        endpoints.put_record("s", key, b"", "text/plain")


@pytest.mark.parametrize(
    ("value", "content_type", "body", "kind"),
    [
        (b"\xff", None, b"\xff", "application/octet-stream"),
        (b"\x89PNG", "image/png", b"\x89PNG", "image/png"),
        ("é", None, "é".encode(), "text/plain; charset=utf-8"),
        ("<p>", "text/html", b"<p>", "text/html"),
        ('{"a": 1}', "application/json", b'{"a": 1}', "application/json"),
        ({"a": None}, None, b'{"a": null}', "application/json; charset=utf-8"),
        ([1], "application/ld+json", b"[1]", "application/ld+json"),
        (None, None, b"null", "application/json; charset=utf-8"),
    ],
)
def test_bytes_and_text_are_stored_as_they_are_and_the_rest_as_json(
    value: Any, content_type: str | None, body: bytes, kind: str
) -> None:
    assert encode_record(value, content_type) == (body, kind)


@pytest.mark.parametrize(
    ("value", "content_type", "complaint"),
    [
        ({"a": 1}, "text/csv", "type text/csv must be a string or bytes, not dict"),
        ({"a": {1}}, None, "set is not JSON serializable"),
        ([float("nan")], None, "not JSON compliant"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_refused(value: Any, content_type: str | None, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        encode_record(value, content_type)


def test_requests_are_added_as_json() -> None:
    request = endpoints.add_requests("q", [{"url": "https://example.com/é"}], forefront=False)
    assert json.loads(request.body or b"") == [{"url": "https://example.com/é"}]
