"""The input of an Actor, made of a form that was filled in. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_apify._arguments.templates import is_given
from airflow_provider_apify._forms.fields import WRAPPED

Form = Mapping[str, Mapping[str, Any]]
"""The JSON schema of each field, by the field's name."""


def input_of(form: Form, filled: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input; what was left empty is left out, so that the Actor's own default counts.

    :param filled: the value of each field.
    :param defaults: what the form shows at first. A list or an object that somebody has emptied is sent.
    :raises ValueError: JSON that is none, or fields that were not filled in at all. The message has no value.
    """
    missing = [name for name in form if name not in filled]
    if missing:
        raise ValueError(f"The DAG has no params {', '.join(missing)}: give the form to the DAG, too: params=...")
    values = {name: filled[name] for name in form if _is_filled(filled[name], defaults.get(name))}
    return {name: _value(name, value, form[name]) for name, value in values.items()}


def secrets_of(form: Form, filled: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts that logs must not show: secret values, as they are and as JSON writes them."""
    for name, schema in form.items():
        if schema.get("format") == "password" and is_given(filled.get(name)):
            text = str(filled[name])
            yield text
            yield json.dumps(text)[1:-1]
            if schema.get("editor") == "json":
                yield from _texts(_from_json(name, text))


def _is_filled(value: Any, default: Any) -> bool:
    return is_given(value) and (value not in ([], {}) or bool(default))


def _value(name: str, value: Any, schema: Mapping[str, Any]) -> Any:
    editor = str(schema.get("editor"))
    if editor == "json" and isinstance(value, str):
        return _from_json(name, value)
    if editor in WRAPPED and isinstance(value, list):
        key = WRAPPED[editor]
        return [{key: item} if isinstance(item, str) else item for item in value]
    return value


def _from_json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        # Without its cause, which carries the text.
        raise ValueError(
            f'The field {name} takes JSON, such as [1, 2] or {{}} or "text" in quotes: {str(error).partition(":")[0]}.'
        ) from None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)
