"""A hook, and a dataset to push to."""

from __future__ import annotations

import pytest

from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - where it leads
    return ApifyHook()


@pytest.fixture
def dataset_id(hook: ApifyHook) -> str:
    return hook.create_dataset("prices").id
