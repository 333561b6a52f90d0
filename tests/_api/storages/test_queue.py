from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_apify._api.answers import Response
from airflow_provider_apify._api.facts import MAX_ITEMS_BYTES, MAX_REQUESTS_BYTES
from airflow_provider_apify._api.storages.items import bodies_of, push_items
from airflow_provider_apify._api.storages.queue import add_requests, with_unique_key
from airflow_provider_apify.exceptions import ApifyConnectionError, ApifyServerError
from airflow_provider_apify.options import RetryPolicy
from tests._api.answering import LOST, Fed, failed, ok

RETRY = RetryPolicy(attempts=3)
STORED = Response(201, {}, b"{}")


def urls(count: int) -> list[dict[str, Any]]:
    return [{"url": f"https://example.com/{number}"} for number in range(count)]


def answer(batch: list[dict[str, Any]], *, taken: int) -> dict[str, Any]:
    """Return an answer in which Apify has taken the first requests of a batch."""
    return {
        "processedRequests": [{"uniqueKey": each["uniqueKey"], "requestId": each["url"]} for each in batch[:taken]],
        "unprocessedRequests": [{"uniqueKey": each["uniqueKey"], "url": each["url"]} for each in batch[taken:]],
    }


def sent(flow: Fed) -> list[dict[str, Any]]:
    """Return the requests of the batch that was sent last."""
    batch: list[dict[str, Any]] = json.loads(flow.request.body or b"")
    return batch


def test_requests_go_in_batches_of_25() -> None:
    flow = Fed(add_requests("q", urls(60), RETRY))
    sizes = [len(sent(flow))]
    for _ in range(2):
        flow.answer(ok(answer(sent(flow), taken=25)))
        sizes.append(len(sent(flow)))
    results = flow.finish(ok(answer(sent(flow), taken=25)))
    assert sizes == [25, 25, 10]
    assert [each["requestId"] for each in results] == [each["url"] for each in urls(60)]


@pytest.mark.parametrize(
    "strange", [{}, {"processedRequests": []}, {"processedRequests": [], "unprocessedRequests": []}, {"id": "q"}]
)
def test_an_answer_that_does_not_tell_of_every_request_is_a_lost_one(strange: dict[str, Any]) -> None:
    flow = Fed(add_requests("q", urls(2), RETRY))
    flow.answer(ok(strange))
    assert len(sent(flow)) == 2
    flow.answer(ok(strange))
    with pytest.raises(ApifyConnectionError, match="not Apify's JSON"):
        flow.answer(ok(strange))


def test_a_request_that_is_there_twice_in_a_batch_is_told_of_once_or_twice() -> None:
    requests = urls(1) * 2
    for times in (1, 2):
        flow = Fed(add_requests("q", requests, RETRY))
        assert len(flow.finish(ok(answer(sent(flow)[:times], taken=times)))) == 2


def test_what_apify_gives_back_is_sent_again_whole_after_a_pause() -> None:
    requests = [{"url": "https://example.com/", "uniqueKey": str(number), "userData": {"a": 1}} for number in range(3)]
    flow = Fed(add_requests("q", requests, RETRY))
    again = flow.answer(ok(answer(sent(flow), taken=1)))
    assert (sent(flow), again.delay > 0) == (requests[1:], True)
    assert len(flow.finish(ok(answer(sent(flow), taken=2)))) == 3


def test_what_apify_keeps_giving_back_is_an_error() -> None:
    flow = Fed(add_requests("q", urls(3), RETRY))
    flow.answer(ok(answer(sent(flow), taken=1)))
    flow.answer(ok(answer(sent(flow), taken=0)))
    with pytest.raises(ApifyConnectionError, match="keeps giving back 2 of the requests"):
        flow.answer(ok(answer(sent(flow), taken=0)))


def test_nothing_to_add_is_nothing_sent() -> None:
    with pytest.raises(StopIteration):
        next(add_requests("q", [], RETRY))


@pytest.mark.parametrize(
    ("request_", "key"),
    [
        ({"url": "https://example.com/"}, "https://example.com/"),
        ({"url": "https://example.com/", "uniqueKey": "mine"}, "mine"),
        ({"url": "https://example.com/", "method": "POST", "payload": "a"}, "POST(ca978112):https://example.com/"),
        ({"url": "https://example.com/", "method": "POST"}, "POST(e3b0c442):https://example.com/"),
    ],
)
def test_a_request_is_told_from_others_by_its_url_and_what_it_sends_there(request_: dict[str, Any], key: str) -> None:
    assert with_unique_key(request_)["uniqueKey"] == key


def test_a_method_is_in_capitals_as_apify_has_it() -> None:
    small, capital = ({"url": "https://example.com/", "method": method} for method in ("post", "POST"))
    assert with_unique_key(small) == with_unique_key(capital)
    assert with_unique_key({"url": "u", "method": "get"}) == {"url": "u", "method": "GET", "uniqueKey": "u"}


