"""One export in several files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count, takewhile
from typing import TYPE_CHECKING

from airflow_provider_apify._files.formats.json_array import Body, Lines
from airflow_provider_apify._files.sinks.whole_file import whole_file

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_apify._files.sinks.output import Output


@dataclass(frozen=True)
class WrittenFile:
    """One file.

    :param path: with its scheme.
    :param items: records in it; ``None`` where the format does not tell.
    :param bytes: its size.
    :param sha256: digest of its bytes, in hexadecimal.
    """

    path: str
    items: int | None
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Done:
    """How far a split export is.

    :param files: that are finished, in order.
    :param counts: how many items each dataset has whose items are all handed on; the next one's may be in files, too.
    """

    files: Sequence[WrittenFile] = ()
    counts: Sequence[int] = ()

    @property
    def items(self) -> int:
        """Items in the files."""
        return sum(file.items or 0 for file in self.files)

    @property
    def start(self) -> int:
        """Index of the first item that is in no file, in the dataset behind those that are all handed on."""
        return self.items - sum(self.counts)


@dataclass(frozen=True)
class Split:
    """Where a file ends and the next begins: whatever comes first.

    :param items: at most so many in each.
    :param size: a file ends with the item that brings it to so many bytes, before compression.
    """

    items: int | None = None
    size: int | None = None

    def cut(self, lines: bytes, items: int, size: int) -> int | None:
        """Return how many of these bytes complete the file, ``None`` where they do not.

        :param items: that the file has.
        :param size: bytes that the file has.
        """
        cuts = (self._cut_by_items(lines, items), self._cut_by_size(lines, size))
        return min((cut for cut in cuts if cut), default=None)

    def _cut_by_items(self, lines: bytes, items: int) -> int | None:
        if self.items is None or items + lines.count(b"\n") < self.items:
            return None
        end = 0
        for _ in range(self.items - items):
            end = lines.index(b"\n", end) + 1
        return end

    def _cut_by_size(self, lines: bytes, size: int) -> int | None:
        if self.size is None or size + len(lines) < self.size:
            return None
        return lines.find(b"\n", max(0, self.size - size - 1)) + 1


class Parts:
    """Takes lines and writes them to one file after the other; each appears whole or not at all.

    :param path: makes the path of a part, counted from 0.
    :param body: makes the body of each.
    :param done: the first files, where they are finished already.
    :ivar files: those that are finished.
    """

    def __init__(
        self,
        path: Callable[[int], ObjectStoragePath],
        split: Split,
        compression: str | None,
        *,
        body: type[Body] = Lines,
        done: Sequence[WrittenFile] = (),
    ) -> None:
        self._path, self._split, self._compression, self._body = path, split, compression, body
        self.files = list(done)
        self._note: Callable[[Sequence[WrittenFile]], None] = lambda _files: None
        self._part: _Part | None = None

    @property
    def items(self) -> int:
        """Items in all files, that which is being written included."""
        return sum(file.items or 0 for file in self.files) + (self._part.items if self._part else 0)

    @contextmanager
    def written(self, note: Callable[[Sequence[WrittenFile]], None]) -> Iterator[None]:
        """Finish the last part when the block ends well, and remove parts of a longer export before; else discard it.

        :param note: is told of all files after each.
        """
        self._note = note
        try:
            yield
            if self._part or not self.files:
                self._end(self._begun())
        except BaseException as error:
            if self._part:
                self._part.leave(error)
            raise
        self._remove_others()

    def write(self, lines: bytes | memoryview) -> None:
        """Append lines, or parts of lines."""
        rest = bytes(lines)
        while rest:
            part = self._begun()
            cut = self._split.cut(rest, part.items, part.size)
            part.write(rest[:cut])
            if cut is None:
                return
            self._end(part)
            rest = rest[cut:]

    def _begun(self) -> _Part:
        if self._part is None:
            self._part = _Part(self._path(len(self.files)), self._compression, self._body)
        return self._part

    def _end(self, part: _Part) -> None:
        self._part = None
        self.files.append(part.end())
        self._note(self.files)

    def _remove_others(self) -> None:
        others = takewhile(lambda path: path.exists(), map(self._path, count(len(self.files))))
        # From the last one down: whoever dies meanwhile leaves no gap, behind which the next would not look.
        for path in reversed(list(others)):
            path.unlink()


class _Part:
    """One file that is being written."""

    def __init__(self, path: ObjectStoragePath, compression: str | None, body: type[Body]) -> None:
        self._path = path
        self._file: AbstractContextManager[Output] = whole_file(path, compression)
        self._output = self._file.__enter__()
        self._body = body(self._output.write)
        self.items = 0
        self.size = 0

    def write(self, lines: bytes) -> None:
        self.items += lines.count(b"\n")
        self.size += len(lines)
        self._body.add(lines)

    def end(self) -> WrittenFile:
        self._body.close()
        self._file.__exit__(None, None, None)
        return WrittenFile(str(self._path), self.items, self._output.size, self._output.sha256)

    def leave(self, error: BaseException) -> None:
        self._file.__exit__(type(error), error, error.__traceback__)
