"""The way through a dataset is as fast as the link rewards, and neither tears, doubles nor loses an item."""

from __future__ import annotations

import hashlib
import json
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from airflow_provider_apify._files.dataset import plan, walk
from airflow_provider_apify._files.dataset.plan import Pace, Plan
from airflow_provider_apify._files.dataset.reader import Reader
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.dataset.walk import Walk
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.exceptions import ApifyDataError, ApifyError, ApifyNotFoundError, ApifyRateLimitError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RetryPolicy
from local_apify import Exchange, LocalApify, scenario_item
from tests._files.material import Taken, dataset_of, push, pushed, requests_for_items
from tests.local_apify.client import until
from tools.lab.waiting import wait_until

ITEM_BYTES = 200


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have samples of 100 items and pages of about 200."""
    for module in (plan, walk):
        monkeypatch.setattr(module, "SAMPLE_ITEMS", 100)
        monkeypatch.setattr(module, "LARGEST_PAGE_BYTES", 200 * ITEM_BYTES)
    monkeypatch.setattr(plan, "MEMORY_BYTES", 1_000 * ITEM_BYTES)


@pytest.fixture
def exchanges(apify: LocalApify) -> list[Exchange]:
    """Return the exchanges about items, each as soon as it is over."""
    over: list[Exchange] = []
    apify.on_exchange = lambda each: (
        over.append(each) if each.template.endswith("/items") and each.method == "GET" else None
    )
    return over


def walked(source: Source, *, start: int = 0) -> tuple[Walk, list[Any]]:
    """Walk to the end; return the items too."""
    taken = Taken()
    walk = Walk(source, taken, start)
    walk.go()
    assert taken.body.count(b"\n") == walk.records
    return walk, [json.loads(line) for line in taken.body.split(b"\n")[:-1]]


def noise(count: int) -> list[dict[str, Any]]:
    """Return items that compress badly."""
    return [{"noise": hashlib.shake_256(str(number).encode()).hexdigest(500)} for number in range(count)]


def items_up_to(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [scenario_item(index, ITEM_BYTES) for index in range(start, count)]


def asked(exchange: Exchange) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(exchange.query).items()}


def no_page_is_read() -> None:
    """Make sure that the threads that read pages end."""
    wait_until(
        lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("apify-pages")],
        "the threads that read pages to end",
        timeout=10,
    )


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 200, 201, 2_500])
@pytest.mark.usefixtures("small")
def test_a_dataset_of_any_size_is_walked_to_its_end(hook: ApifyHook, count: int) -> None:
    walk, items = walked(Source(hook, dataset_of(hook, count, ITEM_BYTES)))
    assert items == items_up_to(count)
    assert walk.position == count


@pytest.mark.parametrize("count", [0, 3])
def test_a_small_dataset_takes_two_requests_for_items(hook: ApifyHook, apify: LocalApify, count: int) -> None:
    walked(Source(hook, dataset_of(hook, count)))
    assert requests_for_items(apify) == (2 if count else 1)


@pytest.mark.usefixtures("small")
def test_a_walk_may_begin_in_the_middle(hook: ApifyHook) -> None:
    walk, items = walked(Source(hook, dataset_of(hook, 500, ITEM_BYTES)), start=123)
    assert items == items_up_to(500, start=123)
    assert (walk.position, walk.records) == (500, 377)


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


class Gate:
    """A hook's way to read pages that the test opens page by page.

    :ivar begun: indices of the first items of the pages that were begun, in their order.
    """

    def __init__(self, hook: ApifyHook) -> None:
        self._read_items = hook._read_items
        self._lock = threading.Lock()
        self.begun: list[int] = []
        self.before: Callable[[int], None] = lambda _start: None

    def __call__(self, dataset_id: str, reader: Reader, **options: Any) -> None:
        with self._lock:
            self.begun.append(reader.position)
        self.before(reader.position)
        self._read_items(dataset_id, reader, **options)


@pytest.fixture
def gate(hook: ApifyHook, monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate(hook)
    monkeypatch.setattr(hook, "_read_items", gate)
    return gate


def choose_always(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "choose", lambda *_, **__: plan)
    monkeypatch.setattr(Pace, "pays", True)


@pytest.fixture
def four_connections(monkeypatch: pytest.MonkeyPatch, small: None) -> Plan:  # noqa: ARG001 - its pages
    plan = Plan(4, compressed=True)
    choose_always(plan, monkeypatch)
    return plan


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


FAULTS: list[dict[str, Any]] = [
    {"action": "cut-body", "after_bytes": 1_000},
    {"action": "end-body-early", "after_bytes": 1_000},
    {"action": "cut-before-commit"},
    {"action": "answer", "status": 429, "error_type": "rate-limit-exceeded"},
    {"action": "answer", "status": 503},
    {"action": "garbage"},
]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("four_connections")
def test_a_page_among_others_that_goes_wrong_is_mended_alone(
    hook: ApifyHook, apify: LocalApify, fault: dict[str, Any]
) -> None:
    dataset_id = dataset_of(hook, 2_000, ITEM_BYTES)
    apify.control.add_fault(path="*/items", skip=4, times=3, **fault)
    _, items = walked(Source(hook, dataset_id))
    assert items == items_up_to(2_000)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("small")
def test_a_stream_that_goes_wrong_goes_on_with_the_next_item(
    hook: ApifyHook, apify: LocalApify, fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_always(Plan(1, compressed=False), monkeypatch)
    dataset_id = dataset_of(hook, 2_000, ITEM_BYTES)
    apify.control.add_fault(path="*/items", skip=1, times=3, **fault)
    _, items = walked(Source(hook, dataset_id))
    assert items == items_up_to(2_000)


def test_a_stream_that_keeps_breaking_goes_on_as_long_as_each_answer_brings_something(
    hook: ApifyHook, apify: LocalApify
) -> None:
    dataset_id = dataset_of(hook, 100, ITEM_BYTES)
    fault = apify.control.add_fault("cut-body", path="*/items", times=None, after_bytes=10 * ITEM_BYTES)
    _, items = walked(Source(hook, dataset_id))
    assert items == items_up_to(100)
    happened = {rule["id"]: rule["happened"] for rule in apify.control.faults()}[fault]
    assert happened > 2 * hook.retry.attempts


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
def test_what_the_target_cannot_take_ends_all_pages(hook: ApifyHook) -> None:
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


def grow_in_the_middle(apify: LocalApify, gate: Gate, dataset_id: str, *, after: int, by: int) -> None:
    """Let a dataset grow before the request for the item at an index, or for one behind it."""
    late = [{"late": number} for number in range(by)]
    lock = threading.Lock()

    def grow(start: int) -> None:
        with lock:
            if start >= after and late:
                push(apify, dataset_id, late)
                late.clear()

    gate.before = grow


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("lag", [0, 60])
def test_a_dataset_that_grows_meanwhile_is_walked_to_its_end(
    hook: ApifyHook,
    apify: LocalApify,
    gate: Gate,
    *,
    four_connections: Plan,
    monkeypatch: pytest.MonkeyPatch,
    connections: int,
    lag: int,
) -> None:
    plan = replace(four_connections, connections=connections)
    choose_always(plan, monkeypatch)
    apify.control.settings(item_count_lag_seconds=lag)
    dataset_id = dataset_of(hook, 1_000, ITEM_BYTES)
    grow_in_the_middle(apify, gate, dataset_id, after=200, by=50)
    _, items = walked(Source(hook, dataset_id))
    assert items == items_up_to(1_000) + [{"late": number} for number in range(50)]


def test_newest_first_is_one_stream(hook: ApifyHook) -> None:
    walk, items = walked(Source(hook, dataset_of(hook, 2_500, ITEM_BYTES), ItemsQuery(desc=True)))
    assert items == items_up_to(2_500)[::-1]
    assert walk.plan == Plan(1, compressed=False)


def test_newest_first_goes_on_behind_a_cap(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.settings(max_items_per_request=400)
    _, items = walked(Source(hook, dataset_of(hook, 1_000, ITEM_BYTES), ItemsQuery(desc=True)))
    assert items == items_up_to(1_000)[::-1]


def test_newest_first_of_a_dataset_that_grows_is_an_error_and_not_a_doubled_item(
    hook: ApifyHook, apify: LocalApify, gate: Gate
) -> None:
    apify.control.settings(max_items_per_request=400)
    dataset_id = dataset_of(hook, 1_000, ITEM_BYTES)
    grow_in_the_middle(apify, gate, dataset_id, after=400, by=5)
    with pytest.raises(ApifyDataError, match="has grown while it was read newest first"):
        Walk(Source(hook, dataset_id, ItemsQuery(desc=True)), Taken()).go()


@pytest.mark.parametrize("at_the_end", [False, True])
def test_newest_first_tells_growth_by_more_than_the_first_item(
    hook: ApifyHook, apify: LocalApify, gate: Gate, *, at_the_end: bool
) -> None:
    apify.control.settings(max_items_per_request=400)
    dataset_id, late = pushed(hook, apify, [{"same": True}] * 1_000), [{"same": True}]

    def grow(start: int) -> None:
        if start >= (1_000 if at_the_end else 400) and late:
            push(apify, dataset_id, [late.pop()])

    gate.before = grow
    with pytest.raises(ApifyDataError, match="has grown while it was read newest first"):
        Walk(Source(hook, dataset_id, ItemsQuery(desc=True)), Taken()).go()


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


@pytest.mark.usefixtures("small")
def test_the_first_page_of_a_view_is_as_small_as_a_sample(
    hook: ApifyHook, exchanges: list[Exchange], apify: LocalApify
) -> None:
    dataset_id = dataset_of(hook, 1_000, ITEM_BYTES)
    _, items = walked(Source(hook, dataset_id, ItemsQuery(clean=True, desc=True)))
    assert len(items) == 1_000
    probe, first, *_ = exchanges
    assert (asked(probe)["limit"], asked(first)["limit"]) == ("1", "100")
    assert apify.control.ledger().requests_by_route["GET /v2/datasets/{datasetId}"] == 3


@pytest.mark.usefixtures("small")
def test_filters_drop_items_without_ending_early(hook: ApifyHook, apify: LocalApify) -> None:
    dataset_id = dataset_of(hook, 0)
    push(apify, dataset_id, [{"#hidden": 1}] * 1_000 + [{"a": number, "#b": 1} for number in range(5)])
    walk, items = walked(Source(hook, dataset_id, ItemsQuery(clean=True)))
    assert items == [{"a": number} for number in range(5)]
    assert (walk.position, walk.records) == (1_005, 5)


@pytest.mark.usefixtures("four_connections")
def test_progress_is_told_in_items_and_only_grows(hook: ApifyHook) -> None:
    told: list[int] = []
    walked(Source(hook, dataset_of(hook, 2_000, ITEM_BYTES), reached=told.append))
    assert told == sorted(told)
    assert told[-1] > 1_000


@pytest.mark.parametrize(("count", "item_bytes"), [(3, 2_000_000), (40, 200_000), (3_000, 0)])
def test_items_of_any_size_pass(hook: ApifyHook, count: int, item_bytes: int) -> None:
    _, items = walked(Source(hook, dataset_of(hook, count, item_bytes)))
    assert items == [scenario_item(index, item_bytes) for index in range(count)]


def test_pages_that_keep_breaking_are_an_error(hook: ApifyHook, apify: LocalApify) -> None:
    dataset_id = dataset_of(hook, 100)
    apify.control.add_fault("end-body-early", path="*/items", times=None, after_bytes=50)
    with pytest.raises(ApifyDataError, match=dataset_id) as caught:
        Walk(Source(hook, dataset_id), Taken()).go()
    assert caught.value.retryable
    assert isinstance(caught.value, ApifyError)
