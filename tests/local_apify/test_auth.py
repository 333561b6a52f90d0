"""Tokens, unknown paths and methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local_apify import LocalApify
    from tests.local_apify.client import Client

ME = "/v2/users/me"


def test_the_token_says_who_is_asking(client: Client) -> None:
    assert client.data("GET", ME)["username"] == "local"


def test_a_missing_token_and_a_wrong_one_are_told_apart(client: Client) -> None:
    assert client.error("GET", ME, token=None) == (401, "token-not-provided")
    assert client.error("GET", ME, token="wrong") == (401, "user-or-token-not-found")


def test_a_token_in_the_url_works_as_it_does_at_apify(client: Client) -> None:
    assert client.send("GET", ME, token=None, params={"token": "apify_api_local"}).ok


def test_an_expired_token_is_refused_until_the_faults_are_cleared(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.add_fault("expire-token", path="/v2/users/me")
    assert client.error("GET", ME) == (401, "user-or-token-not-found")
    assert client.error("GET", "/v2/actor-runs") == (401, "user-or-token-not-found")
    local_apify.control.clear_faults()
    assert client.data("GET", ME)["username"] == "local"


def test_a_rotated_token_replaces_the_old_one_and_an_expired_one(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.add_fault("expire-token", path="/v2/users/me")
    assert client.error("GET", ME) == (401, "user-or-token-not-found")

    local_apify.control.rotate_token("apify_api_new")

    assert client.error("GET", ME) == (401, "user-or-token-not-found")
    assert client.data("GET", ME, token="apify_api_new")["username"] == "local"


def test_unknown_paths_and_methods_get_errors_in_apifys_shape(client: Client) -> None:
    assert client.error("GET", "/v2/nonsense") == (404, "page-not-found")
    assert client.error("PATCH", ME) == (405, "method-not-allowed")


def test_a_wrong_method_is_told_all_that_would_do(client: Client) -> None:
    answer = client.send("PATCH", f"{ME}/limits")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, PUT")
    assert answer.json()["error"]["message"].endswith("GET, HEAD, PUT")


def test_a_slash_at_the_end_of_a_path_makes_no_difference(client: Client) -> None:
    answer = client.send("GET", f"{ME}/", allow_redirects=False)
    assert answer.json()["data"]["username"] == "local"


def test_answers_name_the_rate_limit(client: Client) -> None:
    assert int(client.send("GET", ME).headers["X-RateLimit-Limit"]) > 0


def test_the_limits_of_the_account_show_what_is_used(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.settings(max_memory_mbytes=8192)
    client.start({"durationSecs": 60}, memory=2048)
    limits = client.data("GET", f"{ME}/limits")
    assert (limits["limits"]["maxActorMemoryGbytes"], limits["current"]["actorMemoryGbytes"]) == (8, 2)
    assert limits["current"]["activeActorJobCount"] == 1


def test_only_one_s_own_actors_count(client: Client) -> None:
    client.data("POST", "/v2/actors", json={"name": "mine"})
    assert client.data("GET", f"{ME}/limits")["current"]["actorCount"] == 1
