"""Strip Apify's OpenAPI document to what a contract is: ``python strip_openapi.py SOURCE > openapi.json``.

Kept are paths, methods, parameters, and the schemas of requests and answers; all prose and examples go.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_METHODS = frozenset({"get", "head", "post", "put", "delete"})
_PROSE = frozenset({"description", "title", "example", "examples", "deprecated", "summary"})
_NAMES_FOLLOW = frozenset({"properties", "schemas", "parameters", "responses", "mapping"})
"""Keywords whose keys are names, so that a property called "title" stays."""


def stripped(value: Any, *, keys_are_names: bool = False) -> Any:
    """Return a copy without prose, examples, and extensions."""
    if isinstance(value, list):
        return [stripped(element) for element in value]
    if not isinstance(value, dict):
        return value
    return {
        key: stripped(child, keys_are_names=key in _NAMES_FOLLOW and not keys_are_names)
        for key, child in value.items()
        if keys_are_names or not (key in _PROSE or key.startswith("x-"))
    }


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    kept = {key: operation[key] for key in ("parameters", "requestBody", "responses") if key in operation}
    plain: dict[str, Any] = stripped(kept)
    return plain


def _path(item: dict[str, Any]) -> dict[str, Any]:
    operations = {method: _operation(operation) for method, operation in item.items() if method in _METHODS}
    shared = {"parameters": stripped(item["parameters"])} if "parameters" in item else {}
    return shared | operations


def main() -> None:
    """Print the stripped document."""
    source = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    components = {name: source["components"][name] for name in ("parameters", "schemas", "responses")}
    contract = {
        "openapi": source["openapi"],
        "info": {"version": source["info"]["version"]},
        "paths": {path: _path(item) for path, item in source["paths"].items()},
        "components": {name: stripped(part, keys_are_names=True) for name, part in components.items()},
    }
    json.dump(contract, sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
