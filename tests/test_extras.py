from __future__ import annotations

import sys

import pytest

from airflow_provider_apify._extras import import_extra


def test_a_module_of_an_extra_is_imported() -> None:
    assert import_extra("zstd", "zstandard") is sys.modules["zstandard"]


def test_an_extra_that_is_not_installed_is_named() -> None:
    with pytest.raises(ValueError, match=r"No module named 'no_such'.*pip install 'airflow-provider-apify\[nice\]'"):
        import_extra("nice", "no_such.module")
