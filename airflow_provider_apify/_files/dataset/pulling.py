"""Items that are pulled one by one, no faster than they are used."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_apify._files.dataset.end import End
from airflow_provider_apify._files.dataset.reader import Reader
from airflow_provider_apify._files.dataset.source import Source

# Items are parsed one by one where they are pulled, so that many at once would bring nothing.
_PAGE_ITEMS = 1_000


def item_lines(source: Source) -> Iterator[bytes]:
    """Yield the items, a line each, without taking many more of them than are asked for.

    :raises ApifyDataError: items that Apify counts did not come.
    """
    lines: list[bytes] = []
    position = 0

    def read_next(delay: float) -> Reader:
        # Whole pages only: what was yielded cannot be taken back.
        reader = source.page_reader(position, position + _PAGE_ITEMS, lambda piece: lines.append(bytes(piece)))
        return source.read(reader, delay=delay)

    for reader in End(source).answers(read_next):
        position = reader.position
        yield from b"".join(lines).split(b"\n")[:-1]
        lines.clear()
