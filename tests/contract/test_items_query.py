"""Parameters of items that are accepted are as Apify's document says, and the local Apify takes them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import pytest
from hypothesis import assume, given, strategies as st

from airflow_provider_apify._api.storages.endpoints import get_items
from airflow_provider_apify._files.dataset.reader import Window
from airflow_provider_apify._files.query import ITEMS_PARAMETERS, ItemsQuery
from local_apify import ActorContext, Exchange, LocalApify, actor
from tests.contract.openapi import check_request, check_response
from tests.local_apify.client import WAIT, Client

FORMATS = ("json", "jsonl", "csv", "html", "xml", "rss", "xlsx")
SCHEMA = {"views": {"overview": {"transformation": {"fields": ["b", "c"], "unwind": ["b"]}}}}
ITEMS: list[dict[str, Any]] = [
    {"a": 1, "b": [{"c": 2}, {"c": 3}], "#d": {"e": 4}},
    {},
    {"#d": 5},
    {"a": {"f": "ž,\n"}, "errorInfo": {"x": 1}},
    {"b": [], "url": "u", "pageFunctionResult": [{"g": 1}, {"g": 2}]},
]

name = st.sampled_from(["a", "b", "c", "#d", "a.f", "nothing"]) | st.text(min_size=1, max_size=5)
names = st.lists(name, min_size=1, max_size=3, unique=True) | st.lists(name, max_size=2).map(",".join)
flag = st.booleans() | st.sampled_from(["true", "False"])
element = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_.-]{0,8}\Z")
SHAPING = {
    "offset": st.integers(0, len(ITEMS) + 1),
    "limit": st.integers(1, len(ITEMS) + 1) | st.just("2"),
    "clean": flag,
    "fields": names,
    "output_fields": names,
    "omit": names,
    "unwind": names,
    "flatten": names,
    "desc": flag,
    "view": st.just("overview"),
    "skip_hidden": flag,
    "skip_empty": flag,
    "simplified": flag,
    "skip_failed_pages": flag,
}
STYLING: Mapping[str, Mapping[str, st.SearchStrategy[Any]]] = {
    "csv": {"delimiter": st.characters(codec="utf-8"), "skip_header_row": flag, "bom": flag},
    "xml": {"xml_root": element, "xml_row": element, "bom": flag},
    "rss": {"feed_title": st.text(), "feed_description": st.text(), "bom": flag},
    "html": {"bom": flag},
}
queries = st.sampled_from(FORMATS).flatmap(
    lambda file_format: st.tuples(
        st.just(file_format),
        st.fixed_dictionaries({}, optional={**SHAPING, **STYLING.get(file_format, {})}),
    )
)

# What Apify answers where a table would have no columns.
NOTHING = "no-columns-in-exported-dataset"


@dataclass
class Stage:
    """A dataset on a local Apify, and what was exchanged about it."""

    client: Client
    dataset_id: str
    exchanges: list[Exchange] = field(default_factory=list)


@actor("me/viewed", dataset_schema=SCHEMA)
async def viewed(context: ActorContext) -> None:
    await context.push_data(ITEMS)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with LocalApify(actors=[viewed]) as apify:
        client = Client(apify)
        with client.session:
            run = client.data("POST", "/v2/actors/me~viewed/runs", params=WAIT)
            stage = Stage(client, run["defaultDatasetId"])
            apify.on_exchange = stage.exchanges.append
            yield stage


def test_every_parameter_is_tried_here() -> None:
    assert {*SHAPING, *(parameter for each in STYLING.values() for parameter in each)} == set(ITEMS_PARAMETERS)


@given(queries)
def test_no_accepted_query_is_refused(stage: Stage, query: tuple[str, dict[str, Any]]) -> None:
    file_format, values = query
    try:
        accepted = ItemsQuery.parse(values)
    except ValueError:
        assume(False)  # noqa: FBT003 - hypothesis' word for "another example, please"
        raise
    request = get_items(stage.dataset_id, {"format": file_format, **accepted.params(file_format)})
    answer = stage.client.send(request.method, request.path, params=dict(request.params))

    is_table_of_nothing = answer.status_code == 400 and NOTHING in answer.text
    assert answer.status_code == 200 or is_table_of_nothing, answer.text
    exchange = stage.exchanges.pop()
    check_request(exchange.method, exchange.path, exchange.query, exchange.request_headers, None)
    check_response(exchange.method, exchange.path, exchange.status, exchange.response_headers, exchange.response_body)
    records = None if is_table_of_nothing else _records(file_format, accepted, answer.content)
    if accepted.keeps_every_item and records is not None:
        assert records == int(answer.headers["X-Apify-Pagination-Count"])
        assert records == Window(accepted.offset or 0, accepted.limit).count(len(ITEMS))


def _records(file_format: str, query: ItemsQuery, body: bytes) -> int | None:
    """Count the records of a body; ``None`` for the formats that do not say."""
    if file_format == "jsonl":
        return body.count(b"\n")
    if file_format == "xml":
        root = ET.fromstring(body)  # noqa: S314 - our own server wrote it
        assert {root.tag, *(child.tag for child in root)} <= {query.xml_root or "items", query.xml_row or "item"}
        return len(root)
    if file_format == "rss":
        return len(ET.fromstring(body)[0].findall("item"))  # noqa: S314 - our own server wrote it
    if file_format == "xlsx":
        with ZipFile(io.BytesIO(body)) as archive:
            return archive.read("xl/worksheets/sheet1.xml").count(b"</row>") - 1
    return None
