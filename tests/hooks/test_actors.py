"""Actors, builds, saved tasks, Apify Store, and inputs that are checked before a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_apify.exceptions import (
    ApifyApiError,
    ApifyConnectionError,
    ApifyInvalidInputError,
    ApifyNotFoundError,
)
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RetryPolicy, Target
from local_apify import ActorContext, LocalApify, actor
from tests.local_apify.client import WAIT, Client

SCHEMA = {
    "title": "Prices",
    "type": "object",
    "properties": {
        "shop": {"title": "Shop", "type": "string"},
        "pages": {"title": "Pages", "type": "integer", "minimum": 1, "default": 10},
        "currency": {"title": "Currency", "type": "string", "enum": ["CZK", "EUR"]},
        "filters": {"title": "Filters", "type": "array", "items": {"type": "object", "required": ["name"]}},
    },
    "required": ["shop", "pages"],
}


@actor("me/prices", input_schema=SCHEMA, builds={"latest": "0.1.2", "beta": "0.2.10"})
async def prices(context: ActorContext) -> None:
    await context.push_data([])


@pytest.fixture(scope="module")
def server() -> Iterator[LocalApify]:
    with LocalApify(actors=[prices]) as apify:
        yield apify


@pytest.fixture
def hook(server: LocalApify, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApifyHook]:
    monkeypatch.setenv("APIFY_TOKEN", server.token)
    monkeypatch.setenv("APIFY_API_BASE_URL", server.base_url)
    yield ApifyHook(retry=RetryPolicy(attempts=3, first_delay=0.001, max_delay=0.002))
    server.control.reset()


@pytest.mark.parametrize("run_input", [{"shop": "a"}, '{"shop": "a", "currency": "EUR"}'])
def test_an_input_that_fits_passes_and_starts_nothing(hook: ApifyHook, server: LocalApify, run_input: Any) -> None:
    hook.validate_input("me/prices", run_input)
    hook.validate_input("apify/hello-world", {"whatever": 1})

    assert server.control.ledger().runs_started == 0


@pytest.mark.parametrize(
    ("run_input", "words"),
    [
        (None, "Field input.shop is required"),
        ({"shop": 5}, "Field input.shop must be string"),
        ({"shop": "a", "pages": 0}, "Field input.pages must be at least 1"),
        ({"shop": "a", "currency": "USD"}, "Field input.currency must be equal to one of the allowed values: 'CZK'"),
        ({"shop": "a", "filters": [{}]}, "Field input.filters.0.name is required"),
    ],
)
def test_a_wrong_input_is_an_error_that_names_the_field_and_no_retry_can_cure(
    hook: ApifyHook, run_input: Any, words: str
) -> None:
    with pytest.raises(ApifyInvalidInputError, match=words) as caught:
        hook.validate_input("me/prices", run_input)

    assert not caught.value.retryable


def test_the_input_of_a_saved_task_is_checked_as_its_run_would_get_it(hook: ApifyHook, server: LocalApify) -> None:
    task = Target("task", server.add_task("prices", "me/prices", {"shop": "a", "pages": 0}))
    with pytest.raises(ApifyInvalidInputError, match="Field input"):
        hook.validate_input(task)

    hook.validate_input(task, {"pages": 3})
    with pytest.raises(ValueError, match="must be a JSON object"):
        hook.validate_input(task, [1])


def test_an_input_is_checked_against_the_build_that_is_named(hook: ApifyHook) -> None:
    hook.validate_input("me/prices", {"shop": "a"}, build="beta")
    with pytest.raises(ApifyApiError, match="unknown-build-tag"):
        hook.validate_input("me/prices", {"shop": "a"}, build="gamma")


def test_a_saved_task_is_checked_against_its_own_build(hook: ApifyHook, server: LocalApify) -> None:
    task = Target("task", server.add_task("prices", "me/prices", {"shop": "a"}, {"build": "beta"}))
    asked: list[str] = []
    server.on_exchange = lambda exchange: asked.append(f"{exchange.template}?{exchange.query}")
    hook.validate_input(task)
    server.on_exchange = None

    assert asked == ["/v2/actor-tasks/{actorTaskId}?", "/v2/actors/{actorId}/validate-input?build=beta"]


def test_a_check_gets_over_passing_faults_and_takes_no_stranger_s_word(hook: ApifyHook, server: LocalApify) -> None:
    path = "/v2/actors/*/validate-input"
    server.control.add_fault("answer", path=path, status=503, times=2)
    hook.validate_input("me/prices", {"shop": "a"})
    server.control.add_fault("garbage", path=path, times=None)
    with pytest.raises(ApifyConnectionError, match="not Apify's JSON"):
        hook.validate_input("me/prices", {"shop": "a"})


def test_an_actor_says_what_its_runs_get_by_default(hook: ApifyHook) -> None:
    found = hook.get_actor("me/prices")

    assert (found.id, found.username, found.name) == (prices.id, "me", "prices")
    assert (found.default_build, found.default_memory, found.default_timeout) == ("latest", 1024, 3600)
    assert found.tags["beta"].number == "0.2.10"
    assert found.is_public
    assert not found.is_deprecated
    assert found.raw["title"] == "prices"


@pytest.mark.parametrize(("build", "number"), [(None, "0.1.2"), ("beta", "0.2.10"), ("0.1.2", "0.1.2")])
def test_a_build_is_found_by_tag_and_by_number_and_has_the_schema_of_its_input(
    hook: ApifyHook, build: str | None, number: str
) -> None:
    found = hook.get_build("me/prices", build)

    assert (found.number, found.actor_id, found.status) == (number, prices.id, "SUCCEEDED")
    assert found.started_at is not None
    assert hook.get_input_schema("me/prices", build) == SCHEMA


def test_all_builds_are_listed_in_their_order(hook: ApifyHook) -> None:
    assert [build.number for build in hook.iterate_builds("me/prices")] == ["0.1.2", "0.2.10"]
    assert [build.number for build in hook.iterate_builds("me/prices", desc=True)] == ["0.2.10", "0.1.2"]


def test_a_build_that_no_tag_stands_for_any_more_is_found_by_its_number(hook: ApifyHook, server: LocalApify) -> None:
    client = Client(server)
    with client.session:
        versions = [{"versionNumber": "0.1", "sourceType": "SOURCE_FILES", "buildTag": "latest", "sourceFiles": []}]
        path = f"/v2/actors/{client.data('POST', '/v2/actors', json={'name': 'mine', 'versions': versions})['id']}"
        first, last = (client.data("POST", f"{path}/builds", params={"version": "0.1", **WAIT}) for _ in range(2))

    assert hook.get_build("local/mine", first["buildNumber"]).id == first["id"]
    assert hook.get_build("local/mine").id == last["id"]
    assert hook.get_input_schema("local/mine") is None
    hook.validate_input("local/mine", {"anything": 1})


def test_a_build_that_is_not_there_is_an_error_that_names_those_that_are(hook: ApifyHook) -> None:
    with pytest.raises(ValueError, match=r"has no build '9\.9\.9'; its tags are beta, latest"):
        hook.get_build("me/prices", "9.9.9")
    with pytest.raises(ApifyNotFoundError):
        hook.get_build("me/nothing")


def test_a_saved_task_and_its_input(hook: ApifyHook, server: LocalApify) -> None:
    task_id = server.add_task("mine", "me/prices", {"shop": "a"}, {"build": "beta", "memoryMbytes": 512})
    found = hook.get_task("local/mine")

    assert (found.id, found.actor_id, found.name, found.build) == (task_id, prices.id, "mine", "beta")
    assert found.input == hook.get_task_input("local/mine") == {"shop": "a"}
    assert found.raw["options"]["memoryMbytes"] == 512
    with pytest.raises(ApifyNotFoundError):
        hook.get_task_input("local/nothing")


@pytest.mark.parametrize("times", [1, None], ids=["once", "always"])
def test_an_answer_that_is_none_of_apify_s_is_no_input_of_a_task(
    hook: ApifyHook, server: LocalApify, times: int | None
) -> None:
    server.control.add_fault("garbage", path="/v2/actor-tasks/*/input", times=times)
    if times:
        assert hook.get_task_input("local/daily-crawl")["maxCrawlPages"] == 20
        return
    with pytest.raises(ApifyConnectionError, match="not Apify's JSON"):
        hook.get_task_input("local/daily-crawl")


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"search": "WEBSITE-CONTENT"}, ["website-content-crawler"]),
        ({"username": "me"}, ["prices"]),
        ({"pricing_model": "PAY_PER_EVENT"}, ["scenario"]),
        ({"username": "apify", "sort_by": "newest", "limit": 1}, ["website-content-crawler"]),
        ({"search": "hello", "include_unrunnable": True, "allows_agentic_users": False}, ["hello-world"]),
        ({"category": "NONE"}, []),
        ({"allows_agentic_users": True}, []),
    ],
    ids=str,
)
def test_the_store_is_searched_with_filters(hook: ApifyHook, filters: dict[str, Any], names: list[str]) -> None:
    found = list(hook.search_store(**filters))

    assert [each.name for each in found] == names
    assert all(each.pricing_model for each in found)


def test_a_filter_that_does_not_exist_is_refused_by_apify(hook: ApifyHook) -> None:
    with pytest.raises(ApifyApiError, match="pricingModel"):
        list(hook.search_store(pricing_model="CHEAP"))


def test_a_limit_that_is_no_number_is_refused_at_once(hook: ApifyHook) -> None:
    for ask in (hook.search_store, hook.iterate_runs):
        with pytest.raises(ValueError, match="limit must be a whole number, at least 0, not 'few'"):
            ask(limit="few")  # type: ignore[arg-type]
