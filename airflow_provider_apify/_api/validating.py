"""An input checked before a run is started with it, so that nothing is spent on a wrong one. No I/O."""

from __future__ import annotations

import json

from airflow_provider_apify._api import catalog_endpoints, endpoints
from airflow_provider_apify._api.answers import Response
from airflow_provider_apify._api.flows import Flow, RetryPolicy, call_data, call_reading
from airflow_provider_apify.catalog import Actor, SavedTask
from airflow_provider_apify.options import Target


def validate_input(target: Target, run_input: bytes | None, build: str | None, retry: RetryPolicy) -> Flow[None]:
    """Have Apify check an input against the schema of the build that a run would take.

    :param run_input: JSON text; ``None`` for the saved or default input.
    :raises ApifyInvalidInputError: it does not fit; the message names the field.
    """
    actor, body = target, run_input or b"{}"
    if target.kind == "task":
        saved = SavedTask.from_api((yield from call_data(endpoints.get_target(target), retry)))
        actor, build = Target("actor", saved.actor_id), build or saved.build
        body = _merged(saved, body)
    # Apify would take ``latest``, which a run may not.
    build = build or Actor.from_api((yield from call_data(endpoints.get_target(actor), retry))).default_build
    request = catalog_endpoints.validate_input(actor, body, build=build)
    yield from call_reading(request, retry, _read_verdict)


def _merged(saved: SavedTask, override: bytes) -> bytes:
    """Return the input that a run of a saved task gets, as Apify merges it: field by field."""
    values = json.loads(override)
    if not isinstance(values, dict):
        raise ValueError("The input of a saved task must be a JSON object: Apify merges it over the saved one.")  # noqa: TRY004
    return json.dumps({**(saved.input or {}), **values}).encode()


def _read_verdict(response: Response) -> bool | None:
    """Return ``True``, the only verdict that is no error; ``None`` where the answer is none of Apify's."""
    try:
        return json.loads(response.body)["valid"] is True or None
    except (ValueError, KeyError, TypeError):
        return None
