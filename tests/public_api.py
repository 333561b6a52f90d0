"""The public names of the package with their signatures, as a page: ``python -m tests.public_api`` writes it anew."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "public-api.md"
PACKAGE = "airflow_provider_apify"
HEAD = """# Public API

Every name that can be imported from a path without an underscore, with its signature. The tests compare this page with
the code, so that a change of what others rely on is seen: `.venv/bin/python -m tests.public_api` writes it anew.
"""


def modules() -> Iterator[str]:
    """Yield the import paths, in order."""
    yield from ("decorators.apify_actor", "exceptions", "hooks.apify", "links", "models", "notifications.apify")
    yield "options"
    for room in ("operators", "sensors", "transfers", "triggers"):
        folder = import_module(f"{PACKAGE}.{room}").__path__
        yield from (f"{room}.{module.name}" for module in iter_modules(folder) if not module.name.startswith("_"))
    yield from ("params", "retry_policy", "testing", "testing.pytest_plugin")


def page() -> str:
    """Return the page."""
    return HEAD + "".join(f"\n## {name}\n\n```python\n{_module(name)}```\n" for name in sorted(modules()))


def _module(name: str) -> str:
    module = import_module(f"{PACKAGE}.{name}")
    names = getattr(module, "__all__", None) or [
        key for key, value in vars(module).items() if not key.startswith("_") and _is_of(module.__name__, value)
    ]
    return "".join("".join(_lines(key, getattr(module, key))) for key in sorted(names))


class _Bare(str):
    """Text that is shown without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def _signature(function: Any) -> str:
    signature = inspect.signature(function)
    parameters = [
        each.replace(annotation=_bare(each.annotation), default=_bare_default(each.default))
        for each in signature.parameters.values()
    ]
    return str(signature.replace(parameters=parameters, return_annotation=_bare(signature.return_annotation)))


def _bare(annotation: Any) -> Any:
    return _Bare(annotation) if isinstance(annotation, str) else annotation


def _bare_default(default: Any) -> Any:
    return _Bare(default.__name__) if inspect.isfunction(default) else default


def _is_of(module: str, value: Any) -> bool:
    return (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == module


def _lines(name: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value):
        yield f"class {name}({', '.join(base.__name__ for base in value.__bases__)})\n"
        yield from (f"    {line}\n" for line in _members(value))
    elif inspect.isfunction(value):
        yield f"def {name}{_signature(value)}\n"
    else:
        yield f"{name}\n"


def _members(cls: type) -> Iterator[str]:
    """Yield how it is made, and what of it is this package's."""
    if any(_is_ours(owner) for owner in cls.__mro__ if "__init__" in vars(owner)):
        yield f"__init__{_signature(cls.__init__)}"  # type: ignore[misc] # that is what is shown
    found: dict[str, Any] = {}
    for owner in filter(_is_ours, reversed(cls.__mro__)):
        found |= {key: member for key, member in vars(owner).items() if not key.startswith("_")}
    yield from filter(None, (_member(key, found[key]) for key in sorted(found)))


def _is_ours(owner: type) -> bool:
    return owner.__module__.split(".")[0] in {PACKAGE, "local_apify"}


def _member(name: str, member: Any) -> str:
    function = getattr(member, "__func__", member)
    if inspect.isfunction(function):
        kind = {classmethod: "@classmethod ", staticmethod: "@staticmethod "}.get(type(member), "")
        return f"{kind}def {name}{_signature(function)}"
    getter = getattr(member, "fget", None) or getattr(member, "func", None)
    if getter is not None:
        return f"{name}: {inspect.signature(getter).return_annotation}"
    return ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
