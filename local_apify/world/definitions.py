"""What an Actor says of itself: in the files of its source code, or as a Python function."""

from __future__ import annotations

import base64
import binascii
import json
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local_apify.world.actor import Actor
from local_apify.world.inputs import check_schema

_ACTOR_FILE = ".actor/actor.json"
_SCHEMA_FILES = (".actor/INPUT_SCHEMA.json", ".actor/input_schema.json", "INPUT_SCHEMA.json")
_README_FILES = (".actor/README.md", "README.md")
_CHANGELOG_FILES = (".actor/CHANGELOG.md", "CHANGELOG.md")
_DEFINITION_FIELDS = (
    "actorSpecification", "name", "title", "description", "version", "buildTag", "environmentVariables",
    "dockerfile", "dockerContextDir", "defaultMemoryMbytes", "minMemoryMbytes", "maxMemoryMbytes", "usesStandbyMode",
)  # fmt: skip
_ANY_TYPE = ["object", "array", "string", "integer", "number", "boolean"]


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What a build finds in the source code.

    :param actor: what ``.actor/actor.json`` says, with what is in the files that it names: the schemas of the input and
        of storages, the README, the changelog.
    :param input_schema: as JSON text.
    """

    actor: Mapping[str, Any]
    input_schema: str | None = None
    readme: str | None = None

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that an input must have."""
        return tuple(map(str, self.actor.get("input", {}).get("required") or ()))


def read_definition(actor: Actor, version: Mapping[str, Any]) -> Definition:
    """Find the definition of an Actor in its source code.

    :raises ValueError: the source is not here, or a file of it is no JSON object.
    """
    if version["sourceType"] is None:
        return own_definition(actor, version["versionNumber"])
    if version["sourceType"] != "SOURCE_FILES":
        raise ValueError(f"The local Apify builds from SOURCE_FILES only, and fetches no {version['sourceType']}.")
    files = {file["name"]: file for file in version.get("sourceFiles") or () if not file.get("folder")}
    said = _json(_text(files[_ACTOR_FILE]), _ACTOR_FILE) if _ACTOR_FILE in files else {}
    definition = {name: said[name] for name in _DEFINITION_FIELDS if name in said}
    schema = _input_schema(said.get("input"), files)
    if schema is not None:
        definition["input"] = _json(schema, "The input schema")
        check_schema(definition["input"])
    if isinstance(said.get("storages"), dict):
        definition["storages"] = {kind: _schema(each, files) for kind, each in said["storages"].items()}
    readme = _named(said.get("readme"), files, _README_FILES)
    texts = {"readme": readme, "changelog": _named(said.get("changelog"), files, _CHANGELOG_FILES)}
    definition |= {name: text for name, text in texts.items() if text is not None}
    return Definition(actor=definition, input_schema=schema, readme=readme)


def _input_schema(said: Any, files: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the input schema as JSON text: what the definition says, or names, or what lies at the usual places."""
    return json.dumps(said) if isinstance(said, dict) else _named(said, files, _SCHEMA_FILES)


def _schema(said: Any, files: Mapping[str, Mapping[str, Any]]) -> Any:
    """Return the schema of a storage: what the definition says, or what is in the file that it names.

    :raises ValueError: there is no such file.
    """
    if not isinstance(said, str):
        return said
    name, text = _path(said), _named(said, files)
    if text is None:
        raise ValueError(f"There is no file {name}.")
    return _json(text, name)


def _named(said: Any, files: Mapping[str, Mapping[str, Any]], usual: Iterable[str] = ()) -> str | None:
    """Return the text of the file that the definition names, or of the first of those at the usual places."""
    names = (_path(said),) if isinstance(said, str) else usual
    return next((_text(files[name]) for name in names if name in files), None)


def _path(said: str) -> str:
    """Return the path of a file in the source, which the definition names as seen from itself."""
    return posixpath.normpath(f".actor/{said}")


def own_definition(actor: Actor, version: str) -> Definition:
    """Return the definition of an Actor that is a Python function."""
    schema = dict(_required_fields(actor) if actor.input_schema is None else actor.input_schema)
    check_schema(schema)
    definition = {
        "actorSpecification": 1,
        "name": actor.short_name,
        "title": actor.title,
        "description": actor.description,
        "version": version,
        "input": schema,
        "readme": actor.readme,
    }
    if actor.dataset_schema is not None:
        definition["storages"] = {"dataset": actor.dataset_schema}
    return Definition(actor=definition, input_schema=json.dumps(schema), readme=actor.readme or None)


def _required_fields(actor: Actor) -> Mapping[str, Any]:
    """Return a schema that says no more than which fields an input must have."""
    anything = {"type": _ANY_TYPE, "description": "Of any type.", "editor": "json"}
    properties = {name: {"title": name, **anything} for name in actor.input_required}
    return {
        "title": f"Input of {actor.title}",
        "type": "object",
        "schemaVersion": 1,
        "properties": properties,
        "required": list(actor.input_required),
    }


def _text(file: Mapping[str, Any]) -> str:
    content = str(file.get("content", ""))
    if file.get("format") != "BASE64":
        return content
    try:
        return base64.b64decode(content, validate=True).decode()
    except (binascii.Error, ValueError):
        raise ValueError(f"{file['name']} is no text in BASE64.") from None


def _json(text: str, name: str) -> dict[str, Any]:
    value = json.loads(text)
    if isinstance(value, dict):
        return value
    raise ValueError(f"{name} is no JSON object.")
