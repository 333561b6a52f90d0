"""Python source of values and calls, laid out as ruff and Black do. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WIDTH = 100
_STEP = 4
# For quotes, and backslashes before some.
_SLACK = 10


@dataclass(frozen=True)
class Code:
    """An expression as it is written."""

    text: str


class Lines(dict[str, Any]):
    """A dictionary that has a line for each entry, however short it is."""


@dataclass(frozen=True)
class Call:
    """A call with keyword arguments.

    :param positional: one argument before them, if any.
    :param notes: comments behind keyword arguments; where there are some, each argument has a line.
    :param wrapped: names of arguments whose texts may go over several lines.
    """

    name: str
    arguments: Mapping[str, Any]
    positional: tuple[Any, ...] = ()
    notes: Mapping[str, str] | None = None
    wrapped: tuple[str, ...] = ()


def source_of(value: Any, *, indent: int = 0, before: int = 0, after: int = 0) -> str:
    """Return the source of a value: on one line where it fits, else an element or argument a line.

    :param indent: of the line that the value begins on.
    :param before: how much stands before it on that line, the indent included.
    :param after: how much stands behind it.
    """
    flat = _flat(value)
    if before + len(flat) + after <= WIDTH and not _is_spread(value):
        return flat
    inner = indent + _STEP
    if isinstance(value, Call):
        lines = [source_of(each, indent=inner, before=inner, after=1) for each in value.positional]
        return _block(f"{value.name}(", [(line, "") for line in lines] + _arguments(value, inner), ")", indent)
    if isinstance(value, Mapping) and value:
        return _block("{", [(_pair(f"{_flat(key)}: ", each, inner), "") for key, each in value.items()], "}", indent)
    if isinstance(value, list) and value:
        elements = [(source_of(each, indent=inner, before=inner, after=1), "") for each in value]
        return _block("[", elements, "]", indent)
    return flat


def _is_spread(value: Any) -> bool:
    return isinstance(value, Lines) or (isinstance(value, Call) and bool(value.notes))


def _arguments(call: Call, indent: int) -> list[tuple[str, str]]:
    notes = call.notes or {}
    return [
        (
            _wrapped(name, value, indent) if name in call.wrapped else _pair(f"{name}=", value, indent),
            notes.get(name, ""),
        )
        for name, value in call.arguments.items()
    ]


def _pair(name: str, value: Any, indent: int) -> str:
    return name + source_of(value, indent=indent, before=indent + len(name), after=1)


def _wrapped(name: str, text: str, indent: int) -> str:
    """Return a text argument; where it does not fit, in pieces that Python joins."""
    whole = f"{name}={_quoted(text)}"
    if indent + len(whole) + 1 <= WIDTH or " " not in text:
        return whole
    inner = " " * (indent + _STEP)
    pieces = [text] if len(inner) + len(_quoted(text)) <= WIDTH else _pieces(text, WIDTH - len(inner) - _SLACK)
    return "\n".join([f"{name}=(", *(f"{inner}{_quoted(piece)}" for piece in pieces), f"{' ' * indent})"])


def _pieces(text: str, width: int) -> list[str]:
    pieces = [""]
    for word in re.split("(?<= )", text):
        if pieces[-1] and len(pieces[-1]) + len(word) > width:
            pieces.append("")
        pieces[-1] += word
    return pieces


def _block(opening: str, lines: list[tuple[str, str]], closing: str, indent: int) -> str:
    inner = " " * (indent + _STEP)
    body = "".join(f"{inner}{line},{f'  # {note}' if note else ''}\n" for line, note in lines)
    return f"{opening}\n{body}{' ' * indent}{closing}"


def _flat(value: Any) -> str:
    if isinstance(value, Code):
        return value.text
    if isinstance(value, Call):
        arguments = [f"{name}={_flat(each)}" for name, each in value.arguments.items()]
        return f"{value.name}({', '.join([*map(_flat, value.positional), *arguments])})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flat(key)}: {_flat(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flat, value))}]"
    return _quoted(value) if isinstance(value, str) else repr(value)


def _quoted(text: str) -> str:
    """Return a text in double quotes, unless single ones need fewer backslashes."""
    single = text.count('"') > text.count("'")
    mark = "'" if single else '"'
    # What Python writes of a text with both kinds of quotes is in single ones; the marks that follow decide here.
    escaped = repr("'\"" + text)[1:-1].removeprefix("\\'\"").replace("\\'", "'")
    return f"{mark}{escaped.replace(mark, chr(92) + mark)}{mark}"
