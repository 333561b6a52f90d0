from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify._files.bodies import (
    BodyReader,
    Doubt,
    LogCheck,
    MakeCheck,
    RecordCheck,
    SavedBody,
    save_body,
)
from airflow_provider_apify._files.dataset.resuming import BodyHasChanged
from airflow_provider_apify.exceptions import ApifyDataError

BODY = bytes(range(256)) * 40
IMAGE = {"content-type": "image/png", "content-length": "10240"}
anything_goes = partial(RecordCheck, None)


class Broken(Exception):
    """What a connection raises that breaks."""


class Reading:
    """A reader that is given bodies by hand.

    :ivar taken: all it has passed on.
    """

    def __init__(self, check: MakeCheck = anything_goes) -> None:
        self.taken = b""
        self.reader = BodyReader(self._take, check)

    def _take(self, piece: bytes) -> None:
        self.taken += piece

    def read(self, body: bytes, *, step: int = 1000, breaks: bool = False, headers: Mapping[str, str] = IMAGE) -> None:
        """Read a body that comes in pieces, and breaks in the end or not."""

        def come() -> Iterator[bytes]:
            for start in range(0, len(body), step):
                yield body[start : start + step]
            if breaks:
                raise Broken

        self.reader.read(headers, come())


def test_a_body_is_passed_on_byte_for_byte() -> None:
    reading = Reading()
    reading.read(BODY)
    assert reading.taken == BODY
    assert (reading.reader.content_type, reading.reader.progress) == ("image/png", len(BODY))


@pytest.mark.parametrize("steps", [(1000, 1000), (1000, 7), (7, 1000), (10**6, 10**6)])
def test_a_body_that_breaks_goes_on_where_it_broke_when_it_is_sent_again(steps: tuple[int, int]) -> None:
    reading = Reading()
    for length in (2500, 2500, 4000, 100):
        with pytest.raises(Broken):
            reading.read(BODY[:length], step=steps[0], breaks=True)
    assert reading.reader.progress == 4000
    reading.read(BODY, step=steps[1])
    assert reading.taken == BODY


def test_a_body_that_is_another_one_when_it_is_sent_again_is_noticed() -> None:
    reading = Reading()
    with pytest.raises(Broken):
        reading.read(BODY[:2500], breaks=True)
    with pytest.raises(BodyHasChanged):
        reading.read(b"x" + BODY[1:])
    assert reading.taken == BODY[:2500]


def test_a_body_that_is_shorter_than_what_came_before_is_not_whole() -> None:
    reading = Reading()
    with pytest.raises(Broken):
        reading.read(BODY[:2500], breaks=True)
    with pytest.raises(ApifyDataError, match="shorter than one before"):
        reading.read(BODY[:2000])


@pytest.mark.parametrize(("size", "body"), [(len(BODY), BODY), (len(BODY) - 1, BODY), (None, b""), (0, b"")])
def test_a_body_as_long_as_listed_or_longer_is_whole(size: int | None, body: bytes) -> None:
    reading = Reading(partial(RecordCheck, size))
    reading.read(body)
    assert reading.taken == body


def test_a_body_that_ends_before_its_listed_size_is_read_again() -> None:
    reading = Reading(partial(RecordCheck, len(BODY)))
    with pytest.raises(ApifyDataError, match=f"has 5000 bytes, but the list of keys says {len(BODY)}"):
        reading.read(BODY[:5000])
    reading.read(BODY)
    assert reading.taken == BODY


def test_a_body_that_ends_a_little_early_twice_at_the_same_byte_is_believed() -> None:
    """The list counts bytes as they are stored, and compressed ones may be some more."""
    reading = Reading(partial(RecordCheck, len(BODY)))
    for length in (-30, -20):
        with pytest.raises(Doubt):
            reading.read(BODY[:length])
    reading.read(BODY[:-20])
    assert reading.taken == BODY[:-20]


@pytest.mark.parametrize("body", [BODY[:-5000], b""])
def test_a_body_that_is_shorter_than_compressing_explains_is_never_believed(body: bytes) -> None:
    reading = Reading(partial(RecordCheck, 20 if not body else len(BODY)))
    for _ in range(3):
        with pytest.raises(ApifyDataError, match="but the list of keys says") as caught:
            reading.read(body)
        assert not isinstance(caught.value, Doubt)


@pytest.mark.parametrize("length", [len(BODY) - 20, len(BODY) + 20])
@pytest.mark.parametrize("headers", [{}, {"content-length": "9", "content-encoding": "gzip"}], ids=["none", "packed"])
def test_a_body_of_another_size_whose_end_nothing_tells_is_never_believed(length: int, headers: dict[str, str]) -> None:
    reading = Reading(partial(RecordCheck, len(BODY)))
    for _ in range(3):
        with pytest.raises(ApifyDataError, match="but the list of keys says") as caught:
            reading.read((BODY * 2)[:length], headers=headers)
        assert not isinstance(caught.value, Doubt)


