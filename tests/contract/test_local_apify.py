from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from local_apify import Exchange, LocalApify
from local_apify.api.application import ENDPOINTS
from tests.contract.openapi import Contract, contract
from tests.contract.served_page import NOTES, PAGE, page
from tests.contract.using_actors import use_account, use_actors, use_schedules, use_tools
from tests.local_apify.client import WAIT, Client

ACTOR = "/v2/actors/apify~scenario"
TASK = "/v2/actor-tasks/local~daily-crawl"
HELLO = "apify/hello-world"
UNKNOWN = {
    "actorId": "nobody~nothing",
    "actorTaskId": "local~nothing",
    "runId": "nothing",
    "datasetId": "nothing",
    "storeId": "nothing",
    "queueId": "nothing",
    "webhookId": "nothing",
    "dispatchId": "nothing",
    "buildId": "nothing",
    "buildOrRunId": "nothing",
    "userId": "nobody",
    "recordKey": "NOTHING",
    "requestId": "nothing",
    "versionNumber": "9.9",
    "envVarName": "NOTHING",
    "scheduleId": "nothing",
}
SERVED = {f"{endpoint.method} {endpoint.template}" for endpoint in ENDPOINTS}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with LocalApify() as apify:
        client = Client(apify)
        with client.session:
            yield client


@pytest.fixture(scope="module")
def exchanges(client: Client) -> list[Exchange]:
    """Return one exchange at least for every operation that is served, good and bad."""
    recorded: list[Exchange] = []
    client.apify.on_exchange = recorded.append
    _use_everything(client)
    _ask_for_nothing(client)
    return recorded


def _use_everything(client: Client) -> None:
    _use_runs(client)
    _use_groups(client)
    _use_storages(client)
    _use_catalog(client)
    _use_webhooks(client)
    for use in (use_actors, use_schedules, use_account, use_tools):
        use(client)


def _plan(**more: Any) -> dict[str, Any]:
    return {"items": 3, "records": {"OUTPUT": {"a": 1}}, "logLines": 2, **more}


def _use_runs(client: Client) -> None:
    hook = {"eventTypes": ["ACTOR.RUN.SUCCEEDED"], "requestUrl": f"{client.apify.base_url}/shop/"}
    options = {
        "timeout": 60,
        "memory": 512,
        "maxItems": 5,
        "maxTotalChargeUsd": 0.5,
        "restartOnError": "true",
        "build": "latest",
        "forcePermissionLevel": "LIMITED_PERMISSIONS",
        "webhooks": base64.b64encode(json.dumps([hook]).encode()).decode(),
        **WAIT,
    }
    run = client.data("POST", f"{ACTOR}/runs", json=_plan(chargedEvents={"item": 3}), params=options)
    path = f"/v2/actor-runs/{run['id']}"
    client.data("GET", path)
    client.data("PUT", path, json={"generalAccess": "ANYONE_WITH_ID_CAN_READ"})
    client.data("GET", path, token=None)
    client.data("GET", f"{ACTOR}/runs/{run['id']}")
    client.send("GET", f"/v2/logs/{run['id']}", params={"raw": 1})
    client.data("PUT", path, json={"runId": run["id"], "statusMessage": "Done", "isStatusMessageTerminal": True})
    client.data("POST", f"{path}/resurrect", params={"timeout": 90})
    client.wait(run["id"])
    client.data("POST", f"{ACTOR}/runs/{run['id']}/resurrect")
    client.wait(run["id"])
    for start in ("/v2/actors/apify~hello-world", f"/v2/actor-tasks/{client.apify.add_task('greets', HELLO)}"):
        client.data("GET", f"{start}/runs", params={"desc": 1, "status": "SUCCEEDED,FAILED", "limit": 5})
        for sync in ("run-sync", "run-sync-get-dataset-items"):
            client.send("POST", f"{start}/{sync}", json={"message": "hi"})
            client.send("GET", f"{start}/{sync}", params={"timeout": 60})
    client.data("POST", f"{TASK}/runs", params=WAIT)
    client.data("GET", "/v2/actor-runs", params={"startedAfter": "2020-01-01T00:00:00.000Z"})
    going = client.start(_plan(durationSecs=60))
    client.until_running(going["id"])
    client.send("POST", f"/v2/actor-runs/{going['id']}/charge", json={"eventName": "item", "count": 1})
    client.data(
        "POST",
        f"{ACTOR}/runs/{going['id']}/metamorph",
        params={"targetActorId": "apify~scenario"},
        json=_plan(durationSecs=60),
    )
    client.data("POST", f"{ACTOR}/runs/{going['id']}/abort")
    client.send("DELETE", f"/v2/actor-runs/{client.wait(going['id'])['id']}")


