"""Dataset items over HTTP: pages and shapes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from local_apify import ActorContext, LocalApify, actor, scenario_item
from tests.local_apify.client import WAIT, Client

ITEMS = "/v2/datasets/things/items"
THINGS: list[dict[str, Any]] = [
    {"name": 'Ädam, "the" first', "tags": ["a", "b"], "size": {"w": 1, "h": None}, "#debug": 1},
    {},
    {"name": "Eve", "ok": True, "parts": [{"part": "x"}, {"part": "y"}]},
    {"#hidden": "only"},
    {"name": "Cain", "errorInfo": {"message": "broken"}},
]

SCHEMA: dict[str, Any] = {
    "actorSpecification": 1,
    "views": {
        "reviews": {
            "title": "Reviews",
            "transformation": {
                "unwind": ["reviews"],
                "flatten": ["address"],
                "fields": ["rating", "name", "address.city"],
            },
        },
        "newest": {"title": "Newest", "transformation": {"fields": ["name"], "desc": True, "limit": 1}},
        "all": {"title": "All"},
    },
}
REVIEWED: list[dict[str, Any]] = [
    {"name": "Lamp", "address": {"city": "Brno", "street": None}, "reviews": [{"rating": 1}, {"rating": 5}]},
    {"name": "Desk", "address": {"city": "Praha"}},
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


def test_a_limit_of_zero_is_none(things: Client) -> None:
    assert _items(things, offset=1, limit=0) == THINGS[1:]


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
        (
            {"unwind": "tags,size", "fields": "tags,size", "limit": 1},
            [{"tags": tag, "w": 1, "h": None} for tag in "ab"],
        ),
        ({"unwind": "name", "fields": "name", "offset": 2, "limit": 1}, [{"name": "Eve"}]),
        ({"unwind": "parts", "fields": "parts,ok", "omit": "part", "offset": 2, "limit": 1}, [{"ok": True}] * 2),
        ({"unwind": "tags", "fields": "tags", "limit": 2, "desc": 1, "offset": 4}, [{"tags": "a"}, {"tags": "b"}]),
        ({"fields": "size.h,name", "limit": 1}, [{"size": {"h": None}, "name": THINGS[0]["name"]}]),
        ({"omit": "size.h,tags,#debug,none.at.all", "limit": 1}, [{"name": THINGS[0]["name"], "size": {"w": 1}}]),
        ({"flatten": "size", "fields": "size", "limit": 1}, [{"size.w": 1, "size.h": None}]),
        ({"flatten": "size,tags", "fields": "tags,size.w", "limit": 1}, [{"tags": ["a", "b"], "size.w": 1}]),
        (
            {"flatten": "size", "fields": "name,size.w", "outputFields": "who,width", "limit": 1},
            [{"who": THINGS[0]["name"], "width": 1}],
        ),
        ({"skipFailedPages": 1, "offset": 4}, []),
        ({"simplified": 1, "offset": 4}, [{"errorInfo": {"message": "broken"}}]),
        ({"fields": "nothing", "offset": 3}, [{}, {}]),
        ({"fields": "nothing", "offset": 3, "skipEmpty": 1}, []),
    ],
)
def test_items_change_shape_on_their_way_out(things: Client, params: dict[str, Any], expected: list[Any]) -> None:
    assert _items(things, **params) == expected


def test_what_has_nothing_to_unwind_vanishes_only_if_it_is_an_empty_list(client: Client) -> None:
    client.data("POST", "/v2/datasets", params={"name": "things"})
    client.send("POST", ITEMS, json=[{"a": []}, {"a": {}, "b": 1}, {"b": 2}, {"a": [{"a": 3}, {}]}])
    assert _items(client, unwind="a") == [{"b": 1}, {"b": 2}, {"a": 3}, {}]


def test_flattening_goes_down_to_the_values(client: Client) -> None:
    client.data("POST", "/v2/datasets", params={"name": "things"})
    client.send("POST", ITEMS, json=[{"a": {"b": {"c": 1, "d": {}}, "e": [{"f": 2}]}, "g": {"h": 3}}])
    assert _items(client, flatten="a") == [{"a.b.c": 1, "a.b.d": {}, "a.e": [{"f": 2}], "g": {"h": 3}}]


@pytest.mark.parametrize(
    ("params", "status", "error_type"),
    [
        ({"format": "parquet"}, 400, "invalid-parameter"),
        ({"offset": -1}, 400, "invalid-parameter"),
        ({"limit": 1.5}, 400, "invalid-parameter"),
        ({"clean": "perhaps"}, 400, "invalid-parameter"),
        ({"fields": "a,b", "outputFields": "c"}, 400, "invalid-parameter"),
        ({"outputFields": "c"}, 400, "invalid-parameter"),
        ({"format": "csv", "delimiter": "||"}, 400, "invalid-parameter"),
        ({"format": "xml", "xmlRoot": "<"}, 400, "invalid-parameter"),
        ({"view": "overview"}, 404, "requested-dataset-view-does-not-exist"),
    ],
)
def test_a_wrong_parameter_is_refused(things: Client, params: dict[str, Any], status: int, error_type: str) -> None:
    assert things.error("GET", ITEMS, params=params) == (status, error_type)


@actor("me/viewed", dataset_schema=SCHEMA)
async def viewed(context: ActorContext) -> None:
    await context.push_data(REVIEWED)


@pytest.fixture
def views() -> Iterator[Client]:
    """Return a client of a local Apify with a dataset that has views, under the name of the others here."""
    with LocalApify(actors=[viewed]) as apify:
        client = Client(apify)
        with client.session:
            run = client.data("POST", "/v2/actors/me~viewed/runs", params=WAIT)
            client.data("PUT", f"/v2/datasets/{run['defaultDatasetId']}", json={"name": "things"})
            yield client


def test_a_view_does_what_its_schema_says(views: Client) -> None:
    assert views.data("GET", "/v2/datasets/things")["schema"] == SCHEMA
    assert _items(views, view="reviews") == [
        {"rating": 1, "name": "Lamp", "address.city": "Brno"},
        {"rating": 5, "name": "Lamp", "address.city": "Brno"},
        {"name": "Desk", "address.city": "Praha"},
    ]
    assert _items(views, view="newest") == [{"name": "Desk"}]
    assert _items(views, view="all") == REVIEWED


def test_what_the_query_says_goes_before_what_the_view_says(views: Client) -> None:
    assert _items(views, view="newest", limit=5) == [{"name": "Desk"}, {"name": "Lamp"}]
    assert _items(views, view="newest", desc=0) == [{"name": "Lamp"}]
    assert _items(views, view="reviews", fields="name", limit=1) == [{"name": "Lamp"}]


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


def test_max_items_cuts_nothing_because_apify_does_not(client: Client) -> None:
    run = client.finish({"items": 50}, maxItems=7)
    assert client.data("GET", f"/v2/datasets/{run['defaultDatasetId']}")["itemCount"] == 50
    assert run["options"]["maxItems"] == 7


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
