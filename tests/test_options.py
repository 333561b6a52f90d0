from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given, strategies as st

from airflow_provider_apify.options import RunLimits, RunOptions, Target

WEBHOOK = {"eventTypes": ["ACTOR.RUN.SUCCEEDED"], "requestUrl": "https://example.com"}


def option(name: str, value: Any) -> Any:
    return getattr(RunOptions.parse({name: value}), name)


@pytest.mark.parametrize(
    "name", ["HG7ML7M8z78YcAPEB", "apify/web-scraper", "apify~web-scraper", "some.one/my_actor-2", "a", "0"]
)
@pytest.mark.parametrize("kind", ["actor", "task"])
def test_an_id_is_what_apify_console_shows(kind: Literal["actor", "task"], name: str) -> None:
    assert Target(kind, name).id == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "~",
        "a/",
        "/a",
        "a/b/c",
        "a b",
        "../runs",
        "..",
        "a?b",
        "a%2fb",
        "é",
        "🦊",
        "a\n",
        "-",
    ],
)
def test_what_can_be_no_id_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(ValueError, match=r"is no Actor task ID\. Write the ID from Apify Console"):
        Target("task", name)


def test_the_address_of_a_page_is_read_as_the_id_in_it() -> None:
    pasted = Target("actor", "https://console.apify.com/actors/HG7ML7M8z78YcAPEB/input")
    assert pasted == Target("actor", "HG7ML7M8z78YcAPEB")


@given(st.text())
def test_no_accepted_id_can_leave_its_place_in_a_url(name: str) -> None:
    try:
        target = Target("actor", name)
    except ValueError:
        return
    assert not set(target.id.replace("/", "", 1)) & set("/?#%\\ \n\r")
    assert target.id.strip(".~/")


@pytest.mark.parametrize(("kind", "word"), [("actor", "Actor"), ("task", "Actor task")])
def test_a_target_is_called_as_apify_calls_it(kind: Literal["actor", "task"], word: str) -> None:
    assert (Target(kind, "a").word, str(Target(kind, "a"))) == (word, f"{word} a")


def test_nothing_given_leaves_every_choice_to_the_actor() -> None:
    unset = {"build": None, "memory": "", "run_timeout": None, "webhooks": None, "restart_on_error": ""}
    assert RunOptions.parse({}) == RunOptions.parse(unset) == RunOptions()
    assert RunOptions().to_params() == {}


def test_every_option_travels_by_the_api_s_name() -> None:
    options = RunOptions.parse(
        {
            "build": "0.1.2",
            "memory": 256,
            "run_timeout": 60,
            "max_items": 10,
            "max_total_charge_usd": 1.5,
            "restart_on_error": True,
            "webhooks": [WEBHOOK],
            "force_permission_level": "FULL_PERMISSIONS",
        }
    )
    assert options.to_params() == {
        "build": "0.1.2",
        "memory": 256,
        "timeout": 60,
        "maxItems": 10,
        "maxTotalChargeUsd": Decimal("1.5"),
        "restartOnError": True,
        "webhooks": [WEBHOOK],
        "forcePermissionLevel": "FULL_PERMISSIONS",
    }


def test_zero_and_false_are_choices() -> None:
    assert RunOptions.parse({"run_timeout": 0, "restart_on_error": False}).to_params() == {
        "timeout": 0,
        "restartOnError": False,
    }


def test_unknown_options_are_named() -> None:
    with pytest.raises(ValueError, match="Unknown run options: max_price, memory_mb"):
        RunOptions.parse({"memory_mb": 1024, "max_price": 1, "build": "latest"})


@pytest.mark.parametrize("megabytes", [2**power for power in range(7, 16)])
@pytest.mark.parametrize("form", [int, str, float])
def test_memory_is_a_power_of_two_from_128_to_32768(megabytes: int, form: type) -> None:
    assert option("memory", form(megabytes)) == megabytes


