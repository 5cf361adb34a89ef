"""A graph server that speaks Bolt on loopback: ArcadeDB in a child process, which can be killed and come back."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

USER, PASSWORD, DATABASE = "root", "playwithdata", "neo4j"
READY = "the server is ready"
QUICK_TO_START = (
    "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # it lives for seconds: nothing earns a full compilation
)
CHILD = """
import pathlib, sys, threading
import arcadedb_embedded
root, port, http, password, name, ready = sys.argv[1:]
server = arcadedb_embedded.ArcadeDBServer(root, password, {
    "http_port": int(http), "host": "127.0.0.1", "bolt_port": int(port),
    "server_plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
}, {"heap_size": "512m"})
server.start()
if not pathlib.Path(root, "databases", name).exists():
    server.create_database(name)
print(ready, flush=True)
threading.Event().wait()
"""


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class GraphServer:
    """A server whose data outlives a kill; on one port for its whole life."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port, self._http = free_ports(2)
        self._child: subprocess.Popen[str] | None = None

    @property
    def uri(self) -> str:
        return f"bolt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = (self._folder / "server.log").open("a")
        arguments = (str(self._folder / "data"), str(self.port), str(self._http), PASSWORD, DATABASE, READY)
        self._child = subprocess.Popen(
            [sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, stderr=log, text=True,
            cwd=self._folder, env={**os.environ, "OMP_NUM_THREADS": "1", "ARCADEDB_JVM_ARGS": QUICK_TO_START},
        )  # fmt: skip
        log.close()
        assert self._child.stdout is not None
        for line in self._child.stdout:
            if READY in line:
                return
        raise AssertionError((self._folder / "server.log").read_text()[-4000:])

    def signal(self, number: int) -> None:
        assert self._child is not None
        self._child.send_signal(number)

    def kill(self) -> None:
        """End it at once, as a power cut of the process would."""
        assert self._child is not None
        self._child.kill()
        self._child.wait()
        assert self._child.stdout is not None
        self._child.stdout.close()
        self._child = None

    def stall(self) -> None:
        """Let it keep its connections and answer nothing; returns once every thread of it stands still."""
        assert self._child is not None
        self.signal(signal.SIGSTOP)
        os.waitpid(self._child.pid, os.WUNTRACED)  # until then a busy machine lets its threads go on for a while

    def go_on(self) -> None:
        self.signal(signal.SIGCONT)
