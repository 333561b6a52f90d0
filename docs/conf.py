"""How Sphinx builds the documentation: ``make docs``."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
# Airflow makes its settings where it is imported; nobody's own are touched.
_HOME = tempfile.mkdtemp(prefix="airflow-provider-apify-docs-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = _HOME

project = "Apify provider for Apache Airflow"
author = "The authors of airflow-provider-apify"
project_copyright = "Apache License 2.0"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = project
html_static_path: list[str] = []

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
# What docstrings link to in other projects, by a short name, or in private modules.
nitpick_ignore_regex = [("py:.*", r"(?!airflow_provider_apify\.).*"), ("py:.*", r".*\._.*")]


def _draw_as_it_is(_app: Sphinx, what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Keep the tree of errors, the only docstring of a module that is shown, as it is drawn."""
    if what == "module":
        lines[:] = [lines[0], "", "::", "", *(f"   {line}" for line in lines[1:])]


def setup(app: Sphinx) -> None:
    """Tell Sphinx of the above."""
    app.connect("autodoc-process-docstring", _draw_as_it_is)