def test_a_payload_that_is_an_object_is_sent_as_the_text_that_it_is() -> None:
    found = with_unique_key({"url": "u", "method": "POST", "payload": {"b": 1, "a": [2]}})
    assert found["payload"] == '{"a": [2], "b": 1}'
    assert found == with_unique_key({"url": "u", "method": "POST", "payload": found["payload"]})


@pytest.mark.parametrize("payload", [b"bytes", 1, True])
def test_a_payload_that_is_no_text_is_refused_before_anything_is_sent(payload: Any) -> None:
    with pytest.raises(ValueError, match="The payload of a request is text"):
        next(add_requests("q", [*urls(30), {"url": "u", "payload": payload}], RETRY))


def test_no_batch_is_larger_than_apify_takes() -> None:
    large = [{"url": f"https://example.com/{number}", "userData": {"a": "x" * 500_000}} for number in range(25)]
    flow = Fed(add_requests("q", large, RETRY))
    bodies = [flow.request.body or b""]
    again = flow.answer(ok(answer(sent(flow), taken=18)))
    bodies.append(again.body or b"")
    assert max(map(len, bodies)) <= MAX_REQUESTS_BYTES
    assert [len(json.loads(body)) for body in bodies] == [18, 7]
    assert len(flow.finish(ok(answer(sent(flow), taken=7)))) == 25


def test_a_request_that_just_fits_fits_and_a_larger_one_is_named_before_anything_is_sent() -> None:
    overhead = len(b'[{"url": "", "uniqueKey": "u"}]')
    fits = {"url": "u" * (MAX_REQUESTS_BYTES - overhead), "uniqueKey": "u"}
    assert len(Fed(add_requests("q", [fits], RETRY)).request.body or b"") == MAX_REQUESTS_BYTES
    with pytest.raises(ValueError, match=r"Request 1 is 9,437,183 bytes of JSON; Apify takes 9,437,182 at most"):
        next(add_requests("q", [urls(1)[0], {**fits, "url": fits["url"] + "u"}], RETRY))


def test_payloads_that_are_objects_tell_requests_apart() -> None:
    keys = {with_unique_key({"url": "u", "method": "POST", "payload": {"a": number}})["uniqueKey"] for number in (1, 2)}
    assert len(keys) == 2


def test_a_request_without_a_url_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ValueError, match="needs a 'url', and has only method"):
        next(add_requests("q", [*urls(30), {"method": "GET"}], RETRY))


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text(), max_size=3)))
def test_items_arrive_as_they_are(items: list[dict[str, Any]]) -> None:
    bodies = list(bodies_of(items))
    assert [item for _, body in bodies for item in json.loads(body)] == items
    assert sum(count for count, _ in bodies) == len(items)


def test_no_body_is_larger_than_apify_takes() -> None:
    items = [{"text": "x" * 1_000_000} for _ in range(12)]
    bodies = list(bodies_of(items))
    assert [count for count, _ in bodies] == [4, 4, 4]
    assert max(len(body) for _, body in bodies) <= MAX_ITEMS_BYTES


def test_an_item_that_just_fits_fits() -> None:
    overhead = len(b'[{"text": ""}]')
    ((count, body),) = bodies_of([{"text": "x" * (MAX_ITEMS_BYTES - overhead)}])
    assert (count, len(body)) == (1, MAX_ITEMS_BYTES)
    with pytest.raises(ValueError, match=r"Item 0 is 4,999,999 bytes"):
        list(bodies_of([{"text": "x" * (MAX_ITEMS_BYTES - overhead + 1)}]))


@pytest.mark.parametrize("item", [1, [], None, {"a": {1}}, {"a": float("nan")}])
def test_what_is_no_json_object_is_no_item(item: Any) -> None:
    with pytest.raises(ValueError, match="Item 1 "):
        list(bodies_of([{}, item]))


def _large() -> Iterator[dict[str, Any]]:
    yield from ({"text": "x" * 3_000_000} for _ in range(3))


def test_items_whose_answer_is_lost_are_not_stored_again() -> None:
    flow = Fed(push_items("d", _large(), RETRY))
    flow.answer(STORED)
    with pytest.raises(ApifyConnectionError, match=r"may be stored or not.*1 were stored before") as caught:
        flow.answer(LOST)
    assert len(flow.requests) == 2
    assert "xxx" not in str(caught.value)


def test_items_that_apify_refuses_for_the_moment_are_sent_again() -> None:
    flow = Fed(push_items("d", [{"a": 1}], RETRY))
    assert flow.answer(failed(429)).body == b'[{"a": 1}]'
    assert flow.finish(STORED) == 1
    flow = Fed(push_items("d", [{"a": 1}], RETRY))
    with pytest.raises(ApifyServerError):
        flow.answer(failed(500))
