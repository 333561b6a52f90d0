"""Storages that may be read without a token, or with somebody else's: by a signed URL, or because they are open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from local_apify.api.call import Call
from local_apify.world.datasets import Dataset
from local_apify.world.signatures import opens_content
from local_apify.world.stores import KeyValueStore

S_co = TypeVar("S_co", Dataset, KeyValueStore, covariant=True)


class Find(Protocol[S_co]):
    """Finds the storage that a path names."""

    def __call__(self, call: Call, /, opens: Callable[[S_co], bool]) -> S_co:
        """Find it; ``opens`` tells whether the request may read it, whoever has sent it."""
        ...


def opened(call: Call, find: Find[S_co], opens: Callable[[S_co, str], bool] | None = None) -> S_co:
    """Return the storage that the path names.

    :param opens: tells whether a signature opens what is asked for; unless given, it must open the whole content.
    :raises ApiError: there is none; or there is no token of somebody who may read it, and no other way in.
    """
    signature = call.query.text("signature") or ""

    def is_open(storage: S_co) -> bool:
        if opens is not None:
            return opens(storage, signature)
        return opens_content(signature, storage.signing_key, storage.id)

    return find(call, is_open)
