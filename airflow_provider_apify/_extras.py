"""What is installed with an extra of this package only."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def import_extra(extra: str, module: str) -> Any:
    """Import a module that an extra brings, or that needs one.

    :raises ValueError: the extra is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ValueError(f"{error}. It comes with pip install 'airflow-provider-apify[{extra}]'.") from error
