"""What a file holds, before anything of it is pushed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Survey:
    """What a file holds.

    :param items: how many.
    :param sha256: digest of the items, in hexadecimal; that of the same items is the same.
    """

    items: int
    sha256: str


def survey(items: Iterator[bytes]) -> Survey:
    """Read all items, so that a mistake shows before the first one is pushed.

    :raises ValueError: an item that Apify would refuse; the message names its line.
    """
    count, digest = 0, hashlib.sha256()
    for item in items:
        count += 1
        digest.update(item)
        digest.update(b"\n")
    return Survey(count, digest.hexdigest())
