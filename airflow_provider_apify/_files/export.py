"""The way a dataset takes from Apify to a file, or to several."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_apify._files.bodies import begun_anew
from airflow_provider_apify._files.dataset.readers import Take
from airflow_provider_apify._files.dataset.source import Api, Source
from airflow_provider_apify._files.formats.registry import Format, write_lines
from airflow_provider_apify._files.lost_columns import LostColumns, OnLostColumns
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify._files.split import Parts, Split, WrittenFile
from airflow_provider_apify._files.targets.whole_file import whole_file
from airflow_provider_apify.exceptions import ApifyDataError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath


log = logging.getLogger(__name__)

_FILES_IN_MANIFEST = 1_000


@dataclass(frozen=True)
class Manifest:
    """What was written.

    :param format: for example ``"jsonl"``.
    :param compression: ``"gzip"``, ``"zstd"`` or ``None``.
    :param dataset_id: what it was written from.
    :param files: in order; one, unless the export is split.
    """

    format: str
    compression: str | None
    dataset_id: str
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
        count, files = self.items, len(self.files)
        items = "items" if count is None else f"{count} item{'' if count == 1 else 's'}"
        return f"{items} ({self.bytes} bytes{f' in {files} files' if files > 1 else ''})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON; ``path`` and ``sha256`` are those of the only file, or ``None``.

        ``files`` are the first 1,000, so that XCom stays small; ``file_count`` says how many there are.
        """
        only = self.files[0] if len(self.files) == 1 else None
        return {
            "path": only.path if only else None,
            "items": self.items,
            "bytes": self.bytes,
            "sha256": only.sha256 if only else None,
            "format": self.format,
            "compression": self.compression,
            "dataset_id": self.dataset_id,
            "file_count": len(self.files),
            "files": [asdict(file) for file in self.files[:_FILES_IN_MANIFEST]],
        }


class Progress(Protocol):
    """Is told how far an export is."""

    def add(self, size: int, /) -> None:
        """Take note of so many bytes more."""

    def reach(self, position: int, /) -> None:
        """Take note of how many items have come; not told where the format does not tell."""


@dataclass(frozen=True)
class Export:
    """What to write, and how.

    :param path: makes the target of a part, counted from 0; of an export that is not split, of part 0.
    :param compression: of :data:`COMPRESSIONS <airflow_provider_apify._files.targets.output.COMPRESSIONS>`.
    :param min_items: fewer are an error, and nothing is written; of a split export whose items are filtered, finished
        files stay.
    :param counted: how many items Apify counts, as far as it has been asked; the count may lag.
    :param progress: is told of what comes.
    :param done: files of a split export that an earlier attempt has finished.
    :param on_lost_columns: ``"fail"`` or ``"warn"`` where Apify may have left columns of a table out.
    :param note: is told of all files that are finished, after each, so that a later attempt can go on from there.
    """

    hook: Api
    dataset_id: str
    path: Callable[[int], ObjectStoragePath]
    file_format: Format
    query: ItemsQuery = field(default_factory=ItemsQuery)
    compression: str | None = None
    split: Split | None = None
    min_items: int = 0
    counted: int = 0
    progress: Progress | None = None
    done: Sequence[WrittenFile] = ()
    on_lost_columns: OnLostColumns = "fail"
    note: Callable[[Sequence[WrittenFile]], None] = lambda _files: None

    def run(self) -> Manifest:
        """Write; each file appears whole or not at all, and replaces what was there.

        :raises ApifyDataError: items that Apify counts did not come, bodies kept breaking, or there are too few items.
        :raises OSError: the target cannot be written.
        """
        name = self.file_format.name
        files = begun_anew(f"Dataset {self.dataset_id} as {name}", self._parts if self.split else self._one)
        return Manifest(name, self.compression, self.dataset_id, files)

    @property
    def source(self) -> Source:
        """The dataset as it is asked for."""
        reached = self.progress.reach if self.progress else None
        return Source(self.hook, self.dataset_id, self.query, reached, LostColumns(self.on_lost_columns))

    def _one(self) -> list[WrittenFile]:
        target = self.path(0)
        with whole_file(target, self.compression) as output:
            items = self.file_format.write(self.source, self._told(output.write))
            self._check(items)
        return [WrittenFile(str(target), items, output.size, output.sha256)]

    def _parts(self) -> list[WrittenFile]:
        source, query, split = self.source, self.query, self.split or Split()
        if query.keeps_every_item and self.counted < self.min_items:
            self._check(source.item_count)  # the first file would be there before the last item is
        # Elsewhere the items that are done do not tell where to go on.
        done = self.done if query.keeps_every_item and query.keeps_order_when_growing else ()
        parts = Parts(self.path, split, self.compression, body=self.file_format.body_of_parts, done=done)
        if done:
            log.info(
                "Files that an earlier attempt has finished: %d, with %d items. Going on with item %d, in %s",
                len(done),
                parts.items,
                parts.items + 1,
                self.path(len(done)),
            )
        with parts.written(self.note):
            write_lines(source, self._told(parts.write), parts.items)
            self._check(parts.items)
        return parts.files

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
            raise ApifyDataError(
                f"Dataset {self.dataset_id} has {items} items, fewer than the {self.min_items} that the task wants.",
            )
