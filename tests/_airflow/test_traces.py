"""Spans, as an exporter of OpenTelemetry gets them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, Tracer

from airflow_provider_apify._airflow import traces
from local_apify import LocalApify
from tests.dag_runs import DagRunner
from tests.operators.scenario_task import run_scenario, waiting_both_ways
from tests.transfers.exporting import ITEMS, run_scenario as finished_run, write
from tests.transfers.pushing import push, stored


class Exported:
    """What was exported, and a tracer for what is around it."""

    def __init__(self, exporter: InMemorySpanExporter, tracer: Tracer) -> None:
        self._exporter, self.tracer = exporter, tracer

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        """The spans by their names; each name once."""
        found = self._exporter.get_finished_spans()
        by_name = {span.name: span for span in found}
        assert len(by_name) == len(found)
        return by_name


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[Exported]:
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("tests")
    monkeypatch.setattr(traces, "_tracer", tracer)
    yield Exported(exporter, tracer)
    provider.shutdown()


@waiting_both_ways
def test_start_and_wait_are_spans_that_name_the_run(
    apify: LocalApify, airflow: DagRunner, exported: Exported, deferrable: bool
) -> None:
    airflow.run_task(run_scenario(deferrable=deferrable, run_input={"durationSecs": 0.3, "logLines": ["a secret"]}))

    (run,) = apify.control.ledger().runs
    told = {"apify.run_id": run.run_id, "apify.actor_id": run.actor_id}
    assert {name: dict(span.attributes or {}) for name, span in exported.spans.items()} == {
        "apify start": {**told, "apify.status": "READY"},
        "apify wait": {**told, "apify.status": "SUCCEEDED"},
    }


@pytest.mark.usefixtures("apify")
def test_an_export_and_a_push_are_spans_with_their_size(airflow: DagRunner, exported: Exported, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    airflow.run_task(write(run_id=finished_run().id, path=str(target)))
    airflow.run_task(push(path=stored(tmp_path, [{"n": 1}, {"n": 2}]), dataset_name="numbers"))

    spans = exported.spans
    assert dict(spans["apify export"].attributes or {}) == {"apify.items": ITEMS, "apify.bytes": target.stat().st_size}
    assert dict(spans["apify push"].attributes or {}) == {"apify.items": 2}


def test_a_span_is_below_what_is_around_it(exported: Exported) -> None:
    with exported.tracer.start_as_current_span("worker.task") as around, traces.span("wait"):
        pass

    parent = exported.spans["apify wait"].parent
    assert parent is not None
    assert parent.span_id == around.get_span_context().span_id


def test_of_an_error_the_span_has_the_name_and_not_the_words(apify: LocalApify, exported: Exported) -> None:
    with pytest.raises(ValueError, match=apify.token), traces.span("export"):
        raise ValueError(apify.token)

    span = exported.spans["apify export"]
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert apify.token not in span.to_json()
