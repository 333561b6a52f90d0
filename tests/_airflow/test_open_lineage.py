"""What OpenLineage is told, and how things are named there."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_apify._airflow.outlets import Data, Lineage
from airflow_provider_apify._files.formats.column_types import parse_columns
from airflow_provider_apify.assets import actor_asset, dataset_asset
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.operators.run_actor import RunActorOperator

pytest.importorskip("airflow.providers.openlineage", reason="the extra openlineage is not installed")

from airflow_provider_apify._airflow.assets import convert_asset_to_openlineage
from airflow_provider_apify._airflow.open_lineage import facets_of, name_of

RUN = ActorRun.from_api(
    {"id": "r1", "actId": "a1", "status": "SUCCEEDED", "defaultDatasetId": "d1", "buildNumber": "0.1.7"}
    | {"usageTotalUsd": 0.25}
)


def pages_of(run_input: Any) -> list[str]:
    inputs = facets_of(Lineage(run_input=run_input)).inputs
    return [each.namespace + each.name for each in inputs]


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("s3://bucket/day/items.jsonl", ("s3://bucket", "day/items.jsonl")),
        ("abfs://container/items.jsonl", ("abfs://container", "items.jsonl")),
        ("sftp:///folder/items.jsonl", ("sftp://", "folder/items.jsonl")),
        ("file:///folder/items.jsonl", ("file", "/folder/items.jsonl")),
        ("apify://dataset/d1", ("apify://api.apify.com", "dataset/d1")),
        ("apify://key-value-store/k1", ("apify://api.apify.com", "key-value-store/k1")),
    ],
)
def test_names_follow_the_specification(uri: str, name: tuple[str, str]) -> None:
    assert name_of(uri) == name


def test_files_have_the_names_that_airflow_s_own_converters_give_them() -> None:
    utils = pytest.importorskip("airflow.providers.openlineage.utils.utils")
    for uri in ("s3://bucket/day/items.jsonl", "file:///folder/items.jsonl", "apify://dataset/d1"):
        known = utils.translate_airflow_asset(_asset(uri), None)
        assert (known.namespace, known.name) == name_of(uri)


def _asset(uri: str) -> Any:
    from airflow.providers.common.compat.sdk import Asset  # noqa: PLC0415 - beside its only use

    return Asset(uri=uri)


def test_an_asset_is_known_by_the_same_name_as_what_a_task_writes() -> None:
    written = facets_of(Lineage.of_run("me/actor", None, RUN, None)).outputs[0]
    asset = convert_asset_to_openlineage(dataset_asset("d1"), None)
    assert (asset.namespace, asset.name) == (written.namespace, written.name)
    assert convert_asset_to_openlineage(actor_asset("me/actor"), None).name == "actor/me~actor"


def test_start_urls_are_inputs_without_what_may_be_secret() -> None:
    urls = ["https://docs.apify.com/academy", {"url": "https://me:password@example.com?token=secret#top"}]
    assert pages_of({"startUrls": urls}) == ["https://docs.apify.com/academy", "https://example.com/"]


def test_the_address_of_a_list_of_start_urls_is_an_input_as_well() -> None:
    assert pages_of({"startUrls": [{"requestsFromUrl": "https://example.com/list.txt"}]}) == [
        "https://example.com/list.txt"
    ]


def test_a_page_is_named_once_and_a_hundred_pages_at_most() -> None:
    again = [{"url": f"https://example.com/list?page={page}"} for page in range(50)]
    others = [{"url": f"https://example.com/{page}"} for page in range(200)]
    pages = pages_of({"startUrls": again + others})
    assert (len(pages), pages[:2]) == (100, ["https://example.com/list", "https://example.com/0"])


@pytest.mark.parametrize(
    "run_input",
    [
        None,
        [],
        {},
        {"startUrls": None},
        {"startUrls": "https://example.com"},
        {"startUrls": [5, None, {}, "ftp://x/y"]},
    ],
)
def test_an_input_without_start_urls_has_none(run_input: Any) -> None:
    assert pages_of(run_input) == []


def test_json_text_is_an_input_too() -> None:
    assert pages_of('{"startUrls": ["https://example.com/a"]}') == ["https://example.com/a"]


def test_a_run_is_told_with_its_actor_its_build_and_its_cost() -> None:
    facets = facets_of(Lineage.of_run("me/actor", None, RUN, None)).run_facets
    told = facets["apify_run"]
    assert (told.actor, told.actorId, told.runId, told.buildNumber) == ("me/actor", "a1", "r1", "0.1.7")
    assert (told.status, told.datasetId, told.usageTotalUsd) == ("SUCCEEDED", "d1", 0.25)
    assert told.consoleUrl == "https://console.apify.com/actors/runs/r1"
    assert (facets["externalQuery"].externalQueryId, facets["externalQuery"].source) == ("r1", "apify")


def test_a_facet_of_apify_s_own_has_the_schema_that_all_run_facets_have() -> None:
    told = facets_of(Lineage.of_run("me/actor", None, RUN, None)).run_facets["apify_run"]
    assert told._schemaURL.endswith("/OpenLineage.json#/$defs/RunFacet")


def test_the_schema_of_a_file_has_the_types_that_the_task_has_chosen() -> None:
    columns = parse_columns({"price": "double", "tags": "list<string>", "shop.name": "string"})
    (file,) = facets_of(Lineage(outputs=[Data("s3://b/k.parquet", columns.fields, items=5, size=70)])).outputs
    price, tags, shop = file.facets["schema"].fields
    assert [(each.name, each.type) for each in (price, tags, shop)] == [
        ("price", "double"),
        ("tags", "list<string>"),
        ("shop", "struct"),
    ]
    assert [(each.name, each.type) for each in shop.fields] == [("name", "string")]
    assert (file.outputFacets["outputStatistics"].rowCount, file.outputFacets["outputStatistics"].size) == (5, 70)


def test_before_the_run_there_is_what_the_arguments_say() -> None:
    task = RunActorOperator(task_id="t", actor_id="me/actor", run_input={"startUrls": ["https://example.com/a"]})
    start = task.get_openlineage_facets_on_start()
    assert [each.name for each in start.inputs] == ["/a"]
    assert start.outputs == []
    assert (start.run_facets["apify_run"].actor, start.run_facets["apify_run"].runId) == ("me/actor", None)
