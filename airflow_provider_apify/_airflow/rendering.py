"""Templates rendered as text, also in a DAG that renders them as Python objects."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, Template
from jinja2.compiler import CodeGenerator
from jinja2.nativetypes import NativeEnvironment

from airflow_provider_apify._airflow.compat import text_renderer


def as_text(environment: Environment) -> Environment:
    """Return an environment with the same names and filters whose templates become text.

    With ``render_template_as_native_obj`` Jinja reads ``0.10`` as a number, and a JSON text by the rules of Python.
    """
    if not isinstance(environment, NativeEnvironment):
        return environment
    text = environment.overlay()
    text.code_generator_class = CodeGenerator  # type: ignore[assignment] # the class of objects is narrower
    text.template_class = Template
    text.concat = "".join  # type: ignore[assignment] # declared as a method
    return text


def render_if_text(template: Template, context: Any) -> str | None:
    """Render a template of :func:`as_text`; ``None`` for one that Airflow is to render as it does."""
    environment = template.environment
    if not isinstance(environment, NativeEnvironment) or environment.code_generator_class is not CodeGenerator:
        return None
    rendered: str = text_renderer()(template, context)
    return rendered
