from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, Param, get_current_context, task

from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.params import ActorInput, actor_params
from local_apify import ActorContext, actor
from tests.dag_runs import START_DATE, DagRunner

SCHEMA: Mapping[str, Any] = {
    "title": "Shop",
    "type": "object",
    "schemaVersion": 1,
    "properties": {
        "startUrls": {
            "title": "Start URLs",
            "type": "array",
            "editor": "requestListSources",
            "description": "Where to begin.",
            "prefill": [{"url": "https://shop.example"}],
        },
        "pages": {"title": "Pages", "type": "integer", "description": "How many.", "default": 5, "minimum": 1},
        "country": {
            "title": "Country",
            "type": "string",
            "editor": "select",
            "description": "Which one.",
            "enum": ["us", "de"],
        },
        "plan": {"title": "Plan", "type": ["integer", "array"], "editor": "json", "description": "Any."},
        "password": {
            "title": "Password",
            "type": "string",
            "editor": "textfield",
            "description": "Of the shop.",
            "isSecret": True,
        },
    },
    "required": ["startUrls"],
}
_INPUTS: list[Any] = []


@actor("me/shop", input_schema=SCHEMA)
async def shop(context: ActorContext) -> None:
    """Remember what it was asked."""
    _INPUTS.append(context.input)


pytestmark = pytest.mark.apify_actors(shop)


@pytest.fixture
def inputs() -> list[Any]:
    """Return the inputs of the runs of this test."""
    _INPUTS.clear()
    return _INPUTS


def dag_of(name: str, form: Mapping[str, Param], run_input: Any, *, schedule: str | None = None) -> Any:
    params = {**form, "budget": Param(1.0)}
    with DAG(name, schedule=schedule, start_date=START_DATE, catchup=False, params=params) as dag:
        RunActorOperator(task_id="run", actor_id="me/shop", run_input=run_input)
    return dag


def test_the_values_of_the_form_are_the_input_of_every_run(inputs: list[Any], airflow: DagRunner) -> None:
    form = actor_params(SCHEMA)
    dag = dag_of("every_run", form, ActorInput(form), schedule="@daily")
    assert airflow.run(dag, date=START_DATE).errors == {}
    assert airflow.run(dag).errors == {}
    filled = {"startUrls": ["https://a"], "pages": None, "country": "de", "plan": "[1, 2]"}
    assert airflow.run(dag, conf=filled).errors == {}

    shown = {"startUrls": [{"url": "https://shop.example"}], "pages": 5}
    assert inputs == [shown, shown, {"startUrls": [{"url": "https://a"}], "country": "de", "plan": [1, 2]}]


def test_airflow_checks_the_form_by_the_rules_of_the_actor() -> None:
    form = actor_params(SCHEMA)
    assert form["pages"].resolve(3) == 3
    for name, wrong in (("pages", 0), ("country", "fr"), ("startUrls", None)):
        with pytest.raises(Exception, match=r"is (less than|not one of|not of type)"):
            form[name].resolve(wrong)


def test_a_required_field_without_a_value_allows_no_schedule() -> None:
    prop = {name: said for name, said in SCHEMA["properties"]["startUrls"].items() if name != "prefill"}
    form = actor_params({"properties": {"startUrls": prop}, "required": ["startUrls"]})
    with DAG("by_hand", schedule=None, start_date=START_DATE, params=form):
        pass
    with pytest.raises(Exception, match="without default values"):
        DAG("daily", schedule="@daily", start_date=START_DATE, params=form).validate()  # type: ignore[no-untyped-call]


def test_a_secret_is_in_no_log_and_no_rendered_template(inputs: list[Any], airflow: DagRunner) -> None:
    form = actor_params(SCHEMA)
    outcome = airflow.run(dag_of("secretive", form, ActorInput(form)), conf={"password": "hunter2-hunter"})
    assert outcome.errors == {}
    assert inputs[0]["password"] == "hunter2-hunter"
    told = [line for line in outcome.log.splitlines() if "hunter2-hunter" in line and "conf" not in line]
    assert told == []


