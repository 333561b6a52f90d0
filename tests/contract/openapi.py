"""Check requests and answers against Apify's OpenAPI document.

The document is the contract; ``openapi.json`` is a copy without its prose. Beyond what JSON Schema says by itself, a
field that the document does not name is an error wherever it names fields: that finds spelling mistakes.
"""

from __future__ import annotations

import copy
import json
import re
import zlib
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import brotli
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

DOCUMENT = Path(__file__).with_name("openapi.json")
_URI = "urn:apify"
_ALIAS, _CANONICAL = "/v2/acts", "/v2/actors"
_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}
_ANY = "*/*"
_NO_CONTENT = 204
_FIRST_ERROR = 400
_ANY_ZLIB = zlib.MAX_WBITS | 32
"""Unpack whatever zlib knows: the header tells."""
_COMPOSED = ("allOf", "anyOf", "oneOf")
_BODIES_IN_PROSE = ("/metamorph", "/records/{recordKey}")
"""Operations whose body may be any value, which stands only in their descriptions: a run's new input, a record."""
_OF_THE_USER = ("/records/{recordKey}", "/run-sync", "/run-sync-get-dataset-items")
"""Operations whose good bodies are the user's own data, though the document shows them as JSON objects: its prose says
that records are any value of any content type, and run-sync-get-dataset-items has the ``format`` of the items."""
_ERROR = "#/components/schemas/ErrorDetail"
"""Some errors carry ``data`` that the document does not name, such as the URL where an Actor is approved."""


_UNDOCUMENTED: Mapping[str, dict[str, Any]] = {
    "ActorDefinition": {"title": {"type": "string"}, "description": {"type": "string"}},
    "Task": {"description": {"type": "string"}},
    "UserPublicInfo": {"id": {"type": "string"}},
}
"""Fields by schema that Apify's clients read, and so Apify sends, though its document does not name them."""


