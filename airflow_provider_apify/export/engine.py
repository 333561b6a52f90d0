"""The way a dataset takes from Apify to a file: pages, checked, in order, until there are no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.export.pages import all_pages
from airflow_provider_apify.export.target import whole_file

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_apify.export.formats import Format
    from airflow_provider_apify.hooks.apify import ApifyHook


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
        wanted = {**params, **file_format.params}
        pages = all_pages(hook, dataset_id, wanted, file_format.counter, paged=file_format.paged)
        items = file_format.join(pages, file)
    return Manifest(str(path), file_format.name, dataset_id, items, file.size, file.sha256)
