"""Actors, builds, saved tasks, the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import pytest

from local_apify.actors import BUILT_IN

if TYPE_CHECKING:
    from tests.local_apify.client import Client

HELLO = "/v2/actors/apify~hello-world"


def test_an_actor_is_found_by_name_and_by_id(client: Client) -> None:
    by_name = client.data("GET", HELLO)
    assert (by_name["username"], by_name["name"]) == ("apify", "hello-world")
    assert client.data("GET", f"/v2/actors/{by_name['id']}") == by_name


@pytest.mark.parametrize(
    ("name", "actor_id"),
    [
        ("hello-world", "E2jjCZBezvAZnX8Rb"),
        ("legacy-phantomjs-crawler", "YPh5JENjSSR6vBf2E"),
        ("website-content-crawler", "aYG0l9s7dbB7j3gbS"),
    ],
)
def test_an_actor_of_apify_has_the_id_it_has_there(client: Client, name: str, actor_id: str) -> None:
    assert client.data("GET", f"/v2/actors/{actor_id}")["name"] == name


def test_builds_are_found_by_tag_and_by_id(client: Client) -> None:
    tagged = client.data("GET", HELLO)["taggedBuilds"]["latest"]
    assert client.data("GET", f"{HELLO}/builds/default")["id"] == tagged["buildId"]
    assert client.data("GET", f"/v2/actor-builds/{tagged['buildId']}")["buildNumber"] == tagged["buildNumber"]
    run = client.data("POST", f"{HELLO}/runs", params={"build": tagged["buildNumber"]})
    assert run["buildId"] == tagged["buildId"]


def test_an_input_can_be_checked_without_a_run(client: Client) -> None:
    path = "/v2/actors/apify~website-content-crawler/validate-input"
    assert client.send("POST", path, json={"startUrls": []}).json() == {"valid": True}
    assert client.error("POST", path, json={}) == (400, "invalid-input")
    assert client.error("POST", path, json=[]) == (400, "invalid-input")
    assert client.error("POST", path, json={}, params={"build": "none"}) == (400, "unknown-build-tag")


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("website-content-crawler", {"startUrls": 5}, {"startUrls": [{"url": "http://a"}], "maxCrawlPages": 3}),
        ("website-content-crawler", {"startUrls": ["http://a"]}, {"startUrls": [{"url": "http://a", "method": "GET"}]}),
        ("website-content-crawler", {"startUrls": [], "maxCrawlDepth": "1"}, {"startUrls": [], "more": 1}),
        ("legacy-phantomjs-crawler", {"startUrls": [{"url": "http://a"}]}, {"startUrls": [{"value": "http://a"}]}),
        ("legacy-phantomjs-crawler", {"startUrls": [], "crawlPurls": 5}, {"startUrls": [], "customData": 5}),
        ("hello-world", {"message": 5}, {}),
        ("scenario", {"items": "3"}, {"items": 3, "logLines": ["a"], "endAs": ["FAILED", "SUCCEEDED"]}),
        ("scenario", {"endAs": 3}, {"endAs": "FAILED", "logLines": 3}),
        ("scenario", {"chargedEvents": {"click": 1}}, {"chargedEvents": {"page": 1}}),
    ],
    ids=str,
)
def test_the_built_in_actors_say_which_inputs_they_take(
    client: Client, name: str, wrong: dict[str, Any], right: dict[str, Any]
) -> None:
    path = f"/v2/actors/apify~{name}/validate-input"
    assert client.error("POST", path, json=wrong) == (400, "invalid-input")
    assert client.send("POST", path, json=right).json() == {"valid": True}


def test_the_store_is_searched_by_words(client: Client) -> None:
    def names(**params: str) -> list[str]:
        return [item["name"] for item in client.data("GET", "/v2/store", params=params)["items"]]

    assert names(search="WEBSITE-CONTENT") == ["website-content-crawler"]
    assert names(username="nobody") == []
    assert names(pricingModel="PAY_PER_EVENT") == ["scenario"]
    assert names(category="AI") == []
    assert client.error("GET", "/v2/store", params={"responseFormat": "long"}) == (400, "invalid-parameter")
    assert len(names()) == len(BUILT_IN)


def test_a_task_can_be_saved_changed_and_deleted(client: Client) -> None:
    body = {"actId": "apify~hello-world", "name": "mine", "input": {"message": "hi"}}
    task = client.data("POST", "/v2/actor-tasks", json=body)
    path = "/v2/actor-tasks/local~mine"
    assert client.data("GET", path)["input"] == {"message": "hi"}
    assert client.send("PUT", f"{path}/input", json={"more": 1}).json() == {"message": "hi", "more": 1}
    changed = client.data("PUT", path, json={"name": "ours", "options": {"memoryMbytes": 512}})
    assert (changed["id"], changed["name"], changed["options"]) == (task["id"], "ours", {"memoryMbytes": 512})
    assert {item["name"] for item in client.data("GET", "/v2/actor-tasks")["items"]} == {"daily-crawl", "ours"}
    client.send("DELETE", f"/v2/actor-tasks/{task['id']}")
    assert client.error("GET", "/v2/actor-tasks/ours") == (404, "record-not-found")


def test_a_task_keeps_its_description(client: Client) -> None:
    task = client.data("POST", "/v2/actor-tasks", json={"actId": "apify~hello-world", "description": "Says hi"})
    path = f"/v2/actor-tasks/{task['id']}"
    assert task["description"] == client.data("GET", path)["description"] == "Says hi"
    assert client.data("PUT", path, json={"title": "Hi"})["description"] == "Says hi"
    assert client.data("PUT", path, json={"description": "Greets"})["description"] == "Greets"
    assert "description" not in client.data("PUT", path, json={"description": None})


def test_a_task_is_not_published_least_of_all_one_of_somebody_elses_actor(client: Client) -> None:
    own = client.data("POST", "/v2/actors", json={"name": "mine"})["id"]
    for actor, expected in (("apify~hello-world", (403, "insufficient-permissions")), (own, (400, "invalid-input"))):
        task = f"/v2/actor-tasks/{client.data('POST', '/v2/actor-tasks', json={'actId': actor})['id']}"
        assert client.error("PUT", task, json={"isPublic": True}) == expected
        assert client.error("PUT", task, json={"publicConfig": {"seoTitle": "Hi"}}) == expected
        assert client.error("POST", "/v2/actor-tasks", json={"actId": actor, "publicConfig": {}}) == expected
        before = client.data("GET", task)
        assert client.data("PUT", task, json={"isPublic": False}) == before | {"modifiedAt": ANY}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": "daily-crawl"}, (409, "actor-task-name-not-unique")),
        ({"name": "not a name"}, (400, "invalid-value")),
        ({"name": 5}, (400, "invalid-input")),
        ({"actId": "nobody~nothing"}, (404, "record-not-found")),
        ({"actId": None}, (404, "record-not-found")),
        ({"input": []}, (400, "invalid-input")),
        ({"options": {"speed": 1}}, (400, "invalid-input")),
    ],
)
def test_a_malformed_task_is_refused(client: Client, change: dict[str, Any], expected: tuple[int, str]) -> None:
    body = {"actId": "apify~hello-world", "name": "mine", **change}
    assert client.error("POST", "/v2/actor-tasks", json=body) == expected


@pytest.mark.parametrize(
    "field", [{"actorPermissionLevel": "ALL"}, {"categories": [1]}, {"categories": "AI"}, {"actorPermissionLevel": 1}]
)
def test_an_actor_has_only_settings_that_exist(client: Client, field: dict[str, Any]) -> None:
    actor = client.data("POST", "/v2/actors", json={"name": "mine"})["id"]
    assert client.error("PUT", f"/v2/actors/{actor}", json=field) == (400, "invalid-input")
    assert client.error("POST", "/v2/actors", json=field) == (400, "invalid-input")


def test_a_task_is_listed_with_the_name_that_its_actor_has_now(client: Client) -> None:
    actor = client.data("POST", "/v2/actors", json={"name": "before"})["id"]
    client.data("POST", "/v2/actor-tasks", json={"actId": actor, "name": "mine"})
    client.data("PUT", f"/v2/actors/{actor}", json={"name": "after"})
    tasks = client.data("GET", "/v2/actor-tasks")["items"]
    assert [each["actName"] for each in tasks if each["name"] == "mine"] == ["after"]
