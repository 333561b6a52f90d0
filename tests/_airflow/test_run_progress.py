from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_apify._airflow.run_progress import ProgressLog
from airflow_provider_apify.models.runs import ActorRun

if TYPE_CHECKING:
    import pytest


def test_the_actor_s_messages_are_logged_when_they_change(caplog: pytest.LogCaptureFixture) -> None:
    progress = ProgressLog(logging.getLogger("task"))
    seen = [
        ("READY", None),
        ("RUNNING", None),
        ("RUNNING", "1%"),
        ("RUNNING", "1%"),
        ("RUNNING", "100%"),
        ("READY", None),
    ]
    with caplog.at_level("INFO", logger="task"):
        for status, message in seen:
            progress(ActorRun.from_api({"id": "r1", "actId": "a1", "status": status, "statusMessage": message}))
    assert [record.getMessage() for record in caplog.records if record.name == "task"] == [
        "Run r1 is READY",
        "Run r1 is RUNNING",
        "Run r1 is RUNNING: 1%",
        "Run r1 is RUNNING: 100%",
        "Run r1 is READY",
    ]


def test_a_long_silence_is_broken_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    times = iter([0.0, 299.0, 300.0, 301.0, 600.0])
    progress = ProgressLog(logging.getLogger("task"), clock=lambda: next(times))
    with caplog.at_level("INFO", logger="task"):
        for _ in range(5):
            progress(ActorRun.from_api({"id": "r1", "actId": "a1", "status": "RUNNING"}))
    words = [record.getMessage() for record in caplog.records if record.name == "task"]
    assert words == ["Run r1 is RUNNING"] * 3
