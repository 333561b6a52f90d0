"""The input of a run, as the body of a request. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Any

from airflow_provider_apify._api.facts import MAX_INPUT_BYTES
from airflow_provider_apify._api.request import JSON
from airflow_provider_apify._arguments.templates import is_template


def encode_input(run_input: Any) -> bytes | None:
    """Return the body of a start: ``None`` for no input, else JSON text.

    :param run_input: any JSON value, or a string that holds JSON text. Any sequence or mapping will do, such as the
        values of a mapped task; dates and times become text in ISO 8601.
    :raises ValueError: no JSON, or more than the 9 MiB that Apify takes. The message does not hold the input.
    """
    if run_input is None:
        return None
    # Half of a surrogate pair, as scraped text has it, is no UTF-8; its Python escape is also JSON's.
    body = _json_text(run_input).encode(errors="backslashreplace")
    if len(body) > MAX_INPUT_BYTES:
        raise ValueError(
            f"run_input is {len(body):,} bytes of JSON; Apify takes at most {MAX_INPUT_BYTES:,} (9 MiB). "
            "Put large data into a key-value store or a dataset and pass its ID.",
        )
    return body


def encode_body(run_input: Any, content_type: str) -> bytes | None:
    """Return the body of an input of any type: JSON as :func:`encode_input` makes it, else the text or bytes given.

    :raises ValueError: not JSON where ``content_type`` says so, neither text nor bytes where it does not.
    """
    if "json" in content_type or run_input is None:
        return encode_input(run_input)
    if not isinstance(run_input, str | bytes):
        raise ValueError(f"A run_input of type {content_type} must be a string or bytes.")  # noqa: TRY004 - as above
    return run_input.encode() if isinstance(run_input, str) else run_input


def _json_text(run_input: Any) -> str:
    try:
        if isinstance(run_input, str):
            run_input = json.loads(run_input, parse_constant=_refuse_constant)
        return json.dumps(run_input, allow_nan=False, ensure_ascii=False, default=_plain)
    except json.JSONDecodeError as error:
        # ``from None``: the decoder's own error carries the whole input.
        raise ValueError(
            f"run_input is a string that holds no JSON: {error.msg} at line {error.lineno}, column {error.colno}. "
            f"{_advice(run_input)}",
        ) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"run_input cannot be written as JSON: {_json_complaint(error)}.") from None


def _advice(text: str) -> str:
    """Return what to write in place of a text that is no JSON."""
    if re.match(r"[\[{(]*'|[\[{].*\b(?:None|True|False)\b", text.lstrip(), re.DOTALL):
        return "It looks like an object of Python. In a template, write {{ params.x | tojson }}, not {{ params.x }}."
    return "Pass a dictionary or JSON text; operators also take the path of a template file that ends in .json."


def _plain(value: Any) -> Any:
    """Return a value in the types that JSON has, of those that the writer of JSON does not know.

    :raises TypeError: JSON has nothing for it.
    """
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _json_complaint(error: Exception) -> str:
    if "Out of range float values" in str(error):
        return "it holds NaN or an infinite number, which JSON has not; use null (None)"
    return str(error)


def check_input(run_input: Any, content_type: str = JSON) -> None:
    """Raise :class:`ValueError` for an input that is not of its type, unless it is a file or holds a template."""
    is_file = isinstance(run_input, str) and run_input.endswith(".json")
    if not is_file and not is_template(run_input):
        encode_body(run_input, content_type)