def test_a_body_of_the_listed_size_needs_no_other_proof() -> None:
    reading = Reading(partial(RecordCheck, len(BODY)))
    reading.read(BODY, headers={})
    assert reading.taken == BODY


@pytest.mark.parametrize("listed", [None, 5])
def test_a_page_that_apify_has_not_stored_is_no_record(listed: int | None) -> None:
    page = {"content-type": "text/html; charset=utf-8", "content-length": "13"}
    with pytest.raises(ApifyDataError, match="a page in HTML that Apify has not stored"):
        Reading(partial(RecordCheck, listed)).read(b"<html>Sign in", headers=page)
    stored = Reading(partial(RecordCheck, listed))
    stored.read(b"<html>Sign in", headers={**page, "content-disposition": 'attachment; filename="A"'})
    assert stored.taken == b"<html>Sign in"


TEXT = {"content-type": "text/plain; charset=utf-8", "transfer-encoding": "chunked"}
log_of_finished_run = partial(LogCheck, is_finished=True)


def test_a_log_that_ends_in_the_middle_of_a_line_is_read_again() -> None:
    reading = Reading(log_of_finished_run)
    with pytest.raises(Doubt, match="in the middle of a line"):
        reading.read(b"one\ntw", headers=TEXT)
    reading.read(b"one\ntwo\nthree\n", headers=TEXT)
    assert reading.taken == b"one\ntwo\nthree\n"


def test_an_empty_log_of_a_finished_run_is_asked_for_again_before_it_is_believed() -> None:
    reading = Reading(log_of_finished_run)
    with pytest.raises(Doubt, match="the log is empty"):
        reading.read(b"", headers=TEXT)
    reading.read(b"", headers=TEXT)
    assert reading.taken == b""


@pytest.mark.parametrize("is_finished", [True, False])
@pytest.mark.parametrize("headers", [{"content-length": "0"}, {"content-type": "text/html", "content-length": "7"}])
def test_what_is_no_plain_text_is_no_log(headers: dict[str, str], is_finished: bool) -> None:
    reading = Reading(partial(LogCheck, is_finished=is_finished))
    for _ in range(3):
        with pytest.raises(ApifyDataError, match="not plain text as logs are"):
            reading.read(b"", headers=headers)


def test_a_log_of_a_finished_run_whose_end_nothing_tells_is_not_believed() -> None:
    reading = Reading(log_of_finished_run)
    with pytest.raises(ApifyDataError, match="nothing tells whether the log is whole"):
        reading.read(b"one\n", headers={"content-type": "text/plain"})


def test_a_log_of_a_run_that_goes_on_may_end_anywhere() -> None:
    for body in (b"one\ntw", b""):
        reading = Reading(partial(LogCheck, is_finished=False))
        reading.read(body, headers=TEXT)
        assert reading.taken == body


def changing(*bodies: bytes) -> Callable[[BodyReader], None]:
    """Return what gives a reader the beginning of the first body, then of the next, and at last a whole one."""
    left = list(bodies)

    def read(reader: BodyReader) -> None:
        reader.read({}, iter([left.pop(0)]))

    return read


def test_a_saved_body_is_a_file_and_what_is_known_of_it(tmp_path: Path) -> None:
    target = ObjectStoragePath(str(tmp_path / "body"))
    saved = save_body(target, changing(BODY), anything_goes)
    assert (tmp_path / "body").read_bytes() == BODY
    size, digest = len(BODY), hashlib.sha256(BODY).hexdigest()
    assert saved == SavedBody(str(target), "application/octet-stream", size, digest, size)


def test_a_body_that_changes_meanwhile_is_written_anew(tmp_path: Path) -> None:
    attempts: list[BodyReader] = []

    def read(reader: BodyReader) -> None:
        attempts.append(reader)
        reader.read({}, iter([b"old begin"]))
        if len(attempts) == 1:
            raise BodyHasChanged

    save_body(ObjectStoragePath(str(tmp_path / "body")), read, anything_goes)
    assert (tmp_path / "body").read_bytes() == b"old begin"
    assert list(tmp_path.iterdir()) == [tmp_path / "body"]


def test_a_body_that_never_stays_the_same_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"old")

    def read(reader: BodyReader) -> None:
        reader.read({}, iter([b"new"]))
        raise BodyHasChanged

    with pytest.raises(ApifyDataError, match="changes while it is read"):
        save_body(ObjectStoragePath(str(tmp_path / "body")), read, anything_goes)
    assert (tmp_path / "body").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "body"]
