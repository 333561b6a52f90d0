"""What people paste to name an Actor, a task, a run or a storage: its ID, name, or the address of its page. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeGuard
from urllib.parse import unquote

from airflow_provider_apify._arguments.templates import is_given, is_template

Kind = Literal["actor", "task", "run", "dataset", "key_value_store", "request_queue"]
WORDS: Mapping[Kind, str] = {
    "actor": "Actor",
    "task": "Actor task",
    "run": "run",
    "dataset": "dataset",
    "key_value_store": "key-value store",
    "request_queue": "request queue",
}
"""What Apify calls each kind."""
_KEYS: Mapping[Kind, str] = {
    "run": "run_id",
    "dataset": "dataset_id",
    "key_value_store": "key_value_store_id",
    "request_queue": "request_queue_id",
}
"""Where a run, as tasks return it, has the ID."""

_PLAIN = re.compile(r"(?:[a-z0-9._-]+[~/])?[._-]*[a-z0-9][a-z0-9._-]*", re.IGNORECASE | re.ASCII)
_ID = r"(?P<id>[^/?#]+)(?:[/?#]|$)"
_CONSOLE = r"https?://console\.apify\.com/(?:organization/[^/?#]+/)?"
_API = r"https?://api\.apify\.com/v2/"
_ADDRESSES: Mapping[Kind, tuple[str, ...]] = {
    "actor": (
        rf"{_CONSOLE}actors/(?!(?:runs|tasks)(?:[/?#]|$)){_ID}",
        rf"{_API}act(?:or)?s/{_ID}",
        r"https?://(?:www\.)?apify\.com/(?P<id>[^/?#]+/[^/?#]+)(?:[/?#]|$)",
    ),
    "task": (rf"{_CONSOLE}actors/tasks/{_ID}", rf"{_API}actor-tasks/{_ID}"),
    "run": (
        rf"{_CONSOLE}(?:actors|view)/(?:[^?#]*/)?runs/{_ID}",
        rf"{_API}actor-runs/{_ID}",
        rf"{_API}act(?:or)?s/[^/?#]+/runs/(?!last(?:[/?#]|$)){_ID}",
    ),
    "dataset": (rf"{_CONSOLE}storage/datasets/{_ID}", rf"{_API}datasets/{_ID}"),
    "key_value_store": (rf"{_CONSOLE}storage/key-value(?:-stores)?/{_ID}", rf"{_API}key-value-stores/{_ID}"),
    "request_queue": (rf"{_CONSOLE}storage/request-queues/{_ID}", rf"{_API}request-queues/{_ID}"),
}


def id_of(kind: Kind, value: object) -> object:
    """Return the ID that a run, as tasks return it, has of this kind; anything else as it is.

    :raises ValueError: it is a dictionary without one.
    """
    if not isinstance(value, Mapping):
        return value
    found = value.get(_KEYS.get(kind, "")) or (value.get("store_id") if kind == "key_value_store" else None)
    if not found:
        keys = ", ".join(map(str, value)) or "nothing"
        raise ValueError(
            f"What should name the {WORDS[kind]} is a dictionary without {_KEYS.get(kind)}; it has {keys}."
        )
    return found


def read_reference(kind: Kind, text: object) -> str:
    """Return the ID, or ``username/name``, that a text names; a text that is no address is returned as it is.

    :param text: for example ``https://console.apify.com/actors/tasks/KJHSKHausidyaJKHs/runs``, or what a task that runs
        an Actor returns.
    :raises ValueError: no text, no ID, or the address of something else. The message leaves out the address's
        parameters: a token may be among them.
    """
    text = id_of(kind, text)
    if text is None or text == "None":
        raise ValueError(f"The {WORDS[kind]} ID is None: what it comes from, a template or another task, gave nothing.")
    if hasattr(text, "output"):
        raise ValueError(f"The {WORDS[kind]} ID is the task {text!r}. Give what the task returns: its .output.")
    if not isinstance(text, str):
        raise ValueError(f"{WORDS[kind]} ID must be a string, not {text!r}.")  # noqa: TRY004 - wrong arguments are ValueError
    if "://" not in text:
        return text
    for address in _ADDRESSES[kind]:
        found = re.match(address, text.strip())
        if found:
            return unquote(found["id"])
    raise ValueError(f"{re.split('[?#]', text)[0]!r} is not the address of {_article(kind)} {WORDS[kind]} at Apify.")


def read_id(kind: Kind, text: object) -> str:
    """Do what :func:`read_reference` does for what needs no other check, as the API takes it: ``username~name``.

    :raises ValueError: also for what can be no ID or name.
    """
    found = read_reference(kind, text)
    if found.lstrip().startswith("{"):
        raise ValueError(
            f"The {WORDS[kind]} ID is the text of a dictionary. Write "
            f"{{{{ ti.xcom_pull('task')['{_KEYS.get(kind)}'] }}}} in the template, or give the task's .output.",
        )
    if found.lstrip().startswith("["):
        raise ValueError(
            f"The {WORDS[kind]} ID is the text of a list. Give the list itself, such as the task's .output, or set "
            "render_template_as_native_obj on the DAG.",
        )
    if not _PLAIN.fullmatch(found):
        raise ValueError(
            f"{found!r} is no {WORDS[kind]} ID. Write the ID from Apify Console, or paste the address of its page."
        )
    return found.replace("/", "~")


def check_id(kind: Kind, text: object) -> None:
    """Raise :class:`ValueError` for what :func:`read_id` does not take, unless it is not given or a template."""
    if text is not None and (isinstance(text, Mapping) or not is_template(text)):
        read_id(kind, text)


def are_several(value: object) -> TypeGuard[Sequence[Any]]:
    """Tell whether a value is a list, or like one, as mapped tasks return."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def ids_of(kind: Kind, values: Sequence[Any]) -> list[Any]:
    """Do what :func:`id_of` does for each of several; lists among them are taken apart, and what is wrong stays."""
    return list(_ids_of(kind, values))


def _ids_of(kind: Kind, values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        if are_several(value):
            yield from _ids_of(kind, value)
            continue
        try:
            yield id_of(kind, value)
        except ValueError:
            yield value


def read_ids(kind: Kind, values: Sequence[Any]) -> list[str]:
    """Do what :func:`read_id` does for each of several.

    :raises ValueError: there are none, or one is none; the message has its place, counted from 0.
    """
    check_ids(kind, values)
    return [read_id(kind, value) for value in values]


def check_ids(kind: Kind, values: Sequence[Any]) -> None:
    """Raise :class:`ValueError` for what :func:`read_ids` does not take, but for templates."""
    if not values:
        raise ValueError(
            f"{_KEYS[kind]} is an empty list. If another task makes it, that found nothing, or all of its runs failed: "
            "skip this task then.",
        )
    for place, value in enumerate(values):
        if not is_given(value):
            raise ValueError(
                f"{_KEYS[kind]}[{place}] is {value!r}: the task that was to give it has failed, or gave nothing. Clear "
                "that task. Or leave out what is not there, if that is what you want: [run for run in runs if run].",
            )
        if are_several(value):
            check_ids(kind, value)
        elif isinstance(value, Mapping) or not is_template(value):
            try:
                read_id(kind, value)
            except ValueError as error:
                raise ValueError(f"{_KEYS[kind]}[{place}]: {error}") from None


def _article(kind: Kind) -> str:
    return "an" if kind in {"actor", "task"} else "a"
