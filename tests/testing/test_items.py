"""Dataset items over HTTP: pages, shapes, formats."""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from airflow_provider_apify.testing import scenario_item

if TYPE_CHECKING:
    from airflow_provider_apify.testing import LocalApify
    from tests.testing.client import Client

ITEMS = "/v2/datasets/things/items"
THINGS: list[dict[str, Any]] = [
    {"name": 'Ädam, "the" first', "tags": ["a", "b"], "size": {"w": 1, "h": None}, "#debug": 1},
    {},
    {"name": "Eve", "ok": True, "parts": [{"part": "x"}, {"part": "y"}]},
    {"#hidden": "only"},
    {"name": "Cain", "errorInfo": {"message": "broken"}},
]


@pytest.fixture
def things(client: Client) -> Client:
    client.data("POST", "/v2/datasets", params={"name": "things"})
    assert client.send("POST", ITEMS, json=THINGS).status_code == 201
    return client


def _items(client: Client, **params: Any) -> Any:
    answer = client.send("GET", ITEMS, params=params)
    assert answer.ok, answer.text
    return answer.json()


def test_items_come_back_as_they_were_pushed(things: Client) -> None:
    assert _items(things) == THINGS


def test_pages_follow_each_other_and_end_empty(things: Client) -> None:
    pages = [_items(things, offset=offset, limit=2) for offset in (0, 2, 4, 6)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert [item for page in pages for item in page] == THINGS


def test_the_newest_come_first_when_asked(things: Client) -> None:
    assert _items(things, desc=1) == THINGS[::-1]
    assert _items(things, desc=1, offset=1, limit=2) == [THINGS[3], THINGS[2]]


def test_the_headers_tell_the_page(things: Client) -> None:
    headers = things.send("GET", ITEMS, params={"offset": 3, "limit": 10, "clean": 1}).headers
    page = {name: headers[f"X-Apify-Pagination-{name}"] for name in ("Total", "Offset", "Limit", "Count")}
    assert page == {"Total": "5", "Offset": "3", "Limit": "10", "Count": "2"}
    head = things.send("HEAD", ITEMS)
    assert (head.headers["X-Apify-Pagination-Total"], head.content) == ("5", b"")


def test_filters_are_applied_after_offset_and_limit(things: Client) -> None:
    assert _items(things, clean=1, limit=2) == [{key: THINGS[0][key] for key in ("name", "tags", "size")}]
    assert _items(things, clean=1, offset=3, limit=1) == []


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"skipHidden": 1, "limit": 1}, [{key: THINGS[0][key] for key in ("name", "tags", "size")}]),
        ({"skipEmpty": 1, "offset": 1, "limit": 1}, []),
        ({"fields": "ok,name", "offset": 2, "limit": 1}, [{"ok": True, "name": "Eve"}]),
        ({"fields": "name", "outputFields": "who", "offset": 2, "limit": 1}, [{"who": "Eve"}]),
        ({"omit": "parts,ok", "offset": 2, "limit": 1}, [{"name": "Eve"}]),
        (
            {"unwind": "parts", "omit": "ok", "offset": 2, "limit": 1},
            [{"name": "Eve", "part": "x"}, {"name": "Eve", "part": "y"}],
        ),
        ({"unwind": "size", "fields": "size", "limit": 1}, [{"w": 1, "h": None}]),
        ({"unwind": "tags", "fields": "tags", "limit": 1}, [{"tags": "a"}, {"tags": "b"}]),
        ({"flatten": "size", "fields": "size", "limit": 1}, [{"size.w": 1, "size.h": None}]),
        ({"skipFailedPages": 1, "offset": 4}, []),
        ({"simplified": 1, "offset": 4}, [{"errorInfo": {"message": "broken"}}]),
    ],
)
def test_items_change_shape_on_their_way_out(things: Client, params: dict[str, Any], expected: list[Any]) -> None:
    assert _items(things, **params) == expected


@pytest.mark.parametrize(
    ("params", "status", "error_type"),
    [
        ({"format": "xlsx"}, 400, "invalid-parameter"),
        ({"offset": -1}, 400, "invalid-parameter"),
        ({"limit": 1.5}, 400, "invalid-parameter"),
        ({"clean": "perhaps"}, 400, "invalid-parameter"),
        ({"fields": "a,b", "outputFields": "c"}, 400, "invalid-parameter"),
        ({"format": "csv", "delimiter": "||"}, 400, "invalid-parameter"),
        ({"format": "xml", "xmlRoot": "<"}, 400, "invalid-parameter"),
        ({"view": "overview"}, 404, "requested-dataset-view-does-not-exist"),
    ],
)
def test_a_wrong_parameter_is_refused(things: Client, params: dict[str, Any], status: int, error_type: str) -> None:
    assert things.error("GET", ITEMS, params=params) == (status, error_type)


def test_jsonl_has_an_item_on_each_line(things: Client) -> None:
    answer = things.send("GET", ITEMS, params={"format": "jsonl"})
    assert answer.headers["Content-Type"].startswith("application/jsonl")
    assert answer.content.endswith(b"\n")
    assert [json.loads(line) for line in answer.content.splitlines()] == THINGS


def test_csv_has_the_columns_of_its_own_items_and_a_bom(things: Client) -> None:
    body = things.send("GET", ITEMS, params={"format": "csv", "limit": 1}).content
    assert body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert rows == [
        ["name", "tags/0", "tags/1", "size/w", "size/h", "#debug"],
        ['Ädam, "the" first', "a", "b", "1", "", "1"],
    ]


