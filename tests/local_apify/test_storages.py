"""Key-value stores, and what all kinds of storages have in common."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import brotli
import pytest

from tests.local_apify.client import SCENARIO

if TYPE_CHECKING:
    from local_apify import LocalApify
    from tests.local_apify.client import Client

STORE = "/v2/key-value-stores/notes"


@pytest.fixture
def notes(client: Client) -> Client:
    client.data("POST", "/v2/key-value-stores", params={"name": "notes"})
    return client


@pytest.mark.parametrize(
    ("value", "content_type"),
    [
        (b'{"a": 1}', "application/json"),
        (b"\x00\xff", "image/png"),
        ("žluť".encode(), "text/plain; charset=utf-8"),
        (b"", "text/csv"),
    ],
)
def test_a_record_comes_back_as_it_was_stored(notes: Client, value: bytes, content_type: str) -> None:
    stored = notes.send("PUT", f"{STORE}/records/A", data=value, headers={"Content-Type": content_type})
    assert stored.status_code == 201
    answer = notes.send("GET", f"{STORE}/records/A")
    assert (answer.content, answer.headers["Content-Type"]) == (value, content_type)


def test_keys_with_all_allowed_characters_work(notes: Client) -> None:
    key = "aZ9!-_.'()"
    notes.send("PUT", f"{STORE}/records/aZ9%21-_.%27%28%29", data=b"x")
    assert notes.data("GET", f"{STORE}/keys")["items"][0]["key"] == key
    assert notes.send("GET", f"{STORE}/records/{key}").content == b"x"


def test_a_key_with_other_characters_is_refused(notes: Client) -> None:
    assert notes.error("PUT", f"{STORE}/records/a%20b", data=b"x") == (400, "invalid-record-key")


def test_a_missing_record_is_not_found(notes: Client) -> None:
    assert notes.error("GET", f"{STORE}/records/A") == (404, "record-not-found")
    assert notes.send("HEAD", f"{STORE}/records/A").status_code == 404
    assert notes.send("DELETE", f"{STORE}/records/A").status_code == 204


def test_a_deleted_record_is_gone(notes: Client) -> None:
    notes.send("PUT", f"{STORE}/records/A", data=b"x")
    assert notes.send("HEAD", f"{STORE}/records/A").status_code == 200
    notes.send("DELETE", f"{STORE}/records/A")
    assert notes.error("GET", f"{STORE}/records/A") == (404, "record-not-found")


def test_keys_are_listed_in_order_and_in_pages(notes: Client) -> None:
    for key in ("b2", "a1", "b1", "c1"):
        notes.send("PUT", f"{STORE}/records/{key}", data=b"four")
    first = notes.data("GET", f"{STORE}/keys", params={"limit": 3})
    assert [(item["key"], item["size"]) for item in first["items"]] == [("a1", 4), ("b1", 4), ("b2", 4)]
    assert (first["isTruncated"], first["nextExclusiveStartKey"]) == (True, "b2")
    last = notes.data("GET", f"{STORE}/keys", params={"exclusiveStartKey": "b2"})
    assert ([item["key"] for item in last["items"]], last["isTruncated"]) == (["c1"], False)
    assert [item["key"] for item in notes.data("GET", f"{STORE}/keys", params={"prefix": "b"})["items"]] == ["b1", "b2"]


def test_records_come_in_one_zip_file_named_after_their_keys(notes: Client) -> None:
    for key, body in (("b.png", b"\x00\xff"), ("a", b"text"), ("ab", b"")):
        notes.send("PUT", f"{STORE}/records/{key}", data=body)
    answer = notes.send("GET", f"{STORE}/records")
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        assert {name: file.read(name) for name in file.namelist()} == {"a": b"text", "ab": b"", "b.png": b"\x00\xff"}
    some = notes.send("GET", f"{STORE}/records", params={"prefix": "a"}).content
    with zipfile.ZipFile(io.BytesIO(some)) as file:
        assert file.namelist() == ["a", "ab"]
    assert notes.send("GET", f"{STORE}/records").content == answer.content


def test_the_public_url_of_all_records_opens_them_and_them_only(notes: Client) -> None:
    notes.send("PUT", f"{STORE}/records/A", data=b"text")
    url = notes.data("GET", STORE)["recordsPublicUrl"].removeprefix(notes.apify.base_url)
    with zipfile.ZipFile(io.BytesIO(notes.send("GET", url, token=None).content)) as file:
        assert file.namelist() == ["A"]
    assert notes.error("GET", f"{STORE}/records", token=None) == (401, "token-not-provided")
    assert notes.error("GET", f"{STORE}/records", params={"collection": "all"}) == (400, "invalid-collection")


def test_a_dataset_names_the_fields_of_its_items(client: Client) -> None:
    run = client.finish({"items": 2})
    path = f"/v2/datasets/{run['defaultDatasetId']}"
    client.send("POST", f"{path}/items", json=[{"own": {"nested": 1}}, {"id": 3}])
    assert client.data("GET", path)["fields"] == ["id", "url", "title", "price", "text", "own"]


def test_a_run_has_its_input_and_output_as_records(client: Client) -> None:
    plan: dict[str, Any] = {"records": {"OUTPUT": {"a": 1}, "TEXT": "hello"}}
    run = client.finish(plan)
    store = f"/v2/actor-runs/{run['id']}/key-value-store"
    assert client.send("GET", f"{store}/records/INPUT").json() == plan
    assert client.send("GET", f"{store}/records/OUTPUT").json() == {"a": 1}
    assert client.data("GET", store)["id"] == run["defaultKeyValueStoreId"]


def test_a_run_without_a_body_has_no_input_record(client: Client) -> None:
    run = client.data("POST", "/v2/actors/apify~hello-world/runs")
    path = f"/v2/actor-runs/{run['id']}/key-value-store/records/INPUT"
    assert client.error("GET", path) == (404, "record-not-found")
    assert client.wait(run["id"])["stats"]["inputBodyLen"] == 0


@pytest.mark.parametrize("collection", ["datasets", "key-value-stores", "request-queues"])
def test_a_storage_can_be_named_found_renamed_and_deleted(client: Client, collection: str) -> None:
    path = f"/v2/{collection}"
    made = client.send("POST", path, params={"name": "mine"})
    again = client.send("POST", path, params={"name": "mine"})
    assert (made.status_code, again.status_code) == (201, 200)
    storage = made.json()["data"]
    assert storage["id"] == again.json()["data"]["id"] == client.data("GET", f"{path}/local~mine")["id"]
    client.data("PUT", f"{path}/mine", json={"name": "ours"})
    assert client.error("GET", f"{path}/mine") == (404, "record-not-found")
    assert client.send("DELETE", f"{path}/{storage['id']}").status_code == 204
    assert client.error("GET", f"{path}/ours") == (404, "record-not-found")


def test_names_are_unique_and_made_of_letters_digits_and_hyphens(client: Client) -> None:
    client.data("POST", "/v2/datasets", params={"name": "first"})
    second = client.data("POST", "/v2/datasets", params={"name": "second"})
    assert client.error("PUT", f"/v2/datasets/{second['id']}", json={"name": "first"}) == (400, "name-not-unique")
    assert client.error("PUT", f"/v2/datasets/{second['id']}", json={"name": 5}) == (400, "invalid-input")
    assert client.error("POST", "/v2/datasets", params={"name": "not a name"}) == (400, "invalid-value")


def test_lists_show_named_storages_and_the_others_only_when_asked(client: Client) -> None:
    client.finish()
    client.data("POST", "/v2/datasets", params={"name": "mine"})
    assert [item["name"] for item in client.data("GET", "/v2/datasets")["items"]] == ["mine"]
    assert client.data("GET", "/v2/datasets", params={"unnamed": 1})["total"] == 2


def test_storages_of_young_runs_are_unknown_while_replicas_lag(client: Client, local_apify: LocalApify) -> None:
    run = client.finish({"items": 1})
    path = f"/v2/datasets/{run['defaultDatasetId']}/items"
    local_apify.control.add_fault("lag", path=path, seconds=3600)
    assert client.error("GET", path) == (404, "record-not-found")
    assert len(client.send("GET", path).json()) == 1


def test_a_store_counts_what_is_done_with_it(notes: Client) -> None:
    notes.send("PUT", f"{STORE}/records/A", data=b"four")
    notes.send("GET", f"{STORE}/records/A")
    notes.data("GET", f"{STORE}/keys")
    counts = {"readCount": 1, "writeCount": 1, "deleteCount": 0, "listCount": 1, "storageBytes": 4}
    assert notes.data("GET", STORE)["stats"] == counts
    notes.send("DELETE", f"{STORE}/records/A")
    assert notes.data("GET", STORE)["stats"] == counts | {"deleteCount": 1, "storageBytes": 0}


def test_a_large_input_is_unpacked_once_however_often_its_run_is_read(client: Client) -> None:
    run = client.start({"durationSecs": 60})
    record = f"/v2/key-value-stores/{run['defaultKeyValueStoreId']}/records/INPUT"
    client.send("PUT", record, data=gzip.compress(bytes(90_000_000), 1), headers={"Content-Encoding": "gzip"})
    client.apify.control.ledger()
    client.data("GET", f"/v2/actor-runs/{run['id']}")
    assert client.data("GET", f"/v2/actor-runs/{run['id']}")["stats"]["inputBodyLen"] == 90_000_000


@pytest.mark.parametrize(
    ("coding", "pack"),
    [("gzip", gzip.compress), ("br", partial(brotli.compress, quality=1)), ("deflate", zlib.compress)],
)
def test_json_that_unpacks_to_very_much_is_refused(client: Client, coding: str, pack: Callable[[bytes], bytes]) -> None:
    body = pack(b"[" + b" " * 10_000_000 + b"]")
    path = f"/v2/datasets/{client.data('POST', '/v2/datasets')['id']}/items"
    answer = client.send("POST", path, data=body, headers={"Content-Encoding": coding})
    assert (answer.status_code, answer.json()["error"]["type"]) == (413, "request-too-large")
    assert "unpacks to more than 9437184 bytes" in answer.text


def test_an_input_and_a_record_unpack_to_no_more_than_they_may_be_sent_as(client: Client) -> None:
    packed = {"Content-Encoding": "gzip"}
    body = gzip.compress(b'{"exitMessage": "' + b"x" * 2_000 + b'"}')
    store = client.data("POST", "/v2/key-value-stores")["id"]
    record = f"/v2/key-value-stores/{store}/records/INPUT"
    client.apify.control.settings(max_body_bytes=1_000, max_record_bytes=1_000)
    assert client.error("POST", SCENARIO, data=body, headers=packed) == (413, "request-too-large")
    assert client.error("PUT", record, data=body, headers=packed) == (413, "request-too-large")
    client.apify.control.settings(max_body_bytes=3_000, max_record_bytes=3_000)
    assert client.send("POST", SCENARIO, data=body, headers=packed).ok
    assert client.send("PUT", record, data=body, headers=packed).ok


@pytest.mark.parametrize("collection", ["datasets", "key-value-stores", "request-queues", "actor-runs"])
def test_a_general_access_that_does_not_exist_is_refused(client: Client, collection: str) -> None:
    one = client.finish() if collection == "actor-runs" else client.data("POST", f"/v2/{collection}")
    path = f"/v2/{collection}/{one['id']}"
    assert client.error("PUT", path, json={"generalAccess": "EVERYBODY"}) == (400, "invalid-input")
    assert client.data("GET", path)["generalAccess"] == "FOLLOW_USER_SETTING"


@pytest.mark.parametrize("collection", ["datasets", "key-value-stores", "request-queues"])
def test_storages_are_listed_by_whose_they_are(client: Client, collection: str) -> None:
    client.data("POST", f"/v2/{collection}", params={"name": "mine"})
    path = f"/v2/{collection}"
    assert client.data("GET", path, params={"ownership": "ownedByMe"})["total"] == 1
    assert client.data("GET", path, params={"ownership": "sharedWithMe"})["total"] == 0
    assert client.error("GET", path, params={"ownership": "x"}) == (400, "invalid-parameter")


@pytest.mark.parametrize("what", ["keys", "records"])
def test_a_store_without_a_schema_has_no_collections(notes: Client, what: str) -> None:
    path = f"/v2/key-value-stores/notes/{what}"
    assert notes.error("GET", path, params={"collection": "x"}) == (400, "invalid-collection")
