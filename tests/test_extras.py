from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from airflow_provider_apify._extras import MODULES, import_extra, missing_modules


def test_a_module_of_an_extra_is_imported() -> None:
    assert import_extra("zstd", "zstandard") is sys.modules["zstandard"]


def test_an_extra_that_is_not_installed_is_named() -> None:
    with pytest.raises(ValueError, match=r"No module named 'no_such'.*pip install 'airflow-provider-apify\[nice\]'"):
        import_extra("nice", "no_such.module")


def test_each_extra_for_dags_has_the_modules_that_it_brings() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(MODULES) == set(project["optional-dependencies"]) - {"dev", "docs", "fleet", "testing"}


def test_modules_are_looked_for_and_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_apify._extras.MODULES", {"nice": ("wave", "no_such", "no.such.module")})
    sys.modules.pop("wave", None)
    assert missing_modules("nice") == ["no_such", "no.such.module"]
    assert "wave" not in sys.modules
