"""The table of the documents' flows names calls, methods, classes and tests that are there."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from airflow_provider_apify.hooks.apify import ApifyHook
from tests.contract.openapi import contract
from tests.contract.test_api_coverage import modules, words

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "flows.md"
CALL = re.compile(r"[A-Z]+ /v2/\S+")


class Row(NamedTuple):
    says: str
    calls: list[str]
    names: list[str]
    tests: list[str]


def rows() -> list[Row]:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [line.split("|")[1:-1] for line in lines if not line.startswith("| It says")]
    return [Row(says, words(calls), words(names), words(tests)) for says, calls, names, tests in cells]


each_row = pytest.mark.parametrize("row", rows(), ids=lambda row: row.says[2:40])


def test_all_five_documents_are_there() -> None:
    assert TABLE.read_text(encoding="utf-8").count("\n| It says") == 5
    assert len(rows()) > 50


@each_row
def test_every_call_is_one_of_the_api(row: Row) -> None:
    assert {call for call in row.calls if CALL.fullmatch(call)} <= contract().operations


@each_row
def test_every_name_is_a_method_of_the_hook_or_a_public_class(row: Row) -> None:
    assert row.names
    for name in row.names:
        assert (
            name == ApifyHook.__name__
            or hasattr(ApifyHook, name)
            or any(hasattr(import_module(module), name) for module in modules())
        ), name


@each_row
def test_every_row_is_shown_by_a_test(row: Row) -> None:
    assert row.tests
    for test in row.tests:
        file, _, function = test.partition("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
