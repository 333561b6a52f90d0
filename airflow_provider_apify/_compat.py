"""Airflow names that moved between 2.11 and 3.3 and that common-compat does not cover in every release."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

_MASK_SECRET_HOMES = (
    "airflow.sdk.log",
    "airflow.sdk.execution_time.secrets_masker",
    "airflow.utils.log.secrets_masker",
)


def mask_secret(secret: str) -> None:
    """Have Airflow replace a secret by ``***`` in everything it logs and renders."""
    _first("mask_secret", _MASK_SECRET_HOMES)(secret)


def _first(name: str, homes: tuple[str, ...]) -> Callable[..., Any]:
    for home in homes:
        try:
            found: Callable[..., Any] = getattr(import_module(home), name)
        except (ImportError, AttributeError):
            continue
        return found
    raise ImportError(f"This Airflow has no {name} in any of {', '.join(homes)}.")
