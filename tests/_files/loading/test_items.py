from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_apify._api.facts import MAX_ITEMS_BYTES
from airflow_provider_apify._files.loading import items as items_module
from airflow_provider_apify._files.loading.items import reader_of

BOM = b"\xef\xbb\xbf"
values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
objects = st.lists(st.dictionaries(st.text(), values, max_size=4), max_size=8)
steps = st.integers(1, 60)


def cut(body: bytes, step: int = 7) -> Iterator[bytes]:
    """Return a file as it is read: in pieces that end anywhere."""
    return (body[start : start + step] for start in range(0, len(body), step))


def read(
    file_format: str, body: bytes, step: int = 7, delimiter: str | None = None, encoding: str | None = None
) -> list[Any]:
    return [json.loads(item) for item in reader_of(file_format, delimiter, encoding)(cut(body, step))]


@given(objects, steps, st.booleans())
def test_every_line_is_an_item(items: list[Any], step: int, escaped: bool) -> None:
    body = "\n".join(json.dumps(item, ensure_ascii=escaped) for item in items).encode()
    assert read("jsonl", body, step) == items


@given(objects, steps, st.sampled_from([None, 1]))
def test_every_element_of_an_array_is_an_item(items: list[Any], step: int, indent: int | None) -> None:
    body = json.dumps(items, ensure_ascii=False, indent=indent).encode()
    assert read("json", body, step) == items


def test_items_pass_as_they_are_written() -> None:
    line = b'{"a": 1.0, "b": "\\ud83c", "a": 1e400}'
    assert list(reader_of("jsonl", None)(iter([line + b"\r\n\n \n"]))) == [line]
    assert list(reader_of("json", None)(iter([b"[ " + line + b" ]\n"]))) == [line]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("jsonl", b'{"a":"1"}\r\n\n{"a":"2"}'),
        ("json", b'\n [{"a":"1"} , {"a":"2"}]\n'),
        ("csv", b'a\r\n1\r\n\r\n"2"'),
    ],
)
def test_byte_order_marks_empty_lines_and_missing_last_line_breaks_do_not_matter(name: str, body: bytes) -> None:
    assert read(name, BOM + body) == read(name, body) == [{"a": "1"}, {"a": "2"}]


@pytest.mark.parametrize(("name", "body"), [("jsonl", b""), ("json", b"[]"), ("csv", b""), ("csv", b"a,b\n")])
def test_a_file_without_items_has_none(name: str, body: bytes) -> None:
    assert read(name, body) == []


def test_rows_become_items_of_text() -> None:
    body = 'name;note\nŽluť;"a ""quoted""\nsecond line; and more"\n5;\n'.encode()
    assert read("csv", body, delimiter=";") == [
        {"name": "Žluť", "note": 'a "quoted"\nsecond line; and more'},
        {"name": "5", "note": ""},
    ]


def test_a_first_line_says_what_stands_between_the_cells() -> None:
    for first in ("sep=;\r\n", '"sep=;"\n'):
        for delimiter in (None, ";"):
            assert read("csv", f"{first}a;b\n1;2\n".encode(), delimiter=delimiter) == [{"a": "1", "b": "2"}]
    with pytest.raises(ValueError, match="line 1: it says 'sep=;', but delimiter is ',': leave it out"):
        read("csv", b"sep=;\na;b\n", delimiter=",")


@pytest.mark.parametrize("header", ["id;name", "id\tname", "id|name", "id;price,net;name", 'id,"a;b"'])
def test_a_header_that_looks_like_that_of_another_delimiter_is_refused_and_taken_where_it_is_said(header: str) -> None:
    body = f"{header}\n".encode()
    with pytest.raises(ValueError, match=r"line 1: a column is named with '(;|\\t|\|)'.*or delimiter=',' if it is"):
        read("csv", body)
    assert read("csv", body, delimiter=",") == []


@pytest.mark.parametrize("encoding", ["cp1250", "utf-16", "utf-16-le", "utf-8", "UTF8", "utf-8-sig"])
@pytest.mark.parametrize(
    ("name", "form"), [("csv", "a\nŽluť\n"), ("jsonl", '{"a":"Žluť"}\n'), ("json", '[{"a":"Žluť"}]')]
)
def test_a_file_may_be_written_in_any_encoding(encoding: str, name: str, form: str) -> None:
    assert read(name, form.encode(encoding), encoding=encoding) == [{"a": "Žluť"}]


def test_what_is_not_of_its_encoding_is_an_error_that_names_the_line() -> None:
    with pytest.raises(ValueError, match="line 3: it is not cp1252: "):
        read("csv", b"a\nb\n\x81\n", encoding="cp1252")
    with pytest.raises(ValueError, match="line 2: it is not utf-16"):
        read("csv", "a\nb".encode("utf-16") + b"x", encoding="utf-16")


@pytest.mark.parametrize("encoding", ["latin-99", "base64"])
def test_an_encoding_that_python_does_not_know_is_refused(encoding: str) -> None:
    with pytest.raises(ValueError, match=f"encoding is '{encoding}', which Python does not know. Give one such"):
        reader_of("csv", None, encoding)


