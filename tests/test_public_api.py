"""What others rely on changes only where somebody means it."""

from __future__ import annotations

import pytest
from airflow import __version__

from tests.public_api import PAGE, page, private_types
from tools.versions import DEVELOPMENT_VERSION


@pytest.mark.skipif(DEVELOPMENT_VERSION.release != __version__, reason="the page is of the newest Airflow")
def test_the_page_of_public_names_is_what_the_code_says() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "Write it anew: .venv/bin/python -m tests.public_api"


@pytest.mark.skipif(__version__.startswith("2."), reason="types of Airflow 3 are in some of them")
def test_no_public_signature_needs_a_type_that_only_a_private_module_has() -> None:
    assert sorted(private_types()) == []
