"""The input schema of an Actor as fields of a form, in the words of Airflow's ``Param``. No I/O.

Apify's side: https://docs.apify.com/actors/development/actor-definition/input-schema/specification/v1
Airflow's side: https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/params.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from airflow_provider_apify._forms.subschemas import rules_of, with_null

Property = Mapping[str, Any]
WRAPPED: Mapping[str, str] = MappingProxyType({"requestListSources": "url", "pseudoUrls": "purl", "globs": "glob"})
"""Editors whose items are objects of one text each: in the form, a line each."""
NOT_SET = "None"
"""The choice that leaves a field out."""
MISSING = object()
"""Stands for a value that whoever fills the form in has to give."""
_NUMBERS = ("integer", "number")
_MULTILINE = frozenset({"textarea", "javascript", "python"})


@dataclass(frozen=True)
class FormField:
    """A field of a form.

    :param value: what the form shows, and a scheduled run takes; :data:`MISSING` where there is none.
    :param keywords: the other arguments of ``Param``.
    """

    name: str
    value: Any
    keywords: Mapping[str, Any]


def fields_of(
    schema: Property, *, only: Collection[str] | None = None, values: Mapping[str, Any] | None = None
) -> list[FormField]:
    """Return the fields of an input schema, in its order.

    :param only: names of the fields that the form shall have; ``None`` for all.
    :param values: what to show instead of the schema's own values, as the Actor takes it.
    :raises ValueError: no input schema, or names that it does not have.
    """
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or not all(isinstance(each, Mapping) for each in properties.values()):
        raise ValueError('This is no input schema of an Actor: it has no "properties" with a description of each.')
    required = schema.get("required") or ()
    if not isinstance(required, list | tuple):
        raise ValueError('The "required" of this input schema is no list of names.')  # noqa: TRY004 - wrong arguments are ValueError
    _check_names("only", only or (), properties)
    _check_names("values", values or (), properties)
    given = values or {}
    return [
        field
        for name, prop, section in _in_sections(properties)
        if only is None or name in only
        for field in _described(name, prop, section=section, is_required=name in required, given=given)
    ]


def _described(
    name: str, prop: Property, *, section: str, is_required: bool, given: Mapping[str, Any]
) -> list[FormField]:
    """Return the field of a property, if it has one.

    :raises ValueError: Apify takes no such description.
    """
    try:
        return list(_field(name, prop, section=section, is_required=is_required, given=given))
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(
            f"The description of the field {name} is none that Apify takes, which has texts, lists and objects where "
            f"its specification says so: {error}."
        ) from error


def _check_names(argument: str, names: Collection[str], properties: Mapping[str, Any]) -> None:
    unknown = sorted(set(names) - properties.keys())
    if unknown:
        known = ", ".join(properties) or "none"
        raise ValueError(f"{argument} names {', '.join(unknown)}, but the Actor's fields are {known}.")


def _in_sections(properties: Mapping[str, Property]) -> Iterator[tuple[str, Property, str]]:
    """Yield each property with its section, which goes on until another begins."""
    section = ""
    for name, prop in properties.items():
        section = prop.get("sectionCaption") or section
        yield name, prop, section


def _field(
    name: str, prop: Property, *, section: str, is_required: bool, given: Mapping[str, Any]
) -> Iterator[FormField]:
    known = {**prop, "prefill": given[name]} if name in given else prop
    is_hidden, is_secret = prop.get("editor") == "hidden", bool(prop.get("isSecret"))
    value = None if is_secret else known.get("prefill", known.get("default"))
    if is_hidden and not is_secret and ("prefill" in known or (is_required and value is not None)):
        yield FormField(name, value, {"const": value})
    elif not is_hidden or is_required:
        # A number that the DAG gives may be a limit of what is paid for: emptied, it would be the Actor's own again.
        is_limit = name in given and prop.get("type") in _NUMBERS
        may_be_empty = not is_limit and (not is_required or bool(prop.get("nullable")))
        shown, keywords = _shape(prop, value, may_be_empty=may_be_empty)
        if shown is None and not may_be_empty:
            shown = MISSING
        yield FormField(name, shown, keywords | _words(name, prop, "" if is_required else section))


def _words(name: str, prop: Property, section: str) -> dict[str, Any]:
    """Return what is written beside a field. Required fields are in no section: Airflow shows those folded."""
    title, unit = prop.get("title") or name, prop.get("unit")
    words = {"title": f"{title} ({unit})" if unit else title}
    if prop.get("description"):
        words["description_md"] = prop["description"]
    if section:
        # Airflow 2 makes an ID of a page's element of it.
        words["section"] = " ".join(re.sub(r"[^\w -]", " ", section).split())
    return words


def _shape(prop: Property, value: Any, *, may_be_empty: bool) -> tuple[Any, dict[str, Any]]:
    """Return what the form shows for a value, and what kind of field shows it."""
    types = prop.get("type", "object")
    if not isinstance(types, str) or (prop.get("isSecret") and types != "string"):
        return _json_text(prop, value, may_be_empty=may_be_empty)
    if types == "boolean":
        return bool(value), {"type": "boolean"}
    shape = {"string": _string, "array": _array}.get(types, _plain)
    return shape(prop, value, may_be_empty=may_be_empty)


def _plain(prop: Property, value: Any, *, may_be_empty: bool) -> tuple[Any, dict[str, Any]]:
    """Show a number or, as JSON, an object."""
    return value, {"type": _type(prop["type"], may_be_empty=may_be_empty), **rules_of(prop)}


def _string(prop: Property, value: Any, *, may_be_empty: bool) -> tuple[Any, dict[str, Any]]:
    editor, rules = prop.get("editor"), rules_of(prop)
    if "enum" in rules:
        return _choice(prop, value, may_be_empty=may_be_empty)
    keywords = {"type": _type("string", may_be_empty=may_be_empty)}
    if prop.get("isSecret"):
        keywords["format"] = "password"
    elif editor in _MULTILINE:
        keywords["format"] = "multiline"
    elif editor == "datepicker" and prop.get("dateType", "absolute") == "absolute" and _is_day(value):
        keywords["format"] = "date"
    if prop.get("enumSuggestedValues"):
        keywords["examples"] = list(prop["enumSuggestedValues"])
    return value, keywords | rules


def _choice(prop: Property, value: Any, *, may_be_empty: bool) -> tuple[Any, dict[str, Any]]:
    """Show a list to choose one from. Airflow 2 knows no choice that is no text."""
    choices = list(prop["enum"])
    labels = _labels(choices, prop)
    if value is None and may_be_empty:
        choices, labels, value = [NOT_SET, *choices], {NOT_SET: "not set", **labels}, NOT_SET
    return value, {"type": prop["type"], "enum": choices, "values_display": labels}


def _array(prop: Property, value: Any, *, may_be_empty: bool) -> tuple[Any, dict[str, Any]]:
    items, editor, rules = prop.get("items") or {}, str(prop.get("editor")), rules_of(prop)
    keywords = {"type": _type("array", may_be_empty=may_be_empty), **rules}
    choices = items.get("enum") or items.get("enumSuggestedValues") or prop.get("enumSuggestedValues")
    if choices:  # Airflow 2 needs a list where nothing is chosen
        return value or [], keywords | {
            "examples": list(choices),
            "values_display": _labels(choices, {**prop, **items}),
        }
    if editor in WRAPPED:
        lines = _unwrapped(value, WRAPPED[editor])
        if lines is not None:
            # Of any items: lines as people write them, objects as programs do.
            keywords.pop("items", None)
            return lines or None, keywords | {"editor": editor}
        return value, keywords | {"items": {"type": "object"}}
    kind = items.get("type") or _kind_of_items(editor, value)
    if kind is None or not isinstance(kind, str):
        return _json_text(prop, value, may_be_empty=may_be_empty)
    return value, keywords | {"items": {"type": kind, **rules.get("items", {})}}


def _json_text(prop: Property, value: Any, *, may_be_empty: bool) -> tuple[Any, dict[str, Any]]:
    """Show as JSON text what Airflow has no field for."""
    form = "password" if prop.get("isSecret") else "multiline"
    text = None if value is None else json.dumps(value, ensure_ascii=False)
    return text, {"type": _type("string", may_be_empty=may_be_empty), "format": form, "editor": "json"}


def _kind_of_items(editor: str, value: Any) -> str | None:
    """Return the type of items that a schema leaves open, as far as something tells."""
    if editor in {"stringList", "fileupload"}:
        return "string"
    if editor == "keyValue":
        return "object"
    kinds = {type(each).__name__ for each in value or ()}
    return {"str": "string", "dict": "object"}.get(kinds.pop()) if len(kinds) == 1 else None


def _unwrapped(value: Any, key: str) -> list[str] | None:
    """Return a line for each item; ``None`` where one has more than fits in a line."""
    items = value or []
    texts = [item.get(key) if isinstance(item, Mapping) and item.keys() == {key} else item for item in items]
    lines = [text for text in texts if isinstance(text, str)]
    return lines if len(lines) == len(texts) else None


def _labels(choices: Collection[Any], prop: Property) -> dict[str, str]:
    titles = prop.get("enumTitles") or choices
    return {str(choice): str(title) for choice, title in zip(choices, titles, strict=False)}


def _type(kind: str, *, may_be_empty: bool) -> Any:
    return with_null(kind) if may_be_empty else kind


def _is_day(value: Any) -> bool:
    """Tell whether a date picker can show a value; it shows an empty one."""
    try:
        return value is None or bool(re.fullmatch(r"\d{4}-\d\d-\d\d", value) and date.fromisoformat(value))
    except ValueError:
        return False
