"""``new-dag`` and ``input-schema``: what is needed to write a DAG for an Actor."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_provider_apify._arguments.references import read_id
from airflow_provider_apify._commands.dag_source import DagFile, dag_id_of
from airflow_provider_apify._forms.fields import fields_of
from airflow_provider_apify._forms.files import read_json_object
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.actors import Actor


def input_schema(options: Namespace) -> str:
    """Return the input schema of an Actor as JSON text.

    :raises ValueError: the Actor has none.
    """
    schema = ApifyHook(options.conn_id).get_input_schema(options.actor, options.build)
    if schema is None:
        raise ValueError(f"{options.actor} has no input schema: it takes any input.")
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def new_dag(options: Namespace) -> tuple[str, list[str]]:
    """Return a DAG file, and what to tell the person who asked for it.

    :raises ValueError: a file that cannot be read, or names that the Actor does not have.
    """
    actor, schema = _offline(options) if options.input_schema else _online(options)
    given = dict(read_json_object(Path(options.input), "an Actor's input")) if options.input else {}
    known = schema.get("properties", {})
    fields = fields_of(
        schema, only=options.fields, values={name: value for name, value in given.items() if name in known}
    )
    shown = {field.name for field in fields}
    others = {name: value for name, value in given.items() if name not in shown}
    secrets = [name for name in others if known.get(name, {}).get("isSecret")]
    name = f"{actor.username}/{actor.name}" if actor else read_id("actor", options.actor).replace("~", "/")
    dag_id = options.dag_id or dag_id_of(name)
    file = DagFile(
        dag_id=dag_id,
        actor=name,
        title=(actor.title if actor else None) or name,
        description=(actor.description if actor else None) or "",
        fields=fields,
        pricing=actor.pricing_at(datetime.now(UTC)) if actor else None,
        fixed={name: value for name, value in others.items() if name not in secrets},
        path=None if actor and actor.raw.get("hasNoDataset") else options.path.replace("{dag_id}", dag_id),
        conn_id=options.conn_id,
        build=options.build,
        start_date=datetime.now(UTC).date(),
    )
    return file.text(), list(_notes(file, secrets, is_offline=actor is None))


def _online(options: Namespace) -> tuple[Actor, Mapping[str, Any]]:
    hook = ApifyHook(options.conn_id)
    actor = hook.get_actor(options.actor)
    return actor, hook.get_input_schema(options.actor, options.build) or {"properties": {}}


def _offline(options: Namespace) -> tuple[None, Mapping[str, Any]]:
    return None, read_json_object(Path(options.input_schema), "an input schema")


def _notes(file: DagFile, left_out: list[str], *, is_offline: bool) -> Iterator[str]:
    """Yield what to tell of a file.

    :param left_out: secrets of the given input.
    """
    if file.unfilled:
        yield (
            f"{', '.join(file.unfilled)} must be filled in, so the DAG has no schedule. Give values in the file, or "
            "write it again with --input."
        )
    if file.path and file.path.startswith("/data/"):
        yield "The workers must be able to write to /data: change the path, or give --path."
    typed = [field.name for field in file.fields if field.keywords.get("format") == "password"]
    if typed:
        yield (
            f"What is typed into {', '.join(typed)} can be read in the DAG run's conf. Better: take the field out of "
            f"FORM, and {_from_connection(typed[0])}"
        )
    if left_out:
        yield f"{', '.join(left_out)} must stay secret, so the file has no value: {_from_connection(left_out[0])}"
    if is_offline:
        yield "The Actor's price is not known offline. See docs/how-to/cost-and-alerts.md for the limit that fits it."
    begins = "start it from the form" if file.unfilled else "its schedule may start a first run at once"
    yield "Save it in your DAG folder, and look at its limit of money."
    yield f"Then run: airflow dags unpause {file.dag_id} ({begins})"


def _from_connection(name: str) -> str:
    return f'write ActorInput(FORM, {{"{name}": "{{{{ conn.my_connection.password }}}}"}}).'