def test_csv_without_header_row_and_bom_with_another_delimiter(things: Client) -> None:
    params = {"format": "csv", "bom": 0, "skipHeaderRow": 1, "delimiter": ";", "fields": "name,ok", "offset": 2}
    assert things.send("GET", ITEMS, params=params).text == "Eve;true\n;\nCain;\n"


def test_xml_repeats_lists_and_honours_attributes(client: Client) -> None:
    client.data("POST", "/v2/datasets", params={"name": "things"})
    client.send(
        "POST", ITEMS, json={"name": "A & B", "tags": [1, 2], "at": {"@": {"k": "v"}, "#": "text"}, "none": None}
    )
    body = client.send("GET", ITEMS, params={"format": "xml", "xmlRoot": "all", "xmlRow": "one"}).content
    root = ET.fromstring(body)  # noqa: S314 - our own server wrote it
    assert (root.tag, root[0].tag) == ("all", "one")
    assert [(child.tag, child.text, child.attrib) for child in root[0]] == [
        ("name", "A & B", {}),
        ("tags", "1", {}),
        ("tags", "2", {}),
        ("at", "text", {"k": "v"}),
        ("none", None, {}),
    ]


def test_rss_is_a_feed_with_a_title(things: Client) -> None:
    body = things.send(
        "GET", ITEMS, params={"format": "rss", "limit": 1, "fields": "name", "feedTitle": "News"}
    ).content
    channel = ET.fromstring(body)[0]  # noqa: S314 - our own server wrote it
    assert (channel.findtext("title"), channel.findtext("item/name")) == ("News", 'Ädam, "the" first')


def test_html_is_a_table(things: Client) -> None:
    text = things.send("GET", ITEMS, params={"format": "html", "offset": 2, "limit": 1, "fields": "name,ok"}).text
    assert "<th>name</th><th>ok</th>" in text
    assert "<td>Eve</td><td>true</td>" in text


def test_an_attachment_names_its_file(things: Client) -> None:
    disposition = things.send("GET", ITEMS, params={"attachment": 1, "format": "csv"}).headers["Content-Disposition"]
    assert disposition.startswith("attachment; filename=")


def test_bodies_are_compressed_only_for_those_who_ask(things: Client) -> None:
    plain = things.send("GET", ITEMS, headers={"Accept-Encoding": "identity"})
    packed = things.send("GET", ITEMS, headers={"Accept-Encoding": "gzip"}, stream=True)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.raw.read(decode_content=False)) == plain.content


def test_the_count_lags_but_the_items_do_not(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.settings(item_count_lag_seconds=3600)
    run = client.finish({"items": 5})
    path = f"/v2/datasets/{run['defaultDatasetId']}"
    answer = client.send("GET", f"{path}/items")
    assert (len(answer.json()), answer.headers["X-Apify-Pagination-Total"]) == (5, "0")
    local_apify.control.settings(item_count_lag_seconds=0)
    assert client.data("GET", path)["itemCount"] == 5


def test_a_page_may_be_shorter_than_asked(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.settings(max_items_per_request=2)
    run = client.finish({"items": 5})
    answer = client.send("GET", f"/v2/datasets/{run['defaultDatasetId']}/items", params={"limit": 4})
    assert ([item["id"] for item in answer.json()], answer.headers["X-Apify-Pagination-Limit"]) == ([0, 1], "2")


def test_max_items_limits_what_a_run_stores(client: Client) -> None:
    run = client.finish({"items": 50}, maxItems=7)
    assert client.data("GET", f"/v2/datasets/{run['defaultDatasetId']}")["itemCount"] == 7


def test_made_and_pushed_items_stand_in_one_dataset_in_order(client: Client) -> None:
    run = client.finish({"items": 3, "itemBytes": 200, "firstItem": 10})
    path = f"/v2/datasets/{run['defaultDatasetId']}/items"
    client.send("POST", path, json={"own": 1})
    made = [scenario_item(index, 200) for index in (10, 11, 12)]
    assert client.send("GET", path).json() == [*made, {"own": 1}]
    assert client.send("GET", path, params={"desc": 1, "limit": 2}).json() == [{"own": 1}, made[2]]


def test_made_items_have_exactly_the_size_asked_for(client: Client) -> None:
    run = client.finish({"items": 1200, "itemBytes": 300})
    body = client.send("GET", f"/v2/datasets/{run['defaultDatasetId']}/items", params={"format": "jsonl"}).content
    lines = body.splitlines()
    assert {len(line) for line in lines} == {300}
    assert json.loads(lines[1199]) == scenario_item(1199, 300)


@pytest.mark.parametrize("body", [b"7", b'["text"]', b"{"])
def test_what_is_no_object_cannot_be_pushed(things: Client, body: bytes) -> None:
    assert things.error("POST", ITEMS, data=body) == (400, "invalid-input")
    assert len(_items(things)) == len(THINGS)


def test_a_push_over_5_mib_is_refused(things: Client) -> None:
    body = json.dumps([{"text": "x" * 1024 * 1024}] * 6)
    assert things.error("POST", ITEMS, data=body) == (413, "request-too-large")


def test_a_compressed_push_is_unpacked(things: Client) -> None:
    body = gzip.compress(b'{"packed": true}')
    things.send("POST", ITEMS, data=body, headers={"Content-Encoding": "gzip"})
    assert _items(things)[-1] == {"packed": True}
