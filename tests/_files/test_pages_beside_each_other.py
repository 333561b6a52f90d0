"""Pages that are read beside each other: as many as the link rewards, whatever happens to one of them."""

from __future__ import annotations

import tempfile
import threading
from typing import Any

import pytest

from airflow_provider_apify._files.dataset import plan, walk
from airflow_provider_apify._files.dataset.plan import Plan
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.dataset.walk import Walk
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.exceptions import ApifyNotFoundError, ApifyRateLimitError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RetryPolicy
from local_apify import Exchange, LocalApify, scenario_item
from tests._files.material import Taken, dataset_of, push, pushed
from tests._files.walks import (
    FAULTS,
    ITEM_BYTES,
    Gate,
    asked,
    items_up_to,
    noise,
    walked,
)
from tests.local_apify.client import until
from tools.lab.waiting import wait_until


def no_page_is_read() -> None:
    """Make sure that the threads that read pages end."""
    wait_until(
        lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("apify-pages")],
        "the threads that read pages to end",
        timeout=10,
    )


@pytest.mark.usefixtures("small")
def test_a_slow_way_is_taken_compressed_and_over_several_connections(
    hook: ApifyHook, apify: LocalApify, exchanges: list[Exchange]
) -> None:
    dataset_id = pushed(hook, apify, noise(1_000))
    apify.control.add_fault("throttle", path="*/items", times=None, bytes_per_second=200_000)
    walk, items = walked(Source(hook, dataset_id))
    assert items == noise(1_000)
    assert walk.plan == Plan(8, compressed=True)
    sample, *pages, behind = sorted(exchanges, key=lambda each: int(asked(each)["offset"]))
    assert "content-encoding" not in sample.response_headers
    assert asked(sample) == {"format": "jsonl", "offset": "0", "limit": "100"}
    compressions = {each.response_headers.get("content-encoding") for each in pages}
    assert compressions in ({"gzip"}, {"br"}), "Brotli, where it is installed"
    assert len(pages) > 7
    assert asked(behind)["offset"] == "1000"
    assert apify.control.ledger().requests_by_route["GET /v2/datasets/{datasetId}"] == 1


