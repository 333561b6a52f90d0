"""Storages that a run's input names, which a run with limited permissions may use as its input schema says.

See https://docs.apify.com/platform/actors/development/permissions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from local_apify.world.storage import Storage
from local_apify.world.world import Storages, World

READ, WRITE = "READ", "WRITE"


def granted(world: World, schema: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Return what may be done with which storages of the user, by their ids: ``READ``, ``WRITE``.

    :param schema: of the input; its fields with a ``resourceType`` name storages, ``resourcePermissions`` what for.
    :param values: the input; storages are named by their ids or names.
    """
    grants: dict[str, frozenset[str]] = {}
    for name, field in schema.get("properties", {}).items():
        if isinstance(field, dict):
            for storage in _named(world, field, values.get(name, field.get("default"))):
                grants[storage.id] = grants.get(storage.id, frozenset()) | _permissions(field)
    return grants


def _permissions(field: Mapping[str, Any]) -> frozenset[str]:
    said = field.get("resourcePermissions")
    return frozenset(each for each in (READ, WRITE) if isinstance(said, list) and each in said)


def _named(world: World, field: Mapping[str, Any], value: Any) -> Iterator[Storage]:
    kinds: Mapping[str, Storages[Any]] = {
        "dataset": world.datasets,
        "keyValueStore": world.stores,
        "requestQueue": world.queues,
    }
    storages = kinds.get(str(field.get("resourceType")))
    for reference in value if isinstance(value, list) else [value]:
        storage = storages.known_as(reference, to_owner=True) if storages and isinstance(reference, str) else None
        if storage is not None:
            yield storage
