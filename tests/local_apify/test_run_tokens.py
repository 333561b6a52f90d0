"""What an Actor may do with the token of its run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local_apify import ActorContext, LocalApify, actor
from tests.local_apify.client import SCENARIO, Client, until

REFUSED = (403, "insufficient-permissions")
NOT_APPROVED = (403, "full-permission-actor-not-approved")
FULL = {"forcePermissionLevel": "FULL_PERMISSIONS"}


async def _tell_the_token(context: ActorContext) -> None:
    await context.set_value("TOKEN", context.token)
    await context.sleep(60)


limited = actor("local/limited")(_tell_the_token)
full = actor("local/full", needs_full_permission=True)(_tell_the_token)
_PICKER: dict[str, Any] = {"type": "string", "description": "A storage.", "editor": "resourcePicker"}
_READ: dict[str, Any] = {"resourcePermissions": ["READ"]}
_WRITE: dict[str, Any] = {"resourcePermissions": ["READ", "WRITE"]}
given = actor(
    "local/given",
    input_schema={
        "title": "Given",
        "type": "object",
        "schemaVersion": 1,
        "properties": {
            "source": {"title": "Source", **_PICKER, "resourceType": "dataset", **_READ},
            "target": {"title": "Target", **_PICKER, "resourceType": "dataset", **_WRITE},
            "stores": {"title": "Stores", **_PICKER, "type": "array", "resourceType": "keyValueStore", **_READ},
            "queue": {"title": "Queue", **_PICKER, "resourceType": "requestQueue", **_WRITE},
            "name": {"title": "Name", **_PICKER, "resourceType": "dataset"},
        },
    },
)(_tell_the_token)
stranger = actor("tests/needs-all", needs_full_permission=True)(_tell_the_token)


@pytest.fixture
def client() -> Iterator[Client]:
    with LocalApify(actors=[limited, full, given, stranger]) as apify:
        client = Client(apify)
        with client.session:
            yield client


def started(
    client: Client, name: str = "local~limited", run_input: dict[str, Any] | None = None, **params: str
) -> tuple[dict[str, Any], str]:
    """Start an Actor, and return its run and the run's token."""
    run = client.data("POST", f"/v2/actors/{name}/runs", params=params, json=run_input)
    path = f"/v2/key-value-stores/{run['defaultKeyValueStoreId']}/records/TOKEN"
    until(lambda: client.send("GET", path).ok)
    return run, client.send("GET", path).json()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v2/users/me/limits"),
        ("GET", "/v2/users/me"),
        ("GET", "/v2/schedules"),
        ("POST", "/v2/schedules"),
        ("GET", "/v2/webhooks"),
        ("DELETE", "/v2/actor-tasks/daily-crawl"),
        ("POST", "/v2/actor-tasks/daily-crawl/runs"),
        ("PUT", "/v2/actors/local~limited"),
        ("GET", "/v2/actor-builds"),
    ],
)
def test_a_run_with_limited_permissions_has_no_access_to_the_account(client: Client, method: str, path: str) -> None:
    _, token = started(client)
    assert client.error(method, path, token=token, json={}) == REFUSED


def test_a_run_with_limited_permissions_can_change_itself_and_no_other_run(client: Client) -> None:
    run, token = started(client)
    another = client.start({"durationSecs": 60})
    assert client.error("POST", f"/v2/actor-runs/{another['id']}/abort", token=token) == REFUSED
    assert client.error("GET", f"/v2/actor-runs/{another['id']}", token=token) == REFUSED
    said = client.data("PUT", f"/v2/actor-runs/{run['id']}", token=token, json={"statusMessage": "Hello"})
    assert said["statusMessage"] == "Hello"
    assert client.data("POST", f"/v2/actor-runs/{run['id']}/abort", token=token)["status"] == "ABORTING"


def test_a_run_with_limited_permissions_is_listed_only_what_is_its_own(client: Client) -> None:
    run, token = started(client)
    client.start({"durationSecs": 60})
    client.data("POST", "/v2/datasets", params={"name": "users-own"})
    own = client.data("POST", "/v2/datasets", params={"name": "runs-own"}, token=token)
    assert [each["id"] for each in client.data("GET", "/v2/actor-runs", token=token)["items"]] == [run["id"]]
    assert [each["id"] for each in client.data("GET", "/v2/datasets", token=token)["items"]] == [own["id"]]


def test_a_run_with_limited_permissions_can_run_another_actor_and_read_its_results(client: Client) -> None:
    _, token = started(client)
    child = client.data("POST", SCENARIO, token=token, json={"items": 2}, params={"waitForFinish": 60})
    assert client.data("GET", f"/v2/actor-runs/{child['id']}", token=token)["status"] == "SUCCEEDED"
    items = f"/v2/datasets/{child['defaultDatasetId']}/items"
    assert len(client.send("GET", items, token=token).json()) == 2
    assert client.error("POST", items, token=token, json={}) == REFUSED
    assert client.error("POST", "/v2/actors/apify~scenario/runs/last/abort", token=token) == REFUSED
    assert "itemsPublicUrl" not in client.data("GET", f"/v2/datasets/{child['defaultDatasetId']}", token=token)


