"""What a task reads and writes, in the words of OpenLineage. Needs what the extra ``openlineage`` brings.

Names follow https://openlineage.io/docs/spec/naming: what a URI begins with is the namespace, its path is the name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.openlineage.extractors import OperatorLineage
from attrs import define
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    OutputDatasetFacet,
    RunFacet,
    external_query_run,
    output_statistics_output_dataset,
    schema_dataset,
)

from airflow_provider_apify._airflow.outlets import Data, Lineage
from airflow_provider_apify._arguments.asset_uris import SCHEME
from airflow_provider_apify._files.formats.column_types import ColumnType, ListOf, StructOf
from airflow_provider_apify.models.runs import ActorRun

_APIFY = f"{SCHEME}://api.apify.com"
_MOST_START_URLS = 100


@define
class ApifyRunFacet(RunFacet):
    """The run of a task: IDs, status, cost in US dollars.

    Its schema is that of all run facets, which allows what it has beyond that.
    """

    actor: str | None = None
    runId: str | None = None  # noqa: N815 - OpenLineage's way to write names
    actorId: str | None = None  # noqa: N815
    actorTaskId: str | None = None  # noqa: N815
    buildNumber: str | None = None  # noqa: N815
    status: str | None = None
    datasetId: str | None = None  # noqa: N815
    usageTotalUsd: float | None = None  # noqa: N815
    consoleUrl: str | None = None  # noqa: N815


def facets_of(lineage: Lineage) -> OperatorLineage[Any, Any]:
    """Return what OpenLineage's provider asks for."""
    pages = islice(dict.fromkeys(_start_pages(lineage.run_input)), _MOST_START_URLS)
    return OperatorLineage(
        inputs=[
            *(InputDataset(*name_of(each.uri), facets=_schema(each)) for each in lineage.inputs),
            *(InputDataset(*page) for page in pages),
        ],
        outputs=[
            OutputDataset(*name_of(each.uri), facets=_schema(each), outputFacets=_statistics(each))
            for each in lineage.outputs
        ],
        run_facets=_run_facets(lineage.run, lineage.actor),
    )


def name_of(uri: str) -> tuple[str, str]:
    """Return the namespace and the name of a URI, as other providers of Airflow name files."""
    scheme, _, rest = uri.partition("://")
    authority, _, path = rest.partition("/")
    if scheme == SCHEME:
        return _APIFY, rest
    if scheme == "file":
        return "file", f"/{path}"
    return f"{scheme}://{authority}", path


def _start_pages(run_input: Any) -> Iterator[tuple[str, str]]:
    """Yield the names of the pages that a crawl starts from, without what may be secret: logins and queries."""
    if isinstance(run_input, str):
        run_input = json.loads(run_input)
    found = run_input.get("startUrls") if isinstance(run_input, Mapping) else None
    for each in found if isinstance(found, Sequence) and not isinstance(found, str) else ():
        url = (each.get("url") or each.get("requestsFromUrl")) if isinstance(each, Mapping) else each
        if isinstance(url, str) and url.startswith(("http://", "https://")):
            page = urlsplit(url)
            yield f"{page.scheme}://{page.netloc.rpartition('@')[2]}", page.path or "/"


def _schema(data: Data) -> dict[str, DatasetFacet]:
    return {"schema": schema_dataset.SchemaDatasetFacet(fields=_columns(data.fields))} if data.fields else {}


def _columns(fields: Mapping[str, ColumnType | None]) -> list[schema_dataset.SchemaDatasetFacetFields]:
    return [
        schema_dataset.SchemaDatasetFacetFields(
            name=name, type=_words(kind), fields=_columns(kind.fields) if isinstance(kind, StructOf) else []
        )
        for name, kind in fields.items()
    ]


def _words(kind: ColumnType | None) -> str | None:
    if isinstance(kind, ListOf):
        return f"list<{_words(kind.item)}>"
    return "struct" if isinstance(kind, StructOf) else kind


def _statistics(data: Data) -> dict[str, OutputDatasetFacet]:
    if data.items is None and data.size is None:
        return {}
    facet = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=data.items, size=data.size)
    return {"outputStatistics": facet}


def _run_facets(run: ActorRun | None, actor: str | None) -> dict[str, RunFacet]:
    if run is None:
        return {} if actor is None else {"apify_run": ApifyRunFacet(actor=actor)}
    return {
        "externalQuery": external_query_run.ExternalQueryRunFacet(externalQueryId=run.id, source=SCHEME),
        "apify_run": ApifyRunFacet(
            actor=actor,
            runId=run.id,
            actorId=run.actor_id,
            actorTaskId=run.actor_task_id,
            buildNumber=run.build_number,
            status=run.status,
            datasetId=run.dataset_id,
            usageTotalUsd=None if run.usage_total_usd is None else float(run.usage_total_usd),
            consoleUrl=run.console_url,
        ),
    }
