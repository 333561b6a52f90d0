"""Prepare a release: compare what names its version, and try out what was built.

``python -m tools.release check v1.2.3`` needs nothing but Python.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from airflow_provider_apify import __version__
from tools.environment import clean_environment
from tools.versions import DEVELOPMENT_VERSION, ROOT
from tools.virtualenv import create, install

PACKAGES = ("airflow_provider_apify", "local_apify")
TESTS = ("tests/_commands", "tests/dags_examples")
"""What uses each operator and each command."""
IMPORT_ALL = """\
import pkgutil
import airflow_provider_apify as package
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if "._" not in module.name and ".testing" not in module.name:
        __import__(module.name)
print("imported from", package.__path__[0])
"""
"""What DAGs import, where no extra is installed: ``testing`` is one, and private modules may need one."""


def disagreements(tag: str, version: str, changelog: str) -> list[str]:
    """Say what has to be changed before a tag may release what it is on.

    :param version: of the package.
    :param changelog: its text, the newest version first.
    """
    heading = re.search(r"^## (.*)$", changelog, re.MULTILINE)
    newest = heading[1] if heading else ""
    found = []
    if tag != f"v{version}":
        found.append(f"The tag is {tag}, and __version__ is {version}: tag v{version}, or change __version__.")
    if not re.fullmatch(rf"\[{re.escape(version)}\] - \d{{4}}-\d{{2}}-\d{{2}}", newest):
        found.append(f"The changelog begins with '## {newest}': write '## [{version}] - ' and the date.")
    return found


def try_out(dist: Path) -> None:
    """Use the wheel where nothing of the checkout is: first alone, then with the tests of the source distribution.

    :param dist: the folder that has both.
    :raises CalledProcessError: it does not work; what has failed has said why.
    """
    (wheel,), (source,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    environment = ROOT / ".venvs" / "wheel"
    environment.parent.mkdir(exist_ok=True)
    create(environment)
    with tempfile.TemporaryDirectory(prefix="airflow-provider-apify-wheel-") as empty:
        folder = Path(empty)

        def run(*arguments: str) -> None:
            command = [str(environment / "bin/python"), "-m", *arguments]
            subprocess.run(command, cwd=folder, env=clean_environment(AIRFLOW_HOME=empty), check=True)

        install(DEVELOPMENT_VERSION, environment, str(wheel))
        run("pip", "check")
        run("airflow", "providers", "get", "airflow-provider-apify")
        (folder / "import_all.py").write_text(IMPORT_ALL)
        run("import_all")
        install(DEVELOPMENT_VERSION, environment, f"{wheel}[dev]")
        shutil.unpack_archive(source, folder, filter="data")
        (folder,) = folder.glob("airflow_provider_apify-*")
        for package in PACKAGES:
            shutil.rmtree(folder / package)
        run("pytest", *TESTS)


def main() -> str | None:
    """Do as the command line says; return what is wrong."""
    match sys.argv[1:]:
        case ["check", tag]:
            return "\n".join(disagreements(tag, __version__, (ROOT / "CHANGELOG.md").read_text())) or None
        case ["try", dist]:
            try_out(Path(dist).resolve())
            return None
    return "Say what to do: check TAG, or try FOLDER."


if __name__ == "__main__":
    sys.exit(main())
