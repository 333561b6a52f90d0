"""Connections that fail slowly, and rate limits, are no sleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from airflow_provider_apify._api.runs.changing import Changer
from airflow_provider_apify.exceptions import ApifyConnectionError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models import ActorRun
from airflow_provider_apify.operators import _base
from airflow_provider_apify.options import RetryPolicy, RunOptions
from local_apify import LocalApify
from tests._api.answering import failed
from tests._api.played_start import a_run
from tests.operators.obedient import obedient
from tests.operators.played_task import Died, Fate
from tests.operators.scenes import Clock, end, played, waits


class FastHook(ApifyHook):
    """Pauses move the clock on and take no time."""

    clock: Clock

    def _drive(self, flow: Any, send: Any = None, _pause: Any = None, guard: Any = None) -> Any:
        return super()._drive(flow, send, self.clock.pass_, guard)


@pytest.fixture
def slow_refusals(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> list[str]:
    """Let each start fail before it is sent, after 40 s: as with a slow DNS, or four dead addresses."""
    sent: list[str] = []
    send = HTTPAdapter.send

    def fail(adapter: HTTPAdapter, request: requests.PreparedRequest, **how: Any) -> requests.Response:
        sent.append(str(request.method))
        if sent.count("POST") > 30:
            raise Died
        if request.method == "POST":
            clock.pass_(40)
            raise requests.ConnectionError(ConnectionRefusedError(111, "Connection refused"))
        return send(adapter, request, **how)

    monkeypatch.setattr(HTTPAdapter, "send", fail)
    monkeypatch.setattr(FastHook, "clock", clock, raising=False)
    return sent


@pytest.mark.usefixtures("obedient_apify")
def test_slow_refusals_end_the_attempt(monkeypatch: pytest.MonkeyPatch, slow_refusals: list[str]) -> None:
    task = played(monkeypatch, deferrable=False)
    monkeypatch.setattr(_base, "ApifyHook", FastHook)

    assert task.attempt(Fate()) == "retry", (slow_refusals.count("POST"), slow_refusals.count("GET"))


@pytest.mark.usefixtures("obedient_apify")
def test_an_unreachable_apify_ends_the_attempt_soon(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Four dead addresses, each tried for ten seconds: six starts, as long as nothing was ever sent."""
    sent, began = [], time.time()

    def fail(_adapter: HTTPAdapter, request: requests.PreparedRequest, **_how: Any) -> requests.Response:
        sent.append(str(request.method))
        clock.pass_(40)
        raise requests.ConnectionError(ConnectionRefusedError(111, "Connection refused"))

    monkeypatch.setattr(HTTPAdapter, "send", fail)
    monkeypatch.setattr(FastHook, "clock", clock, raising=False)
    task = played(monkeypatch, deferrable=False)
    monkeypatch.setattr(_base, "ApifyHook", FastHook)

    assert task.attempt(Fate()) == "retry"
    minutes = round((time.time() - began) / 60)
    assert minutes <= 10, (sent.count("POST"), sent.count("GET"), minutes)


@pytest.mark.parametrize("way", ["start_run_once", "run_sync"])
@pytest.mark.usefixtures("obedient_apify")
def test_slow_refusals_are_repeated_by_the_hook(slow_refusals: list[str], way: str) -> None:
    hook = FastHook()
    ways: dict[str, Callable[[], object]] = {
        "run_sync": lambda: hook.run_sync(obedient.name),
        "start_run_once": lambda: hook.start_run_once("key", obedient.name, since=datetime.now(UTC), may_exist=False),
    }
    with pytest.raises(ApifyConnectionError):
        ways[way]()

    assert slow_refusals.count("POST") == 6


def test_a_rate_limited_resurrection_can_be_sent_again() -> None:
    run = ActorRun.from_api({**a_run("R"), "status": "FAILED"})
    flow = Changer(RetryPolicy(), print).revive(run, RunOptions(), seen_at=time.time())
    next(flow)
    request = flow.send(replace(failed(429, "rate-limit-exceeded"), headers={"retry-after": "60"}))
    assert request.not_after is None or time.time() + request.delay < request.not_after, request


def test_a_rate_limited_resurrection_ends_the_attempt(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    task = played(monkeypatch, on_failed_run="resurrect", deferrable=False)
    waits(task, obedient_apify, lambda: end(obedient_apify, "FAILED"))
    assert task.attempt(Fate()) == "retry"
    monkeypatch.setattr(FastHook, "clock", clock, raising=False)
    monkeypatch.setattr(_base, "ApifyHook", FastHook)
    obedient_apify.control.add_fault(
        "answer",
        method="POST",
        path="/v2/actor-runs/*/resurrect",
        status=429,
        error_type="rate-limit-exceeded",
        headers={"Retry-After": "60"},
        times=1_000,
    )
    sends, send = [0], HTTPAdapter.send

    def count(adapter: HTTPAdapter, request: requests.PreparedRequest, **how: Any) -> requests.Response:
        sends[0] += str(request.url).endswith("resurrect")
        if sends[0] > 40:
            raise Died
        return send(adapter, request, **how)

    monkeypatch.setattr(HTTPAdapter, "send", count)

    assert task.attempt(Fate()) == "retry", sends
