"""What somebody else may see and do, with a token of his own, as the official client tells it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from apify_client import ApifyClient
from apify_client.errors import ApifyApiError

from airflow_provider_apify.exceptions import ApifyAuthError, ApifyNotFoundError
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import ActorContext, LocalApify, actor
from tests.local_apify.client import Client
from tests.official.conftest import gathered

VERSION = {
    "sourceType": "SOURCE_FILES",
    "buildTag": "latest",
    "sourceFiles": [{"name": ".actor/actor.json", "format": "TEXT", "content": "{}"}],
}
REFUSED = (
    r"Insufficient permissions for the {}\. Make sure you're passing a correct API token and that it has the required "
    r"permissions\."
)


@pytest.fixture
def other(local_apify: LocalApify) -> ApifyClient:
    address = local_apify.base_url
    return ApifyClient(local_apify.other_token, api_url=address, api_public_url=address)


async def test_items_of_somebody_else_are_refused_unless_a_signature_opens_them(
    official: Any, other: ApifyClient
) -> None:
    theirs = other.datasets().get_or_create(name="theirs")
    other.dataset(theirs.id).push_items([{"a": 1}])
    dataset = official.dataset(theirs.id)
    with pytest.raises(ApifyApiError, match=REFUSED.format("dataset")):
        await dataset.list_items()
    signature = str(theirs.items_public_url).partition("signature=")[2]
    assert (await dataset.list_items(signature=signature)).items == [{"a": 1}]


async def test_an_open_storage_can_be_read_and_not_written(official: Any, other: ApifyClient) -> None:
    theirs = other.key_value_stores().get_or_create(name="theirs")
    other.key_value_store(theirs.id).set_record("A", {"a": 1})
    store = official.key_value_store("other~theirs")
    with pytest.raises(ApifyApiError, match=REFUSED.format("key-value store")):
        await store.get_record("A")
    other.key_value_store(theirs.id).update(general_access="ANYONE_WITH_NAME_CAN_READ")
    assert (await store.get_record("A"))["value"] == {"a": 1}
    assert (await store.get()).url_signing_secret_key is None
    for attempt in (lambda: store.set_record("A", 2), store.delete):
        with pytest.raises(ApifyApiError, match=REFUSED.format("key-value store")):
            await attempt()


async def test_a_storage_that_is_open_by_its_id_is_not_open_by_its_name(official: Any, other: ApifyClient) -> None:
    theirs = other.datasets().get_or_create(name="theirs")
    other.dataset(theirs.id).update(general_access="ANYONE_WITH_ID_CAN_READ")
    assert (await official.dataset(theirs.id).list_items()).items == []
    with pytest.raises(ApifyApiError, match=REFUSED.format("dataset")):
        await official.dataset("other~theirs").list_items()


async def test_who_may_only_read_a_storage_is_shown_nothing_that_opens_it_to_others(
    official: Any, other: ApifyClient
) -> None:
    theirs = other.key_value_stores().get_or_create()
    other.key_value_store(theirs.id).set_record("A", {"a": 1})
    other.key_value_store(theirs.id).update(general_access="ANYONE_WITH_ID_CAN_READ")
    store = official.key_value_store(theirs.id)
    assert "signature" not in str(await store.get()) + str(await store.list_keys())


async def test_a_queue_is_its_owner_s_alone(official: Any, other: ApifyClient) -> None:
    theirs = other.request_queues().get_or_create()
    with pytest.raises(ApifyApiError, match=REFUSED.format("request queue")):
        await official.request_queue(theirs.id).list_head()


async def test_each_user_has_lists_names_and_limits_of_his_own(
    official: Any, other: ApifyClient, local_apify: LocalApify
) -> None:
    mine = await official.datasets().get_or_create(name="same-name")
    theirs = other.datasets().get_or_create(name="same-name")
    assert mine.id != theirs.id
    assert [dataset.id async for dataset in official.datasets().iterate()] == [mine.id]
    local_apify.control.settings(max_concurrent_runs=1)
    await official.actor("apify/scenario").start(run_input={"durationSecs": 60})
    run = other.actor("apify/scenario").start(run_input={})
    assert run.user_id == other.user().get().id  # type: ignore[union-attr]
    assert run.id not in [each.id for each in (await gathered(official.runs().iterate()))]
    assert [each.username for each in local_apify.control.ledger().runs] == ["local", "other"]


async def test_a_run_of_somebody_else_is_seen_without_its_cost_and_not_touched(
    official: Any, other: ApifyClient
) -> None:
    theirs = other.actor("apify/hello-world").call()
    assert theirs is not None
    other.run(theirs.id).update(general_access="ANYONE_WITH_ID_CAN_READ")
    run = await official.run(theirs.id).get()
    assert (run.status, run.usage_total_usd) == ("SUCCEEDED", None)
    with pytest.raises(ApifyApiError, match=REFUSED.format("Actor run")):
        await official.run(theirs.id).resurrect()
    for access in ("RESTRICTED", "FOLLOW_USER_SETTING"):
        other.run(theirs.id).update(general_access=access)
        with pytest.raises(ApifyApiError, match=REFUSED.format("Actor run")):
            await official.run(theirs.id).get()


async def test_a_private_actor_is_unknown_to_others_and_a_public_one_cannot_be_changed(
    official: Any, other: ApifyClient
) -> None:
    theirs = other.actors().create(name="their-actor")
    assert await official.actor(theirs.id).get() is None
    other.actor(theirs.id).update(is_public=True)
    assert (await official.actor("other/their-actor").get()).id == theirs.id
    with pytest.raises(ApifyApiError, match=REFUSED.format("Actor")):
        await official.actor(theirs.id).update(title="Mine")


async def test_builds_of_somebody_else_are_not_listed_and_go_with_their_actor_s_publicity(
    official: Any, other: ApifyClient
) -> None:
    theirs = other.actor(
        other.actors().create(name="their-actor", is_public=True, versions=[{**VERSION, "versionNumber": "0.1"}]).id
    )
    build = theirs.build(version_number="0.1", wait_for_finish=60)
    assert build.id not in [each.id for each in (await official.builds().list()).items]
    seen = await official.build(build.id).get()
    assert (seen.id, seen.usage_total_usd) == (build.id, None)
    assert [each.usage_total_usd for each in (await official.actor("other/their-actor").builds().list()).items] == [0]
    theirs.update(is_public=False)
    assert await official.build(build.id).get() is None
    assert await official.log(build.id).get() is None
    with pytest.raises(ApifyApiError, match="Actor build was not found"):
        await official.build(build.id).log().get()


def test_the_hook_says_that_the_token_is_the_wrong_one(
    other: ApifyClient, local_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = other.datasets().get_or_create(name="theirs")
    connection = {"conn_type": "apify", "host": local_apify.base_url, "password": local_apify.token}
    monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))
    with pytest.raises(ApifyAuthError, match="Insufficient permissions for the dataset"):
        ApifyHook().get_dataset(theirs.id)
    with pytest.raises(ApifyNotFoundError):
        ApifyHook().get_dataset("theirs")


@actor("tests/reads-a-store")
async def reads_a_store(context: ActorContext) -> None:
    """Say with which token the run may use the API."""
    await context.set_value("TOKEN", context.token)
    await context.sleep(60)


@pytest.mark.parametrize(("level", "opens"), [("LIMITED_PERMISSIONS", False), ("FULL_PERMISSIONS", True)])
def test_the_token_of_a_run_opens_what_its_permissions_say(level: str, opens: bool) -> None:
    with LocalApify(actors=[reads_a_store]) as apify:
        client = Client(apify)
        with client.session:
            users = client.data("POST", "/v2/datasets", params={"name": "users-own"})["id"]
            start = {"forcePermissionLevel": level}
            run = client.data("POST", "/v2/actors/tests~reads-a-store/runs", params=start)
            client.until_running(run["id"])
            store = f"/v2/key-value-stores/{run['defaultKeyValueStoreId']}"
            token = client.send("GET", f"{store}/records/TOKEN").json()
            assert client.send("GET", f"{store}/records/TOKEN", token=token).ok
            assert client.send("POST", "/v2/datasets", params={"name": "run-s-own"}, token=token).ok
            assert client.send("GET", f"/v2/datasets/{users}", token=token).ok is opens
            assert client.send("POST", "/v2/datasets", params={"name": "users-own"}, token=token).ok is opens
            client.data("POST", f"/v2/actor-runs/{run['id']}/abort")
            client.wait(run["id"])
            assert client.send("GET", store, token=token).status_code == 401
