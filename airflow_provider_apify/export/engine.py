"""The way a dataset takes from Apify to a file: pages, checked, in order, until there are no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.export.pages import Page, PageReader
from airflow_provider_apify.export.target import whole_file

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_apify.export.formats import Format
    from airflow_provider_apify.hooks.apify import ApifyHook

# The first page is small, to learn how large the items are; the others hold about this many bytes.
_FIRST_PAGE_ITEMS = 1_000
_PAGE_BYTES = 16 * 2**20
_LARGEST_PAGE_ITEMS = 100_000
# A dataset's items and counts may lag up to 5 seconds behind each other.
_LAG_LOOKS = 6
_LAG_PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Manifest:
    """What was written.

    :param path: of the file, with its scheme.
    :param format: its format, for example ``"jsonl"``.
    :param dataset_id: what it was written from.
    :param items: records in it.
    :param bytes: its size.
    :param sha256: digest of its bytes, in hexadecimal.
    """

    path: str
    format: str
    dataset_id: str
    items: int
    bytes: int
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self)


def export_dataset(
    hook: ApifyHook,
    dataset_id: str,
    path: ObjectStoragePath,
    file_format: Format,
    params: Mapping[str, Any],
) -> Manifest:
    """Write all items of a dataset to one file, which appears whole or not at all and replaces what was there.

    :param params: of the items endpoint, by their API names, beside format, offset and limit.
    :raises ApifyDataError: items that Apify counts did not come, or bodies kept breaking.
    :raises OSError: the target cannot be written.
    """
    with whole_file(path) as file:
        items = file_format.join(_pages(hook, dataset_id, file_format, {**params, **file_format.params}), file)
    return Manifest(str(path), file_format.name, dataset_id, items, file.size, file.sha256)


def _pages(hook: ApifyHook, dataset_id: str, file_format: Format, params: Mapping[str, Any]) -> Iterator[Page]:
    """Yield pages until an empty one: a page may hold fewer items than asked for, and totals lag."""
    read = PageReader(file_format.counter, params)
    offset, looks, delay = 0, 0, 0.0
    limit = _FIRST_PAGE_ITEMS if file_format.paged else None
    while True:
        page = hook.fetch_items(dataset_id, {**params, "offset": offset, "limit": limit}, read, delay=delay)
        if page.scanned:
            offset, looks, delay = offset + page.scanned, 0, 0.0
            limit = limit and _next_limit(page)
            yield page
            continue
        page.close()
        missing = hook.get_dataset(dataset_id).item_count - offset
        if missing <= 0:
            return
        looks, delay = looks + 1, _LAG_PAUSE_SECONDS
        if looks > _LAG_LOOKS:
            raise ApifyDataError(f"Dataset {dataset_id} counts {offset + missing} items, but only {offset} came.")


def _next_limit(page: Page) -> int:
    """Return how many items make a page of the size aimed at, as far as the last page tells."""
    item_bytes = max(1.0, page.size / page.scanned)
    return max(1, min(_LARGEST_PAGE_ITEMS, int(_PAGE_BYTES / item_bytes), 20 * page.scanned))
