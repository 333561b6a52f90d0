"""Whether a body is whole shows in its content, however it is cut into pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_apify._files.checks import Check, EndCheck, FirstRow, LineCheck, RowCheck
from airflow_provider_apify._files.heads import Head
from airflow_provider_apify.exceptions import ApifyDataError
from tests._files.material import CELLS, CUTS, ITEMS, TABLES, lines_of, pieces_of, rows_of, table_of


def looked_at(check: Check, body: bytes, cuts: Sequence[int] = ()) -> tuple[int | None, bytes]:
    """Return the records and the body as it is completed."""
    for piece in pieces_of(body, cuts):
        check.add(piece)
    ending = check.ending()
    return check.records, body + ending


def lines(scanned: int, *, counts: bool = True, has_end: bool = True) -> LineCheck:
    return LineCheck(Head(scanned, has_end=has_end), counts=counts)


def rows(scanned: int, *, counts: bool = True, has_end: bool = True, has_header: bool = True) -> RowCheck:
    return RowCheck(Head(scanned, has_end=has_end), counts=counts, has_header=has_header)


@given(ITEMS, CUTS, st.booleans())
def test_lines_are_counted_in_any_pieces(items: list[Any], cuts: list[int], ends_with_break: bool) -> None:
    body = lines_of(items) if ends_with_break else lines_of(items).removesuffix(b"\n")
    assert looked_at(lines(len(items)), body, cuts) == (len(items), lines_of(items))


@given(ITEMS.filter(bool), st.integers(1), CUTS)
def test_a_line_that_is_cut_is_noticed(items: list[Any], cut: int, cuts: list[int]) -> None:
    last = lines_of(items[-1:])
    kept = 1 + cut % (len(last) - 2)  # inside the last item
    with pytest.raises(ApifyDataError, match="in the middle of an item"):
        looked_at(lines(len(items)), lines_of(items[:-1]) + last[:kept], cuts)


@given(TABLES, CUTS, st.booleans(), st.booleans())
def test_rows_are_counted_in_any_pieces(
    table: list[list[str]], cuts: list[int], ends_with_break: bool, has_header: bool
) -> None:
    body = table_of(table) if ends_with_break else table_of(table).removesuffix(b"\r\n")
    records, whole = looked_at(rows(len(table) - has_header, has_header=has_header), body, cuts)
    assert records == len(table) - has_header
    assert rows_of(whole) == table


def test_a_row_that_is_cut_inside_quotes_is_noticed() -> None:
    with pytest.raises(ApifyDataError, match="in the middle of a row"):
        looked_at(rows(1), b'a,b\n1,"two\n')


FOREIGN = [
    b"",
    b"<html>",
    b"502, Bad Gateway",
    b'{"error": {"type": "internal", "message": "oops"}}',
    b"1,2,3,4",
    b'"a,b,c"',
]


@given(
    st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1),
    st.sampled_from(FOREIGN),
    st.integers(0),
    CUTS,
    st.booleans(),
)
def test_a_row_of_other_cells_than_the_first_is_noticed(
    table: list[list[str]], foreign: bytes, place: int, cuts: list[int], has_header: bool
) -> None:
    rendered = [table_of([row]) for row in table]
    rendered.insert(place % (len(rendered) + 1), foreign + b"\n")
    with pytest.raises(ApifyDataError, match=r"a row of \d cells"):
        looked_at(rows(len(rendered) - has_header, has_header=has_header), b"".join(rendered), cuts)


def test_two_foreign_rows_do_not_make_up_for_each_other() -> None:
    with pytest.raises(ApifyDataError, match="a row of 1 cells, but its first row has 2; check any proxy"):
        looked_at(rows(3), b"a,b\n1,2\noops\n1,2,3\n")


def test_a_last_row_that_is_cut_and_called_whole_is_noticed_by_its_cells() -> None:
    with pytest.raises(ApifyDataError, match="a row of 2 cells"):
        looked_at(rows(1), b"a,b,c\n1,2")


@pytest.mark.parametrize("delimiter", [";", "\t", " ", "|", "\0", "¦", "🦊"])
@given(table=TABLES, cuts=CUTS)
def test_rows_are_right_with_any_delimiter(delimiter: str, table: list[list[str]], cuts: list[int]) -> None:
    delimited = [[f"{cell}{delimiter},é" for cell in row] for row in table]
    quoted = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in delimited]
    body = "".join(delimiter.join(row) + "\n" for row in quoted)
    head = Head(len(table) - 1, has_end=True)
    check = RowCheck(head, counts=True, first_row=FirstRow(delimiter))
    assert looked_at(check, body.encode(), cuts)[0] == len(table) - 1


def test_an_empty_table_has_no_rows() -> None:
    assert looked_at(rows(0), b"") == (0, b"")


@pytest.mark.parametrize(("body", "number"), [(b"", 0), (b"a\n", 1), (b"a", 1)])
@pytest.mark.parametrize("cuts", [[], [3], [1, 2, 3]])
def test_a_byte_order_mark_is_no_row(body: bytes, number: int, cuts: list[int]) -> None:
    check = rows(number, has_header=False)
    assert looked_at(check, b"\xef\xbb\xbf" + body, cuts)[0] == number


@given(st.binary(max_size=200), CUTS, st.sampled_from([b"", b"\n", b"\r\n", b"  \n"]))
def test_a_document_ends_with_what_it_should(content: bytes, cuts: list[int], blank: bytes) -> None:
    assert looked_at(EndCheck(b"</items>", b"<items/>"), content + b"</items>" + blank, cuts)[0] is None
    assert looked_at(EndCheck(b"</items>", b"<items/>"), b"<items/>" + blank, cuts)[0] is None


@given(st.text("<>/items ", max_size=50), st.integers(1, 7), CUTS)
def test_a_document_that_is_cut_is_noticed(content: str, cut: int, cuts: list[int]) -> None:
    with pytest.raises(ApifyDataError, match="in the middle of the document"):
        looked_at(EndCheck(b"</items>"), b"<i>" + content.encode() + b"</items>"[:-cut], cuts)


@given(st.binary(max_size=100), st.binary(min_size=18, max_size=18), st.integers(1, 21), CUTS)
def test_a_zip_file_ends_with_its_whole_last_record(content: bytes, record: bytes, cut: int, cuts: list[int]) -> None:
    body = content + b"PK\x05\x06" + record
    assert looked_at(EndCheck(b"PK\x05\x06", behind=18), body, cuts)[0] is None
    if b"PK" not in content + record:
        with pytest.raises(ApifyDataError, match="in the middle of the document"):
            looked_at(EndCheck(b"PK\x05\x06", behind=18), body[:-cut], cuts)


def test_nothing_is_no_document() -> None:
    with pytest.raises(ApifyDataError, match="in the middle of the document"):
        looked_at(EndCheck(b"</rss>"), b"")
