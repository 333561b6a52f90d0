"""A token that is rotated while a task or a trigger is at work: Airflow is asked for the new one, once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import redact

from airflow_provider_apify._api.runs.reading import get_run
from airflow_provider_apify.exceptions import ApifyAuthError
from airflow_provider_apify.hooks import _lookups
from airflow_provider_apify.hooks._connection import ApifyConnection
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RetryPolicy, Target
from local_apify import LocalApify
from tests.hooks.conftest import RunScenario

OLD = "apify_api_before_the_rotation"
SCENARIO = Target("actor", "apify/scenario")
Rotate = Callable[[], None]


class CountingHook(ApifyHook):
    """Counts how often Airflow is asked."""

    looked_up = 0

    async def _look_up(self) -> ApifyConnection:
        type(self).looked_up += 1
        return await super()._look_up()


class Guard(AbstractContextManager[None]):
    """Tells whether a pause or a request is under way, which a signal may interrupt."""

    is_held = False

    def __enter__(self) -> None:
        self.is_held = True

    def __exit__(self, *_error: object) -> None:
        self.is_held = False


@pytest.fixture
def rotate(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> Rotate:
    """Let the connection have a token that Apify does not take any more; return what gives it the new one."""

    def connect(token: str) -> None:
        connection = {"conn_type": "apify", "host": apify.base_url, "password": token, "extra": {}}
        monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))

    connect(OLD)
    return lambda: connect(apify.token)


@pytest.fixture
def hook(rotate: Rotate) -> ApifyHook:
    """Return a hook that has looked up the old token, when the new one is there."""
    hook = ApifyHook()
    assert hook._connection.access.token == OLD
    rotate()
    return hook


def requests_of(apify: LocalApify) -> int:
    return sum(apify.control.ledger().requests.values())


def test_a_start_with_the_old_token_is_sent_again_with_the_new_one_and_starts_one_run(
    hook: ApifyHook, apify: LocalApify
) -> None:
    run = hook.start_run(SCENARIO)

    assert apify.control.ledger().runs_started == 1
    assert requests_of(apify) == 2
    assert hook.get_run(run.id).id == run.id
    assert requests_of(apify) == 3, "the new token serves from then on"


def test_items_and_logs_are_read_with_the_new_token(rotate: Rotate, finished_run: str) -> None:
    items, log = ApifyHook(), ApifyHook()
    assert items._connection.access.token == log._connection.access.token == OLD
    rotate()

    assert list(items.iterate_items(str(ApifyHook().get_run(finished_run).dataset_id))) == []
    assert log.follow_log(finished_run, lambda _line: None).id == finished_run


def test_a_token_that_is_still_the_connection_s_is_refused_at_once(rotate: Rotate, apify: LocalApify) -> None:  # noqa: ARG001 - its old token
    with pytest.raises(ApifyAuthError, match="Check the API token"):
        ApifyHook().start_run(SCENARIO)
    assert requests_of(apify) == 1


def test_a_hook_of_the_same_connection_aborts_with_the_new_token(hook: ApifyHook, run_scenario: RunScenario) -> None:
    assert hook._with_retry(RetryPolicy()).abort_run(run_scenario(durationSecs=60)).is_stopped


def test_airflow_is_never_asked_where_a_signal_may_interrupt(rotate: Rotate, finished_run: str) -> None:
    guard = Guard()

    class WatchedHook(ApifyHook):
        @classmethod
        def get_connection(cls, conn_id: str) -> Any:
            assert not guard.is_held
            return super().get_connection(conn_id)

    hook = WatchedHook()
    assert hook._connection.access.token == OLD
    rotate()
    assert hook._drive(get_run(finished_run, RetryPolicy()), guard=guard).id == finished_run


def test_the_new_token_is_masked(hook: ApifyHook, monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalApify(token="apify_api_after_the_rotation") as apify:
        connection = {"conn_type": "apify", "host": apify.base_url, "password": apify.token}
        monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))
        assert hook.get_me()["username"] == "local"
    assert redact(f"Bearer {apify.token}") == "Bearer ***"


async def test_a_trigger_goes_on_with_the_new_token(rotate: Rotate, run_scenario: RunScenario) -> None:
    run_id = await asyncio.to_thread(run_scenario, durationSecs=0.2)
    hook = ApifyHook()
    with pytest.raises(ApifyAuthError):
        await hook.async_abort_run(run_id)
    rotate()

    _lookups._lookups.clear()  # as after the few seconds for which a look-up after a refusal is shared
    assert (await hook.async_wait_for_run(run_id)).run.status == "SUCCEEDED"


async def test_all_triggers_that_are_refused_share_one_look_up(rotate: Rotate, finished_run: str) -> None:
    CountingHook.looked_up = 0
    hooks = [CountingHook() for _ in range(50)]
    await asyncio.gather(*(hook._async_connection() for hook in hooks))
    assert (CountingHook.looked_up, hooks[0]._connection.access.token) == (1, OLD)
    rotate()
    events = await asyncio.gather(*(hook.async_wait_for_run(finished_run) for hook in hooks))

    assert {event.run.id for event in events} == {finished_run}
    assert CountingHook.looked_up == 2
