from __future__ import annotations

from pathlib import PurePosixPath
from string import ascii_letters, digits

import pytest
from hypothesis import given, strategies as st

from airflow_provider_apify._files.names import file_name

ALLOWED = ascii_letters + digits + "!-_.'()"
anything = st.text(min_size=1, max_size=400)
nasty = st.text(alphabet="./\\%~ab\n\x00", min_size=1, max_size=200)
allowed = st.text(alphabet=ALLOWED, min_size=1, max_size=256)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("OUTPUT", "OUTPUT"),
        ("page-1_(copy)!.html", "page-1_(copy)!.html"),
        ("..", "%2E."),
        (".hidden", "%2Ehidden"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("/etc/passwd", "%2Fetc%2Fpasswd"),
        ("%2f", "%252f"),
        ("a\\b\nc\x00d", "a%5Cb%0Ac%00d"),
        ("🍪", "%F0%9F%8D%AA"),
    ],
)
def test_a_file_is_named_after_its_key(key: str, name: str) -> None:
    assert file_name(key) == name


@given(st.one_of(anything, nasty, allowed))
def test_a_name_is_one_visible_name_of_a_file_in_its_folder(key: str) -> None:
    name = file_name(key)
    assert name.isascii()
    assert name.isprintable()
    assert not name.startswith(".")
    assert len(name) < 200
    assert PurePosixPath("folder", name).parts == ("folder", name)


@given(st.sets(st.one_of(anything, nasty, allowed), min_size=2))
def test_two_keys_never_share_a_name(keys: set[str]) -> None:
    assert len({file_name(key) for key in keys}) == len(keys)


def test_long_keys_that_begin_alike_have_names_of_their_own() -> None:
    keys = ["a" * 255 + end for end in "bc"] + ["a" * 150, "a" * 151]
    assert len({file_name(key) for key in keys}) == len(keys)


@given(allowed.filter(lambda key: len(key) <= 150 and key[0] != "."))
def test_keys_that_apify_allows_are_names_as_they_are(key: str) -> None:
    assert file_name(key) == key
