"""What Airflow calls for assets of Apify, by the provider's metadata; it imports this wherever it meets any asset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Asset

from airflow_provider_apify._arguments.asset_uris import AssetKind, asset_uri

if TYPE_CHECKING:
    from openlineage.client.event_v2 import Dataset


def create_asset(*, kind: AssetKind, reference: str, **kwargs: Any) -> Asset:
    """Make an asset.

    :param kind: ``"actor"``, ``"task"`` or ``"dataset"``.
    :param reference: its ID, name, or the address of its page.
    :param kwargs: what else an asset takes.
    """
    return Asset(uri=asset_uri(kind, reference), **kwargs)


def convert_asset_to_openlineage(asset: Asset, lineage_context: Any) -> Dataset:  # noqa: ARG001 - Airflow's signature
    """Return the dataset that OpenLineage knows an asset as."""
    from openlineage.client.event_v2 import Dataset  # noqa: PLC0415 - needs an extra

    from airflow_provider_apify._airflow.open_lineage import name_of  # noqa: PLC0415 - the same

    return Dataset(*name_of(asset.uri))
