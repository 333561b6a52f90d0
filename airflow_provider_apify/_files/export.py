"""The way a dataset takes from Apify to a file, or to several."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_apify._files.bodies import begun_anew
from airflow_provider_apify._files.dataset.reader import Take
from airflow_provider_apify._files.dataset.source import Api, Source
from airflow_provider_apify._files.dataset.walk import walk_all
from airflow_provider_apify._files.formats.registry import Format
from airflow_provider_apify._files.lost_columns import LostColumns, OnLostColumns
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify._files.sinks.whole_file import whole_file
from airflow_provider_apify._files.split import Done, Parts, Split, WrittenFile
from airflow_provider_apify.exceptions import ApifyDataError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath


log = logging.getLogger(__name__)

_MOST_IN_MANIFEST = 1_000


@dataclass(frozen=True)
class WrittenDataset:
    """What one dataset has brought.

    :param dataset_id: its ID.
    :param items: records in the files; ``None`` where the format does not tell.
    """

    dataset_id: str
    items: int | None


@dataclass(frozen=True)
class Manifest:
    """What was written.

    :param format: for example ``"jsonl"``.
    :param compression: ``"gzip"``, ``"zstd"`` or ``None``.
    :param datasets: what it was written from, in the order of the items.
    :param files: in order; one, unless the export is split.
    """

    format: str
    compression: str | None
    datasets: list[WrittenDataset]
    files: list[WrittenFile] = field(default_factory=list)

    @property
    def items(self) -> int | None:
        """Records in all files; ``None`` where the format does not tell."""
        counts = [file.items for file in self.files]
        return None if None in counts else sum(count for count in counts if count is not None)

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)

    def __str__(self) -> str:
        """Say how much it is, for a log."""
        count, files, datasets = self.items, len(self.files), len(self.datasets)
        items = "items" if count is None else f"{count} item{'' if count == 1 else 's'}"
        of_datasets, in_files = f" of {datasets} datasets", f" in {files} files"
        return f"{items}{of_datasets if datasets > 1 else ''} ({self.bytes} bytes{in_files if files > 1 else ''})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON.

        ``path`` and ``sha256`` are those of the only file, ``dataset_id`` is that of the only dataset: ``None`` where
        there are several. ``files`` and ``datasets`` are the first 1,000, so that XCom stays small; ``file_count`` and
        ``dataset_count`` say how many there are.
        """
        only = self.files[0] if len(self.files) == 1 else None
        return {
            "path": only.path if only else None,
            "items": self.items,
            "bytes": self.bytes,
            "sha256": only.sha256 if only else None,
            "format": self.format,
            "compression": self.compression,
            "dataset_id": self.datasets[0].dataset_id if len(self.datasets) == 1 else None,
            "dataset_count": len(self.datasets),
            "datasets": [asdict(dataset) for dataset in self.datasets[:_MOST_IN_MANIFEST]],
            "file_count": len(self.files),
            "files": [asdict(file) for file in self.files[:_MOST_IN_MANIFEST]],
        }


_Written = tuple[list[WrittenFile], Sequence["int | None"]]
"""Files, and how many items of each dataset are in them."""


class Progress(Protocol):
    """Is told how far an export is."""

    def add(self, size: int, /) -> None:
        """Take note of so many bytes more."""

    def reach(self, position: int, /) -> None:
        """Take note of how many items have come; not told where the format does not tell."""


@dataclass(frozen=True)
class Export:
    """What to write, and how.

    :param dataset_ids: one or more, whose items follow one another in this order.
    :param path: makes the path of a part, counted from 0; of an export that is not split, of part 0.
    :param compression: of :data:`COMPRESSIONS <airflow_provider_apify._files.sinks.output.COMPRESSIONS>`.
    :param min_items: fewer are an error, and nothing is written; of a split export whose items are filtered, finished
        files stay.
    :param counted: how many items Apify counts, as far as it has been asked; the count may lag.
    :param progress: is told of what comes.
    :param done: what an earlier attempt of a split export has finished.
    :param on_lost_columns: ``"fail"`` or ``"warn"`` where Apify may have left columns of a table out.
    :param note: is told how far a split export is, after each file, so that a later attempt can go on from there.
    """

    hook: Api
    dataset_ids: Sequence[str]
    path: Callable[[int], ObjectStoragePath]
    file_format: Format
    query: ItemsQuery = field(default_factory=ItemsQuery)
    compression: str | None = None
    split: Split | None = None
    min_items: int = 0
    counted: int = 0
    progress: Progress | None = None
    done: Done = field(default_factory=Done)
    on_lost_columns: OnLostColumns = "fail"
    note: Callable[[Done], None] = lambda _done: None

    def run(self) -> Manifest:
        """Write; each file appears whole or not at all, and replaces what was there.

        :raises ApifyDataError: items that Apify counts did not come, bodies kept breaking, or there are too few items.
        :raises OSError: the file cannot be written.
        """
        name, several = self.file_format.name, len(self.dataset_ids) > 1
        what = f"One of {len(self.dataset_ids)} datasets" if several else f"Dataset {self.dataset_ids[0]}"
        files, counts = begun_anew(f"{what} as {name}", self._parts if self.split else self._one)
        datasets = [WrittenDataset(*each) for each in zip(self.dataset_ids, counts, strict=True)]
        return Manifest(name, self.compression, datasets, files)

    @property
    def sources(self) -> list[Source]:
        """The datasets as they are asked for."""
        reached, lost_columns = self.progress.reach if self.progress else None, LostColumns(self.on_lost_columns)
        return [Source(self.hook, each, self.query, reached, lost_columns) for each in self.dataset_ids]

    def _one(self) -> _Written:
        path = self.path(0)
        with whole_file(path, self.compression) as output:
            counts = self.file_format.write(self.sources, self._told(output.write))
            items = None if None in counts else sum(count for count in counts if count is not None)
            self._check(items)
        return [WrittenFile(str(path), items, output.size, output.sha256)], counts

    def _parts(self) -> _Written:
        sources, query, split = self.sources, self.query, self.split or Split()
        if query.keeps_every_item and self.counted < self.min_items:
            # The first file would be there before the last item is.
            self._check(sum(source.item_count for source in sources))
        # Elsewhere the items that are done do not tell where to go on.
        done = self.done if query.keeps_every_item and query.keeps_order_when_growing else Done()
        counts = list(done.counts)
        parts = Parts(self.path, split, self.compression, body=self.file_format.body_of_parts, done=done.files)
        if done.files:
            log.info(
                "Files that an earlier attempt has finished: %d, with %d items. Going on with item %d, in %s",
                len(done.files),
                done.items,
                done.items + 1,
                self.path(len(done.files)),
            )
        with parts.written(lambda files: self.note(Done(files, counts))):
            walk_all(sources, self._told(parts.write), counts, done.start)
            self._check(parts.items)
        return parts.files, counts

    def _told(self, take: Take) -> Take:
        progress = self.progress
        if progress is None:
            return take

        def told(piece: bytes | memoryview) -> None:
            take(piece)
            progress.add(len(piece))

        return told

    def _check(self, items: int | None) -> None:
        if items is None and self.min_items:
            raise ApifyDataError(f"Nobody knows how many items are in a {self.file_format.name} file that is filtered.")
        if items is not None and items < self.min_items:
            several = len(self.dataset_ids) > 1
            have = f"The {len(self.dataset_ids)} datasets have" if several else f"Dataset {self.dataset_ids[0]} has"
            raise ApifyDataError(f"{have} {items} items, fewer than the {self.min_items} that the task wants.")
