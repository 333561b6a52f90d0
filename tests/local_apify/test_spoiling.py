"""Answers whose form is right and whose content is not, as clients see them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import requests

    from local_apify import LocalApify
    from tests.local_apify.client import Client

ITEMS = [{"id": number} for number in range(10)]


@pytest.fixture
def items_path(client: Client) -> str:
    dataset_id = client.data("POST", "/v2/datasets")["id"]
    assert client.send("POST", f"/v2/datasets/{dataset_id}/items", json=ITEMS).ok
    return f"/v2/datasets/{dataset_id}/items"


def asked(client: Client, path: str, **params: Any) -> requests.Response:
    answer = client.send("GET", path, params={"format": "jsonl", **params})
    assert answer.status_code == 200
    return answer


def ids_of(answer: requests.Response) -> list[int]:
    return [json.loads(line)["id"] for line in answer.content.splitlines()]


def test_a_body_may_end_between_two_lines(client: Client, local_apify: LocalApify, items_path: str) -> None:
    local_apify.control.add_fault("end-between-lines", path="*/items", after_bytes=25)
    answer = asked(client, items_path)
    assert ids_of(answer) == [0, 1]
    assert answer.headers["x-apify-pagination-count"] == "10"
    assert answer.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize("after_bytes", [0, 25, 10_000])
def test_a_body_may_have_no_length(client: Client, local_apify: LocalApify, items_path: str, after_bytes: int) -> None:
    whole = asked(client, items_path).content
    local_apify.control.add_fault("end-of-connection", path="*/items", after_bytes=after_bytes)
    answer = asked(client, items_path)
    assert answer.content == whole[:after_bytes]
    assert answer.headers["x-apify-pagination-count"] == "10"
    assert {"content-length", "transfer-encoding"}.isdisjoint(name.lower() for name in answer.headers)


@pytest.mark.parametrize("text", ["\n", "<html>\n</html>\n"])
def test_lines_may_be_replaced_by_others(client: Client, local_apify: LocalApify, items_path: str, text: str) -> None:
    local_apify.control.add_fault("foreign-lines", path="*/items", after_bytes=25, text=text)
    lines = asked(client, items_path).text.splitlines(keepends=True)
    assert len(lines) == 10
    assert "".join(lines[2 : 2 + text.count("\n")]) == text


def test_a_page_may_be_another(client: Client, local_apify: LocalApify, items_path: str) -> None:
    local_apify.control.add_fault("other-page", path="*/items", offset=2)
    answer = asked(client, items_path, offset=5, limit=3)
    assert (ids_of(answer), answer.headers["x-apify-pagination-offset"]) == ([2, 3, 4], "2")
    assert ids_of(asked(client, items_path, offset=5, limit=3)) == [5, 6, 7]


def test_a_page_may_be_empty_though_there_are_items(client: Client, local_apify: LocalApify, items_path: str) -> None:
    local_apify.control.add_fault("empty-page", path="*/items")
    answer = asked(client, items_path, offset=5)
    said = [answer.headers[f"x-apify-pagination-{name}"] for name in ("offset", "count", "total")]
    assert (answer.content, said) == (b"", ["5", "0", "10"])


def test_headers_may_be_doubled(client: Client, local_apify: LocalApify, items_path: str) -> None:
    local_apify.control.add_fault("doubled-headers", path="*/items")
    assert asked(client, items_path).headers["x-apify-pagination-count"] == "10, 10"


def test_a_field_may_be_another_or_missing(client: Client, local_apify: LocalApify, items_path: str) -> None:
    dataset = items_path.removesuffix("/items")
    local_apify.control.add_fault("change-field", path=dataset, field="itemCount", value=7)
    local_apify.control.add_fault("change-field", path=dataset, field="itemCount")
    assert client.data("GET", dataset)["itemCount"] == 7
    assert "itemCount" not in client.data("GET", dataset)
    assert client.data("GET", dataset)["itemCount"] == 10
    local_apify.control.add_fault("change-field", path="/v2/datasets", field="id", value="x")
    assert {each["id"] for each in client.data("GET", "/v2/datasets", params={"unnamed": 1})["items"]} == {"x"}


@pytest.mark.parametrize("name", ["csv", "xlsx", "html"])
@pytest.mark.parametrize("params", [{}, {"fields": "id"}, {"offset": 10}, {"fields": "other", "skipEmpty": 1}])
def test_a_table_without_columns_is_an_error_as_at_apify(
    client: Client, items_path: str, name: str, params: dict[str, Any]
) -> None:
    path = items_path if "offset" in params or "skipEmpty" in params else f"/v2/datasets/{new_dataset(client)}/items"
    found = client.error("GET", path, params={"format": name, **params})
    assert found == (400, "no-columns-in-exported-dataset")


@pytest.mark.parametrize("name", ["json", "jsonl", "xml", "rss"])
def test_what_is_no_table_needs_no_columns(client: Client, name: str) -> None:
    assert client.send("GET", f"/v2/datasets/{new_dataset(client)}/items", params={"format": name}).status_code == 200


def new_dataset(client: Client) -> str:
    dataset_id: str = client.data("POST", "/v2/datasets")["id"]
    return dataset_id
