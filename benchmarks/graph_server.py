"""A graph server that speaks Bolt on loopback (ArcadeDB, of the extra `graph-test`), and one that is silent."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.daemon import free_port

USER, PASSWORD = "root", "playwithdata"
READY = "the server is ready"
CHILD = """
import sys, threading
import arcadedb_embedded
root, port, http, password, ready = sys.argv[1:]
settings = {"http_port": int(http), "host": "127.0.0.1", "bolt_port": int(port),
            "server_plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin"}
server = arcadedb_embedded.ArcadeDBServer(root, password, settings, {"heap_size": "512m"})
server.start()
server.create_database("neo4j")
print(ready, flush=True)
threading.Event().wait()
"""


@contextmanager
def graph_server(folder: Path) -> Iterator[str]:
    """Run a server whose data lies in a folder; give its URI once it answers."""
    port, arguments = free_port(), [str(folder / "graph"), str(free_port()), PASSWORD, READY]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, arguments[0], str(port), *arguments[1:]],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        assert child.stdout is not None
        assert any(READY in line for line in child.stdout), "the graph server ended before it answered"
        yield f"bolt://127.0.0.1:{port}"
    finally:
        child.kill()
        child.communicate()


@contextmanager
def silent_server() -> Iterator[str]:
    """Take connections and answer nothing; give the URI."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"bolt://127.0.0.1:{listening.getsockname()[1]}"
