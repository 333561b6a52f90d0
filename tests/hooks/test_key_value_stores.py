"""Key-value stores, against the local Apify."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_apify.exceptions import ApifyApiError, ApifyConnectionError, ApifyDataError, ApifyNotFoundError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RetryPolicy
from local_apify import LocalApify
from tests.hooks.conftest import RunScenario


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - where it leads
    return ApifyHook(retry=RetryPolicy(attempts=3, first_delay=0.001, max_delay=0.002))


@pytest.fixture
def store(hook: ApifyHook) -> str:
    return hook.create_key_value_store("notes").id


@pytest.mark.parametrize("value", [{"a": [1, None]}, [], 0, None, "", "žluť\n", b"\x00\xff", b""])
def test_a_value_comes_back_as_it_was_stored(hook: ApifyHook, store: str, value: Any) -> None:
    hook.set_record(store, "KEY", value)
    assert hook.get_record(store, "KEY").value == value


def test_a_record_keeps_its_type(hook: ApifyHook, store: str) -> None:
    hook.set_record(store, "page", "<p>", content_type="text/html")
    record = hook.get_record(store, "page")
    assert (record.key, record.content_type.partition(";")[0], record.body) == ("page", "text/html", b"<p>")


def test_a_large_record_comes_whole_though_the_connection_breaks(
    hook: ApifyHook, apify: LocalApify, store: str
) -> None:
    large = bytes(range(256)) * 40_000
    hook.set_record(store, "large", large)
    apify.control.add_fault("cut-body", path="*/records/large", times=2, after_bytes=100_000)
    assert hook.get_record(store, "large").body == large


def test_a_key_may_have_every_character_that_apify_allows(hook: ApifyHook, store: str) -> None:
    key = "aZ9!-_.'()"
    hook.set_record(store, key, 1)
    assert hook.get_record(store, key).value == 1
    assert [found.key for found in hook.iterate_keys(store)] == [key]


def test_a_key_that_apify_does_not_take_is_an_error(hook: ApifyHook, store: str) -> None:
    with pytest.raises(ApifyApiError, match="invalid-record-key"):
        hook.set_record(store, "a b", 1)


def test_a_record_exists_until_it_is_deleted(hook: ApifyHook, store: str) -> None:
    assert not hook.record_exists(store, "A")
    hook.set_record(store, "A", 1)
    assert hook.record_exists(store, "A")
    hook.delete_record(store, "A")
    hook.delete_record(store, "A")
    assert not hook.record_exists(store, "A")
    with pytest.raises(ApifyNotFoundError):
        hook.get_record(store, "A")


@pytest.mark.parametrize("text", ["<html>Sign in</html>", "", "{}"])
def test_a_page_that_answers_in_apifys_place_neither_stores_nor_deletes(
    hook: ApifyHook, apify: LocalApify, store: str, text: str
) -> None:
    lie: dict[str, Any] = {"path": "*/records/A", "status": 200, "text": text}
    apify.control.add_fault("answer", **lie)
    hook.set_record(store, "A", 1)
    assert hook.get_record(store, "A").value == 1
    apify.control.add_fault("answer", **lie)
    hook.delete_record(store, "A")
    assert not hook.record_exists(store, "A")

    apify.control.add_fault("answer", times=None, **lie)
    with pytest.raises(ApifyConnectionError, match=r"is not what Apify answers \(HTTP 201\)"):
        hook.set_record(store, "A", 2)
    with pytest.raises(ApifyConnectionError, match=r"is not what Apify answers \(HTTP 204\)"):
        hook.delete_record(store, "A")


def test_a_page_in_place_of_a_record_is_asked_for_again_and_a_record_that_is_a_page_is_one(
    hook: ApifyHook, apify: LocalApify, store: str
) -> None:
    hook.set_record(store, "A", "<p>Stored</p>", content_type="text/html")
    apify.control.add_fault("answer", path="*/records/A", status=200, text="<html>Sign in</html>")
    assert hook.get_record(store, "A").value == "<p>Stored</p>"

    apify.control.add_fault("answer", path="*/records/A", status=200, text="<html>Sign in</html>", times=None)
    with pytest.raises(ApifyConnectionError, match="the answer's body is not Apify's record; check the connection's"):
        hook.get_record(store, "A")


def test_a_store_is_found_by_its_name(hook: ApifyHook, store: str) -> None:
    assert hook.create_key_value_store("notes").id == store
    assert hook.get_key_value_store("local~notes").id == store
    assert hook.create_key_value_store().id != hook.create_key_value_store().id


def test_more_keys_than_a_page_holds_are_all_found(
    hook: ApifyHook, apify: LocalApify, run_scenario: RunScenario
) -> None:
    records = {f"key-{number:05}": number for number in range(2_500)}
    run = hook.get_run(run_scenario(wait=60, records=records))
    keys = list(hook.iterate_keys(run.key_value_store_id or "", prefix="key-"))
    assert [found.key for found in keys] == list(records)
    assert keys[11].size == 2
    assert apify.control.ledger().requests["GET /v2/key-value-stores/{storeId}/keys"] == 3


def test_the_single_output_of_a_run_is_a_record(hook: ApifyHook, run_scenario: RunScenario) -> None:
    run = hook.get_run(run_scenario(wait=30, records={"OUTPUT": {"answer": 42}}))
    assert hook.get_record(run.key_value_store_id or "", "OUTPUT").value == {"answer": 42}


def test_a_public_url_opens_one_record_without_a_token(hook: ApifyHook, apify: LocalApify, store: str) -> None:
    hook.set_record(store, "A", "open")
    hook.set_record(store, "AB", "closed")
    url = hook.get_record_url(store, "A")
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(url, timeout=10).text == "open"
        assert session.get(url.replace("/A?", "/AB?"), timeout=10).status_code == 401
        assert session.get(url.partition("?")[0], timeout=10).status_code == 401
    assert apify.token not in url
    with pytest.raises(ApifyNotFoundError, match="has no record 'B'"):
        hook.get_record_url(store, "B")


def test_a_record_is_found_in_one_request_however_many_keys_begin_like_its_own(
    hook: ApifyHook, apify: LocalApify, run_scenario: RunScenario
) -> None:
    records = {f"key{number:04}": 1 for number in range(1_100)}
    store = hook.get_run(run_scenario(wait=60, records={**records, "key": 1})).key_value_store_id or ""
    assert "/key?" in hook.get_record_url(store, "key")
    with pytest.raises(ApifyNotFoundError):
        hook.get_record_url(store, "k")
    assert apify.control.ledger().requests["GET /v2/key-value-stores/{storeId}/keys"] == 2


def test_the_key_that_signs_urls_does_not_show(hook: ApifyHook, store: str) -> None:
    described = hook.get_key_value_store(store)
    assert described.raw["urlSigningSecretKey"] not in repr(described)


def test_a_list_of_keys_without_public_urls_is_read_and_says_so_where_one_is_wanted(
    hook: ApifyHook, apify: LocalApify, store: str
) -> None:
    hook.set_record(store, "OUTPUT", {"a": 1})
    apify.control.add_fault("change-field", path="*/keys", times=2, field="recordPublicUrl")
    assert "OUTPUT" in [key.key for key in hook.iterate_keys(store)]
    with pytest.raises(ApifyDataError, match="does not say the public URL of record 'OUTPUT'"):
        hook.get_record_url(store, "OUTPUT")