def test_a_run_with_limited_permissions_cannot_get_more_of_them(client: Client) -> None:
    run, token = started(client)
    assert client.error("POST", SCENARIO, token=token, params=FULL) == REFUSED
    assert client.error("POST", "/v2/actors/local~full/runs", token=token) == REFUSED
    turn = {"targetActorId": "local~full"}
    assert client.error("POST", f"/v2/actor-runs/{run['id']}/metamorph", token=token, params=turn) == REFUSED


def test_one_s_own_actor_has_the_permissions_it_needs_without_being_asked(client: Client) -> None:
    _, token = started(client, "local~full")
    assert client.data("GET", "/v2/users/me", token=token)["username"] == "local"


def test_a_run_can_be_forced_to_do_with_limited_permissions(client: Client) -> None:
    _, token = started(client, "local~full", forcePermissionLevel="LIMITED_PERMISSIONS")
    assert client.error("GET", "/v2/users/me", token=token) == REFUSED


def test_full_permissions_of_somebody_else_s_actor_need_approval_however_it_is_started(client: Client) -> None:
    stranger = client.data("GET", "/v2/actors/tests~needs-all")["id"]
    assert client.error("POST", f"/v2/actors/{stranger}/runs") == NOT_APPROVED
    run, _ = started(client, "local~full")
    turn = {"targetActorId": stranger}
    assert client.error("POST", f"/v2/actor-runs/{run['id']}/metamorph", params=turn) == NOT_APPROVED
    schedule = {"cronExpression": "@daily", "actions": [{"type": "RUN_ACTOR", "actorId": stranger}]}
    identifier = client.data("POST", "/v2/schedules", json=schedule)["id"]
    client.apify.control.fire_schedule(identifier)
    assert "full permissions" in str(client.data("GET", f"/v2/schedules/{identifier}/log"))


def test_the_run_of_a_run_has_the_origin_actor(client: Client) -> None:
    _, token = started(client)
    assert client.data("POST", SCENARIO, token=token)["meta"]["origin"] == "ACTOR"


def test_a_run_keeps_its_locks_whatever_client_key_it_says(client: Client) -> None:
    run, token = started(client)
    queue = f"/v2/request-queues/{run['defaultRequestQueueId']}"
    added = client.data("POST", f"{queue}/requests", token=token, json={"url": "https://e.com", "uniqueKey": "a"})
    client.data("POST", f"{queue}/head/lock", token=token, params={"lockSecs": 60, "clientKey": "before"})
    lock = f"{queue}/requests/{added['requestId']}/lock"
    assert client.data("PUT", lock, token=token, params={"lockSecs": 60, "clientKey": "after"})["lockExpiresAt"]
    assert client.data("POST", f"{queue}/requests/unlock", token=token)["unlockedCount"] == 1


def created(client: Client, collection: str, name: str) -> str:
    identifier: str = client.data("POST", f"/v2/{collection}", params={"name": name})["id"]
    return identifier


def test_an_input_opens_the_storages_that_it_names_for_what_its_schema_says(client: Client) -> None:
    source, target = created(client, "datasets", "source"), created(client, "datasets", "target")
    store, queue = created(client, "key-value-stores", "store"), created(client, "request-queues", "queue")
    run_input = {"source": source, "target": "target", "stores": ["local~store", "missing"], "queue": queue}
    _, token = started(client, "local~given", run_input)

    assert client.send("GET", f"/v2/datasets/{source}/items", token=token).json() == []
    assert client.error("POST", f"/v2/datasets/{source}/items", token=token, json={}) == REFUSED
    assert client.error("DELETE", f"/v2/datasets/{source}", token=token) == REFUSED
    assert client.send("POST", "/v2/datasets/target/items", token=token, json={"a": 1}).ok
    assert client.send("GET", f"/v2/datasets/{target}/items", token=token).json() == [{"a": 1}]
    assert client.data("GET", f"/v2/key-value-stores/{store}/keys", token=token)["items"] == []
    assert client.error("PUT", f"/v2/key-value-stores/{store}/records/A", token=token, json=1) == REFUSED
    request = {"url": "http://a", "uniqueKey": "a"}
    assert client.send("POST", f"/v2/request-queues/{queue}/requests", token=token, json=request).ok


def test_an_input_opens_nothing_that_its_schema_asks_no_permission_for(client: Client) -> None:
    dataset = created(client, "datasets", "private")
    store = created(client, "key-value-stores", "of-another-kind")
    _, token = started(client, "local~given", {"name": dataset, "source": store})
    assert client.error("GET", f"/v2/datasets/{dataset}/items", token=token) == REFUSED
    assert client.error("GET", f"/v2/key-value-stores/{store}/keys", token=token) == REFUSED


def test_an_input_opens_nothing_of_other_users(client: Client) -> None:
    theirs = client.data("POST", "/v2/datasets", token=client.apify.other_token)["id"]
    _, token = started(client, "local~given", {"target": theirs})
    assert client.error("GET", f"/v2/datasets/{theirs}/items", token=token) == REFUSED