@pytest.mark.parametrize("value", [0, 64, 127, 129, 1000, 65536, -128, "1 GB", "1024M", True, 256.5, [], {}, "NaN"])
def test_other_amounts_of_memory_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="memory must be"):
        option("memory", value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("run_timeout", 0, 0),
        ("run_timeout", "3600", 3600),
        ("run_timeout", 60.0, 60),
        ("run_timeout", " 60 ", 60),
        ("run_timeout", "1e3", 1000),
        ("run_timeout", timedelta(minutes=2), 120),
        ("run_timeout", timedelta(seconds=1.5), 2),
        ("max_items", 1, 1),
        ("max_items", "100000", 100000),
    ],
)
def test_numbers_may_come_from_templates_as_text(name: str, value: Any, expected: int) -> None:
    assert option(name, value) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("run_timeout", -1),
        ("run_timeout", 0.5),
        ("run_timeout", "soon"),
        ("run_timeout", "inf"),
        ("run_timeout", float("nan")),
        ("run_timeout", False),
        ("run_timeout", "0x10"),
        ("max_items", 0),
        ("max_items", True),
        ("max_items", [5]),
    ],
)
def test_what_is_no_whole_number_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a whole number( of seconds)?, at least [01], not"):
        option(name, value)


@given(st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none(), st.decimals(allow_nan=True)))
def test_a_number_is_either_read_exactly_or_refused(value: Any) -> None:
    try:
        number = option("max_items", value)
    except ValueError:
        return
    assert number is None or (isinstance(number, int) and number >= 1 and number == Decimal(str(value)))


@pytest.mark.parametrize(
    ("value", "flag"), [(True, True), (False, False), ("true", True), ("False", False), ("TRUE", True)]
)
def test_a_flag_may_come_from_a_template_as_text(value: Any, flag: bool) -> None:
    assert option("restart_on_error", value) is flag


@pytest.mark.parametrize("value", ["yes", 1, 0, "on", []])
def test_what_is_no_flag_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="restart_on_error must be True or False"):
        option("restart_on_error", value)


@pytest.mark.parametrize("value", [7, 1.2, ["latest"]])
def test_a_build_is_text_so_that_no_version_is_rounded(value: Any) -> None:
    with pytest.raises(ValueError, match="build must be a string"):
        option("build", value)


@pytest.mark.parametrize("value", [[WEBHOOK], (WEBHOOK, WEBHOOK)])
def test_webhooks_are_kept_as_the_api_takes_them(value: Any) -> None:
    assert option("webhooks", value) == tuple(value)


def test_no_webhooks_are_none() -> None:
    assert RunOptions.parse({"webhooks": []}).to_params() == {}


@pytest.mark.parametrize(
    "value", ["https://example.com", WEBHOOK, [{"eventTypes": []}], [{"requestUrl": ""}], ["x"], 5]
)
def test_what_are_no_webhooks_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="webhooks must be a list of dictionaries, each with 'eventTypes'"):
        option("webhooks", value)


@pytest.mark.parametrize("value", ["FULL_PERMISSIONS", "LIMITED_PERMISSIONS"])
def test_permission_levels_are_those_of_the_api(value: str) -> None:
    assert option("force_permission_level", value) == value


@pytest.mark.parametrize("value", ["full", "full_permissions", 1, True])
def test_other_permission_levels_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="must be one of LIMITED_PERMISSIONS, FULL_PERMISSIONS"):
        option("force_permission_level", value)


@pytest.mark.parametrize(
    ("asked", "default", "limit", "charge"),
    [
        (None, None, None, None),
        ("2", None, None, "2"),
        (None, "3", None, "3"),
        ("2", "3", None, "2"),
        (None, None, "5", "5"),
        (None, "3", "5", "3"),
        ("5", "3", "5", "5"),
    ],
)
def test_the_connection_fills_in_what_a_run_may_charge(
    asked: str | None, default: str | None, limit: str | None, charge: str | None
) -> None:
    dollars = [None if amount is None else Decimal(amount) for amount in (asked, default, limit, charge)]
    limits = RunLimits(dollars[1], dollars[2])
    assert limits.apply(RunOptions(build="latest", max_total_charge_usd=dollars[0])) == RunOptions(
        build="latest", max_total_charge_usd=dollars[3]
    )


