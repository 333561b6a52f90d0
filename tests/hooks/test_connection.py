"""What the hook makes of an Airflow connection, and of the environment where there is none."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import AirflowNotFoundException, Connection, redact

from airflow_provider_apify import __version__
from airflow_provider_apify.exceptions import ApifyAddressError, ApifyAuthError
from airflow_provider_apify.hooks._connection import ApifyConnection
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RunLimits
from local_apify import LocalApify

TOKEN = "apify_api_0123456789abcdef"


def read(*, password: str | None = TOKEN, **fields: Any) -> ApifyConnection:
    return ApifyConnection.from_airflow(Connection(conn_id="mine", conn_type="apify", password=password, **fields))


@pytest.mark.parametrize(
    ("fields", "base_url"),
    [
        ({}, "https://api.apify.com"),
        ({"host": " "}, "https://api.apify.com"),
        ({"host": "api.apify.com"}, "https://api.apify.com"),
        ({"host": "https://api.apify.com/"}, "https://api.apify.com"),
        ({"host": "https://api.apify.com/v2"}, "https://api.apify.com"),
        ({"host": "https://api.apify.com/v2/"}, "https://api.apify.com"),
        ({"host": "127.0.0.1", "port": 8010, "schema": "http"}, "http://127.0.0.1:8010"),
        ({"host": "127.0.0.1:8010", "schema": "http"}, "http://127.0.0.1:8010"),
        ({"host": "http://127.0.0.1:8010"}, "http://127.0.0.1:8010"),
        ({"host": "http://127.0.0.1/v2", "port": 8010}, "http://127.0.0.1:8010"),
        ({"host": "http://127.0.0.1:8010/v2", "port": 8010}, "http://127.0.0.1:8010"),
        ({"host": "https://proxy.example/apify/v2"}, "https://proxy.example/apify"),
        ({"host": "http://[::1]:8010"}, "http://[::1]:8010"),
        ({"host": "::1", "port": 8010, "schema": "http"}, "http://[::1]:8010"),
        ({"host": "[::1]", "port": 8010, "schema": "http"}, "http://[::1]:8010"),
    ],
)
def test_the_host_names_the_base_url(fields: dict[str, Any], base_url: str) -> None:
    assert read(**fields).access.base_url == base_url


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        (
            {"host": "http://127.0.0.1:80a"},
            "the host of.*'mine'.*its host or port cannot be read.*like https://api.apify",
        ),
        ({"host": "https://api.apify.com:99999"}, "its host or port cannot be read"),
        ({"host": "api.apify\n.com"}, "it holds a space or a line break"),
        ({"host": "api apify com"}, "it holds a space or a line break"),
        ({"host": "https://"}, "it has no host, or one that cannot be read"),
        ({"host": "*.apify.com"}, "it has no host, or one that cannot be read"),
        ({"host": "api..apify.com"}, "its host or port cannot be read"),
        ({"host": "https://[::1"}, "its host or port cannot be read"),
        ({"host": "https://api.apify.com?token=secret"}, "it has a [?] or #"),
        ({"host": "ftp://api.apify.com"}, "it does not begin with http:// or https://"),
        ({"host": "api.apify.com", "schema": "ftp"}, "the schema and host of.*does not begin with http:// or https://"),
        ({"host": "api.apify.com", "port": 99999}, "the port of.*'mine' cannot be used"),
        (
            {"extra": '{"web_fetch_url": "elsewhere"}'},
            "web_fetch_url in the extra.*'mine'.*does not begin with http://",
        ),
        ({"extra": '{"console_url": "javascript:alert(1)"}'}, "console_url in the extra.*'mine'.*does not begin with"),
        ({"extra": '{"console_url": "https://me:secret@here"}'}, "console_url in the extra.*has a login"),
    ],
)
def test_an_address_to_which_nothing_can_be_sent_is_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ApifyAddressError, match=f"(?i){complaint}") as caught:
        read(**fields)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["APIFY_API_BASE_URL", "APIFY_CONSOLE_URL", "APIFY_WEB_FETCH_URL"])
def test_such_an_address_in_the_environment_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIFY_TOKEN", TOKEN)
    monkeypatch.setenv(name, "http://127.0.0.1:80a")
    with pytest.raises(ApifyAddressError, match=f"{name} of the environment cannot be used"):
        ApifyConnection.from_environment()


def test_the_environment_may_name_a_console(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIFY_TOKEN", TOKEN)
    monkeypatch.setenv("APIFY_CONSOLE_URL", "http://127.0.0.1:8010/")
    found = ApifyConnection.from_environment()
    assert found is not None
    assert found.access.console.run("r1") == "http://127.0.0.1:8010/actors/runs/r1"


def test_an_empty_extra_is_the_defaults() -> None:
    connection = read()
    assert connection.limits == RunLimits()
    assert connection.cost_settle_seconds == 10
    assert read(extra='{"cost_settle_seconds": "", "limit_max_total_charge_usd": null}') == connection


def test_the_extra_holds_limits_as_numbers_or_as_the_form_s_text() -> None:
    extra = {
        "default_max_total_charge_usd": "1.5",
        "limit_max_total_charge_usd": 5,
        "default_abort_above_usd": " 0.25 ",
        "limit_abort_above_usd": 2,
        "monthly_budget_usd": "100",
        "cost_settle_seconds": "2.5",
        "installation": "staging",
        "console_url": "http://127.0.0.1:8010/",
        "web_fetch_url": "http://127.0.0.1:8010/web-fetch/",
    }
    connection = read(extra=json.dumps(extra))
    assert connection.limits == RunLimits(Decimal("1.5"), Decimal(5), Decimal("0.25"), Decimal(2), Decimal(100))
    assert connection.cost_settle_seconds == 2.5
    assert connection.installation == "staging"
    assert connection.access.console.run("r1") == "http://127.0.0.1:8010/actors/runs/r1"
    assert connection.web_fetch_url == "http://127.0.0.1:8010/web-fetch"


FORMS: list[dict[str, Any]] = [
    {  # Airflow 3
        "limit_max_total_charge_usd": 5,
        "default_abort_above_usd": 2,
        "limit_abort_above_usd": None,
        "monthly_budget_usd": 100,
        "installation": "staging",
        "web_fetch_url": None,
    },
    {  # Airflow 2: each field twice
        "limit_max_total_charge_usd": "5",
        "extra__apify__limit_max_total_charge_usd": "5",
        "default_abort_above_usd": "2",
        "extra__apify__default_abort_above_usd": "2",
        "limit_abort_above_usd": "",
        "extra__apify__limit_abort_above_usd": "",
        "monthly_budget_usd": "100",
        "extra__apify__monthly_budget_usd": "100",
        "installation": "staging",
        "extra__apify__installation": "staging",
        "web_fetch_url": "",
        "extra__apify__web_fetch_url": "",
    },
    {
        "extra__apify__limit_max_total_charge_usd": "5",
        "extra__apify__default_abort_above_usd": "2",
        "extra__apify__monthly_budget_usd": "100",
        "extra__apify__installation": "staging",
    },
    {
        "extra__apify__limit_max_total_charge_usd": "5",
        "limit_max_total_charge_usd": "",
        "extra__apify__default_abort_above_usd": "2",
        "default_abort_above_usd": None,
        "extra__apify__monthly_budget_usd": "100",
        "monthly_budget_usd": "",
        "installation": "staging",
    },
]


@pytest.mark.parametrize("extra", FORMS)
def test_what_the_connection_form_sends_is_a_good_connection(
    extra: dict[str, Any], local_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"conn_type": "apify", "host": local_apify.base_url, "password": local_apify.token, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_APIFY_FORM", json.dumps(fields))
    hook = ApifyHook("apify_form")
    assert hook.test_connection()[0]
    assert hook._connection.limits == RunLimits(
        limit_max_total_charge_usd=Decimal(5), default_abort_above_usd=Decimal(2), monthly_budget_usd=Decimal(100)
    )
    assert hook._connection.installation == "staging"


def test_a_misspelt_field_is_told_by_either_name() -> None:
    with pytest.raises(ValueError, match="limit_usd is unknown"):
        read(extra='{"extra__apify__limit_usd": 5}')


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        ({"limit_max_total_charge_usd": "cheap"}, "limit_max_total_charge_usd must be US dollars above 0"),
        ({"default_max_total_charge_usd": 0}, "default_max_total_charge_usd must be US dollars above 0"),
        ({"max_total_charge": 1}, "max_total_charge is unknown; there are console_url, cost_settle_seconds"),
        ({"monthly_budget": 1}, "monthly_budget is unknown; there are .*monthly_budget_usd"),
        (
            {"default_abort_above_usd": 6, "limit_abort_above_usd": 5},
            "default_abort_above_usd is 6, above limit_abort_above_usd of 5",
        ),
        (
            {"default_max_total_charge_usd": 6, "limit_max_total_charge_usd": 5},
            "default_max_total_charge_usd is 6, above limit_max_total_charge_usd of 5",
        ),
        ({"cost_settle_seconds": -1}, "cost_settle_seconds must be seconds, 0 or more, not -1"),
        ({"cost_settle_seconds": "soon"}, "cost_settle_seconds must be seconds, 0 or more, not 'soon'"),
        ({"cost_settle_seconds": [1]}, "cost_settle_seconds must be seconds"),
        ({"cost_settle_seconds": "inf"}, "cost_settle_seconds must be seconds"),
        ({"cost_settle_seconds": "nan"}, "cost_settle_seconds must be seconds"),
    ],
)
def test_a_wrong_extra_says_what_to_write_instead(extra: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"Extra of Airflow connection 'mine': {complaint}"):
        read(extra=json.dumps(extra))


@pytest.mark.parametrize("name", sorted(RunLimits.names()))
@pytest.mark.parametrize(
    "amount",
    [
        *(0, "0", -1, "-1", "1e-", "$5", "1,000", "five", "None"),
        *(True, False, "true", math.nan, "NaN", math.inf, "-inf", [5], {"usd": 5}),
    ],
)
def test_an_amount_that_limits_nothing_is_refused(name: str, amount: Any) -> None:
    with pytest.raises(ValueError, match=f"'mine': {name} must be US dollars above 0, for example 2.5, not"):
        read(extra=json.dumps({name: amount}))


@pytest.mark.parametrize("extra", ['{"limit_max_total_charge_usd": 5', "[5]", "5", '"text"'])
def test_an_extra_that_is_no_json_object_is_an_error_so_that_no_limit_gets_lost(extra: str) -> None:
    # Airflow's own class warns of some of these or drops them, in each version differently.
    connection: Any = SimpleNamespace(conn_id="mine", password=TOKEN, host=None, port=None, schema=None, extra=extra)
    with pytest.raises(ValueError, match="must be a JSON object, for example"):
        ApifyConnection.from_airflow(connection)


@pytest.mark.parametrize("password", [None, "", "  \n"])
def test_a_connection_without_password_says_where_the_token_is_found(password: str | None) -> None:
    with pytest.raises(ValueError, match=r"'mine' has no password\. Put the Apify API token there"):
        read(password=password)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"login": TOKEN}, "something in login"),
        ({"extra": json.dumps({"token": TOKEN})}, "token in the extra"),
        ({"extra": json.dumps({"extra__apify__api_token": TOKEN})}, "api_token in the extra"),
    ],
    ids=["login", "extra", "form of Airflow 2"],
)
def test_a_token_in_the_wrong_place_is_told_by_its_place(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(ValueError, match=f"'mine' has no password, but there is {place}. Put the Apify API") as caught:
        read(password=None, **fields)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("extra", ["[5]", "{", "5"])
def test_an_extra_that_is_no_object_hides_no_missing_token(extra: str) -> None:
    connection: Any = SimpleNamespace(conn_id="mine", password=None, login=None, extra=extra)
    with pytest.raises(ValueError, match=r"'mine' has no password\. Put"):
        ApifyConnection.from_airflow(connection)


def test_an_address_with_a_scheme_may_stand_in_a_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MINE", f"apify://:{TOKEN}@http%3A%2F%2F127.0.0.1%3A8410/?cost_settle_seconds=1")
    connection = ApifyHook("mine")._connection
    assert (connection.access.base_url, connection.access.token) == ("http://127.0.0.1:8410", TOKEN)
    assert connection.cost_settle_seconds == 1


@pytest.mark.parametrize(
    "password", ["apify_api_é", "apify\u200b_api", "apify api", "apify\napi", "apify…", "apify\x00"]
)
def test_a_garbled_token_is_refused_before_any_library_shows_it(password: str) -> None:
    with pytest.raises(ValueError, match="The password of Airflow connection 'mine' is no Apify API token") as caught:
        read(password=password)
    assert password not in f"{caught.value}{caught.value!r}"


def test_white_space_around_the_token_is_no_part_of_it() -> None:
    assert read(password=f" {TOKEN}\n").access.token == TOKEN


def test_no_shown_form_of_a_connection_holds_the_token() -> None:
    connection = read(extra='{"limit_max_total_charge_usd": 5}')
    assert TOKEN not in f"{connection!r}{connection}{connection.access!r}"


def test_requests_say_who_asks() -> None:
    agent = read().access.user_agent
    assert agent.startswith(f"airflow-provider-apify/{__version__} apache-airflow/{airflow_version} python/3.")


@pytest.mark.parametrize("form", ["uri", "uri-with-schema", "json"])
def test_a_connection_of_the_environment_may_be_a_uri_or_json(
    form: str, local_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = local_apify.base_url.rpartition(":")[2]
    forms = {
        "uri": f"apify://:{local_apify.token}@http%3A%2F%2F127.0.0.1:{port}/?limit_max_total_charge_usd=5",
        "uri-with-schema": f"apify://:{local_apify.token}@127.0.0.1:{port}/http?limit_max_total_charge_usd=5",
        "json": json.dumps(
            {
                "conn_type": "apify",
                "host": local_apify.base_url,
                "password": local_apify.token,
                "extra": {"limit_max_total_charge_usd": 5},
            }
        ),
    }
    monkeypatch.setenv("AIRFLOW_CONN_MY_APIFY", forms[form])
    hook = ApifyHook("my_apify")
    assert hook._connection.limits.limit_max_total_charge_usd == 5
    assert hook.get_me()["username"] == "local"


@pytest.mark.parametrize("suffix", ["", "/", "/v2"])
def test_the_environment_s_token_serves_where_the_default_connection_is_missing(
    suffix: str, local_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]
) -> None:
    monkeypatch.setenv("APIFY_TOKEN", f" {local_apify.token}\n")
    monkeypatch.setenv("APIFY_API_BASE_URL", local_apify.base_url + suffix)
    assert ApifyHook().get_me()["username"] == "local"
    assert "No connection 'apify_default': using APIFY_TOKEN of the environment." in logged()


async def test_the_environment_s_token_serves_on_the_event_loop_too(
    local_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, finished_run: str
) -> None:
    monkeypatch.setenv("APIFY_TOKEN", local_apify.token)
    monkeypatch.setenv("APIFY_API_BASE_URL", local_apify.base_url)
    assert (await ApifyHook().async_abort_run(finished_run)).status == "SUCCEEDED"


def test_the_environment_s_token_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIFY_TOKEN", "apify_api_of_the_environment")
    assert ApifyHook()._connection.access.base_url == "https://api.apify.com"
    assert redact("Bearer apify_api_of_the_environment") == "Bearer ***"


def test_the_environment_s_token_never_replaces_another_missing_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIFY_TOKEN", TOKEN)
    with pytest.raises(AirflowNotFoundException, match="'of_another_account' does not exist"):
        _ = ApifyHook("of_another_account")._connection


def test_a_connection_comes_before_the_environment(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIFY_TOKEN", TOKEN)
    assert ApifyHook()._connection.access.token == apify.token


@pytest.mark.parametrize("token", [None, "", " "])
def test_neither_connection_nor_token_says_how_to_make_one(token: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if token is not None:
        monkeypatch.setenv("APIFY_TOKEN", token)
    with pytest.raises(AirflowNotFoundException, match="environment variable APIFY_TOKEN serves too"):
        _ = ApifyHook()._connection


def test_a_garbled_token_of_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIFY_TOKEN", "apify api")
    with pytest.raises(ValueError, match="APIFY_TOKEN is no Apify API token"):
        _ = ApifyHook()._connection


def test_a_uri_may_have_an_ipv6_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SIX", f"apify://:{TOKEN}@[::1]:8010/http")
    assert ApifyHook("six")._connection.access.base_url == "http://[::1]:8010"


def test_a_missing_connection_is_one_error() -> None:
    with pytest.raises(AirflowNotFoundException) as caught:
        _ = ApifyHook("missing")._connection
    assert caught.value.__context__ is None
    with pytest.raises(AirflowNotFoundException) as caught:
        asyncio.run(ApifyHook("missing").async_abort_run("run1"))
    assert caught.value.__context__ is None


def test_making_a_hook_looks_nothing_up() -> None:
    assert ApifyHook("no_such_connection").apify_conn_id == "no_such_connection"


def test_a_wrong_token_of_the_environment_is_said_to_be_there(
    local_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APIFY_TOKEN", "apify_api_wrong")
    monkeypatch.setenv("APIFY_API_BASE_URL", local_apify.base_url)
    with pytest.raises(ApifyAuthError, match="Check the API token in APIFY_TOKEN of the environment"):
        ApifyHook().get_me()
    with pytest.raises(ApifyAuthError, match="Check the API token in APIFY_TOKEN of the environment"):
        list(ApifyHook().iterate_items("dataset1"))
    with pytest.raises(ApifyAuthError, match="Check the API token in APIFY_TOKEN of the environment"):
        asyncio.run(ApifyHook().async_abort_run("run1"))