class Contract:
    """The OpenAPI document, and how often each operation was checked.

    :ivar requests: by ``METHOD /path/{template}``.
    :ivar responses: by ``METHOD /path/{template} status``.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = _strict(_with_undocumented(copy.deepcopy(document)))
        self._registry = Registry().with_resource(_URI, DRAFT202012.create_resource(self._document))
        self._templates: list[tuple[re.Pattern[str], str]] = sorted(
            ((_pattern(path), path) for path in document["paths"]), key=lambda each: each[1].count("{")
        )
        self._validators: dict[str, Draft202012Validator] = {}
        self.requests: Counter[str] = Counter()
        self.responses: Counter[str] = Counter()

    @property
    def operations(self) -> set[str]:
        """Every operation of the document, as ``METHOD /path/{template}``."""
        paths = self._document["paths"].items()
        return {f"{method.upper()} {path}" for path, item in paths for method in item if method != "parameters"}

    def template(self, path: str) -> str:
        """Return the template that a path matches; ``/v2/acts`` is the deprecated spelling of ``/v2/actors``.

        :raises AssertionError: there is none.
        """
        canonical = _CANONICAL + path.removeprefix(_ALIAS) if re.match(rf"{_ALIAS}(/|$)", path) else path
        for pattern, template in self._templates:
            if pattern.fullmatch(canonical):
                return template
        raise AssertionError(f"The document has no path {path}")

    def check_request(
        self, method: str, path: str, query: Mapping[str, str] | str, headers: Mapping[str, str], body: bytes | None
    ) -> None:
        """Check a request: its path, each query parameter, and its body.

        :param query: as a mapping, or as it stands in the URL.
        :raises AssertionError: something is not as the document says.
        """
        template = self.template(path)
        name = f"{method} {template}"
        operation = self._operation(method, template)
        given = dict(parse_qsl(query, keep_blank_values=True)) if isinstance(query, str) else dict(query)
        self._check_query(name, operation, given)
        takes_anything = template.endswith(_BODIES_IN_PROSE)
        if body and "requestBody" in operation and not takes_anything:
            self._check_content(f"{name}: request body", operation["requestBody"]["content"], _lower(headers), body)
        elif body and not takes_anything:
            raise AssertionError(f"{name}: has no request body in the document")
        self.requests[name] += 1

    def check_response(
        self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes | None
    ) -> None:
        """Check an answer: its status, whether it has the headers of the document, and its body.

        :param body: ``None`` if it was not kept; then only its content type is checked.
        :raises AssertionError: something is not as the document says.
        """
        template = self.template(path)
        name = f"{method} {template} {status}"
        responses = self._operation(method, template)["responses"]
        assert str(status) in responses, f"{name}: the document knows only {', '.join(responses)}"
        response = self._resolved(responses[str(status)])
        missing = {header.lower() for header in response.get("headers", {})} - _lower(headers).keys()
        assert not missing, f"{name}: lacks the header {', '.join(sorted(missing))}"
        content = response.get("content", {})
        is_of_the_user = template.endswith(_OF_THE_USER) and status < _FIRST_ERROR
        if content and method != "HEAD" and status != _NO_CONTENT and not is_of_the_user:
            self._check_content(name, content, _lower(headers), body)
        self.responses[name] += 1

    def check_value(self, schema_name: str, value: Any) -> None:
        """Check a value against a schema of the document by its name.

        :raises AssertionError: it is none of the schema's.
        """
        self._validate(schema_name, {"$ref": f"#/components/schemas/{schema_name}"}, value)

    def _operation(self, method: str, template: str) -> dict[str, Any]:
        item = self._document["paths"][template]
        assert method.lower() in item, f"{template}: the document has no {method} here"
        operation: dict[str, Any] = item[method.lower()]
        return {**operation, "parameters": [*item.get("parameters", []), *operation.get("parameters", [])]}

    def _resolved(self, value: dict[str, Any]) -> dict[str, Any]:
        return _lookup(self._document, value["$ref"]) if "$ref" in value else value

    def _check_query(self, name: str, operation: dict[str, Any], given: dict[str, str]) -> None:
        parameters = [self._resolved(parameter) for parameter in operation["parameters"]]
        known = {parameter["name"]: parameter for parameter in parameters if parameter["in"] == "query"}
        for parameter in known.values():
            is_missing = parameter.get("required") and parameter["name"] not in given
            assert not is_missing, f"{name}: the query lacks {parameter['name']}"
        for key, text in given.items():
            assert key in known, f"{name}: the query has {key}, the document knows {', '.join(sorted(known)) or 'none'}"
            schema = self._resolved(known[key]["schema"])
            self._validate(f"{name}: query parameter {key}", schema, _typed(text, schema))

    def _check_content(
        self, name: str, content: dict[str, Any], headers: Mapping[str, str], body: bytes | None
    ) -> None:
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        assert media_type in content or _ANY in content, f"{name}: is {media_type!r}, not one of {', '.join(content)}"
        media = content.get(media_type)
        if media is None or media_type != "application/json" or body is None:
            return
        try:
            value = json.loads(_decoded(body, headers.get("content-encoding")))
        except ValueError as error:
            raise AssertionError(f"{name}: is no JSON: {error}") from None
        self._validate(name, media.get("schema", {}), value)

    def _validate(self, name: str, schema: dict[str, Any], value: Any) -> None:
        errors = list(self._validator(name, schema).iter_errors(value))
        # A wrong field makes those around and above it look undocumented: name the cause, not what follows from it.
        causes = [error for error in errors if error.validator != "unevaluatedProperties"]
        error = best_match(causes) if causes else max(errors, key=lambda each: len(each.path), default=None)
        assert error is None, f"{name}: at {error.json_path}: {error.message}"

    def _validator(self, name: str, schema: dict[str, Any]) -> Draft202012Validator:
        """Return the validator of a schema, which is made once for each place where a value stands."""
        if name not in self._validators:
            self._validators[name] = Draft202012Validator(
                _absolute(schema), registry=self._registry, format_checker=Draft202012Validator.FORMAT_CHECKER
            )
        return self._validators[name]


def _lookup(document: dict[str, Any], reference: str) -> dict[str, Any]:
    value: Any = document
    for key in reference.removeprefix("#/").split("/"):
        value = value[key]
    found: dict[str, Any] = value
    return found


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in template.split("/")))


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _decoded(body: bytes, encoding: str | None) -> bytes:
    if encoding == "br":
        plain: bytes = brotli.decompress(body)
        return plain
    return zlib.decompress(body, _ANY_ZLIB) if encoding in {"gzip", "deflate"} else body


def _typed(text: str, schema: dict[str, Any]) -> Any:
    """Return the value that a query parameter stands for; text that stands for none is left to fail."""
    kind = schema.get("type")
    if kind == "boolean":
        return _BOOLEANS.get(text.lower(), text)
    if kind == "array":
        return text.split(",")
    if kind in {"number", "integer"}:
        return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else text
    return text


def _absolute(schema: Any) -> Any:
    """Let references point into the registered document, from wherever the schema stands."""
    if isinstance(schema, list):
        return [_absolute(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _URI + quote(value, safe="#/~") if key == "$ref" else _absolute(value) for key, value in schema.items()
    }


def _with_undocumented(document: dict[str, Any]) -> dict[str, Any]:
    for name, fields in _UNDOCUMENTED.items():
        document["components"]["schemas"][name]["properties"].update(fields)
    return document


def _strict(document: dict[str, Any]) -> dict[str, Any]:
    """Forbid undocumented fields, at every place where a value has a schema of its own."""

    def names_fields(schema: dict[str, Any]) -> bool:
        if "$ref" in schema:
            return names_fields(_lookup(document, schema["$ref"]))
        parts = [part for keyword in _COMPOSED for part in schema.get(keyword, [])]
        return bool(schema.get("properties")) or any(map(names_fields, parts))

    def closed(schema: dict[str, Any]) -> dict[str, Any]:
        is_open = schema.get("$ref") == _ERROR or not names_fields(schema)
        return schema if is_open else {**schema, "unevaluatedProperties": False}

    def walk(value: Any) -> None:
        for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(child)
        if isinstance(value, dict):
            for key in ("schema", "items"):
                if isinstance(value.get(key), dict):
                    value[key] = closed(value[key])
            if isinstance(value.get("properties"), dict):
                value["properties"] = {name: closed(each) for name, each in value["properties"].items()}

    walk(document)
    return document


@cache
def contract() -> Contract:
    """Return the contract with Apify, the same object each time, so that its counts add up."""
    return Contract(json.loads(DOCUMENT.read_text(encoding="utf-8")))


def check_request(
    method: str, path: str, query: Mapping[str, str] | str, headers: Mapping[str, str], body: bytes | None
) -> None:
    """Check a request against the contract; see :meth:`Contract.check_request`."""
    contract().check_request(method, path, query, headers, body)


def check_response(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes | None) -> None:
    """Check an answer against the contract; see :meth:`Contract.check_response`."""
    contract().check_response(method, path, status, headers, body)
