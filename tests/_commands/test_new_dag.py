from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify.__main__ import main
from local_apify import ActorContext, LocalApify, actor, expected_crawl
from tests.dag_runs import DagRunner, only_dag

Run = Callable[..., tuple[int, str, str]]
CRAWLER = "apify/website-content-crawler"


@actor(
    "me/shop",
    input_schema={
        "title": "Shop",
        "type": "object",
        "schemaVersion": 1,
        "properties": {
            "user": {"title": "User", "type": "string", "editor": "textfield", "description": 'Who "you" are.'},
            "password": {
                "title": "Password",
                "type": "string",
                "editor": "textfield",
                "isSecret": True,
                "description": "It is kept <b>safe</b>, " * 20,
            },
            "categories": {
                "title": "Categories",
                "type": "array",
                "editor": "select",
                "description": "Which.\n\nMore about it.",
                "items": {"type": "string", "enum": ["kitchen", "garden"], "enumTitles": ["Kitchen", "Garden's"]},
                "sectionCaption": "What to look for",
            },
        },
        "required": ["user"],
    },
    event_prices={"page": 0.01},
    minimal_charge_usd=5,
    description='It says """hello""" and \\ more.',
)
async def shop(context: ActorContext) -> None:
    """Store what it was asked."""
    await context.push_data(context.input)


