"""Where a dataset ends. One loop decides that, whatever is made of the items."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from airflow_provider_apify._files.dataset.reader import Reader
from airflow_provider_apify._files.dataset.source import Source, missing
from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.models.storages import Dataset

# A dataset's items and counts may lag up to 5 seconds behind each other.
LAG_LOOKS = 6
LAG_PAUSE_SECONDS = 1.0


class End:
    """Where a dataset ends: behind an empty answer, unless Apify counts items that it does not show yet.

    What Apify counts is the most that any of its answers says: the dataset's own count, and the total that stands
    beside items. Each may lag, and none is ever too high.

    :param source: what is read.
    :param count: counts; the dataset's own description where nothing else is given.
    :ivar records: lines or rows that came; ``None`` where the format does not tell.
    """

    def __init__(self, source: Source, count: Callable[[], Dataset] | None = None) -> None:
        self._source, self._count = source, count or (lambda: source.dataset)
        self._total, self._answers = 0, 0
        self._position, self._looks = -1, 0
        self.records: int | None = 0

    def answers(
        self, read_next: Callable[[float], Reader], last: Reader | None = None, *, counted: Dataset | None = None
    ) -> Iterator[Reader]:
        """Have answer after answer read, and yield the reader of each, until there are no more items.

        :param read_next: has the next answer read, after so many seconds.
        :param last: of the answer before, where one was read already and :meth:`learn` told of it.
        :param counted: the count that belongs to an answer before that was the last, where it was asked for already.
        :raises ApifyDataError: items that Apify counts did not come, or the dataset has grown in front of them.
        """
        before = self._front()
        while not (last and last.is_last and self._is_at(last.position, counted)):
            delay = LAG_PAUSE_SECONDS if last and last.is_last else 0.0
            last, counted = read_next(delay), None
            self.learn(last)
            yield last
        self._refuse_growth(before)

    def learn(self, reader: Reader) -> None:
        """Take note of what an answer, or several of one reader, say of the dataset."""
        self._total = max(self._total, reader.dataset_total)
        self._answers += reader.answers
        self.records = None if reader.records is None or self.records is None else self.records + reader.records

    def _is_at(self, position: int, counted: Dataset | None) -> bool:
        """Tell whether there is nothing behind a position where nothing came; if not, it is to be asked for again.

        :raises ApifyDataError: it has been asked for often enough.
        """
        dataset, window = counted or self._count(), self._source.window
        count = window.count(max(dataset.item_count, self._total))
        self._looks = self._looks + 1 if position == self._position else 1
        self._position = position
        if count > position and self._looks > LAG_LOOKS:
            raise missing(self._source, count, position)
        if count > position:
            return False
        self._refuse_fewer_than_clean(dataset)
        return True

    def _refuse_fewer_than_clean(self, dataset: Dataset) -> None:
        """Compare with Apify's count of clean items, where these are what is wanted.

        :raises ApifyDataError: fewer came.
        """
        clean, came = dataset.clean_item_count, self.records
        if self._source.query.is_all_that_is_clean and clean is not None and came is not None and came < clean:
            raise missing(self._source, clean, came, "clean items")

    def _front(self) -> tuple[int, tuple[bool, bytes]] | None:
        """Return what changes where an item is added in front of the others; ``None`` where none is."""
        if self._source.query.keeps_order_when_growing:
            return None
        return self._source.dataset.item_count, self._source.item(0)

    def _refuse_growth(self, before: tuple[int, tuple[bool, bytes]] | None) -> None:
        """Make sure that no item was added in front of others between two answers: one answer is of one moment.

        :raises ApifyDataError: one was: a total, the count or the first item tell.
        """
        if before is None or self._answers <= 1:
            return
        if self._total > before[0] or self._front() != before:
            raise ApifyDataError(f"Dataset {self._source.dataset_id} has grown while it was read newest first.")
