"""A real PostgreSQL, which listens on a socket only."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.storage.servers import Server
from tools.environment import clean_environment
from tools.server_programs import postgres

_AS_NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")


class PostgresServer(Server):
    """PostgreSQL as this user, or as ``nobody`` where this user is root, as whom it refuses to run.

    :param connections: how many it takes at a time.
    """

    def __init__(self, folder: Path, *, connections: int = 100) -> None:
        super().__init__(folder)
        self._connections = connections

    def _start(self) -> None:
        programs, libraries = postgres()
        # Short, because names of sockets are, and where the other user may come.
        home = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._stack.callback(shutil.rmtree, home, ignore_errors=True)
        user: tuple[str, ...] = ()
        if os.geteuid() == 0:
            shutil.chown(home, "nobody", "nogroup")
            user = _AS_NOBODY
        environment = {"LC_ALL": "C", "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries))}
        options = ["-D", str(home / "data"), "-U", "loader", "--auth=trust", "--encoding=UTF8", "--no-sync"]
        subprocess.run(  # noqa: S603 - our own command
            [*user, str(programs / "initdb"), *options],
            cwd=home,
            env=clean_environment(**environment),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        settings = ["-k", str(home), "-c", "listen_addresses=", "-c", "fsync=off", "-c", "jit=off"]
        settings += ["-c", f"max_connections={self._connections}"]
        is_ready = r'(?s)listening on Unix socket "(.*?)/\.s\.PGSQL.*ready to accept connections'
        command = [*user, str(programs / "postgres"), "-D", str(home / "data"), *settings]
        self.url = self._run(command, is_ready, **environment)
        self.connection = {"conn_type": "postgres", "host": self.url, "login": "loader", "schema": "postgres"}
