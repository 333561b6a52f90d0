"""Trigger forms for Actors: an Actor's input schema as ``params`` of a DAG, and the filled form as the Actor's input.

.. code-block:: python

    FORM = actor_params(Path(__file__).with_name("crawler.json"), only=["startUrls", "maxCrawlPages"])

    with DAG("crawl", params=FORM, ...):
        RunActorOperator(task_id="crawl", actor_id="apify/website-content-crawler", run_input=ActorInput(FORM))
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, Param, get_current_context

from airflow_provider_apify._airflow.compat import mask_secret
from airflow_provider_apify._arguments.keywords import misspelt
from airflow_provider_apify._forms.fields import MISSING, fields_of
from airflow_provider_apify._forms.files import read_json_object
from airflow_provider_apify._forms.filled import input_of, secrets_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


def actor_params(
    schema: Mapping[str, Any] | str | PathLike[str],
    *,
    only: Collection[str] | None = None,
    values: Mapping[str, Any] | None = None,
) -> dict[str, Param]:
    """Return the input of an Actor as the ``params`` of a DAG, of which Airflow makes a form.

    Titles, descriptions, sections, choices and limits are the schema's. What Airflow has no field for becomes a JSON
    field. Nothing is sent to Apify: write the schema to a file once, with
    ``python -m airflow_provider_apify input-schema apify/website-content-crawler > crawler.json``.

    See https://docs.apify.com/actors/development/actor-definition/input-schema/specification/v1.

    :param schema: the input schema, or the path of a JSON file that holds it. Give an absolute path, such as
        ``Path(__file__).with_name("crawler.json")``: Airflow reads DAG files from folders of its own choice.
    :param only: names of the fields that the form shall have. Default: all but those that Apify hides.
    :param values: what the form shows at first, and what scheduled runs take, as the Actor takes it. Default: the
        schema's ``prefill``, else its ``default``. A required field without any can only be filled in by hand, and
        Airflow refuses a schedule then. A number that is given cannot be emptied in the form.
    :return: a ``Param`` for each field, by the field's name. Lists of addresses (``requestListSources``) are one
        address a line. Secret fields are masked while they are typed (Airflow 3.3), never filled in beforehand. Add
        fields of your own: ``params={**actor_params(...), "budget": Param(1.0)}``.
    :raises ValueError: no input schema, no such file or no JSON in it, or names that the schema does not have.
    """
    read = schema if isinstance(schema, Mapping) else read_json_object(Path(schema), "an input schema")
    return {
        field.name: Param(**({} if field.value is MISSING else {"default": field.value}), **field.keywords)
        for field in fields_of(read, only=only, values=values)
    }


def check_conf(context: Context | None = None) -> None:
    """Fail where the ``conf`` of a DAG run names what is none of the DAG's ``params``.

    Airflow takes such a name without a word, and the param keeps its default: ``{"maxpages": 2}`` crawls as many pages
    as ever. Call it in the first task, before anything is paid for. :class:`ActorInput` does so by itself.

    :param context: of the running task. Default: Airflow's current one.
    :raises AirflowFailException: a name is unknown; the message says which may be meant. No retry follows.
    """
    running = context or get_current_context()
    known = dict.fromkeys([*running["dag"].params, *running["task"].params])
    if words := misspelt(running["dag_run"].conf or {}, known):
        raise AirflowFailException(
            f"The params of this DAG have {words}. Correct the conf of the DAG run, or give the DAG such a param."
        )


class ActorInput:
    """The ``run_input`` of a filled form: give it to ``RunActorOperator``, or call it in ``@task.apify_actor``.

    It works in every run of the DAG: where nobody fills the form in, the values count that it shows at first. What is
    left empty is not sent, so that the Actor's own default counts; only a list or an object that somebody has emptied
    is sent as such. Values of secret fields are masked in the task's log and rendered templates. In the DAG run's
    ``conf`` Airflow keeps them as they were typed, for all who may see DAG runs. Better take secrets from a connection:
    ``ActorInput(FORM, {"password": "{{ conn.shop.password }}"})``.

    :param form: the fields that belong to the input: what :func:`actor_params` returns. The DAG needs them as its
        ``params``, with or without others.
    :param fixed: fields that are in no form, or count more than it. Templates in it are rendered.
    :raises ValueError: when the task runs: the DAG lacks the fields, or a JSON field holds no JSON.
    :raises AirflowFailException: when the task runs: as of :func:`check_conf`.
    """

    def __init__(self, form: Mapping[str, Param], fixed: Mapping[str, Any] | None = None) -> None:
        self._schemas = {name: param.schema for name, param in form.items()}
        self._defaults = {name: param.value for name, param in form.items()}
        self._fixed = dict(fixed or {})

    def __call__(self, context: Context, jinja_env: Any = None) -> dict[str, Any]:
        """Return the input; Airflow calls this when it renders templates."""
        check_conf(context)
        filled = context["params"]
        for secret in secrets_of(self._schemas, filled):
            mask_secret(secret)
        fixed: dict[str, Any] = context["task"].render_template(self._fixed, context, jinja_env)
        return input_of(self._schemas, filled, self._defaults) | fixed

    def serialize(self) -> str:
        """Say what the input is made of, where Airflow stores the DAG."""
        return f"<the form: {', '.join(self._schemas)}>"

    __str__ = __repr__ = serialize
