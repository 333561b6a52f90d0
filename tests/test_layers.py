"""Imports go one way: from what is built on to what it stands on."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROVIDER, LOCAL_APIFY = "airflow_provider_apify", "local_apify"
LAYERS = (
    {"exceptions", "_arguments", "_extras"},
    {"_forms"},
    {"models"},
    {"options"},
    {"_api"},
    {"_files"},
    {"_airflow"},
    {"hooks"},
    {"links"},
    {"triggers"},
    {"operators", "sensors"},
    {"transfers", "decorators", "notifications", "retry_policy", "params", "assets"},
    {"_commands", "_receiver"},
    {"__main__", "plugin"},
)
"""What may import what stands before it, the ground first; ``_airflow`` is for hooks and what stands on them."""
LOCAL_LAYERS = (
    {"checked"},
    {"settings"},
    {"world"},
    {"actors", "control", "items"},
    {"api"},
    {"server"},
    {"pytest_plugin", "__main__"},
)
"""The same of the local Apify."""
KNOWS_AIRFLOW = {"exceptions", "_files"}
"""Of what stands below the hook: errors have a base class of Airflow's, and storages are Airflow's."""


def imported(path: Path, modules: Mapping[str, Path]) -> Iterator[str]:
    """Yield what a module imports, for types only as well; of this repository, modules, of others, packages."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in modules else node.module for name in inner)


def modules_of(package: str) -> dict[str, Path]:
    paths = {path.relative_to(ROOT).with_suffix(""): path for path in (ROOT / package).rglob("*.py")}
    return {".".join(name.parts).removesuffix(".__init__"): path for name, path in paths.items()}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("package", [PROVIDER, LOCAL_APIFY])
def test_no_modules_import_each_other(package: str) -> None:
    modules = modules_of(package)
    graph = {name: set(imported(path, modules)) & modules.keys() for name, path in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"These import each other: {' -> '.join(reversed(error.args[1]))}")


@pytest.mark.parametrize(("package", "layers"), [(PROVIDER, LAYERS), (LOCAL_APIFY, LOCAL_LAYERS)])
def test_each_room_stands_on_those_below_it(package: str, layers: Sequence[Collection[str]]) -> None:
    modules, heights = modules_of(package), {room: height for height, rooms in enumerate(layers) for room in rooms}
    upwards = [
        f"{name} imports {other}"
        for name, path in modules.items()
        for other in imported(path, modules)
        if other in modules and heights.get(room_of(name), 99) < heights.get(room_of(other), -1)
    ]
    assert not upwards


def test_nothing_below_the_hook_knows_airflow() -> None:
    modules = modules_of(PROVIDER)
    below = {room for rooms in LAYERS[: LAYERS.index({"_airflow"})] for room in rooms} - KNOWS_AIRFLOW
    knowing = {
        name
        for name, path in modules.items()
        for other in imported(path, modules)
        if room_of(name) in below and other.split(".")[0] == "airflow"
    }
    assert not knowing


def test_the_local_apify_shares_no_code_with_the_provider() -> None:
    modules = modules_of(LOCAL_APIFY)
    imports = {other.split(".")[0] for path in modules.values() for other in imported(path, modules)}
    assert not imports & {PROVIDER, "airflow"}


def test_the_hook_loads_neither_what_writes_files_nor_what_serves_the_local_apify() -> None:
    program = "import sys, airflow_provider_apify.hooks.apify; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()  # noqa: S603 - as it is here
    rooms = [name.split(".")[1:3] for name in loaded if name.startswith(f"{PROVIDER}.")]
    assert ["hooks", "apify"] in rooms
    assert not {"sinks", "formats", "loading"} & {room[1] for room in rooms if room[0] == "_files" and room[1:]}
    assert LOCAL_APIFY not in loaded
