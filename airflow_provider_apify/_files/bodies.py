"""Bodies that are no items, such as records and logs: byte for byte from Apify to a file that is whole or absent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_apify._api.answers import is_log, is_record
from airflow_provider_apify._api.taking import hand_on
from airflow_provider_apify._files.checks import Check
from airflow_provider_apify._files.dataset.resuming import BodyHasChanged, new_digest, untaken
from airflow_provider_apify._files.sinks.whole_file import whole_file
from airflow_provider_apify.exceptions import ApifyDataError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

T = TypeVar("T")
_STARTS = 3
_UNKNOWN_TYPE = "application/octet-stream"
# What gzip or brotli may add to bytes that cannot be compressed: a header, and less than one in 256.
_MOST_ADDED_BYTES = 32
_ADDED_SHARE = 256


class Doubt(ApifyDataError):
    """A body may have ended early. It is asked for again, and believed where the next one is the same."""


MakeCheck = Callable[[Mapping[str, str]], Check]
"""Makes what tells whether a body is whole, given the headers of its answer, with names in lower case."""


class RecordCheck:
    """Compare a record with what the list of keys says of its size.

    The list may count the bytes of a record as it was stored, compressed. So a body that is longer is good. One that is
    shorter by no more than compressing can have added is in doubt; one shorter than that is cut.

    :param listed: size in the list; ``None`` where it is not known.
    :param headers: of the answer.
    """

    records = None

    def __init__(self, listed: int | None, headers: Mapping[str, str]) -> None:
        self._listed, self._headers, self._size = listed, headers, 0

    def add(self, piece: bytes) -> None:
        """Count."""
        self._size += len(piece)

    def ending(self) -> bytes:
        """Return nothing.

        :raises Doubt: the body may be shorter than the record.
        :raises ApifyDataError: it is, or it is none, or nothing tells.
        """
        if self._size == self._listed:
            return b""
        if not is_record(self._headers):
            raise ApifyDataError("the answer is a page in HTML that Apify has not stored; check any proxy in between")
        if self._listed is None:
            return b""
        sizes = f"the body has {self._size} bytes, but the list of keys says {self._listed}"
        if not _tells_its_end(self._headers) or self._listed > _largest_stored(self._size):
            raise ApifyDataError(f"{sizes}; if the record was replaced meanwhile, run the task again")
        if self._size < self._listed:
            raise Doubt(sizes)
        return b""


class LogCheck:
    """Look whether a log is one, and its last line is ended.

    :param headers: of the answer.
    :param is_finished: whether the run was; the log of one that goes on is read while a line is written.
    :raises ApifyDataError: it is no log.
    """

    records = None

    def __init__(self, headers: Mapping[str, str], *, is_finished: bool) -> None:
        if not is_log(headers):
            kind = headers.get("content-type") or "of no type"
            raise ApifyDataError(f"the answer is {kind}, not plain text as logs are; check any proxy in between")
        self._tells_its_end, self._is_finished = _tells_its_end(headers), is_finished
        self._last = b""

    def add(self, piece: bytes) -> None:
        """Keep the last byte."""
        self._last = piece[-1:] or self._last

    def ending(self) -> bytes:
        """Return nothing.

        :raises Doubt: the last line is not ended, or there is none.
        :raises ApifyDataError: nothing tells where it ends.
        """
        if not self._is_finished:
            return b""
        if not self._tells_its_end:
            raise ApifyDataError("nothing tells whether the log is whole; a proxy in between has taken its length")
        if self._last != b"\n":
            raise Doubt("the log ends in the middle of a line" if self._last else "the log is empty")
        return b""


def _tells_its_end(headers: Mapping[str, str]) -> bool:
    """Tell whether HTTP says where a body ends; compression would hide that it ends early."""
    return "content-encoding" not in headers and not headers.keys().isdisjoint({"content-length", "transfer-encoding"})


def _largest_stored(size: int) -> int:
    """Return how many bytes a record may have when it is compressed: without any pattern in it, some more."""
    return size + _MOST_ADDED_BYTES + size // _ADDED_SHARE if size else 0


class BodyReader:
    """Passes a body on as it comes. Where it breaks it is sent anew, and what was taken is skipped.

    :param take: takes the bytes.
    :param check: makes what tells whether a body is whole, given the answer's headers.
    :ivar progress: how many bytes have been taken.
    :ivar content_type: as Apify says.
    """

    # Libraries do not notice compressed bodies that end early.
    compressed = False

    def __init__(self, take: Callable[[bytes], object], check: MakeCheck) -> None:
        self._take, self._make_check = take, check
        self._digest = new_digest()
        self._doubted_at: int | None = None
        self.progress = 0
        self.content_type = _UNKNOWN_TYPE

    def read(self, headers: Mapping[str, str], body: Iterator[bytes]) -> None:
        """Take an answer.

        :raises ApifyDataError: it is not whole; what was taken of it counts.
        :raises BodyHasChanged: it is another body than before.
        :raises TakerFails: what takes the bytes has failed.
        """
        self.content_type = headers.get("content-type", _UNKNOWN_TYPE)
        check = self._make_check(headers)
        for piece in untaken(body, self.progress, self._digest, check):
            self._pass_on(piece)
        try:
            self._pass_on(check.ending())
        except Doubt:
            if self._doubted_at != self.progress:
                self._doubted_at = self.progress
                raise

    def _pass_on(self, piece: bytes) -> None:
        if piece:
            hand_on(self._take, piece)
            self._digest.update(piece)
            self.progress += len(piece)


@dataclass(frozen=True)
class SavedBody:
    """A file that a body has become.

    :param path: with its scheme.
    :param content_type: as Apify says.
    :param bytes: size of the file.
    :param sha256: digest of the file's bytes, in hexadecimal.
    :param body_bytes: size of the body, before compression.
    """

    path: str
    content_type: str
    bytes: int
    sha256: str
    body_bytes: int


def save_body(
    path: ObjectStoragePath,
    read: Callable[[BodyReader], None],
    check: MakeCheck,
    compression: str | None = None,
    go_on: Callable[[], object] = lambda: None,
) -> SavedBody:
    """Write a file; begin anew where the body changes while it is read.

    :param read: has a reader take the body.
    :param check: makes what tells whether a body is whole, given the answer's headers.
    :param compression: of :data:`COMPRESSIONS <airflow_provider_apify._files.sinks.output.COMPRESSIONS>`.
    :param go_on: called before anything is written, and before the file appears; what it raises leaves no file.
    :raises ApifyDataError: the body kept breaking, or changing.
    :raises OSError: the file cannot be written.
    """

    def save() -> SavedBody:
        def take(piece: bytes) -> None:
            go_on()
            output.write(piece)

        with whole_file(path, compression) as output:
            reader = BodyReader(take, check)
            read(reader)
            go_on()
        return SavedBody(str(path), reader.content_type, output.size, output.sha256, output.taken)

    return begun_anew(f"What {path} is to hold", save)


def begun_anew(what: str, write: Callable[[], T]) -> T:
    """Write a file, anew where what it is to hold is not the same when it is read again because it broke.

    :param what: the beginning of the sentence that it kept changing.
    :raises ApifyDataError: it did.
    """
    for _ in range(_STARTS):
        try:
            return write()
        except BodyHasChanged:
            continue
    raise ApifyDataError(f"{what} changes while it is read.")
