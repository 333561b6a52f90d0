"""Items of a dataset through the hook, in stretches and one by one."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from airflow_provider_apify._files.dataset.readers import LineReader
from airflow_provider_apify.exceptions import (
    ApifyConnectionError,
    ApifyDataError,
    ApifyNotFoundError,
)
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify, scenario_item
from tests._files.material import push
from tests.hooks.conftest import RunScenario
from tests.hooks.material import QUICK, SCENARIO, count


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - what the hook's connection points at
    return ApifyHook(retry=QUICK)


def _dataset(hook: ApifyHook, run_scenario: RunScenario, items: int) -> str:
    return hook.get_run(run_scenario(wait=30, items=items)).dataset_id or ""


def _ids(lines: list[bytes]) -> list[int]:
    return [json.loads(line)["id"] for line in b"".join(lines).splitlines()]


def test_a_stretch_of_items_is_read_as_it_streams(hook: ApifyHook, run_scenario: RunScenario) -> None:
    lines: list[bytes] = []
    reader = LineReader({"format": "jsonl"}, 2, 5, lambda piece: lines.append(bytes(piece)))
    hook._read_items(_dataset(hook, run_scenario, 10), reader)
    assert _ids(lines) == [2, 3, 4]
    assert reader.is_done


@pytest.mark.parametrize("fault", ["cut-body", "end-body-early", "cut-before-commit", "answer"])
def test_a_stretch_that_breaks_goes_on_with_the_next_item(
    hook: ApifyHook, apify: LocalApify, run_scenario: RunScenario, fault: str
) -> None:
    dataset_id = _dataset(hook, run_scenario, 100)
    offsets: list[int] = []
    apify.on_exchange = lambda each: offsets.append(int(parse_qs(each.query)["offset"][0]))
    apify.control.add_fault(fault, path="*/items", times=2, after_bytes=5_000, status=503)
    lines: list[bytes] = []
    hook._read_items(dataset_id, LineReader({"format": "jsonl"}, 0, None, lambda piece: lines.append(bytes(piece))))
    assert _ids(lines) == list(range(100))
    assert count(apify, "GET /v2/datasets/{datasetId}/items") == 3
    assert (offsets[-1] > 0) == (fault in {"cut-body", "end-body-early"})


@pytest.mark.parametrize(
    ("fault", "error", "attempts"),
    [
        ("end-body-early", ApifyDataError, QUICK.attempts),
        ("cut-body", ApifyConnectionError, QUICK.patient().attempts),
    ],
)
def test_a_stretch_that_brings_nothing_again_and_again_is_an_error(
    hook: ApifyHook, apify: LocalApify, run_scenario: RunScenario, *, fault: str, error: type[Exception], attempts: int
) -> None:
    dataset_id = _dataset(hook, run_scenario, 10)
    apify.control.add_fault(fault, path="*/items", times=None, after_bytes=50)
    with pytest.raises(error, match=f"GET /v2/datasets/{dataset_id}/items: "):
        hook._read_items(dataset_id, LineReader({"format": "jsonl"}, 0, None, lambda _piece: None))
    assert count(apify, "GET /v2/datasets/{datasetId}/items") == attempts


def test_answers_are_compressed_only_where_that_is_asked_for(
    hook: ApifyHook, apify: LocalApify, run_scenario: RunScenario
) -> None:
    dataset_id = _dataset(hook, run_scenario, 10)
    encodings: list[str | None] = []
    apify.on_exchange = lambda each: encodings.append(each.response_headers.get("content-encoding"))
    for compressed in (False, True):
        reader = LineReader({"format": "jsonl"}, 0, None, lambda _piece: None, compressed=compressed)
        hook._read_items(dataset_id, reader)
        assert reader.records == 10
    assert encodings == [None, "br"]  # which the HTTP library takes where brotli is installed, as it is here


def test_items_of_no_dataset_are_not_found(hook: ApifyHook, apify: LocalApify) -> None:
    with pytest.raises(ApifyNotFoundError):
        hook._read_items("nothing", LineReader({"format": "jsonl"}, 0, None, lambda _piece: None))
    assert count(apify, "GET /v2/datasets/{datasetId}/items") == 1


@pytest.mark.parametrize("count", [0, 1, 2_500])
def test_items_are_iterated_in_their_order(hook: ApifyHook, count: int) -> None:
    run = hook.wait_for_run(hook.start_run(SCENARIO, {"items": count, "itemBytes": 200}).id).run
    items = list(hook.iterate_items(str(run.dataset_id)))
    assert items == [scenario_item(index, 200) for index in range(count)]


def test_only_the_wanted_fields_of_items_are_iterated(hook: ApifyHook) -> None:
    run = hook.wait_for_run(hook.start_run(SCENARIO, {"items": 2}).id).run
    assert list(hook.iterate_items(str(run.dataset_id), fields=["id"])) == [{"id": 0}, {"id": 1}]


def test_some_of_the_items_can_be_asked_for(hook: ApifyHook, apify: LocalApify) -> None:
    run = hook.wait_for_run(hook.start_run(SCENARIO, {"items": 5}).id).run
    before = count(apify, "GET /v2/datasets/{datasetId}/items")
    items = list(hook.iterate_items(str(run.dataset_id), offset=1, limit=2))
    assert items == [scenario_item(1), scenario_item(2)]
    assert count(apify, "GET /v2/datasets/{datasetId}/items") == before + 1


def test_iterated_items_may_be_clean(hook: ApifyHook, apify: LocalApify) -> None:
    run = hook.wait_for_run(hook.start_run(SCENARIO, {"items": 0}).id).run
    push(apify, str(run.dataset_id), [{}, {"a": 1, "#b": 2}, {"#b": 3}])
    assert list(hook.iterate_items(str(run.dataset_id), clean=True)) == [{"a": 1}]


def test_an_item_that_python_cannot_read_is_an_error_that_says_what_does(hook: ApifyHook, apify: LocalApify) -> None:
    dataset_id = hook.create_dataset("deep").id
    body = '{"a":' + "[" * 200_000 + "]" * 200_000 + "}\n"
    apify.control.add_fault("answer", path="*/items", status=200, text=body, headers={"X-Apify-Pagination-Count": "1"})
    with pytest.raises(ApifyDataError, match="nested too deep for Python"):
        list(hook.iterate_items(dataset_id))
