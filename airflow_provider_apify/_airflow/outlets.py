"""What a task reads and writes, told to whoever asks Airflow: events of assets, hook lineage, OpenLineage."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector
from airflow.providers.common.compat.sdk import Asset, AssetAlias

from airflow_provider_apify._arguments.asset_uris import DATASETS, SCHEME, asset_uri
from airflow_provider_apify._files.formats.column_types import ColumnType
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.models.storages import Dataset

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseHook, Context

_log = logging.getLogger(__name__)
_SCHEMES = {"local": "file", "s3a": "s3", "s3n": "s3", "gcs": "gs"}
_PART_OF_PATTERN = re.compile(r"/[^/]*\{(?:part|key)\}")


@dataclass(frozen=True)
class Data:
    """What a task reads or writes.

    :param uri: of a thing of Apify, or of a file; without a login.
    :param fields: the names of its columns, with their types where they are known.
    :param items: how many were written; ``None`` where nobody knows.
    :param size: bytes that were written.
    """

    uri: str
    fields: Mapping[str, ColumnType | None] = field(default_factory=dict)
    items: int | None = None
    size: int | None = None

    @classmethod
    def of_dataset(cls, dataset: Dataset, items: int | None = None) -> Data:
        """Return a dataset, with the fields that Apify knows."""
        return cls(asset_uri("dataset", dataset.id), dict.fromkeys(dataset.fields), items)


@dataclass(frozen=True)
class Lineage:
    """What a task reads and writes, as far as it is known.

    :param run: the run that writes.
    :param actor: the Actor or saved task, as the task names it.
    :param run_input: of the run; its start URLs are read.
    """

    inputs: Sequence[Data] = ()
    outputs: Sequence[Data] = ()
    run: ActorRun | None = None
    actor: str | None = None
    run_input: Any = None

    @classmethod
    def of_run(cls, actor: str, run_input: Any, run: ActorRun | None, dataset: Dataset | None) -> Lineage:
        """Return that of a task that starts a run.

        :param run: ``None`` while there is none.
        :param dataset: its default dataset; ``None`` while nobody has looked at it.
        """
        outputs = [Data.of_dataset(dataset, dataset.item_count)] if dataset else []
        if run and run.dataset_id and not outputs:
            outputs = [Data(asset_uri("dataset", run.dataset_id))]
        return cls((), outputs, run, actor, run_input)


def tell_outlets(context: Context, manifest: Mapping[str, Any], uris: Sequence[str] = ()) -> None:
    """Attach a manifest to the event of each asset that the task updates.

    :param uris: of what was written: an alias among the outlets has an event of each.
    """
    events = context.get("outlet_events")
    if events is None:
        return
    for outlet in context["task"].outlets or ():
        if isinstance(outlet, AssetAlias):
            for asset in _assets(uris):
                events[outlet].add(asset, extra=dict(manifest))
        elif hasattr(outlet, "uri"):
            events[outlet].extra.update(manifest)


def _assets(uris: Sequence[str]) -> Iterator[Asset]:
    for uri in uris:
        try:
            yield Asset(uri=uri)
        except ValueError as trouble:  # a provider takes no such URI, as of sftp:// without a host
            _log.warning("An asset alias gets no event of what was written: %s", trouble)


def tell_hook_lineage(hook: BaseHook, lineage: Lineage) -> None:
    """Report datasets to Airflow's hook lineage, which takes 100; Airflow's storages report files by themselves."""
    collector = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
    for each, add in (
        *((each, collector.add_input_asset) for each in lineage.inputs),
        *((each, collector.add_output_asset) for each in lineage.outputs),
    ):
        if each.uri.startswith(DATASETS):
            add(context=hook, uri=each.uri)


def file_uri(path: str) -> str:
    """Return the URI of a file, without the connection that its URL may name; of a pattern, that of the folder.

    :param path: an absolute local path or a URL, as operators take it, with its templates rendered.
    """
    path = _PART_OF_PATTERN.split(path)[0]
    scheme, separator, rest = path.partition("://")
    if not separator:
        return f"file://{path}"
    authority, slash, key = rest.partition("/")
    return f"{_SCHEMES.get(scheme, scheme)}://{authority.rpartition('@')[2]}{slash}{key}"


def apify_uri(kind: str, name: str) -> str:
    """Return the URI of a thing of Apify that is no asset, such as a key-value store."""
    return f"{SCHEME}://{kind}/{name}"
