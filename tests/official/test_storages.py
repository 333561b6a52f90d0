"""What users of the official client do with datasets, key-value stores and request queues."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import pytest
import requests

from tests.official.conftest import gathered, whole

CLIENT = tuple(map(int, version("apify-client").split(".")[:2]))
Items = list[dict[str, Any]]
ITEMS: Items = [{"id": number, "name": f"Item {number}", "#hidden": True} for number in range(5)]
COLLECTIONS = {"dataset": "datasets", "key_value_store": "key_value_stores", "request_queue": "request_queues"}


def fetched(url: str) -> requests.Response:
    """Read a public URL as somebody who has no token."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, timeout=30)


@pytest.mark.parametrize("kind", COLLECTIONS)
async def test_a_storage_is_created_found_renamed_listed_and_deleted(official: Any, kind: str) -> None:
    collection = getattr(official, COLLECTIONS[kind])()
    made = await collection.get_or_create(name="mine")
    assert (await collection.get_or_create(name="mine")).id == made.id
    unnamed = await collection.get_or_create()
    assert [each.id for each in (await collection.list()).items] == [made.id]
    assert {each.id for each in await gathered(collection.iterate(unnamed=True, desc=True))} == {made.id, unnamed.id}
    storage = getattr(official, kind)(made.id)
    assert (await storage.update(name="still-mine")).name == "still-mine"
    assert (await getattr(official, kind)("local/still-mine").get()).id == made.id
    await storage.delete()
    assert await storage.get() is None


async def test_items_are_pushed_listed_and_iterated(official: Any) -> None:
    dataset = official.dataset((await official.datasets().get_or_create(name="items")).id)
    await dataset.push_items(ITEMS[0])
    await dataset.push_items(ITEMS[1:3])
    await dataset.push_items(json.dumps(ITEMS[3:]))
    page = await dataset.list_items(offset=1, limit=2, clean=True, fields=["id", "#hidden"])
    assert (page.total, page.offset, page.count, page.limit) == (5, 1, 2, 2)
    assert page.items == [{"id": 1}, {"id": 2}]
    assert (await dataset.list_items(desc=True, omit=["name", "#hidden"])).items[0] == {"id": 4}
    assert await gathered(dataset.iterate_items(offset=1, limit=3, chunk_size=2)) == ITEMS[1:4]
    assert (await dataset.get_statistics()) is not None
    assert (await dataset.get()).item_count == 5


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("json", b"[{"),
        ("jsonl", b'{"id":0'),
        ("csv", b"\xef\xbb\xbfid,name"),
        ("html", b"<!DOCTYPE html>"),
        ("xlsx", b"PK"),
        ("xml", b"<?xml"),
        ("rss", b"<?xml"),
    ],
)
async def test_items_are_downloaded_in_every_format(official: Any, name: str, beginning: bytes) -> None:
    dataset = official.dataset((await official.datasets().get_or_create()).id)
    await dataset.push_items(ITEMS)
    body = await dataset.get_items_as_bytes(item_format=name, clean=True)
    assert body.lstrip(b"\n").startswith(beginning)
    async with dataset.stream_items(item_format=name, clean=True) as answer:
        assert (await whole(answer))[:2] == body[:2]


async def test_items_are_open_to_who_has_their_public_url(official: Any) -> None:
    dataset = official.dataset((await official.datasets().get_or_create()).id)
    await dataset.push_items(ITEMS)
    url = await dataset.create_items_public_url(limit=1, expires_in=timedelta(hours=1))
    assert fetched(url).json() == ITEMS[:1]
    assert fetched((await dataset.get()).items_public_url).json() == ITEMS
    assert fetched(url.partition("?")[0]).status_code == 401
    await dataset.update(general_access="ANYONE_WITH_ID_CAN_READ")
    assert fetched(url.partition("?")[0]).json() == ITEMS


