"""Readers take each item once, whatever answers break, wherever, and however they are cut into pieces."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_apify._files.checks import EndCheck, LineCheck, RowCheck
from airflow_provider_apify._files.dataset.reader import AnswerIsCapped, Reader
from airflow_provider_apify._files.dataset.readers import DocumentReader, LineReader, PageReader
from airflow_provider_apify._files.dataset.resuming import BodyHasChanged
from airflow_provider_apify._files.heads import OFFSET, SCANNED, TOTAL
from airflow_provider_apify.exceptions import ApifyDataError
from tests._files.material import (
    CUTS,
    ITEMS,
    TABLES,
    Answer,
    BrokenError,
    Taken,
    lines_of,
    pieces_of,
    read_through,
    table_of,
)

BREAKS = st.lists(st.tuples(st.integers(0), st.booleans()), max_size=5)


def lines_server(items: Sequence[Any], *, cap: int | None = None, drops_break: bool = False) -> Answer:
    """Answer as Apify does for JSON Lines, with at most ``cap`` items at once."""

    def answer(params: Mapping[str, Any]) -> tuple[int, bytes]:
        start, limit = params["offset"], params["limit"]
        sizes = [size for size in (limit, cap) if size is not None]
        page = items[start : start + min(sizes)] if sizes else items[start:]
        body = lines_of(page)
        return len(page), body.removesuffix(b"\n") if drops_break else body

    return answer


@given(ITEMS, BREAKS, CUTS, st.none() | st.integers(1, 3), st.booleans())
def test_lines_are_taken_once_and_in_order_though_answers_break(
    items: list[Any], breaks: list[tuple[int, bool]], cuts: list[int], cap: int | None, drops_break: bool
) -> None:
    taken = Taken()
    reader = LineReader({}, 0, len(items) + 1, taken)
    read_through(reader, lines_server(items, cap=cap, drops_break=drops_break), breaks, cuts)
    assert taken.body == lines_of(items)
    assert (reader.position, reader.records) == (len(items), len(items))


@given(ITEMS, st.integers(0, 8), st.integers(0, 8), BREAKS)
def test_a_stretch_of_lines_ends_where_it_should(
    items: list[Any], start: int, size: int, breaks: list[tuple[int, bool]]
) -> None:
    taken = Taken()
    reader = LineReader({}, start, start + size + 1, taken)
    read_through(reader, lines_server(items), breaks)
    assert taken.body == lines_of(items[start : start + size + 1])
    assert reader.records == len(items[start : start + size + 1])


@given(ITEMS, BREAKS, CUTS, st.booleans())
def test_a_page_is_taken_only_when_it_is_whole(
    items: list[Any], breaks: list[tuple[int, bool]], cuts: list[int], drops_break: bool
) -> None:
    taken = Taken()
    reader = PageReader({}, 0, len(items) + 1, taken, check=partial(LineCheck, counts=True))
    read_through(reader, lines_server(items, cap=3, drops_break=drops_break), breaks, cuts)
    assert taken.body == lines_of(items)
    assert (reader.position, reader.records) == (len(items), len(items))


def test_a_filtered_page_goes_on_behind_what_it_stands_for() -> None:
    taken, asked = Taken(), []
    reader = PageReader({"clean": True}, 10, 40, taken, check=partial(LineCheck, counts=False))

    def answer(params: Mapping[str, Any]) -> tuple[int, bytes]:
        asked.append((params["offset"], params["limit"]))
        return 15, b'{"a":1}\n{"a":2}'

    read_through(reader, answer, [])
    assert asked == [(10, 30), (25, 15)]
    assert taken.body == b'{"a":1}\n{"a":2}\n' * 2
    assert (reader.position, reader.records) == (40, 4)


@given(TABLES, BREAKS.map(lambda breaks: [(after, True) for after, _ in breaks]), CUTS)
def test_a_document_goes_on_where_it_broke(
    table: list[list[str]], breaks: list[tuple[int, bool]], cuts: list[int]
) -> None:
    taken = Taken()
    reader = DocumentReader({}, taken, check=partial(RowCheck, counts=True))
    read_through(reader, lambda _params: (len(table) - 1, table_of(table)), breaks, cuts)
    assert taken.body == table_of(table)
    assert (reader.position, reader.records) == (len(table) - 1, len(table) - 1)


def test_a_document_that_ends_early_and_well_formed_is_read_on_without_a_seam() -> None:
    body = b"a,b\n1,one\n2,two\n3,three\n"
    taken = Taken()
    reader = DocumentReader({}, taken, check=partial(RowCheck, counts=True))
    read_through(reader, lambda _params: (3, body), [(7, False), (13, False)])
    assert taken.body == body


def test_a_document_without_a_last_line_break_gets_it() -> None:
    taken = Taken()
    reader = DocumentReader({}, taken, check=partial(RowCheck, counts=True))
    read_through(reader, lambda _params: (1, b"a\n1"), [])
    assert taken.body == b"a\n1\n"


@pytest.mark.parametrize("headers", [{}, {"content-length": "8", "content-encoding": "gzip"}])
@pytest.mark.parametrize("kind", [PageReader, DocumentReader])
def test_a_filtered_answer_is_refused_where_nothing_tells_its_end(
    headers: dict[str, str], kind: type[PageReader | DocumentReader]
) -> None:
    taken = Taken()
    readers: dict[type, Reader] = {
        PageReader: PageReader({}, 0, 3, taken, check=partial(LineCheck, counts=False)),
        DocumentReader: DocumentReader({}, taken, check=partial(RowCheck, counts=False)),
    }
    with pytest.raises(ApifyDataError, match="nothing tells whether the page is whole"):
        readers[kind].read({SCANNED: "3", **headers}, iter([b'{"a":1}\n']))
    assert taken.body == b""


def take_an_answer(reader: Reader, body: bytes, *, scanned: int = 3, total: int = 3, breaks: bool = False) -> None:
    """Have a reader read one answer."""

    def pieces() -> Any:
        yield body
        if breaks:
            raise BrokenError

    reader.params()
    reader.read({SCANNED: str(scanned), TOTAL: str(total)}, pieces())


def begun_document() -> DocumentReader:
    """Return a reader whose first answer broke after some bytes."""
    reader = DocumentReader({}, Taken(), check=lambda head: EndCheck(b"</x>", records=head.scanned))
    with pytest.raises(BrokenError):
        take_an_answer(reader, b"<x>one two", breaks=True)
    return reader


def test_a_document_that_has_shrunk_meanwhile_must_begin_anew() -> None:
    """A replica that lags answers as if nothing were wrong."""
    with pytest.raises(BodyHasChanged):
        take_an_answer(begun_document(), b"<x>one two</x>", scanned=2, total=2)


def test_a_document_that_has_changed_meanwhile_must_begin_anew() -> None:
    with pytest.raises(BodyHasChanged):
        take_an_answer(begun_document(), b"<x>uno two three</x>")


def test_a_document_that_broke_is_asked_for_again_as_it_was() -> None:
    assert begun_document().params() == {"offset": 0, "limit": 3}


def test_a_document_that_has_become_shorter_is_an_error() -> None:
    with pytest.raises(ApifyDataError, match="shorter than one before"):
        take_an_answer(begun_document(), b"<x></x>")


def test_a_document_that_ends_in_the_middle_is_an_error() -> None:
    with pytest.raises(ApifyDataError, match="in the middle of the document"):
        take_an_answer(begun_document(), b"<x>one two three")


def test_an_answer_that_is_capped_says_so_before_anything_is_taken() -> None:
    taken = Taken()
    with pytest.raises(AnswerIsCapped) as caught:
        take_an_answer(DocumentReader({}, taken, check=partial(RowCheck, counts=True)), b"a\n1\n", scanned=1, total=5)
    assert (caught.value.scanned, caught.value.total) == (1, 5)
    assert taken.body == b""


def test_what_was_taken_of_a_document_is_never_begun_anew_because_of_a_cap() -> None:
    reader = begun_document()
    take_an_answer(reader, b"<x>one two three</x>", scanned=3, total=5)
    assert reader.position == 3


@pytest.mark.parametrize("kind", [LineReader, partial(PageReader, check=partial(LineCheck, counts=True))])
def test_an_answer_that_holds_less_than_it_stands_for_is_an_error(kind: Any) -> None:
    with pytest.raises(ApifyDataError, match="stands for 3 items but holds 1"):
        take_an_answer(kind({}, 0, None, Taken()), b"{}\n")


def test_rows_that_are_missing_in_a_document_are_an_error() -> None:
    with pytest.raises(ApifyDataError, match="stands for 3 items but holds 1"):
        take_an_answer(DocumentReader({}, Taken(), check=partial(RowCheck, counts=True)), b"a\n1\n")


def test_an_answer_that_is_not_apifys_is_an_error() -> None:
    reader = LineReader({}, 0, None, Taken())
    with pytest.raises(ApifyDataError, match="is not Apify's; check the connection's host and any proxy"):
        reader.read({}, iter([b"<html>"]))


def test_an_empty_answer_is_the_end_and_keeps_what_was_learned_of_the_way() -> None:
    reader = LineReader({}, 0, 10, Taken())
    take_an_answer(reader, b"{}\n" * 3)
    learned, was_done = reader.speed, reader.is_done
    assert (learned.items, learned.size) == (3, 9)
    take_an_answer(reader, b"", scanned=0)
    assert (was_done, reader.is_done) == (False, True)
    assert reader.speed == learned


def test_a_page_that_is_kept_back_takes_little_memory_however_large_its_items_are() -> None:
    pieces, taken = 200, 0

    def body() -> Iterator[bytes]:
        for _ in range(pieces):
            yield b'{"large":"' + b"x" * 1_000_000 + b'"}\n'

    def count(piece: bytes | memoryview) -> None:
        nonlocal taken
        taken += len(piece)

    reader = PageReader({"clean": True}, 0, pieces, count, check=partial(LineCheck, counts=False))
    tracemalloc.start()
    try:
        reader.read({SCANNED: str(pieces), "transfer-encoding": "chunked"}, body())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken == pieces * 1_000_013
    assert peak < 8_000_000


def test_what_the_taker_takes_says_nothing_of_the_speed_of_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("airflow_provider_apify._files.dataset.reader.time.perf_counter", lambda: now)

    def take(_piece: bytes | memoryview) -> None:
        nonlocal now
        now += 60.0

    def body() -> Iterator[bytes]:
        nonlocal now
        now += 2.0
        yield b"{}\n{}\n"
        now += 1.0
        yield b"{}\n"

    reader = LineReader({}, 0, 3, take)
    reader.params()
    reader.read({SCANNED: "3", TOTAL: "3"}, body())
    assert (reader.speed.items, reader.speed.size, reader.speed.seconds) == (3, 9, 3.0)


ERROR_PAGE = b"<html>\n<body>Bad gateway</body>\n</html>\n"
NOT_ITEMS = {"error page": ERROR_PAGE, "blank line": b"\n", "blank": b"  \n", "number": b"17\n", "text": b'"x"\n'}


@pytest.mark.parametrize("intruder", NOT_ITEMS.values(), ids=NOT_ITEMS)
@pytest.mark.parametrize("size", [10, 400])
@pytest.mark.parametrize("place", [0, 40, 99])
@pytest.mark.parametrize("cuts", [[], [700, 8_001, 20_000]])
@pytest.mark.parametrize("kind", [LineReader, partial(PageReader, check=partial(LineCheck, counts=True))])
def test_a_line_that_is_no_item_is_neither_taken_nor_counted(
    kind: Any, intruder: bytes, size: int, place: int, cuts: list[int]
) -> None:
    items = [{"id": number, "text": "x" * size} for number in range(100)]
    lost = intruder.count(b"\n")
    broken = lines_of(items[:place]) + intruder + lines_of(items[place + lost :])
    answers, taken = [broken], Taken()

    def answer(params: Mapping[str, Any]) -> tuple[int, bytes]:
        start = params["offset"]
        return 100 - start, answers.pop() if answers else lines_of(items[start:])

    reader = kind({}, 0, None, taken)
    with pytest.raises(ApifyDataError, match="a line that is no item"):
        take_all(reader, answer, cuts)
    take_all(reader, answer, cuts)
    assert taken.body == lines_of(items)
    assert reader.position == 100


def take_all(reader: Reader, answer: Answer, cuts: Sequence[int]) -> None:
    """Have a reader read one answer."""
    params = reader.params()
    assert params is not None
    scanned, body = answer(params)
    reader.read({SCANNED: str(scanned), TOTAL: "100"}, iter(pieces_of(body, cuts)))


def test_an_error_that_a_server_writes_where_it_fails_is_not_taken_for_the_next_item() -> None:
    taken, items = Taken(), [{"id": number} for number in range(10)]
    reader = LineReader({}, 0, 10, taken)
    broken = lines_of([*items[:6], {"error": {"type": "internal-server-error"}}])
    with pytest.raises(ApifyDataError, match="stands for 10 items but holds 7"):
        take_all(reader, lambda _params: (10, broken), [])
    assert taken.body == lines_of(items[:6])
    read_through(reader, lines_server(items), [])
    assert taken.body == lines_of(items)


@pytest.mark.parametrize("missing", [0, 3, 6])
def test_an_answer_in_whose_middle_an_item_is_missing_is_noticed(missing: int) -> None:
    """Going on behind as many as came would leave that one out, and have the last one twice."""
    items = [{"id": number} for number in range(10)]
    reader = LineReader({}, 0, 10, Taken())
    with pytest.raises(ApifyDataError, match="stands for 10 items but holds 9"):
        take_all(reader, lambda _params: (10, lines_of(items[:missing] + items[missing + 1 :])), [])
    assert reader.params() == {"offset": 7, "limit": 3}
    with pytest.raises(BodyHasChanged, match="was not the beginning of what it stands for"):
        take_all(reader, lines_server(items), [])


def test_an_answer_whose_end_is_missing_is_gone_on_with() -> None:
    items, taken = [{"id": number} for number in range(10)], Taken()
    reader = LineReader({}, 0, 10, taken)
    with pytest.raises(ApifyDataError, match="stands for 10 items but holds 6"):
        take_all(reader, lambda _params: (10, lines_of(items[:6])), [])
    with pytest.raises(ApifyDataError, match="in the middle of an item"):
        take_all(reader, lambda _params: (5, lines_of(items[5:])[:4]), [])
    read_through(reader, lines_server(items), [])
    assert taken.body == lines_of(items)


def test_what_was_taken_is_not_trusted_where_an_answer_holds_more_than_it_stands_for() -> None:
    reader = LineReader({}, 0, 10, Taken())
    with pytest.raises(BodyHasChanged, match="held more items than it stands for"):
        take_all(reader, lambda _params: (3, lines_of([{}] * 5)), [])


@pytest.mark.parametrize("ending", [b"\r\n", b" \n"])
def test_an_item_may_be_followed_by_white_space(ending: bytes) -> None:
    taken = Taken()
    reader = LineReader({}, 0, 3, taken)
    take_all(reader, lambda _params: (3, (b'{"a":1}' + ending) * 3), [])
    assert taken.body == (b'{"a":1}' + ending) * 3


@pytest.mark.parametrize(
    "reader",
    [
        LineReader({}, 100, 200, Taken()),
        PageReader({}, 100, 200, Taken(), check=partial(LineCheck, counts=True)),
        LineReader({"offset": 90}, 10, 110, Taken()),
    ],
)
def test_a_page_of_another_offset_is_refused(reader: Reader) -> None:
    reader.params()
    body = lines_of([{}] * 100)
    with pytest.raises(ApifyDataError, match="begins at offset 0 where 100 was asked for; check any cache"):
        reader.read({SCANNED: "100", TOTAL: "400", OFFSET: "0"}, iter([body]))
    reader.read({SCANNED: "100", TOTAL: "400", OFFSET: "100"}, iter([body]))
    assert reader.is_done


@pytest.mark.parametrize("frame", [{}, {"content-length": "9", "content-encoding": "gzip"}])
@pytest.mark.parametrize("last", [b"399", b"399,item number "])
def test_a_last_row_that_may_be_cut_is_refused_where_nothing_tells_its_end(frame: dict[str, str], last: bytes) -> None:
    check = partial(RowCheck, counts=True)
    body = b"id,title\n398,item number 398\n" + last
    for reader in (PageReader({}, 0, 2, Taken(), check=check), DocumentReader({}, Taken(), check=check)):
        with pytest.raises(ApifyDataError, match="nothing tells whether the page is whole"):
            reader.read({SCANNED: "2", **frame}, iter([body]))


def test_a_last_row_without_a_line_break_is_whole_where_http_says_so() -> None:
    taken = Taken()
    reader = DocumentReader({}, taken, check=partial(RowCheck, counts=True))
    reader.read({SCANNED: "1", "content-length": "6"}, iter([b"id\n398"]))
    assert taken.body == b"id\n398\n"


@pytest.mark.parametrize("said", ["3, 4", "three", "-3", ""])
def test_a_header_that_is_no_number_is_told_by_its_name(said: str) -> None:
    with pytest.raises(ApifyDataError, match=f"header {SCANNED} is '{said}' and no number"):
        LineReader({}, 0, 3, Taken()).read({SCANNED: said}, iter([b""]))


def test_a_header_that_a_proxy_has_doubled_counts_once() -> None:
    taken = Taken()
    LineReader({}, 0, 3, taken).read({SCANNED: "3, 3", TOTAL: "3,3"}, iter([b"{}\n" * 3]))
    assert taken.body == b"{}\n" * 3