@pytest.mark.usefixtures("small")
def test_several_connections_that_bring_less_than_one_stream_are_given_up(
    hook: ApifyHook, apify: LocalApify, exchanges: list[Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "choose", lambda *_, **__: Plan(2, compressed=True))
    dataset_id = pushed(hook, apify, noise(1_000))
    apify.control.add_fault("throttle", path="*/items", skip=1, times=2, bytes_per_second=20_000)
    _, items = walked(Source(hook, dataset_id))
    assert items == noise(1_000)
    streams = [int(asked(each)["offset"]) for each in exchanges if "limit" not in asked(each)]
    assert 0 < streams[0] < 1_000


def test_no_more_pages_are_in_flight_than_memory_is_meant_for(
    hook: ApifyHook, gate: Gate, four_connections: Plan
) -> None:
    dataset_id = dataset_of(hook, 4_000, ITEM_BYTES)
    first_is_late = threading.Event()

    def hold_the_first_page(start: int) -> None:
        if start == 200:
            assert first_is_late.wait(20)
        elif len([each for each in gate.begun if each >= 200]) == four_connections.pages_at_once:
            first_is_late.set()  # all pages that may be in memory are begun, so no other follows

    most = 0
    handed_on = 0

    def take(piece: bytes | memoryview) -> None:
        nonlocal handed_on, most
        in_flight = len([each for each in gate.begun if each >= max(200, handed_on)])
        most = max(most, in_flight)
        handed_on += bytes(piece).count(b"\n")

    gate.before = hold_the_first_page
    Walk(Source(hook, dataset_id), take).go()
    assert handed_on == 4_000
    assert most <= four_connections.pages_at_once


def test_pages_of_larger_items_than_those_before_wait_on_disk(
    hook: ApifyHook,
    apify: LocalApify,
    *,
    gate: Gate,
    exchanges: list[Exchange],
    monkeypatch: pytest.MonkeyPatch,
    four_connections: Plan,
) -> None:
    most, spools = 0, list[Any]()

    class Spool(tempfile.SpooledTemporaryFile[bytes]):
        def write(self, piece: Any) -> int:
            nonlocal most
            size = super().write(piece)
            in_memory = [spool.tell() for spool in list(spools) if not spool.closed and not spool._rolled]
            most = max(most, sum(in_memory))
            return size

    def spool(*args: Any) -> Any:
        spools.append(Spool(*args))
        return spools[-1]

    def hold_the_first_page(start: int) -> None:
        if start == 100:
            until(lambda: len(exchanges) == four_connections.pages_at_once)  # the sample, and all pages but this one

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", spool)
    gate.before = hold_the_first_page
    dataset_id = dataset_of(hook, 100, 20)
    larger = items_up_to(1_500, 100)
    larger = [{**item, "more": "x" * 180} for item in larger]
    push(apify, dataset_id, larger)
    walk, items = walked(Source(hook, dataset_id))
    assert items == [scenario_item(index, 20) for index in range(100)] + larger
    assert walk.plan == four_connections
    assert 0 < most <= plan.MEMORY_BYTES


@pytest.mark.usefixtures("four_connections")
def test_pages_that_are_shorter_than_asked_for_leave_no_gap(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.settings(max_items_per_request=70)
    _, items = walked(Source(hook, dataset_of(hook, 1_500, ITEM_BYTES)))
    assert items == items_up_to(1_500)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("four_connections")
def test_a_page_among_others_that_goes_wrong_is_mended_alone(
    hook: ApifyHook, apify: LocalApify, fault: dict[str, Any]
) -> None:
    dataset_id = dataset_of(hook, 2_000, ITEM_BYTES)
    apify.control.add_fault(path="*/items", skip=4, times=3, **fault)
    _, items = walked(Source(hook, dataset_id))
    assert items == items_up_to(2_000)


@pytest.mark.usefixtures("four_connections")
def test_an_error_in_one_page_ends_the_others(hook: ApifyHook, apify: LocalApify, gate: Gate) -> None:
    dataset_id = dataset_of(hook, 10_000, ITEM_BYTES)
    # The pages behind the one that fails would take for ever: they must be given up, not waited for.
    apify.control.add_fault(
        "answer", path="*/items", skip=2, status=404, error_type="record-not-found", message="It is gone"
    )
    apify.control.add_fault("throttle", path="*/items", skip=2, times=None, bytes_per_second=20_000)
    with pytest.raises(ApifyNotFoundError, match="It is gone"):
        Walk(Source(hook, dataset_id), Taken()).go()
    assert len(gate.begun) < 12
    no_page_is_read()


@pytest.mark.usefixtures("four_connections")
def test_what_the_taker_cannot_take_ends_all_pages(hook: ApifyHook) -> None:
    dataset_id = dataset_of(hook, 5_000, ITEM_BYTES)
    taken = 0

    def full(piece: bytes | memoryview) -> None:
        nonlocal taken
        taken += len(piece)
        if taken > 1_000 * ITEM_BYTES:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        Walk(Source(hook, dataset_id), full).go()
    no_page_is_read()


@pytest.mark.usefixtures("four_connections")
def test_requests_that_are_refused_for_their_number_for_ever_are_an_error(hook: ApifyHook, apify: LocalApify) -> None:
    dataset_id = dataset_of(hook, 2_000, ITEM_BYTES)
    apify.control.add_fault("answer", path="*/items", skip=4, times=None, status=429, error_type="rate-limit-exceeded")
    with pytest.raises(ApifyRateLimitError):
        Walk(Source(hook, dataset_id), Taken()).go()


@pytest.mark.usefixtures("four_connections")
@pytest.mark.parametrize(
    ("query", "wanted"), [(ItemsQuery(limit=1_000), range(1_000)), (ItemsQuery(offset=3_000), range(3_000, 4_000))]
)
def test_pages_beside_each_other_stay_within_the_part_that_is_wanted(
    hook: ApifyHook, exchanges: list[Exchange], query: ItemsQuery, wanted: range
) -> None:
    _, items = walked(Source(hook, dataset_of(hook, 4_000, ITEM_BYTES), query))
    assert items == [scenario_item(index, ITEM_BYTES) for index in wanted]
    assert len(exchanges) > 4
    for each in map(asked, exchanges):
        assert int(each["offset"]) <= 4_000
        assert int(each["limit"]) > 0


@pytest.mark.usefixtures("four_connections")
def test_a_page_that_waits_to_be_asked_for_again_does_not_hold_up_the_end(
    hook: ApifyHook, apify: LocalApify, gate: Gate
) -> None:
    dataset_id = dataset_of(hook, 10_000, ITEM_BYTES)
    hook.retry = RetryPolicy(attempts=4, first_delay=3_600, max_delay=3_600)  # longer than any test may take
    fault = apify.control.add_fault("answer", path="*/items", skip=1, times=None, status=503)

    def fail_when_others_wait(start: int) -> None:
        if start == 100:
            until(lambda: {rule["id"]: rule["happened"] for rule in apify.control.faults()}[fault] == 3)
            raise OSError("The first page fails.")

    gate.before = fail_when_others_wait
    with pytest.raises(OSError, match="The first page fails"):
        Walk(Source(hook, dataset_id), Taken()).go()
    no_page_is_read()


@pytest.mark.usefixtures("four_connections")
def test_progress_is_told_in_items_and_only_grows(hook: ApifyHook) -> None:
    told: list[int] = []
    walked(Source(hook, dataset_of(hook, 2_000, ITEM_BYTES), reached=told.append))
    assert told == sorted(told)
    assert told[-1] > 1_000
