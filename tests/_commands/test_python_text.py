from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_apify._commands.python_text import WIDTH, Call, Lines, source_of

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda each: st.lists(each) | st.dictionaries(st.text(), each), max_leaves=20)


@given(values)
def test_python_reads_what_was_written(value: Any) -> None:
    assert eval(source_of(value)) == value  # noqa: S307 - that is the point


@given(st.text())
def test_a_text_in_pieces_is_the_same_text(text: str) -> None:
    call = Call("dict", {"text": text * 5}, wrapped=("text",))
    assert eval(source_of(call)) == {"text": text * 5}  # noqa: S307 - the same


def test_what_fits_is_on_one_line_and_all_else_has_a_line_each() -> None:
    assert source_of({"a": [1, 2]}) == '{"a": [1, 2]}'
    assert source_of(Lines({"a": 1})) == '{\n    "a": 1,\n}'
    long = source_of({"a": ["x" * 60, "y" * 60], "b": 1})
    assert long == f'{{\n    "a": [\n        "{"x" * 60}",\n        "{"y" * 60}",\n    ],\n    "b": 1,\n}}'


@pytest.mark.parametrize(
    ("text", "source"), [("it's", '"it\'s"'), ('"a"', "'\"a\"'"), ("\n\\", r'"\n\\"'), ("é", '"é"')]
)
def test_quotes_are_those_of_ruff(text: str, source: str) -> None:
    assert source_of(text) == source


def test_a_note_stands_behind_its_argument() -> None:
    call = Call("f", {"a": 1, "b": 2}, notes={"b": "why"})
    assert source_of(call) == "f(\n    a=1,\n    b=2,  # why\n)"


def test_lines_are_no_longer_than_they_may_be() -> None:
    call = Call("f", {"text": "word " * 100}, wrapped=("text",))
    assert max(map(len, source_of(call).splitlines())) <= WIDTH