def test_no_run_may_charge_more_than_the_connection_allows() -> None:
    with pytest.raises(ValueError, match="the Airflow connection allows a run at most 5 US dollars"):
        RunLimits(None, Decimal(5)).apply(RunOptions(max_total_charge_usd=Decimal("5.01")))


def test_a_default_that_no_run_may_charge_is_refused() -> None:
    with pytest.raises(ValueError, match="default_max_total_charge_usd is 6, above"):
        RunLimits(Decimal(6), Decimal(5))
    with pytest.raises(ValueError, match="default_abort_above_usd is 6, above limit_abort_above_usd of 5"):
        RunLimits(default_abort_above_usd=Decimal(6), limit_abort_above_usd=Decimal(5))


@pytest.mark.parametrize(
    ("asked", "default", "limit", "above"),
    [
        (None, None, None, None),
        ("2", None, None, "2"),
        (None, "3", None, "3"),
        ("2", "3", None, "2"),
        ("4", "3", None, "4"),
        (None, None, "5", "5"),
        (None, "3", "5", "3"),
        ("5", "3", "5", "5"),
    ],
)
def test_the_connection_fills_in_above_what_usage_a_run_is_aborted(
    asked: str | None, default: str | None, limit: str | None, above: str | None
) -> None:
    dollars = [None if amount is None else Decimal(amount) for amount in (asked, default, limit, above)]
    limits = RunLimits(default_abort_above_usd=dollars[1], limit_abort_above_usd=dollars[2])
    assert limits.abort_above(dollars[0]) == dollars[3]


def test_no_run_may_be_aborted_later_than_the_connection_allows() -> None:
    limits = RunLimits(limit_abort_above_usd=Decimal(5))
    with pytest.raises(ValueError, match=r"abort_above_usd is 5\.01, but .* allows a run at most 5 US dollars"):
        limits.abort_above(Decimal("5.01"))
    with pytest.raises(ValueError, match="nobody watches this one"):
        limits.apply(RunOptions())
    with pytest.raises(ValueError, match="nobody watches this one"):
        limits.check(RunOptions())
    assert limits.apply(RunOptions(), is_watched=True) == RunOptions()


@pytest.mark.parametrize("amount", [0, "0", -1])
def test_a_limit_of_nothing_is_refused_however_the_options_are_made(amount: Any) -> None:
    with pytest.raises(ValueError, match="max_total_charge_usd must be US dollars above 0"):
        RunOptions(max_total_charge_usd=amount)
    with pytest.raises(ValueError, match="max_total_charge_usd must be US dollars above 0"):
        RunOptions.of({"max_total_charge_usd": amount})


def test_options_that_are_made_directly_are_read_like_those_of_an_operator() -> None:
    direct: Any = {"memory": "512", "run_timeout": timedelta(minutes=5), "max_total_charge_usd": "2.5", "build": ""}
    assert RunOptions(**direct) == RunOptions.of(direct) == RunOptions(None, 512, 300, None, Decimal("2.5"))
    with pytest.raises(ValueError, match="run_timeout must be a whole number of seconds, at least 0, not '5m'"):
        RunOptions(run_timeout="5m")  # type: ignore[arg-type]


@pytest.mark.parametrize("options", ["memory=512", 5, [("memory", 512)]])
def test_what_are_no_options_is_refused_with_what_to_write(options: Any) -> None:
    with pytest.raises(ValueError, match=r"options must be RunOptions\(\.\.\.\) or a dictionary"):
        RunOptions.of(options)


@pytest.mark.parametrize("target", [("task", "me/daily"), 5, None])
def test_what_names_no_target_is_refused_with_what_to_write(target: Any) -> None:
    with pytest.raises(ValueError, match=r'Name an Actor by a string, or write Target\("task", "username/name"\)'):
        Target.of(target)


@pytest.mark.parametrize("kind", ["act", "run", None, []])
def test_a_target_is_an_actor_or_a_task(kind: Any) -> None:
    with pytest.raises(ValueError, match="The kind of a target is 'actor' or 'task', not"):
        Target(kind, "me/crawler")
