from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_apify.triggers.dataset_changed import ApifyDatasetChangedTrigger
from airflow_provider_apify.triggers.run_finished import ApifyRunFinishedTrigger


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (ApifyRunFinishedTrigger, "Asset watchers need Airflow 3. On Airflow 2, use ApifyRunSensor"),
        (lambda: ApifyDatasetChangedTrigger(dataset_id="me/prices"), "On Airflow 2, use ApifyDatasetSensor"),
    ],
    ids=["runs", "a dataset"],
)
def test_a_watcher_says_what_to_use_on_airflow_2(
    make: Callable[[], Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_apify.triggers._watcher.HAS_WATCHERS", False)
    with pytest.raises(RuntimeError, match=words):
        make()
