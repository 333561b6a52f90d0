from __future__ import annotations

import pytest

from airflow_provider_apify._files.dataset import end
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RetryPolicy
from local_apify import LocalApify


@pytest.fixture
def hook(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> ApifyHook:  # noqa: ARG001 - what the hook's connection points at
    """Return a hook that does not pause."""
    monkeypatch.setattr(end, "LAG_PAUSE_SECONDS", 0.001)
    return ApifyHook(retry=RetryPolicy(attempts=4, first_delay=0.001, max_delay=0.002))
