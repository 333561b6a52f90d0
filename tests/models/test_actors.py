from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.models.actors import Actor, Build, BuildTag, SavedTask, StoreActor

# The examples of Apify's reference, in short.
BUILD: dict[str, Any] = {
    "id": "HG7ML7M8z78YcAPEB",
    "actId": "janedoe~my-actor",
    "startedAt": "2019-11-30T07:34:24.202Z",
    "finishedAt": None,
    "status": "RUNNING",
    "buildNumber": "0.1.1",
    "usageTotalUsd": 0.02,
}
SCHEMA = {"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}


def test_times_have_a_zone_and_money_is_exact() -> None:
    build = Build.from_api(BUILD)
    assert build.started_at is not None
    assert build.started_at.isoformat() == "2019-11-30T07:34:24.202000+00:00"
    assert build.finished_at is None
    assert build.usage_total_usd == Decimal("0.02")
    assert "usageTotalUsd" in build.raw


@pytest.mark.parametrize(
    ("more", "schema"),
    [
        ({"actorDefinition": {"input": SCHEMA}}, SCHEMA),
        ({"actorDefinition": None, "inputSchema": json.dumps(SCHEMA)}, SCHEMA),
        ({"actorDefinition": {"name": "a"}, "inputSchema": None}, None),
        ({"inputSchema": ""}, None),
        ({}, None),
    ],
    ids=["of the definition", "as text", "neither", "empty", "of a list"],
)
def test_the_input_schema_is_found_where_old_and_new_builds_have_it(more: dict[str, Any], schema: Any) -> None:
    assert Build.from_api(BUILD | more).input_schema == schema


def test_what_the_api_may_leave_out_may_be_missing() -> None:
    actor = Actor.from_api({"id": "a", "username": "u", "name": "n", "isPublic": False, "defaultRunOptions": {}})
    assert (actor.tags, actor.default_build, actor.standby_url, actor.is_deprecated) == ({}, None, None, False)
    task = SavedTask.from_api({"id": "t", "actId": "a", "name": "n", "options": None, "input": None})
    assert (task.build, task.input, task.username) == (None, None, None)
    listed = StoreActor.from_api({"id": "a", "username": "u", "name": "n", "title": "N", "stats": {}})
    assert (listed.pricing_model, listed.total_users) == (None, None)


def test_a_tag_without_a_build_is_none_of_the_actor_s() -> None:
    tags = {"beta": None, "old": {}, "latest": {"buildId": "b", "buildNumber": None}}
    about: dict[str, Any] = {"id": "a", "username": "u", "name": "n", "isPublic": False, "defaultRunOptions": {}}
    assert Actor.from_api({**about, "taggedBuilds": tags}).tags == {"latest": BuildTag("b", None)}


def test_the_price_is_the_newest_that_has_begun() -> None:
    about: dict[str, Any] = {"id": "a", "username": "u", "name": "n", "isPublic": False, "defaultRunOptions": {}}
    prices = [
        {"pricingModel": model, "startedAt": f"{year}-01-01T00:00:00.000Z"}
        for model, year in (("PAY_PER_EVENT", 2025), ("FREE", 2024), ("PRICE_PER_DATASET_ITEM", 2027))
    ]
    pricing = Actor.from_api({**about, "pricingInfos": prices}).pricing_at(datetime(2026, 1, 1, tzinfo=UTC))
    assert pricing is not None
    assert pricing.pricing_model == "PAY_PER_EVENT"
    assert Actor.from_api(about).pricing_at(datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_an_input_schema_that_is_no_json_is_an_error_of_ours_that_names_the_build() -> None:
    build = Build.from_api({**BUILD, "inputSchema": "{"})
    with pytest.raises(ApifyDataError, match=r"The input schema of build 0\.1\.1 \(HG7ML7M8z78YcAPEB\) is no JSON"):
        _ = build.input_schema


def test_the_input_of_a_saved_task_stays_out_of_logs() -> None:
    task = SavedTask.from_api({"id": "t", "actId": "a", "name": "n", "input": {"password": "secret"}})
    assert "secret" not in repr(task)
