"""The public names of the package with their signatures, as a page: ``python -m tests.public_api`` writes it anew."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_args, get_type_hints

PAGE = Path(__file__).parents[1] / "docs" / "public-api.md"
PACKAGE = "airflow_provider_apify"
HEAD = """# Public API

Every name that can be imported from a path without an underscore, with its signature. The tests compare this page with
the code, so that a change of what others rely on is seen: `.venv/bin/python -m tests.public_api` writes it anew.
"""


def modules() -> Iterator[str]:
    """Yield the import paths, in order."""
    yield from ("assets", "decorators.apify_actor", "exceptions", "hooks.apify", "links", "models")
    yield from ("notifications.apify", "options")
    for room in ("operators", "sensors", "transfers", "triggers"):
        folder = import_module(f"{PACKAGE}.{room}").__path__
        yield from (f"{room}.{module.name}" for module in iter_modules(folder) if not module.name.startswith("_"))
    yield from ("params", "retry_policy", "testing", "testing.pytest_plugin")


def page() -> str:
    """Return the page."""
    return HEAD + "".join(f"\n## {name}\n\n```python\n{_module(name)}```\n" for name in sorted(modules()))


def private_types() -> Iterator[str]:
    """Yield each type of a public signature that no public path has, and where it stands."""
    public = {f"{name}.{key}": value for name in modules() for key, value in _names(name).items()}
    homes = {id(value) for value in public.values()}
    for path, value in public.items():
        for name, function in _functions(path, value):
            yield from (f"{name}: {each.__name__}" for each in _types_of(function) if _is_hidden(each, homes))


def _names(name: str) -> dict[str, Any]:
    """Return the public names of a module."""
    module = import_module(f"{PACKAGE}.{name}")
    names = getattr(module, "__all__", None) or [
        key for key, value in vars(module).items() if not key.startswith("_") and _is_of(module.__name__, value)
    ]
    return {key: getattr(module, key) for key in sorted(names)}


def _functions(path: str, value: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield a public function, or those of a public class."""
    if inspect.isfunction(value):
        yield path, value
    for owner in filter(_is_ours, value.__mro__) if inspect.isclass(value) else ():
        for key, member in vars(owner).items():
            function = getattr(member, "fget", None) or getattr(member, "func", None) or inspect.unwrap(member)
            function = getattr(function, "__func__", function)
            if inspect.isfunction(function) and (key == "__init__" or not key.startswith("_")):
                yield f"{path}.{key}", function


def _types_of(function: Callable[..., Any]) -> Iterator[type]:
    left = list(get_type_hints(function, localns=_names_for_types(function.__module__)).values())
    while left:
        hint = left.pop()
        left += hint if isinstance(hint, list) else get_args(hint)  # a list is that of a callable's parameters
        if inspect.isclass(hint):
            yield hint


@cache
def _names_for_types(module: str) -> dict[str, Any]:
    """Return what a module imports for types only."""
    found: dict[str, Any] = {}
    for node in ast.parse(inspect.getsource(sys.modules[module])).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            exec(compile(ast.Module(node.body, []), module, "exec"), found)  # noqa: S102 - its own imports
    return found


def _is_hidden(hint: type, homes: set[int]) -> bool:
    return _is_ours(hint) and "._" in hint.__module__ and id(hint) not in homes


def _module(name: str) -> str:
    return "".join("".join(_lines(key, value)) for key, value in _names(name).items())


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
