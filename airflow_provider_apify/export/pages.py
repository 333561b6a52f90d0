"""Pages of a dataset, each downloaded whole and checked before anybody sees it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Self

from airflow_provider_apify.exceptions import ApifyDataError

if TYPE_CHECKING:
    from airflow_provider_apify.hooks.apify import ApifyHook

# The first page is small, to learn how large the items are; the others hold about this many bytes.
_FIRST_PAGE_ITEMS = 1_000
_PAGE_BYTES = 16 * 2**20
_LARGEST_PAGE_ITEMS = 100_000
# A dataset's items and counts may lag up to 5 seconds behind each other.
_LAG_LOOKS = 6
_LAG_PAUSE_SECONDS = 1.0
# A page waits in memory until it is checked, or in a temporary file where it is larger than this.
_MEMORY_BYTES = 16 * 2**20
_PIECE_BYTES = 2**20
_SCANNED = "x-apify-pagination-count"
_FILTERS = ("clean", "skipEmpty", "skipHidden", "skipFailedPages", "simplified", "unwind", "view")


@dataclass(frozen=True)
class Page:
    """One answer of the items endpoint.

    :param scanned: items of the dataset that it stands for; filters may have kept fewer.
    :param records: items (lines, rows) that it holds.
    :param size: bytes.
    """

    scanned: int
    records: int
    size: int
    _file: IO[bytes] = field(repr=False)

    def pieces(self) -> Iterator[bytes]:
        """Yield the body."""
        self._file.seek(0)
        while piece := self._file.read(_PIECE_BYTES):
            yield piece

    def open(self) -> IO[bytes]:
        """Return the body as a file, at its start."""
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Give its memory or its temporary file back."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PageReader:
    """Read one page into a spool and check that it is whole.

    Content is checked because HTTP libraries do not notice every body that ends early.

    :param counter: counts records; a new one for each try.
    :param params: of the request.
    :ivar is_exact: whether each scanned item is a record, so that a page that ends early shows in its count.
    """

    def __init__(self, counter: type[LineCounter | RowCounter], params: Mapping[str, Any]) -> None:
        self._counter = counter
        self.is_exact = not any(params.get(name) for name in _FILTERS)

    def __call__(self, headers: Mapping[str, str], body: Iterator[bytes]) -> Page:
        """Read the body; given to :meth:`ApifyHook.fetch_items`.

        :raises ApifyDataError: it is not whole.
        """
        if _SCANNED not in headers:
            raise ApifyDataError("the page is not Apify's; check the connection's host and any proxy in between")
        scanned, counter = int(headers[_SCANNED]), self._counter()
        with ExitStack() as stack:
            spool = stack.enter_context(tempfile.SpooledTemporaryFile(_MEMORY_BYTES))
            for piece in body:
                counter.add(piece)
                spool.write(piece)
            spool.write(counter.ending())
            if self.is_exact and counter.records != scanned:
                raise ApifyDataError(f"the page stands for {scanned} items but holds {counter.records}")
            stack.pop_all()  # whole: the page keeps it open
            return Page(scanned, counter.records, spool.tell(), spool)


class LineCounter:
    """Count the lines of JSON Lines."""

    def __init__(self) -> None:
        self.records = 0
        self._open_line = b""

    def add(self, piece: bytes) -> None:
        """Take the next bytes of the body."""
        self.records += piece.count(b"\n")
        self._open_line = piece.rpartition(b"\n")[2] if b"\n" in piece else self._open_line + piece

    def ending(self) -> bytes:
        """Return what completes the last line, so that another page can follow.

        :raises ApifyDataError: the last line is cut.
        """
        if not self._open_line:
            return b""
        try:
            json.loads(self._open_line)
        except ValueError:
            raise ApifyDataError("the page ends in the middle of an item") from None
        self.records += 1
        return b"\n"


class RowCounter:
    """Count the rows of CSV below its header; line breaks inside quotes are part of a row."""

    def __init__(self) -> None:
        self._rows = 0
        self._inside_quotes = 0
        self._ends_open = False

    @property
    def records(self) -> int:
        """Rows so far, without the header."""
        return max(0, self._rows - 1)

    def add(self, piece: bytes) -> None:
        """Take the next bytes of the body."""
        parts = piece.split(b'"')
        self._rows += sum(part.count(b"\n") for part in parts[self._inside_quotes :: 2])
        self._inside_quotes ^= (len(parts) - 1) & 1
        self._ends_open = not piece.endswith(b"\n")

    def ending(self) -> bytes:
        """Return what completes the last row.

        :raises ApifyDataError: a quoted value is cut.
        """
        if self._inside_quotes:
            raise ApifyDataError("the page ends in the middle of a row")
        if not self._ends_open:
            return b""
        self._rows += 1
        return b"\n"


def all_pages(
    hook: ApifyHook,
    dataset_id: str,
    params: Mapping[str, Any],
    counter: type[LineCounter | RowCounter],
    *,
    paged: bool = True,
) -> Iterator[Page]:
    """Yield the pages of a dataset until an empty one: a page may hold fewer items than asked for, and totals lag.

    :param params: of the items endpoint, by their API names, beside offset and limit.
    :param paged: whether to ask for pages of a size that suits memory; else for as much as Apify gives at once.
    :raises ApifyDataError: items that Apify counts did not come, or bodies kept breaking.
    """
    read = PageReader(counter, params)
    offset, looks, delay = 0, 0, 0.0
    limit = _FIRST_PAGE_ITEMS if paged else None
    while True:
        wanted = {**params, "offset": offset, "limit": limit}
        page = hook.fetch_items(dataset_id, wanted, read, compressed=read.is_exact, delay=delay)
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
