"""What is at an index of a dataset, and how lines are read."""

from __future__ import annotations

from airflow_provider_apify._files.dataset.readers import LineReader, PageReader
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify
from tests._files.material import Taken, pushed


def test_an_item_is_there_or_not(hook: ApifyHook, apify: LocalApify) -> None:
    dataset_id = pushed(hook, apify, [{"a": 1}, {}])
    source = Source(hook, dataset_id)
    assert [source.item(index) for index in range(3)] == [(True, b'{"a":1}\n'), (True, b"{}\n"), (False, b"")]
    assert Source(hook, dataset_id, ItemsQuery(clean=True)).item(1) == (True, b"")
    assert Source(hook, dataset_id, ItemsQuery(desc=True)).item(1) == (True, b'{"a":1}\n')


def test_filtered_items_are_kept_back_until_whole_and_never_compressed(hook: ApifyHook) -> None:
    plain = Source(hook, "d1").reader(0, 10, Taken(), compressed=True)
    filtered = Source(hook, "d1", ItemsQuery(clean=True)).reader(0, 10, Taken(), compressed=True)
    assert isinstance(plain, LineReader)
    assert plain.compressed
    assert isinstance(filtered, PageReader)
    assert not filtered.compressed
