"""Whatever Apify's document allows to be missing or null, the models can read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from airflow_provider_apify.exceptions import ApifyError
from airflow_provider_apify.models.account import AccountLimits, MonthlyUsage
from airflow_provider_apify.models.actors import Actor, Build, SavedTask, StoreActor
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.models.storages import AddedRequest, Dataset, KeyValueStore, RecordKey, RequestQueue
from airflow_provider_apify.models.webhooks import Webhook, WebhookDispatch
from tests.contract.bodies import STYLES, Style, body_of
from tests.contract.openapi import contract

MODELS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "Run": ActorRun.from_api,
    "RunShort": ActorRun.from_api,
    "Dataset": Dataset.from_api,
    "Actor": Actor.from_api,
    "Build": Build.from_api,
    "BuildShort": Build.from_api,
    "Task": SavedTask.from_api,
    "StoreListActor": StoreActor.from_api,
    "AccountLimits": AccountLimits.from_api,
    "MonthlyUsage": MonthlyUsage.from_api,
    "KeyValueStore": KeyValueStore.from_api,
    "KeyValueStoreKey": RecordKey.from_api,
    "RequestQueue": RequestQueue.from_api,
    "AddedRequest": AddedRequest.from_api,
    "Webhook": Webhook.from_api,
    "WebhookShort": Webhook.from_api,
    "WebhookDispatch": WebhookDispatch.from_api,
}
"""What reads each schema of the document."""


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
@pytest.mark.parametrize("schema", MODELS)
def test_a_model_reads_every_body_that_the_document_allows(schema: str, style: Style) -> None:
    body = body_of(schema, style)
    contract().check_value(schema, body)
    _look_at(MODELS[schema](body))


def _look_at(model: Any) -> None:
    """Read everything that a user could read of a model; what is only text to the document may be refused in words."""
    repr(model)
    for name in dir(type(model)):
        if isinstance(getattr(type(model), name), property):
            with suppress(ApifyError):
                getattr(model, name)
    if hasattr(model, "to_dict"):
        model.to_dict()
