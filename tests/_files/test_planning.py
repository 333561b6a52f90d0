"""A plan fits what the way to Apify has shown of itself, and is given up where it does not pay."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from airflow_provider_apify._files.dataset.plan import Pace, Plan, choose
from airflow_provider_apify._files.dataset.reader import Speed


def speed(bytes_per_second: float) -> Speed:
    return Speed(1_000, int(bytes_per_second), latency=0.1, seconds=1.0)


def test_a_fast_way_is_one_plain_stream() -> None:
    assert choose(speed(50e6), may_compress=True) == Plan(1, compressed=False)


@pytest.mark.parametrize(("plain", "connections"), [(39e6, 5), (30e6, 6), (10e6, 8), (1e3, 8), (0, 8)])
@pytest.mark.parametrize("may_compress", [True, False])
def test_a_slow_way_has_as_many_connections_as_it_may_reward(
    plain: float, connections: int, may_compress: bool
) -> None:
    assert choose(speed(plain), may_compress=may_compress) == Plan(connections, compressed=may_compress)


@given(st.builds(Speed, st.integers(0, 9), st.integers(0, 9), st.just(0.0), st.floats(0, 9)), st.booleans())
def test_there_is_a_plan_for_anything_that_was_seen(seen: Speed, may_compress: bool) -> None:
    plan = choose(seen, may_compress=may_compress)
    assert 1 <= plan.connections <= 8
    assert plan.pages_at_once >= plan.connections


@given(st.integers(1, 8), st.floats(0, 1e9))
def test_pages_fit_into_memory_together(connections: int, item_bytes: float) -> None:
    plan = Plan(connections, compressed=False)
    items = plan.page_items(item_bytes)
    assert items == 1 or plan.pages_at_once * items * item_bytes <= 40 * 2**20
    assert items <= 100_000


@pytest.mark.parametrize(
    ("items", "page"), [(19_000, 2_375), (64_000, 8_000), (99_000, 6_188), (500, 1_000), (1, 1_000), (0, 1_000)]
)
def test_all_connections_have_something_to_do_until_the_end(items: int, page: int) -> None:
    assert Plan(8, compressed=True).even_page_items(items, item_bytes=500) == page


@given(st.integers(2, 8), st.integers(0, 10**9), st.floats(0, 1e9))
def test_any_dataset_is_cut_into_pages(connections: int, items: int, item_bytes: float) -> None:
    assert Plan(connections, compressed=True).even_page_items(items, item_bytes) >= 1_000


@pytest.mark.parametrize(("seconds", "pays"), [(1.9, True), (2.1, False)])
def test_what_brings_less_than_one_stream_is_given_up_after_the_first_pages(seconds: float, pays: bool) -> None:
    now = 100.0
    pace = Pace(Plan(2, compressed=True), speed(10e6), lambda: now)
    now += seconds
    assert pace.pays
    pace.add(10_000_000)
    assert pace.pays
    pace.add(10_000_000)
    assert pace.pays == pays
