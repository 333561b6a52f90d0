"""What is installed with an extra of this package only."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

MODULES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "apify-client": ("apify_client",),
        "azure": ("airflow.providers.microsoft.azure", "adlfs"),
        "gcs": ("airflow.providers.google", "gcsfs"),
        "openlineage": ("airflow.providers.openlineage",),
        "parquet": ("pyarrow",),
        "s3": ("airflow.providers.amazon", "s3fs"),
        "sftp": ("airflow.providers.sftp", "sshfs"),
        "zstd": ("zstandard",),
    }
)
"""What each extra for DAGs brings."""


def import_extra(extra: str, module: str) -> Any:
    """Import a module that an extra brings, or that needs one.

    :raises ValueError: the extra is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ValueError(f"{error}. It comes with {installing(extra)}.") from error


def missing_modules(extra: str) -> list[str]:
    """Return what an extra brings and this Python does not have; none of it is imported."""
    return [module for module in MODULES[extra] if not _is_there(module)]


def installing(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install 'airflow-provider-apify[{extra}]'"


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # what it is in
        return False
