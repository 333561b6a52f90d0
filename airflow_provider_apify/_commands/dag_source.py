"""The text of a DAG file that runs an Actor and saves its dataset. No I/O."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from airflow_provider_apify._commands.python_text import WIDTH, Call, Code, Lines, source_of
from airflow_provider_apify._forms.fields import MISSING, FormField
from airflow_provider_apify.models.run_details import Pricing

DEFAULT_CONN_ID = "apify_default"
_DOLLARS = 2
_ITEMS = 1000
_LONGEST_DESCRIPTION = 200
_IMPORTS = """\
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import {names}
from airflow_provider_apify.operators.run_actor import RunActorOperator
"""
_IMPORT_OF_FORM = "from airflow_provider_apify.params import ActorInput\n"
_IMPORT_OF_TRANSFER = "from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator\n"


@dataclass(frozen=True)
class DagFile:
    """What is written into a DAG file.

    :param actor: as the DAG names it, ``username/actor-name``.
    :param title: of the Actor, with its description behind.
    :param pricing: of the Actor; ``None`` where that is not known.
    :param fixed: the part of the input that is in no field.
    :param path: where the dataset is written; ``None`` where the Actor has none.
    """

    dag_id: str
    actor: str
    title: str
    description: str
    fields: Sequence[FormField]
    pricing: Pricing | None
    fixed: Mapping[str, Any]
    path: str | None
    conn_id: str
    build: str | None
    start_date: date

    @property
    def unfilled(self) -> list[str]:
        """The fields without a value, which only people can give: such a DAG has no schedule."""
        return [field.name for field in self.fields if field.value is MISSING]

    def text(self) -> str:
        """Return the file."""
        return "\n".join([self._docstring(), self._imports(), *self._form(), self._dag()])

    def _docstring(self) -> str:
        said = f"{_plain(self.title)}: {_plain(self.description)}" if self.description else _plain(self.title)
        first = textwrap.wrap(f'"""{said}', WIDTH)
        more = ["", f"Runs the Actor {self.actor} and saves its dataset to a file. Change what you like."]
        return "\n".join([*first, *(more if self.path else [more[0], f"Runs the Actor {self.actor}."]), '"""', ""])

    def _imports(self) -> str:
        lines = _IMPORTS.format(names="DAG, Param" if self.fields else "DAG")
        return lines + (_IMPORT_OF_FORM if self.fields else "") + (_IMPORT_OF_TRANSFER if self.path else "")

    def _form(self) -> list[str]:
        if not self.fields:
            return []
        form = {field.name: _param(field) for field in self.fields}
        comment = "# The form of a manual run. All other runs take the values that stand here."
        return [comment, "FORM = " + source_of(Lines(form), before=len("FORM = ")), ""]

    def _dag(self) -> str:
        lines = ["with " + source_of(self._dag_call(), before=len("with "), after=1) + ":"]
        lines.append("    run = " + source_of(self._run_call(), indent=4, before=len("    run = ")))
        if self.path:
            lines.append("    save = " + source_of(self._save_call(self.path), indent=4, before=len("    save = ")))
            lines.append("    run >> save")
        return "\n".join([*lines, ""])

    def _dag_call(self) -> Call:
        day = self.start_date
        arguments: dict[str, Any] = {
            "schedule": None if self.unfilled else "@daily",
            "start_date": Code(f"datetime({day.year}, {day.month}, {day.day})"),
            "catchup": False,
            **({"params": Code("FORM")} if self.fields else {}),
            "default_args": {"retries": 2, "retry_delay": Code("timedelta(seconds=30)")},
            "tags": ["apify"],
            "doc_md": Code("__doc__"),
        }
        unfilled = (
            {"schedule": f"a schedule needs a value for {_plain(', '.join(self.unfilled))}"} if self.unfilled else None
        )
        return Call("DAG", arguments, (self.dag_id,), notes=unfilled)

    def _run_call(self) -> Call:
        limit, note = self._limit()
        arguments: dict[str, Any] = {"task_id": "run", "actor_id": self.actor}
        if self.build:
            arguments["build"] = self.build
        if self.fields:
            given = (Code("FORM"), self.fixed) if self.fixed else (Code("FORM"),)
            arguments["run_input"] = Call("ActorInput", {}, given)
        elif self.fixed:
            arguments["run_input"] = self.fixed
        arguments |= {"execution_timeout": Code("timedelta(hours=1)"), **limit, "deferrable": True}
        return Call("RunActorOperator", arguments | self._connection, notes=dict.fromkeys(limit, note))

    def _limit(self) -> tuple[dict[str, Any], str]:
        """Return the limit of money that counts for an Actor of this price, and what it does."""
        model = self.pricing.pricing_model if self.pricing else None
        if self.pricing and model == "PAY_PER_EVENT":
            least = float(self.pricing.minimal_max_total_charge_usd or 0)
            dollars = max(_DOLLARS, least)
            return {"max_total_charge_usd": dollars}, "US dollars: Apify charges no more for a run"
        if model == "PRICE_PER_DATASET_ITEM":
            return {"max_items": _ITEMS}, "Apify charges no more items of a run"
        return {"abort_above_usd": _DOLLARS}, "US dollars of usage: a run above it is aborted"

    def _save_call(self, path: str) -> Call:
        arguments = {"task_id": "save", "dataset_id": Code('run.output["dataset_id"]'), "path": path}
        return Call("DatasetToFileOperator", arguments | self._connection)

    @property
    def _connection(self) -> dict[str, Any]:
        return {} if self.conn_id == DEFAULT_CONN_ID else {"apify_conn_id": self.conn_id}


def _param(field: FormField) -> Call:
    keywords = dict(field.keywords)
    if "description_md" in keywords:
        keywords["description_md"] = _short(keywords["description_md"])
    value = () if field.value is MISSING else (field.value,)
    return Call("Param", keywords, value, wrapped=("description_md",))


def _short(description: str) -> str:
    """Return the first sentences of a description, without what makes it long."""
    paragraph = _plain(re.sub(r"<[^>]*>", "", description).strip().partition("\n\n")[0])
    if len(paragraph) <= _LONGEST_DESCRIPTION:
        return paragraph
    end = paragraph.rfind(". ", 0, _LONGEST_DESCRIPTION)
    return paragraph[: end + 1] if end > 0 else textwrap.shorten(paragraph, _LONGEST_DESCRIPTION, placeholder=" ...")


def _plain(text: str) -> str:
    """Return a text on one line, which ends no docstring and no comment, whoever wrote it."""
    printable = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(printable.replace("\\", "/").replace('"', "'").split())


def dag_id_of(actor: str) -> str:
    """Return an ID for the DAG of an Actor."""
    return re.sub(r"\W+", "_", actor.rpartition("/")[2]).strip("_").lower() or "actor"