def _use_groups(client: Client) -> None:
    """Use what is below a run: named by its id, and as the last one of an Actor and of a task."""
    plan = _plan(durationSecs=60)
    task = client.apify.add_task("waits", "apify/scenario", plan)
    for start, group in ((ACTOR, None), (ACTOR, f"{ACTOR}/runs/last"), (task, f"/v2/actor-tasks/{task}/runs/last")):
        target = f"/v2/actor-tasks/{start}" if start == task else start
        run = client.data("POST", f"{target}/runs", json=plan)
        _use_group(client, group or f"/v2/actor-runs/{run['id']}", run["id"], plan)


def _use_group(client: Client, group: str, run_id: str, plan: dict[str, Any]) -> None:
    client.until_running(run_id)
    client.data("POST", f"{group}/reboot")
    client.data("POST", f"{group}/metamorph", params={"targetActorId": "apify~scenario", "build": "latest"}, json=plan)
    client.data("POST", f"{group}/abort", params={"gracefully": "true"})
    client.wait(run_id)
    client.data("GET", group)
    client.send("GET", f"{group}/log")
    client.send("POST", f"{group}/dataset/items", json=[{"a": 1}])
    client.send("GET", f"{group}/dataset/items", params={"clean": 1, "fields": "a,b"})
    client.data("GET", f"{group}/dataset/statistics")
    client.send("PUT", f"{group}/key-value-store/records/NOTE", data=b"x", headers={"Content-Type": "text/plain"})
    client.send("POST", f"{group}/key-value-store/records/NOTE", json={"a": 1})
    client.send("GET", f"{group}/key-value-store/records/NOTE")
    client.data("GET", f"{group}/key-value-store/keys", params={"limit": 1})
    client.send("GET", f"{group}/key-value-store/records")
    client.send("DELETE", f"{group}/key-value-store/records/NOTE")
    _use_queue(client, f"{group}/request-queue")
    for storage in ("dataset", "key-value-store", "request-queue"):
        client.data("GET", f"{group}/{storage}")
        client.data("PUT", f"{group}/{storage}", json={"name": f"kept-{run_id}", "generalAccess": "RESTRICTED"})
        client.send("DELETE", f"{group}/{storage}")


def _use_storages(client: Client) -> None:
    for collection in ("datasets", "key-value-stores", "request-queues"):
        storage = client.data("POST", f"/v2/{collection}", params={"name": "mine"})
        client.data("POST", f"/v2/{collection}", params={"name": "mine"})
        client.data("GET", f"/v2/{collection}", params={"unnamed": 1, "desc": 1})
        client.data("GET", f"/v2/{collection}/local~mine")
        client.data("PUT", f"/v2/{collection}/{storage['id']}", json={"name": "still-mine"})
    _use_items(client)
    store = "/v2/key-value-stores/still-mine"
    client.send("PUT", f"{store}/records/A", json={"a": 1})
    client.send("POST", f"{store}/records/B", data=b"x", headers={"Content-Type": "text/plain"})
    client.send("GET", f"{store}/records/A", params={"attachment": 1})
    client.send("GET", f"{store}/records", params={"prefix": "A"})
    client.send("HEAD", f"{store}/records/A")
    client.data("GET", f"{store}/keys", params={"prefix": "A", "exclusiveStartKey": "0"})
    client.send("DELETE", f"{store}/records/A")
    _use_queue(client, "/v2/request-queues/still-mine")
    for collection in ("datasets", "key-value-stores", "request-queues"):
        client.send("DELETE", f"/v2/{collection}/still-mine")


def _use_queue(client: Client, queue: str) -> None:
    mine = {"clientKey": "me"}
    pages = [{"url": f"https://example.com/{number}", "uniqueKey": str(number)} for number in range(3)]
    first = client.data("POST", f"{queue}/requests", json={**pages[0], "userData": {"a": 1}}, params=mine)["requestId"]
    client.data("POST", f"{queue}/requests/batch", json=pages, params={"forefront": "true"})
    client.data("GET", f"{queue}/requests", params={"limit": 2, "filter": "pending,locked"})
    cursor = client.data("GET", f"{queue}/requests", params={"limit": 2})["nextCursor"]
    client.data("GET", f"{queue}/requests", params={"cursor": cursor})
    client.data("GET", f"{queue}/requests/{first}")
    client.data("GET", f"{queue}/head", params={"limit": 2})
    client.data("POST", f"{queue}/head/lock", params={"lockSecs": 60, "limit": 3, **mine})
    client.data("PUT", f"{queue}/requests/{first}/lock", params={"lockSecs": 60, **mine})
    client.send("DELETE", f"{queue}/requests/{first}/lock", params=mine)
    client.data("POST", f"{queue}/requests/unlock", params=mine)
    client.data("PUT", f"{queue}/requests/{first}", json={**pages[0], "handledAt": "2026-11-08T12:00:00.000Z"})
    client.send("DELETE", f"{queue}/requests/{first}")
    client.data("DELETE", f"{queue}/requests/batch", json=[{"uniqueKey": "1"}, {"id": "nothing"}])


