"""Blocks of lines as Arrow reads them. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.json as pajson

from airflow_provider_apify._files.formats.depth import check_depth
from airflow_provider_apify._files.formats.parquet_columns import in_one_piece

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

Change = Callable[[dict[str, Any], int], dict[str, Any]]
"""Makes another item of one, given its place in the block."""


def readable(block: bytes) -> bytes:
    """Return lines that Arrow can read: it refuses half of a surrogate pair, as scraped text has it.

    :raises ApifyDataError: an item is nested too deep.
    """
    check_depth(block)
    # Few texts have escapes at all, and fewer of this kind: one byte is found ten times as fast as two.
    has_escapes = b"\\" in block and b"\\u" in block
    return rewritten(block) if has_escapes and _SURROGATE.search(block) else block


def rewritten(block: bytes, change: Change = lambda item, _place: item) -> bytes:
    """Write items anew; half of a surrogate pair, which is no UTF-8, becomes the replacement character."""
    lines = block.split(b"\n")[:-1]
    text = "\n".join(as_text(change(json.loads(line), place)) for place, line in enumerate(lines)) + "\n"
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def as_text(value: Any) -> str:
    """Return a value as JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def read(block: bytes, schema: pa.Schema, *, others: str) -> pa.Table:
    """Read a block with a schema.

    :param others: what becomes of fields that the schema does not have: ``"error"`` or ``"ignore"``.
    :raises pa.ArrowInvalid: it does not fit.
    """
    options = pajson.ParseOptions(explicit_schema=schema, unexpected_field_behavior=others)
    return pajson.read_json(pa.BufferReader(block), in_one_piece(block), options).select(schema.names)
