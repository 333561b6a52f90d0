"""What takes the bytes of an answer may fail: that is no fault of the answer, which is not asked for again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from airflow_provider_apify._api.storages.endpoints import get_record
from airflow_provider_apify._files.bodies import BodyReader, RecordCheck
from airflow_provider_apify._files.checks import EndCheck
from airflow_provider_apify._files.dataset.reader import Take
from airflow_provider_apify._files.dataset.readers import DocumentReader, LineReader
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify
from tests._files.material import dataset_of, requests_for_items

RECORD = "GET /v2/key-value-stores/{storeId}/records/{recordKey}"
LINES: dict[str, Any] = {"format": "jsonl"}
READERS: dict[str, Callable[[Source, Take], Any]] = {
    "lines": lambda _source, take: LineReader(LINES, 0, 3, take),
    "page": lambda source, take: source.page_reader(0, 3, take),
    "document": lambda _source, take: DocumentReader({"format": "xml"}, take, check=lambda _head: EndCheck(b">")),
}


class _FullError(ApifyDataError):
    """What an answer that broke would raise, of a taker of its own."""


@pytest.fixture(params=[_FullError("full"), requests.ConnectionError("full")], ids=["data", "connection"])
def error(request: pytest.FixtureRequest) -> Exception:
    """Return an error of a taker that looks like one of an answer."""
    error: Exception = request.param
    return error


@pytest.fixture
def take(error: Exception) -> Callable[[bytes | memoryview], None]:
    """Return a taker that takes nothing."""

    def fail(_piece: bytes | memoryview) -> None:
        raise error from ZeroDivisionError("the reason")

    return fail


@pytest.mark.parametrize("kind", READERS)
def test_a_taker_that_fails_ends_the_reading_of_items_with_its_own_error(
    hook: ApifyHook, apify: LocalApify, take: Take, error: Exception, kind: str
) -> None:
    dataset_id = dataset_of(hook, 3)
    with pytest.raises(type(error), match="full") as caught:
        hook._read_items(dataset_id, READERS[kind](Source(hook, dataset_id), take))
    assert caught.value is error
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert requests_for_items(apify) == 1


def test_a_taker_that_fails_ends_the_reading_of_a_record_with_its_own_error(
    hook: ApifyHook, apify: LocalApify, take: Take, error: Exception
) -> None:
    store_id = hook.create_key_value_store("notes").id
    hook.set_record(store_id, "a", b"body", content_type="text/plain")
    with pytest.raises(type(error), match="full") as caught:
        hook._read_body(get_record(store_id, "a"), BodyReader(take, lambda headers: RecordCheck(4, headers)))
    assert caught.value is error
    assert apify.control.ledger().requests_by_route[RECORD] == 1