@pytest.mark.parametrize(
    ("value", "content_type", "expected"),
    [
        ({"a": [1, None, "ž"]}, None, {"a": [1, None, "ž"]}),
        ([1, 2], None, [1, 2]),
        ("text", None, "text"),
        (b"\x00\xff", None, b"\x00\xff"),
        (b"<a/>", "application/xml", "<a/>"),
        pytest.param(
            io.BytesIO(b"\x89PNG"),
            "image/png",
            b"\x89PNG",
            marks=pytest.mark.skipif(CLIENT < (3, 1), reason="clients before 3.1 cannot send a stream"),
        ),
        ("a,b\n", "text/csv", "a,b\n"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.filterwarnings("ignore:Streaming a request body is experimental")
async def test_a_record_comes_back_as_it_was_stored(
    official: Any, value: Any, content_type: str | None, expected: Any
) -> None:
    if isinstance(value, io.BytesIO):
        value.seek(0)
    store = official.key_value_store((await official.key_value_stores().get_or_create()).id)
    await store.set_record("it's!(KEY)", value, content_type=content_type)
    record = await store.get_record("it's!(KEY)")
    assert record["value"] == expected
    assert await store.record_exists("it's!(KEY)")
    assert not await store.record_exists("other")
    assert await store.get_record("other") is None
    raw = (await store.get_record_as_bytes("it's!(KEY)"))["value"]
    async with store.stream_record("it's!(KEY)") as streamed:
        assert await whole(streamed["value"]) == raw
    await store.delete_record("it's!(KEY)")
    assert await store.get_record("it's!(KEY)") is None


async def test_keys_are_listed_and_records_opened_by_public_urls(official: Any) -> None:
    store = official.key_value_store((await official.key_value_stores().get_or_create(name="notes")).id)
    for key in ("a-1", "a-2", "b-1"):
        await store.set_record(key, key)
    listed = await store.list_keys(limit=1, prefix="a-")
    assert (listed.is_truncated, listed.next_exclusive_start_key) == (True, "a-1")
    assert [key.key for key in await gathered(store.iterate_keys(chunk_size=1))] == ["a-1", "a-2", "b-1"]
    assert [key.key for key in await gathered(store.iterate_keys(exclusive_start_key="a-2"))] == ["b-1"]
    assert fetched(await store.get_record_public_url("a-1")).text == "a-1"
    keys = fetched(await store.create_keys_public_url(limit=2)).json()["data"]["items"]
    assert [key["key"] for key in keys] == ["a-1", "a-2"]


async def test_requests_are_added_read_changed_and_deleted(official: Any) -> None:
    queue = official.request_queue((await official.request_queues().get_or_create()).id)
    first = await queue.add_request({"url": "https://e.com/1", "unique_key": "1"})
    again = await queue.add_request({"url": "https://e.com/1", "unique_key": "1"}, forefront=True)
    assert (again.request_id, again.was_already_present) == (first.request_id, True)
    request = await queue.get_request(first.request_id)
    assert (request.url, request.method) == ("https://e.com/1", "GET")
    changed = {"id": first.request_id, "url": "https://e.com/1", "unique_key": "1", "retry_count": 3}
    await queue.update_request(changed)
    assert (await queue.get_request(first.request_id)).retry_count == 3
    await queue.delete_request(first.request_id)
    assert await queue.get_request(first.request_id) is None


async def test_batches_of_any_size_are_added_listed_and_deleted(official: Any) -> None:
    queue = official.request_queue((await official.request_queues().get_or_create(name="pages")).id)
    pages = [{"url": f"https://e.com/{number}", "unique_key": str(number)} for number in range(60)]
    added = await queue.batch_add_requests(pages)
    assert (len(added.processed_requests), added.unprocessed_requests) == (60, [])
    assert len((await queue.list_requests(limit=50)).items) == 50
    assert len(await gathered(queue.iterate_requests(chunk_size=25))) == 60
    assert len((await queue.list_head(limit=2)).items) == 2
    deleted = await queue.batch_delete_requests([{"unique_key": "0"}, {"unique_key": "1"}])
    assert len(deleted.processed_requests) == 2
    assert (await queue.get()).total_request_count == 58


async def test_what_one_client_locks_another_does_not_get(official: Any) -> None:
    made = await official.request_queues().get_or_create()
    mine, other = (official.request_queue(made.id, client_key=key) for key in ("me-me-me-me", "you-you-you"))
    await mine.batch_add_requests([{"url": f"https://e.com/{each}", "unique_key": str(each)} for each in range(3)])
    locked = await mine.list_and_lock_head(lock_duration=timedelta(seconds=60), limit=2)
    keys = [request.unique_key for request in locked.items]
    left = await other.list_and_lock_head(lock_duration=timedelta(seconds=60), limit=2)
    assert (keys, [request.unique_key for request in left.items]) == (["0", "1"], ["2"])
    until = locked.items[0].lock_expires_at
    longer = await mine.prolong_request_lock(locked.items[0].id, lock_duration=timedelta(seconds=600))
    assert longer.lock_expires_at > until
    await mine.delete_request_lock(locked.items[0].id)
    assert (await mine.unlock_requests()).unlocked_count == 1
    assert len((await other.list_head()).items) == 2
