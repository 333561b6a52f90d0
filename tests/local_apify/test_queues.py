"""What is queued in request queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from local_apify import LocalApify
    from tests.local_apify.client import Client

QUEUE = "/v2/request-queues/pages"


@pytest.fixture
def pages(client: Client) -> Client:
    client.data("POST", "/v2/request-queues", params={"name": "pages"})
    return client


def page(name: str, **more: Any) -> dict[str, Any]:
    return {"url": f"https://example.com/{name}", "uniqueKey": name, **more}


def names(requests: list[dict[str, Any]]) -> list[str]:
    return [request["uniqueKey"] for request in requests]


def head(client: Client, **params: Any) -> list[str]:
    return names(client.data("GET", f"{QUEUE}/head", params=params)["items"])


def add(client: Client, *requests: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
    result = client.data("POST", f"{QUEUE}/requests/batch", json=list(requests), params=params)
    added: list[dict[str, Any]] = result["processedRequests"]
    return added


def test_requests_wait_in_their_order_and_each_only_once(pages: Client) -> None:
    add(pages, page("b"), page("a"))
    add(pages, page("b", method="POST"), page("c"), forefront=1)
    assert head(pages) == ["c", "b", "a"]
    assert head(pages, limit=1) == ["c"]
    assert pages.data("GET", f"{QUEUE}/requests/{add(pages, page('b'))[0]['requestId']}")["method"] == "GET"


def test_a_handled_request_is_not_worked_on_again(pages: Client) -> None:
    first = pages.data("POST", f"{QUEUE}/requests", json=page("a"))["requestId"]
    done = page("a", handledAt="2026-11-08T12:00:00.000Z")
    assert pages.data("PUT", f"{QUEUE}/requests/{first}", json=done)["wasAlreadyPresent"]
    assert head(pages) == []
    assert add(pages, page("a"))[0]["wasAlreadyHandled"]
    counts = pages.data("GET", QUEUE)
    assert (counts["totalRequestCount"], counts["handledRequestCount"], counts["pendingRequestCount"]) == (1, 1, 0)


def test_a_locked_request_is_left_to_who_locked_it(pages: Client) -> None:
    add(pages, page("a"), page("b"))
    mine = {"clientKey": "me", "lockSecs": 60, "limit": 1}
    assert names(pages.data("POST", f"{QUEUE}/head/lock", params=mine)["items"]) == ["a"]
    assert head(pages, clientKey="you") == ["b"]
    assert pages.data("GET", QUEUE)["hadMultipleClients"]
    assert names(pages.data("GET", f"{QUEUE}/requests", params={"filter": "locked"})["items"]) == ["a"]
    assert pages.data("POST", f"{QUEUE}/requests/unlock", params={"clientKey": "you"})["unlockedCount"] == 0
    assert pages.data("POST", f"{QUEUE}/requests/unlock", params={"clientKey": "me"})["unlockedCount"] == 1
    assert head(pages) == ["a", "b"]


def test_who_says_no_client_key_is_a_new_client_with_every_request(pages: Client) -> None:
    assert [pages.data("GET", f"{QUEUE}/head")["hadMultipleClients"] for _ in range(2)] == [False, True]


def test_a_client_key_that_is_too_long_is_refused(pages: Client) -> None:
    assert pages.send("GET", f"{QUEUE}/head", params={"clientKey": "k" * 32}).ok
    assert pages.error("GET", f"{QUEUE}/head", params={"clientKey": "k" * 33}) == (400, "invalid-client-key")


def test_a_lock_is_prolonged_only_by_who_has_it(pages: Client) -> None:
    (added,) = add(pages, page("a"))
    lock = f"{QUEUE}/requests/{added['requestId']}/lock"
    mine, yours = ({"clientKey": key, "lockSecs": 60} for key in ("me", "you"))
    assert pages.error("PUT", lock, params=mine) == (403, "request-handled-or-locked")
    pages.data("POST", f"{QUEUE}/head/lock", params=mine)
    assert pages.data("PUT", lock, params=mine)["lockExpiresAt"]
    for params in (yours, {"lockSecs": 60}):
        assert pages.error("PUT", lock, params=params) == (403, "request-handled-or-locked")


def test_requests_are_listed_in_pages(pages: Client) -> None:
    add(pages, *(page(str(number)) for number in range(5)))
    found: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(3):
        answer = pages.data("GET", f"{QUEUE}/requests", params={"limit": 2, **cursor})
        found += names(answer["items"])
        cursor = {"cursor": answer.get("nextCursor")}
    assert sorted(found) == ["0", "1", "2", "3", "4"]
    assert cursor == {"cursor": None}


def test_requests_can_be_deleted(pages: Client) -> None:
    first, *_ = add(pages, page("a"), page("b"), page("c"))
    assert pages.send("DELETE", f"{QUEUE}/requests/{first['requestId']}").status_code == 204
    gone = [{"uniqueKey": "b"}, {"uniqueKey": "nothing"}]
    result = pages.data("DELETE", f"{QUEUE}/requests/batch", json=gone)
    assert (len(result["processedRequests"]), len(result["unprocessedRequests"])) == (1, 1)
    assert head(pages) == ["c"]


@pytest.mark.parametrize(
    "batch",
    [[], [page(str(number)) for number in range(26)], {}, [1], [{"url": "u"}], [page("a", colour="red")]],
)
def test_a_batch_that_is_none_is_refused(pages: Client, batch: Any) -> None:
    assert pages.error("POST", f"{QUEUE}/requests/batch", json=batch) == (400, "invalid-input")


def test_a_batch_with_a_wrong_request_adds_none(pages: Client) -> None:
    assert pages.error("POST", f"{QUEUE}/requests/batch", json=[page("a"), {"url": "u"}]) == (400, "invalid-input")
    assert head(pages) == []


@pytest.mark.parametrize(
    "field",
    [
        {"method": "FETCH"},
        {"retryCount": "many"},
        {"retryCount": True},
        {"handledAt": "yesterday"},
        {"handledAt": 5},
        {"headers": []},
        {"userData": "x"},
        {"noRetry": 1},
    ],
)
def test_a_request_with_a_value_that_no_request_has_is_refused(pages: Client, field: dict[str, Any]) -> None:
    assert pages.error("POST", f"{QUEUE}/requests", json=page("a", **field)) == (400, "invalid-input")


def test_requests_are_filtered_by_states_that_exist(pages: Client) -> None:
    assert pages.error("GET", f"{QUEUE}/requests", params={"filter": "banana"}) == (400, "invalid-parameter")


def test_a_queue_under_load_gives_requests_back(pages: Client, local_apify: LocalApify) -> None:
    local_apify.control.settings(queue_requests_per_batch=1)
    batch = [page("a"), page("b", userData={"x": 1})]
    result = pages.data("POST", f"{QUEUE}/requests/batch", json=batch)
    assert (names(result["processedRequests"]), result["unprocessedRequests"]) == (["a"], [page("b")])


def test_the_queue_of_a_run_is_reached_through_the_run(client: Client) -> None:
    run = client.finish()
    client.data("POST", f"/v2/actor-runs/{run['id']}/request-queue/requests", json=page("a"))
    queue = client.data("GET", f"/v2/request-queues/{run['defaultRequestQueueId']}/head")
    assert names(queue["items"]) == ["a"]