def _use_items(client: Client) -> None:
    items = "/v2/datasets/still-mine/items"
    client.send("POST", items, json=[{"a": 1, "b": {"c": [1, 2]}}, {"#hidden": True}, {}])
    client.send("POST", items, json={"a": 2})
    for name in ("json", "jsonl", "csv", "xml", "html", "rss", "xlsx"):
        client.send("GET", items, params={"format": name, "offset": 1, "limit": 2, "desc": 1, "skipEmpty": 1, "bom": 0})
    client.send("GET", items, params={"view": "nowhere"})
    client.send("HEAD", items)
    client.data("GET", "/v2/datasets/still-mine/statistics")


def _use_catalog(client: Client) -> None:
    for path in (
        "/v2/users/me",
        "/v2/users/me/limits",
        "/v2/users/local",
        "/v2/store?search=hello",
        "/v2/store?category=AI&pricingModel=FREE&sortBy=newest&allowsAgenticUsers=0&responseFormat=agent",
        "/v2/actors?my=0",
        ACTOR,
    ):
        client.data("GET", path)
    client.send("POST", "/v2/actors/apify~website-content-crawler/validate-input", json={"startUrls": []})
    build = client.data("GET", f"{ACTOR}/builds/default")
    client.data("GET", f"{ACTOR}/builds/{build['id']}")
    client.data("GET", f"/v2/actor-builds/{build['id']}")
    body = {"actId": "apify~hello-world", "name": "mine", "options": {"memoryMbytes": 256}, "input": {"message": "hi"}}
    task = f"/v2/actor-tasks/{client.data('POST', '/v2/actor-tasks', json=body)['id']}"
    client.data("GET", "/v2/actor-tasks")
    client.data("GET", task)
    client.data("PUT", task, json={"title": "Mine"})
    client.send("PUT", f"{task}/input", json={"message": "ho"})
    client.send("GET", f"{task}/input")
    client.send("DELETE", task)


def _use_webhooks(client: Client) -> None:
    body = {
        "eventTypes": ["ACTOR.RUN.SUCCEEDED"],
        "condition": {"actorId": client.data("GET", ACTOR)["id"]},
        "requestUrl": f"{client.apify.base_url}/shop/",
        "doNotRetry": True,
    }
    webhook = f"/v2/webhooks/{client.data('POST', '/v2/webhooks', json=body)['id']}"
    client.data("GET", webhook)
    client.data("PUT", webhook, json={"description": "tells"})
    dispatch = client.data("POST", f"{webhook}/test")
    client.finish()
    client.data("GET", f"/v2/webhook-dispatches/{dispatch['id']}")
    for path in (
        "/v2/webhooks",
        f"{webhook}/dispatches",
        "/v2/webhook-dispatches",
        f"{ACTOR}/webhooks",
        f"{TASK}/webhooks",
    ):
        client.data("GET", path)
    client.send("DELETE", webhook)


def _ask_for_nothing(client: Client) -> None:
    """Send each operation without a token, and with names of things that do not exist."""
    for endpoint in ENDPOINTS:
        path = endpoint.template.format(**UNKNOWN)
        body: dict[str, Any] = {"json": {}} if endpoint.method in {"POST", "PUT"} else {}
        if not endpoint.is_public:
            client.send(endpoint.method, path, token=None, **body)
            client.send(endpoint.method, path, token="wrong", **body)
        if "{" in endpoint.template:
            client.send(endpoint.method, path, **body)


def test_everything_the_local_apify_serves_is_in_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert contract().operations >= SERVED
    with capsys.disabled():
        sys.stdout.write(f"\nThe local Apify serves {len(SERVED)} of {len(contract().operations)} operations.\n")


def test_each_operation_was_answered_well_and_with_an_error(exchanges: list[Exchange]) -> None:
    good = {f"{each.method} {each.template}" for each in exchanges if each.status < 400}
    bad = {f"{each.method} {each.template}" for each in exchanges if each.status >= 400}
    everybody_gets = {each for each in SERVED if each.endswith((" /v2/store", " /v2/browser-info"))}
    assert SERVED - good == set()
    assert SERVED - bad == everybody_gets


def test_each_answer_is_as_the_document_says(exchanges: list[Exchange]) -> None:
    agreement = contract()
    problems = {problem for each in exchanges if (problem := _problem(agreement, each))}
    assert not problems, "\n".join(sorted(problems))
    assert agreement.responses.total() >= len(exchanges)


def _problem(agreement: Contract, exchange: Exchange) -> str | None:
    path, headers, body = exchange.path, exchange.response_headers, exchange.response_body
    try:
        agreement.check_response(exchange.method, path, exchange.status, headers, body)
    except AssertionError as error:
        return str(error)
    return None


def test_each_request_that_succeeded_is_as_the_document_says(exchanges: list[Exchange]) -> None:
    for each in exchanges:
        if each.status < 400:
            contract().check_request(each.method, each.path, each.query, each.request_headers, each.request_body)


def test_the_page_of_what_is_served_is_true() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "Run: python -m tests.contract.served_page"
    assert contract().operations >= NOTES.keys()
