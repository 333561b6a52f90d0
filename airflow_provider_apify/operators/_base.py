"""What all operators and sensors of Apify share."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast, get_args, get_origin

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_apify._airflow.arguments import Output
from airflow_provider_apify._airflow.compat import leave_none_out
from airflow_provider_apify._airflow.rendering import as_text, render_if_text
from airflow_provider_apify._arguments.keywords import RUN, refuse
from airflow_provider_apify._arguments.references import Kind, id_of
from airflow_provider_apify._arguments.templates import is_given
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.links import STORED_LINKS

if TYPE_CHECKING:
    import jinja2
    from airflow.providers.common.compat.sdk import Context

_JSON_BEGINS, _TEMPLATE_BEGINS = ("{", "["), ("{{", "{%", "{#")
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

    def __init__(self, *, multiple_outputs: bool | None = None, **kwargs: Any) -> None:
        refuse(self, kwargs, RUN)
        super().__init__(multiple_outputs=self.returns_dictionary and multiple_outputs is not False, **kwargs)

    @cached_property
    def hook(self) -> ApifyHook:
        """The hook for this task's connection."""
        return ApifyHook(self.apify_conn_id)

    @property
    def output(self) -> Output:
        """What the task returns, for the arguments of others; ``output["dataset_id"]`` is a part of it."""
        return cast("Output", super().output)

    def pre_execute(self, context: Context) -> None:
        """Begin without links, as Airflow does: it drops those of the attempt before."""
        setattr(self, STORED_LINKS, {})
        leave_none_out(context["ti"])
        super().pre_execute(context)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume; links may be stored that this process does not know of."""
        setattr(self, STORED_LINKS, None)
        return super().resume_execution(next_method, next_kwargs, context)

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
        """Render, and read what templates write.

        Airflow has no public way to that: of mapped tasks it calls this, and nothing else.
        """
        if parent is not self:
            super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
            return
        names = list(template_fields)
        texts = [name for name in names if self._is_text(name)]
        objects = [name for name in names if name not in texts]
        for group, environment in ((objects, jinja_env), (texts, as_text(jinja_env))):
            super()._do_render_template_fields(self, group, context, environment, seen_oids)
            for name in group:  # before the rest is rendered, such as a path with the ID in it
                self._read_rendered(name)

    def _render(self, template: jinja2.Template, context: Context, dag: Any = None) -> Any:
        rendered = render_if_text(template, context)
        return super()._render(template, context, dag=dag) if rendered is None else rendered

    def _is_text(self, name: str) -> bool:
        """Tell whether templates of an argument are read as text, also where the DAG renders them as objects.

        What a subclass of somebody else adds is rendered as Airflow does.
        """
        declared, value = _annotations(type(self)), getattr(self, name, None)
        if name not in declared:
            return False
        if isinstance(value, str):
            return _is_json_text(value) or not (name in self._id_kinds or _may_be_object(declared[name]))
        return not any(part is Any for part in _parts(declared[name]))

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


def _is_json_text(value: str) -> bool:
    text = value.lstrip()
    return text.startswith(_JSON_BEGINS) and not text.startswith(_TEMPLATE_BEGINS)


def _may_be_object(annotation: Any) -> bool:
    """Tell whether an argument takes lists or mappings, or anything."""
    return any(part is Any or _is_collection(get_origin(part)) for part in _parts(annotation))


def _is_collection(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Collection)


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield the types that an annotation is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


@cache
def _annotations(cls: type) -> Mapping[str, Any]:
    """Return what this package's classes declare of their arguments."""
    found: dict[str, Any] = {}
    for base in _bases(cls):
        if base.__module__.partition(".")[0] == __name__.partition(".")[0]:
            for name, parameter in inspect.signature(base.__init__, eval_str=True).parameters.items():
                found.setdefault(name, parameter.annotation)
    return found


@cache
def _defaults(cls: type) -> Mapping[str, Any]:
    """Return the defaults of the templated arguments that may be left out, but that of the connection."""
    found: dict[str, Any] = {}
    for base in _bases(cls):
        for name, parameter in inspect.signature(base.__init__).parameters.items():
            if parameter.default is not inspect.Parameter.empty:
                found.setdefault(name, parameter.default)
    found.pop("apify_conn_id", None)
    return found


def _bases(cls: type) -> tuple[Any, ...]:
    """Return a class and those that it inherits, up to :class:`ApifyTask`."""
    return cls.__mro__[: cls.__mro__.index(ApifyTask)]