@pytest.fixture
def run(apify: LocalApify, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:  # noqa: ARG001
    """Return what runs a command; that returns its code, what it prints, and what it tells."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")

    def command(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        return code, *capfd.readouterr()

    return command


@pytest.fixture
def written(run: Run, tmp_path: Path) -> Callable[..., Any]:
    """Return what writes a DAG file, and reads its only DAG."""

    def write(*arguments: object) -> Any:
        code, text, told = run("new-dag", *arguments, "--path", f"{tmp_path}/{{{{ run_id }}}}.jsonl")
        assert code == 0, told
        file = tmp_path / "written.py"
        file.write_text(text)
        return only_dag(file)

    return write


def input_file(folder: Path, value: Any) -> Path:
    file = folder / "input.json"
    file.write_text(json.dumps(value))
    return file


def items_of(folder: Path) -> list[Any]:
    (file,) = folder.glob("*.jsonl")
    items = [json.loads(line) for line in file.read_text().splitlines()]
    file.unlink()
    return items


def test_a_new_dag_runs_by_schedule_and_by_hand(
    apify: LocalApify, airflow: DagRunner, written: Callable[..., Any], tmp_path: Path
) -> None:
    start = {"startUrls": [{"url": f"{apify.base_url}/shop/"}], "maxCrawlPages": 3}
    dag = written(CRAWLER, "--input", input_file(tmp_path, start))
    assert dag.timetable.can_be_scheduled

    assert airflow.run(dag, date=dag.start_date).errors == {}
    assert items_of(tmp_path) == expected_crawl(apify.base_url, max_pages=3)
    assert airflow.run(dag, conf={"maxCrawlPages": 2, "maxCrawlDepth": None}).errors == {}
    assert items_of(tmp_path) == expected_crawl(apify.base_url, max_pages=2)


@pytest.mark.apify_actors(shop)
def test_the_file_is_laid_out_as_ruff_does(run: Run, tmp_path: Path) -> None:
    for number, arguments in enumerate(((CRAWLER,), ("me/shop",), ("apify/scenario", "--conn-id", "apify_default"))):
        _, text, _ = run("new-dag", *arguments)
        (tmp_path / f"{number}.py").write_text(text)
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", "100", "--diff", str(tmp_path)]
    assert subprocess.run(ruff, capture_output=True, text=True, check=False).stdout == ""  # noqa: S603 - as it is here


@pytest.mark.apify_actors(shop)
def test_a_field_that_only_people_can_fill_leaves_the_dag_without_a_schedule(run: Run) -> None:
    code, text, told = run("new-dag", "me/shop")
    assert code == 0
    assert "schedule=None,  # a schedule needs a value for user" in text
    assert "user must be filled in" in told
    assert "conn.my_connection.password" in told


@pytest.mark.apify_actors(shop)
@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("me/shop", "max_total_charge_usd=5"),
        (CRAWLER, "abort_above_usd=2"),
        ("apify/scenario", "max_total_charge_usd=2"),
    ],
)
def test_the_limit_of_money_fits_the_price(run: Run, name: str, limit: str) -> None:
    assert f" {limit}" in run("new-dag", name)[1]


def test_the_form_may_have_some_fields_and_an_input_some_more(run: Run, tmp_path: Path) -> None:
    file = input_file(tmp_path, {"items": 3, "somethingNew": True})
    _, text, _ = run("new-dag", "apify/scenario", "--fields", "items, itemBytes", "--input", file)
    assert text.count("Param(\n") == 2
    assert 'ActorInput(FORM, {"somethingNew": True})' in text


def test_what_is_given_for_a_field_that_is_not_in_the_form_is_sent_all_the_same(run: Run, tmp_path: Path) -> None:
    file = input_file(tmp_path, {"startUrls": [{"url": "https://a"}], "maxCrawlPages": 3})
    _, text, _ = run("new-dag", CRAWLER, "--fields", "startUrls", "--input", file)
    assert 'ActorInput(FORM, {"maxCrawlPages": 3})' in text


@pytest.mark.parametrize("arguments", [(), ("--fields", "pages")], ids=["all fields", "some fields"])
@pytest.mark.parametrize("editor", ["textfield", "hidden"])
def test_a_secret_of_the_input_is_not_in_the_file(
    run: Run, tmp_path: Path, editor: str, arguments: tuple[str, ...]
) -> None:
    schema = tmp_path / "schema.json"
    secret = {"type": "string", "editor": editor, "isSecret": True}
    schema.write_text(json.dumps({"properties": {"pages": {"type": "integer"}, "password": secret}}))
    file = input_file(tmp_path, {"pages": 1, "password": "hunter2"})
    code, text, told = run("new-dag", "me/crawler", "--input-schema", schema, "--input", file, *arguments)
    assert code == 0
    assert "hunter2" not in text + told
    assert '{"password": "{{ conn.my_connection.password }}"}' in told


def test_offline_the_schema_is_that_of_the_file(run: Run, tmp_path: Path, apify: LocalApify) -> None:
    file = tmp_path / "schema.json"
    file.write_text(json.dumps({"properties": {"pages": {"type": "integer", "default": 1}}}))
    code, text, told = run("new-dag", "https://apify.com/me/crawler", "--input-schema", file, "--dag-id", "mine")
    assert code == 0
    assert '"pages": Param(' in text
    assert 'actor_id="me/crawler"' in text
    assert "abort_above_usd" in text
    assert "airflow dags unpause mine" in told
    assert apify.control.ledger().requests == {}


def test_an_actor_without_a_schema_has_no_form(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text('{"properties": {}}')
    _, text, _ = run("new-dag", "me/crawler", "--input-schema", file)
    assert "Param" not in text
    assert "run_input" not in text


def test_a_misspelt_actor_is_told_as_the_hook_tells_it(run: Run) -> None:
    code, text, told = run("new-dag", "apify/website-content-crawlr")
    assert (code, text) == (1, "")
    assert "apify~website-content-crawlr was not found" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--fields", "maxPages"), "only names maxPages, but the Actor's fields are startUrls"),
        (("--input", "/no/such.json"), "There is no file /no/such.json"),
        (("--conn-id", "other"), "'other' does not exist"),
        (("--build", "beta"), "has no build 'beta'"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(run: Run, arguments: tuple[str, str], words: str) -> None:
    code, text, told = run("new-dag", CRAWLER, *arguments)
    assert (code, text) == (1, "")
    assert words in told


def test_the_input_schema_is_printed_for_actor_params(run: Run) -> None:
    code, text, _ = run("input-schema", CRAWLER)
    assert code == 0
    assert set(json.loads(text)["properties"]) == {"startUrls", "maxCrawlDepth", "maxCrawlPages"}


def test_the_file_of_the_how_to_is_what_the_command_prints(run: Run, tmp_path: Path) -> None:
    page = Path(__file__).parents[1] / "docs" / "snippets" / "new_dag.py"
    start = {"startUrls": [{"url": "https://docs.apify.com/academy"}], "maxCrawlPages": 3}
    _, text, _ = run("new-dag", CRAWLER, "--input", input_file(tmp_path, start))
    day = re.compile(r"start_date=datetime\(.*\)")
    assert day.sub("", text) == day.sub("", page.read_text(encoding="utf-8"))


def test_words_of_strangers_stay_words(run: Run, tmp_path: Path) -> None:
    evil = '"""\nimport os\u2028\r\x00\\'
    prop = {
        "type": "string",
        "title": evil,
        "description": evil,
        "sectionCaption": evil,
        "enum": [evil],
        "pattern": evil,
    }
    file = tmp_path / "schema.json"
    file.write_text(json.dumps({"properties": {evil: prop}, "required": [evil]}))
    _, text, _ = run("new-dag", "me/crawler", "--input-schema", file)
    imported = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import)]
    assert imported == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "[" * 100_000], ids=["NaN", "Infinity", "nested too deep"])
def test_a_file_that_is_no_json_is_told_as_such(run: Run, tmp_path: Path, number: str) -> None:
    file = tmp_path / "schema.json"
    file.write_text(f'{{"properties": {{"a": {{"type": "number", "default": {number}}}}}}}')
    code, text, told = run("new-dag", "me/crawler", "--input-schema", file)
    assert (code, text) == (1, "")
    assert "holds no JSON" in told
