"""Bodies that come from their start each time: what was taken of one before it broke is skipped, and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Protocol

from airflow_provider_apify._files.checks import Check
from airflow_provider_apify.exceptions import ApifyDataError, ApifyError


class BodyHasChanged(ApifyError):
    """What was taken before is not what belongs there: what is made of it must begin anew."""


class Digest(Protocol):
    """Tells whether bytes are the same as others."""

    def update(self, data: bytes, /) -> None:
        """Append bytes."""

    def digest(self) -> bytes:
        """Return what stands for all of them."""


new_digest: Callable[[], Digest] = hashlib.blake2b


def untaken(body: Iterator[bytes], taken: int, digest: Digest, check: Check) -> Iterator[bytes]:
    """Yield what comes behind the bytes of a body that were taken before it broke.

    :param taken: how many.
    :param digest: :func:`new_digest` of these.
    :param check: is shown everything.
    :raises BodyHasChanged: they are others this time.
    :raises ApifyDataError: they are fewer.
    """
    left, again = taken, new_digest()
    for piece in body:
        check.add(piece)
        if left:
            again.update(piece[:left])
            if len(piece) >= left and again.digest() != digest.digest():
                raise BodyHasChanged("a body that was read again does not begin as it did before")
        yield piece[left:] if left else piece
        left = max(0, left - len(piece))
    if left:
        raise ApifyDataError("the body is shorter than one before")
