from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.export.bodies import (
    BodyHasChanged,
    BodyReader,
    Doubt,
    LastLineCheck,
    SavedBody,
    SizeCheck,
    save_body,
)
from airflow_provider_apify.export.checks import Check

BODY = bytes(range(256)) * 40
anything_goes = partial(SizeCheck, None)


class Broken(Exception):
    """What a connection raises that breaks."""


class Reading:
    """A reader that is given bodies by hand.

    :ivar taken: all it has passed on.
    """

    def __init__(self, check: Callable[[], Check] = anything_goes) -> None:
        self.taken = b""
        self.reader = BodyReader(self._take, check)

    def _take(self, piece: bytes) -> None:
        self.taken += piece

    def read(self, body: bytes, *, step: int = 1000, breaks: bool = False) -> None:
        """Read a body that comes in pieces, and breaks in the end or not."""

        def come() -> Iterator[bytes]:
            for start in range(0, len(body), step):
                yield body[start : start + step]
            if breaks:
                raise Broken

        self.reader.read({"content-type": "image/png"}, come())


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
    reading = Reading(partial(SizeCheck, size))
    reading.read(body)
    assert reading.taken == body


def test_a_body_that_ends_before_its_listed_size_is_read_again() -> None:
    reading = Reading(partial(SizeCheck, len(BODY)))
    with pytest.raises(Doubt, match=f"has 5000 bytes, but the list of keys says {len(BODY)}"):
        reading.read(BODY[:5000])
    reading.read(BODY)
    assert reading.taken == BODY


def test_a_body_that_ends_early_twice_at_the_same_byte_is_believed() -> None:
    """The list counts bytes as they are stored, and compressed ones may be more."""
    reading = Reading(partial(SizeCheck, len(BODY)))
    for length in (5000, 6000):
        with pytest.raises(Doubt):
            reading.read(BODY[:length])
    reading.read(BODY[:6000])
    assert reading.taken == BODY[:6000]


def test_a_log_that_ends_in_the_middle_of_a_line_is_read_again() -> None:
    reading = Reading(LastLineCheck)
    with pytest.raises(Doubt, match="in the middle of a line"):
        reading.read(b"one\ntw")
    reading.read(b"one\ntwo\nthree\n")
    assert reading.taken == b"one\ntwo\nthree\n"


def test_an_empty_log_is_whole() -> None:
    reading = Reading(LastLineCheck)
    reading.read(b"")
    assert reading.taken == b""


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
