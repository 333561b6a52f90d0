"""Storages that may be read without a token: by a signed URL, or because their owner has opened them to everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from airflow_provider_apify.testing.api.call import Call
from airflow_provider_apify.testing.datasets import Dataset
from airflow_provider_apify.testing.errors import ApiError
from airflow_provider_apify.testing.signatures import opens_content
from airflow_provider_apify.testing.stores import KeyValueStore

OPEN_TO_EVERYBODY = frozenset({"ANYONE_WITH_ID_CAN_READ", "ANYONE_WITH_NAME_CAN_READ"})
S = TypeVar("S", Dataset, KeyValueStore)


def opened(call: Call, find: Callable[[Call], S], opens: Callable[[S, str], bool] | None = None) -> S:
    """Return the storage that the path names.

    :param opens: tells whether a signature opens what is asked for; unless given, it must open the whole content.
    :raises ApiError: there is none; or there is no token, and no other way in.
    """
    if call.authorized:
        return find(call)
    signature = call.query.text("signature") or ""
    try:
        storage = find(call)
    except ApiError:
        if signature:
            raise
        raise _closed() from None  # who shows nothing is not told what there is
    is_open = opens(storage, signature) if opens else opens_content(signature, storage.signing_key, storage.id)
    if storage.general_access in OPEN_TO_EVERYBODY or is_open:
        return storage
    raise _closed()


def _closed() -> ApiError:
    return ApiError(401, "token-not-provided", "Authentication token was not provided, nor a valid signature.")
