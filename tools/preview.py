"""Describe what a finished DAG run has left: its Apify runs and its files, read from what the tasks returned."""

from __future__ import annotations

import csv
import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from tools.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SHOWN_ROWS = 3
ROW_WIDTH = 110


def describe_results(results: Iterable[Any], *, local: bool) -> Iterator[str]:
    """Yield the lines that show each Apify run and each file among the values that tasks returned.

    :param results: XComs. Runs have a ``console_url``, files a ``path``; other values are passed over.
    :param local: the links lead to the local Apify, which ends with its Airflow.
    """
    found = [result for result in results if isinstance(result, dict)]
    links = dict.fromkeys(result["console_url"] for result in found if "console_url" in result)
    for link in links:
        yield f"Run   {link}"
    if links and local:
        yield "      (a page of the local Apify, which is there as long as this Airflow: `make up` keeps both open)"
    for result in found:
        if "path" in result:
            yield from _describe_file(result)


def _describe_file(manifest: dict[str, Any]) -> Iterator[str]:
    path = local_path(manifest["path"])
    yield f"File  {_relative(path) if path else manifest['path']}"
    begins = ", beginning with" if path else ""
    yield f"      {manifest['items']} items, {manifest['bytes']:,} bytes{begins}"
    for row in first_rows(path) if path else ():
        yield f"        {shorten(row)}"


def local_path(location: str) -> Path | None:
    """Turn a path or a ``file://`` URL into a path; None where the file is in another kind of storage."""
    parts = urlsplit(location)
    if parts.scheme not in ("", "file"):
        return None
    return Path(unquote(parts.path))


def first_rows(path: Path) -> list[str]:
    """Return the first items of a file: of a json array, the header and rows of a csv table, or the lines of jsonl."""
    if path.suffix == ".json":
        return [json.dumps(item, ensure_ascii=False) for item in json.loads(path.read_text())[:SHOWN_ROWS]]
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            return [" | ".join(row).replace("\n", " ") for row in islice(csv.reader(file), SHOWN_ROWS + 1)]
        return [line.rstrip("\n") for line in islice(file, SHOWN_ROWS)]


def _relative(path: Path) -> Path:
    """Show a path as it looks from the checkout, where it is in there."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def shorten(text: str) -> str:
    """Cut a text to one line of the terminal."""
    return text if len(text) <= ROW_WIDTH else f"{text[: ROW_WIDTH - 1]}…"
