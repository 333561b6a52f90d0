from __future__ import annotations

import json
from itertools import islice, pairwise

from hypothesis import given, strategies as st

from airflow_provider_apify._api.storages.items import cut

LIMIT = 100
# Whatever their sizes: one of them alone fits into a piece.
sizes = st.lists(st.integers(9, LIMIT - 2), max_size=20)


def item(size: int) -> bytes:
    return b'{"a":"%s"}' % (b"x" * (size - 8))


@given(sizes)
def test_pieces_are_arrays_of_all_items_in_order_and_none_is_larger_than_apify_takes(wanted: list[int]) -> None:
    items = [item(size) for size in wanted]
    pieces = list(cut(iter(items), LIMIT))

    assert [each for piece in pieces for each in json.loads(piece.body)] == [json.loads(each) for each in items]
    assert all(len(piece.body) <= LIMIT for piece in pieces)
    assert all(len(json.loads(piece.body)) == piece.items > 0 for piece in pieces)


@given(sizes)
def test_no_two_neighbours_would_have_fitted_into_one_piece(wanted: list[int]) -> None:
    pieces = list(cut(iter([item(size) for size in wanted]), LIMIT))
    for piece, following in pairwise(pieces):
        first = json.dumps(json.loads(following.body)[0], separators=(",", ":"))
        assert len(piece.body) + 1 + len(first) > LIMIT


@given(sizes)
def test_what_is_left_after_some_pieces_is_cut_as_before(wanted: list[int]) -> None:
    items = [item(size) for size in wanted]
    pieces = list(cut(iter(items), LIMIT))
    done = 0
    for number, piece in enumerate(pieces):
        assert list(cut(islice(items, done, None), LIMIT)) == pieces[number:]
        done += piece.items
