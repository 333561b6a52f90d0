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


class FileHasChangedError(Exception):
    """A file is another one than when it was surveyed."""


class _Surveyor:
    """Counts items and digests them."""

    def __init__(self) -> None:
        self._items, self._digest = 0, hashlib.sha256()

    def add(self, item: bytes) -> None:
        self._items += 1
        self._digest.update(item)
        self._digest.update(b"\n")

    @property
    def survey(self) -> Survey:
        """What has come so far."""
        return Survey(self._items, self._digest.hexdigest())


def survey(items: Iterator[bytes]) -> Survey:
    """Read all items, so that a mistake shows before the first one is pushed.

    :raises ValueError: an item that Apify would refuse; the message names its line.
    """
    surveyor = _Surveyor()
    for item in items:
        surveyor.add(item)
    return surveyor.survey


def unchanged(items: Iterator[bytes], found: Survey) -> Iterator[bytes]:
    """Yield the items of a file that was surveyed, and look whether they are still the same.

    :raises FileHasChangedError: they are not; all of them but the last may have come before that shows.
    """
    surveyor = _Surveyor()
    try:
        for item in items:
            surveyor.add(item)
            yield item
    except ValueError as error:
        raise FileHasChangedError from error
    if surveyor.survey != found:
        raise FileHasChangedError
