"""Which extras of this package a file needs."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify._files.sinks.output import ENDINGS, bare
from airflow_provider_apify._files.sinks.storages import extra_of


def extras_of(path: Any, file_format: Any = None, compression: Any = None) -> set[str]:
    """Return the extras of this package that a file needs, as far as no template hides it."""
    text = path.lower() if isinstance(path, str) else ""
    needed = {
        extra_of(text): True,
        "parquet": "parquet" in (file_format, bare(text).rpartition(".")[2]),
        "zstd": "zstd" in (compression, ENDINGS.get(text[-4:])),
    }
    return {extra for extra, is_needed in needed.items() if extra and is_needed}