def test_what_is_fixed_counts_more_than_the_form_and_its_templates_are_rendered(
    inputs: list[Any], airflow: DagRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", '{"conn_type": "http", "password": "from-the-connection"}')
    form = actor_params(SCHEMA, only=["startUrls", "pages"])
    fixed = {"pages": 7, "password": "{{ conn.shop.password }}"}
    outcome = airflow.run(dag_of("fixed", form, ActorInput(form, fixed)))
    assert outcome.errors == {}
    assert inputs[0] == {
        "startUrls": [{"url": "https://shop.example"}],
        "pages": 7,
        "password": "from-the-connection",
    }


def test_the_form_serves_a_task_function_too(inputs: list[Any], airflow: DagRunner) -> None:
    form = actor_params(SCHEMA, only=["startUrls"], values={"startUrls": [{"url": "https://b"}]})
    with DAG("by_function", schedule=None, start_date=START_DATE, params=form) as dag:

        @task.apify_actor(actor_id="me/shop")
        def run() -> Mapping[str, Any]:
            return {**ActorInput(form)(get_current_context()), "pages": 2}

        run()
    assert airflow.run(dag).errors == {}
    assert inputs == [{"startUrls": [{"url": "https://b"}], "pages": 2}]


def test_a_dag_without_the_form_fails_before_anything_is_started(inputs: list[Any], airflow: DagRunner) -> None:
    dag = dag_of("formless", {}, ActorInput(actor_params(SCHEMA)))
    assert "give the form to the DAG" in str(airflow.run(dag).error)
    assert inputs == []


def test_the_input_is_written_the_same_way_each_time_the_dag_is_read() -> None:
    form = actor_params(SCHEMA, only=["pages", "country"])
    assert str(ActorInput(form)) == ActorInput(form).serialize() == "<the form: pages, country>"


def test_a_schema_beside_the_dag_is_read(tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    file.write_text(json.dumps(SCHEMA))
    assert list(actor_params(file, only=["pages"])) == ["pages"]
    assert list(actor_params(str(file))) == list(SCHEMA["properties"])


@pytest.mark.parametrize(
    ("text", "words"), [("{", "holds no JSON"), ("[]", "that is a JSON object"), ("{}", "no input schema")]
)
def test_a_file_that_is_no_schema_is_told(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "shop.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=words):
        actor_params(file)


def test_a_file_that_is_not_there_is_told_with_what_to_write() -> None:
    with pytest.raises(ValueError, match=r"no file shop.json.*Path\(__file__\).with_name\('shop.json'\)"):
        actor_params("shop.json")


def test_a_misspelt_name_in_the_conf_fails_before_anything_is_started(inputs: list[Any], airflow: DagRunner) -> None:
    form = actor_params(SCHEMA)
    outcome = airflow.run(dag_of("misspelt", form, ActorInput(form)), conf={"Page": 2, "zzz": 1, "budget": 2.0})
    assert isinstance(outcome.error, AirflowFailException)
    assert str(outcome.error).startswith("The params of this DAG have no Page (did you mean pages?), zzz; there are ")
    assert inputs == []


def test_a_name_that_only_the_task_has_is_none_of_the_misspelt(inputs: list[Any], airflow: DagRunner) -> None:
    form = actor_params(SCHEMA, only=["startUrls"])
    with DAG("of_the_task", schedule=None, start_date=START_DATE, params=form) as dag:
        RunActorOperator(task_id="run", actor_id="me/shop", run_input=ActorInput(form), params={"mine": 1})
    assert airflow.run(dag, conf={"mine": 2}).errors == {}
    assert len(inputs) == 1


def test_a_param_that_has_no_default_is_none_of_the_misspelt(inputs: list[Any], airflow: DagRunner) -> None:
    form = actor_params(SCHEMA, only=["startUrls"])
    with DAG("by_hand_only", schedule=None, start_date=START_DATE, params={**form, "why": Param(type="string")}) as dag:
        RunActorOperator(task_id="run", actor_id="me/shop", run_input=ActorInput(form))
    assert airflow.run(dag, conf={"why": "because"}).errors == {}
    assert len(inputs) == 1
