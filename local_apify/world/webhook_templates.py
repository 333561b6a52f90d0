"""The template language of webhooks: JSON with ``{{variables}}``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

DEFAULT_PAYLOAD = """{
    "userId": {{userId}},
    "createdAt": {{createdAt}},
    "eventType": {{eventType}},
    "eventData": {{eventData}},
    "resource": {{resource}}
}"""

_VARIABLE = r"\{\{\s*(?P<name>[\w.]+)\s*\}\}"
_STRING_OR_VARIABLE = re.compile(r'(?P<string>"(?:\\.|[^"\\])*")|' + _VARIABLE)
_INSIDE_STRING = re.compile(_VARIABLE)


def render(template: str, variables: Mapping[str, Any], *, inside_strings: bool = False) -> str:
    """Put the values of variables into a template.

    :param inside_strings: whether variables inside JSON strings are replaced too.
    """

    def replaced(match: re.Match[str]) -> str:
        if match["name"]:
            return json.dumps(_value(variables, match["name"]), ensure_ascii=False)
        return _INSIDE_STRING.sub(inserted, match["string"]) if inside_strings else match["string"]

    def inserted(match: re.Match[str]) -> str:
        value = _value(variables, match["name"])
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return json.dumps(text, ensure_ascii=False)[1:-1]

    return _STRING_OR_VARIABLE.sub(replaced, template)


def headers_of(template: str, variables: Mapping[str, Any], *, inside_strings: bool = False) -> dict[str, Any]:
    """Return the headers that a template makes.

    :raises ValueError: it makes no JSON object.
    """
    try:
        headers = json.loads(render(template, variables, inside_strings=inside_strings))
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(headers, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - a mistake in what was sent
    return headers


def _value(variables: Mapping[str, Any], path: str) -> Any:
    value: Any = variables
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
