"""What all operators and sensors of Apify share."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_apify._airflow.rendering import as_text, render_if_text
from airflow_provider_apify._arguments.references import Kind, id_of
from airflow_provider_apify._arguments.templates import is_given
from airflow_provider_apify.hooks.apify import ApifyHook

if TYPE_CHECKING:
    import jinja2
    from airflow.providers.common.compat.sdk import Context

_JSON_BEGINS, _TEMPLATE_BEGINS = ("{", "["), ("{{", "{%", "{#")
# What may be an object where the DAG renders templates as objects. All else is read as text.
_OBJECTS = frozenset(
    {
        *("run_id", "dataset_id", "store_id", "storage_id", "run_input", "webhooks", "headers", "columns"),
        *("fields", "output_fields", "omit", "unwind", "flatten", "op_args", "op_kwargs"),
    }
)
_IDS: Mapping[str, Kind] = {"run_id": "run", "dataset_id": "dataset", "store_id": "key_value_store"}


class ApifyTask(BaseOperator):
    """A task that uses one Airflow connection of type ``apify``.

    Each key of the dictionary that it returns is an XCom of its own as well, so that ``task.output["dataset_id"]``
    works. After rendering, a templated argument that is empty, ``None`` or the text ``None`` has its default, and an
    ID may be a whole run, as tasks return it.
    """

    apify_conn_id: str
    ui_color = "#e8f5d8"
    returns_dictionary: ClassVar[bool] = True

    def __init__(self, **kwargs: Any) -> None:
        if "run" in kwargs:
            raise TypeError(
                f"{type(self).__name__} takes no run. Give run_id what the task returns: run_id=crawl.output."
            )
        kwargs.setdefault("multiple_outputs", self.returns_dictionary)
        super().__init__(**kwargs)

    @cached_property
    def hook(self) -> ApifyHook:
        """The hook for this task's connection."""
        return ApifyHook(self.apify_conn_id)

    @property
    def _id_kinds(self) -> Mapping[str, Kind]:
        """What each argument names that may be a whole run."""
        return _IDS

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        """Render, and read what templates write; Airflow calls this of mapped tasks, too."""
        if parent is not self:
            super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
            return
        names = list(template_fields)
        objects = [name for name in names if name in _OBJECTS and not _is_json_text(getattr(self, name, None))]
        texts = [name for name in names if name not in objects]
        super()._do_render_template_fields(self, objects, context, jinja_env, seen_oids)
        super()._do_render_template_fields(self, texts, context, as_text(jinja_env), seen_oids)
        for name in names:
            self._read_rendered(name)

    def _render(self, template: jinja2.Template, context: Context, dag: Any = None) -> Any:
        rendered = render_if_text(template, context)
        return super()._render(template, context, dag=dag) if rendered is None else rendered

    def _read_rendered(self, name: str) -> None:
        """Give an argument its default where it is not given, and the ID where it is a whole run."""
        value = getattr(self, name, None)
        if not is_given(value):
            defaults = _defaults(type(self))
            if name in defaults and value != defaults[name]:
                setattr(self, name, defaults[name])
        elif name in self._id_kinds and isinstance(value, Mapping):
            try:
                setattr(self, name, id_of(self._id_kinds[name], value))
            except ValueError:
                return  # said when the task reads it, as of any wrong argument


def _is_json_text(value: Any) -> bool:
    text = value.lstrip() if isinstance(value, str) else ""
    return text.startswith(_JSON_BEGINS) and not text.startswith(_TEMPLATE_BEGINS)


@cache
def _defaults(cls: type) -> Mapping[str, Any]:
    """Return the defaults of the templated arguments that may be left out, but that of the connection."""
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if base is ApifyTask:
            break
        for name, parameter in inspect.signature(base.__init__).parameters.items():  # type: ignore[misc] # of a class
            if parameter.default is not inspect.Parameter.empty:
                found.setdefault(name, parameter.default)
    found.pop("apify_conn_id", None)
    return found
