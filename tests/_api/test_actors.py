from __future__ import annotations

import json

import pytest

from airflow_provider_apify._api.actors import validate_for_run
from airflow_provider_apify._api.answers import Response
from airflow_provider_apify.exceptions import ApifyConnectionError, ApifyInvalidInputError
from airflow_provider_apify.options import RetryPolicy, Target
from tests._api.answering import Fed, failed, ok

ACTOR, TASK = Target("actor", "me/crawler"), Target("task", "me/daily")
VALID = Response(200, {}, b'{"valid": true}')
DESCRIBED = ok(
    {"id": "a1", "username": "me", "name": "crawler", "isPublic": True, "defaultRunOptions": {"build": "beta"}}
)
SAVED = {"id": "t1", "actId": "a1", "name": "daily", "input": {"a": 1, "b": 2}}


def checking(target: Target, run_input: bytes | None = None, build: str | None = None) -> Fed:
    return Fed(validate_for_run(target, run_input, build, RetryPolicy()))


def test_an_input_is_checked_against_the_build_that_a_run_takes_by_default() -> None:
    fed = checking(ACTOR, b'{"a": 1}')
    request = fed.answer(DESCRIBED)
    assert (request.path, request.params, request.body) == (
        "/v2/actors/me~crawler/validate-input",
        {"build": "beta"},
        b'{"a": 1}',
    )
    assert fed.finish(VALID) is None


def test_a_build_that_is_named_is_not_looked_up() -> None:
    fed = checking(ACTOR, build="0.1.2")
    assert (fed.request.method, fed.request.params, fed.request.body) == ("POST", {"build": "0.1.2"}, b"{}")
    assert fed.finish(VALID) is None


@pytest.mark.parametrize(("own", "named", "taken"), [("0.2", None, "0.2"), ("0.2", "0.3", "0.3"), (None, None, "beta")])
def test_of_a_saved_task_the_merged_input_is_checked_against_its_build(
    own: str | None, named: str | None, taken: str
) -> None:
    fed = checking(TASK, b'{"b": 3}', named)
    request = fed.answer(ok({**SAVED, "options": {"build": own}}))
    if taken == "beta":
        assert request.path == "/v2/actors/a1"
        request = fed.answer(DESCRIBED)
    assert (request.path, request.params) == ("/v2/actors/a1/validate-input", {"build": taken})
    assert json.loads(request.body or b"") == {"a": 1, "b": 3}
    assert fed.finish(VALID) is None


def test_a_wrong_input_is_an_error_at_once() -> None:
    with pytest.raises(ApifyInvalidInputError, match="HTTP 400 invalid-input: Field input"):
        checking(ACTOR, build="beta").finish(failed(400, "invalid-input", "Field input.url is required"))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"valid": false}'])
def test_only_apify_s_own_word_counts(body: bytes) -> None:
    fed = Fed(validate_for_run(ACTOR, None, "beta", RetryPolicy(attempts=1)))
    with pytest.raises(ApifyConnectionError, match="not Apify's JSON"):
        fed.finish(Response(200, {}, body))