def test_the_work_on_a_large_item_does_not_grow_with_the_pieces_it_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    class Counting(json.JSONDecoder):
        def raw_decode(self, s: str, idx: int = 0) -> tuple[Any, int]:
            tries.append(len(s) - idx)
            return super().raw_decode(s, idx)

    monkeypatch.setattr(items_module, "_DECODER", Counting())
    item = b'{"a":"%s"}' % (b"x" * 2_000_000)
    assert list(reader_of("json", None)(cut(b"[%s,%s]" % (item, item), 1_000))) == [item] * 2
    assert sum(tries) < 5 * 2 * len(item)


def test_the_work_on_a_long_line_does_not_grow_with_the_pieces_it_comes_in() -> None:
    def seconds(size: int) -> float:
        line, began = b'{"a":"%s"}' % (b"x" * size), time.process_time()
        assert list(reader_of("jsonl", None)(cut(line + b"\n", 200))) == [line]
        return time.process_time() - began

    assert seconds(4_000_000) < 10 * max(seconds(1_000_000), 0.01)


def test_a_long_cell_is_read() -> None:
    limit = csv.field_size_limit()
    assert read("csv", b"a\n" + b"x" * 200_000 + b"\n", step=10_000) == [{"a": "x" * 200_000}]
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize("name", ["jsonl", "json"])
def test_an_item_may_be_as_large_as_apify_takes(name: str) -> None:
    item = b'{"a":"%s"}' % (b"x" * (MAX_ITEMS_BYTES - 10))
    body = b"[%s]" % item if name == "json" else item
    assert list(reader_of(name, None)(cut(body, 2**20))) == [item]


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("jsonl", b'{"a":1}\n\n{"a":', "line 3: it is no JSON: Expecting value at character 6"),
        ("jsonl", b'{"a":1}\n[1]\n', "line 2: an item is a JSON object"),
        ("jsonl", b'{"a":NaN}', "line 1: it is no JSON: NaN is no JSON number"),
        ("jsonl", b'{"a":"\xff"}', "line 1: it is not UTF-8"),
        ("jsonl", b'{"a":1}\n{"a":"%s"}\n' % (b"x" * MAX_ITEMS_BYTES), "line 2: an item above 5 MB"),
        ("json", b'{"a":1}', r"it does not begin with '\['"),
        ("json", b"", r"it does not begin with '\['"),
        ("json", b'[{"a":1},{"a":', "item 2: it is no JSON: Expecting value"),
        ("json", b'[{"a":1},{"a":2}', "neither ',' nor ']' behind item 2"),
        ("json", b'[{"a":1} {"a":2}]', "neither ',' nor ']' behind item 1"),
        ("json", b'[{"a":1},]', "item 2: it is no JSON"),
        ("json", b'[{"a":1}] {"a":2}', "something follows the array"),
        ("json", b'[{"a":1},2]', "item 2: an item is a JSON object"),
        ("json", b'[{"a":"\xff"}]', "it is not UTF-8"),
        ("json", b'[{"a":"%s"}]' % (b"x" * MAX_ITEMS_BYTES), "item 1: (it is above|an item above) 5 MB"),
        ("csv", b"a,b\n1,2\n1,2,3\n", "line 3: it has 3 cells, but the first row 2"),
        ("csv", b"a,a\n1,2\n", "line 1: two columns have the same name"),
        ("csv", b'a,b\n1,"2\n', "it is no CSV"),
        ("csv", b"a\n%s\n" % (b"x" * (MAX_ITEMS_BYTES - 5)), "line 2: an item above 5 MB"),
        ("csv", b"a\n\xff\n", "line 2: it is not UTF-8. Give encoding, for example 'cp1252'"),
        ("csv", b'a,b\n1,2\n3,"4" 5\n', "line 3: it is no CSV"),
        ("csv", b'sep=,\na,b\n"1\n",2\n3\n', "line 5: it has 1 cells, but the first row 2"),
        ("json", b'[{"a":1},\n\n{"a":"\xff"}]', "line 3: it is not UTF-8"),
        ("jsonl", b'{"a":1}\n%s\n' % (b'{"a":' * 5_000 + b"1" + b"}" * 5_000), "line 2: it is nested too deep"),
        ("json", b'[{"a":1},%s]' % (b'{"a":' * 5_000 + b"1" + b"}" * 5_000), "item 2: it is nested too deep"),
    ],
    ids=range(25),
)
def test_what_is_no_item_is_an_error_that_says_where(name: str, body: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(name, body, step=2**20)


def test_an_error_does_not_hold_the_item() -> None:
    with pytest.raises(ValueError, match="line 1") as caught:
        read("jsonl", b'{"a": "secret"')
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "delimiter", "words"),
    [("json", ";", "delimiter is for csv only, but the file is json"), ("csv", "tab", "It must be one character")],
)
def test_a_delimiter_that_means_nothing_is_refused(name: str, delimiter: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        reader_of(name, delimiter)
