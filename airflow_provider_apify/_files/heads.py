"""What the headers of an answer with items say of it. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_apify.exceptions import ApifyDataError

SCANNED = "x-apify-pagination-count"
OFFSET = "x-apify-pagination-offset"
TOTAL = "x-apify-pagination-total"


@dataclass(frozen=True)
class Head:
    """What the headers of an answer say of it.

    :param scanned: items of the dataset that it stands for.
    :param offset: items of the dataset that lie before these; ``None`` where it does not tell.
    :param total: items of the dataset, as far as Apify knows; ``None`` where it does not tell.
    :param has_end: whether HTTP tells where the body ends: not where that is the end of the connection, and not where
        the body is compressed, because HTTP libraries do not notice when what is compressed ends early.
    """

    scanned: int
    offset: int | None = None
    total: int | None = None
    has_end: bool = False

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Head:
        """Read headers, with names in lower case.

        :raises ApifyDataError: they are not Apify's, or no numbers.
        """
        scanned = _number(headers, SCANNED)
        if scanned is None:
            raise ApifyDataError("the page is not Apify's; check the connection's host and any proxy in between")
        is_framed = "content-length" in headers or "transfer-encoding" in headers
        return cls(
            scanned,
            offset=_number(headers, OFFSET),
            total=_number(headers, TOTAL),
            has_end=is_framed and "content-encoding" not in headers,
        )


def _number(headers: Mapping[str, str], name: str) -> int | None:
    """Return a number; one that is there twice, as some proxies have it, counts once."""
    said = headers.get(name)
    values = {each.strip() for each in said.split(",")} if said is not None else set()
    if not values:
        return None
    value = values.pop()
    if values or not value.isdecimal():
        raise ApifyDataError(f"the page's header {name} is {said!r} and no number; check any proxy in between")
    return int(value)
