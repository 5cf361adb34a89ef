"""Takes the pictures of the command line: `status` of a running daemon, `doctor` where three things are wrong.

`python docs/pictures/terminal.py`; prices are simulated.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks.daemon import Daemon, get  # noqa: E402  # after the path
from tests.servers.local_http import Answer, Asked, local_server  # noqa: E402  # after the path

COLUMNS = 132
NO_ONES = {name: value for name, value in os.environ.items() if not name.startswith(("ALPACA_", "TRADING_"))}


def take(name: str, command: str, variables: Mapping[str, str]) -> None:
    """Run a command of ours and draw what it writes as a terminal."""
    width = f"import shutil; shutil.get_terminal_size = lambda *_: ({COLUMNS}, 50)"
    told = f"{width}; import cli.output as o; o.COLUMNS_UNATTENDED = {COLUMNS}; from cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", told, *command.split()[1:]], cwd=ROOT, env={**NO_ONES, **variables},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    with Path(os.devnull).open("w") as nowhere:
        terminal = Console(record=True, width=COLUMNS, file=nowhere)
        terminal.print(Text(f"$ {command}"))
        terminal.print(Text((done.stdout + done.stderr).rstrip()))
        if done.returncode:
            terminal.print(Text(f"(exit code {done.returncode})"))
    written = terminal.export_svg(title=command).replace(str(ROOT), ".")
    written = re.sub(r"@font-face \{.*?\}", "", written, flags=re.DOTALL)  # no outside file
    (HERE / f"{name}.svg").write_text("\n".join(line.rstrip() for line in written.splitlines()) + "\n", "utf-8")


def main() -> None:
    """Start a daemon for the one; break three things for the other."""
    with tempfile.TemporaryDirectory() as folder:
        with Daemon(Path(folder) / "state") as daemon:
            daemon.wait_idle()
            get(daemon.port, "/decide/v3", "POST", 60)
            take("status", "trading-engine status", {"TRADING_PORT": str(daemon.port)})
        with local_server(refused_and_late) as vendor, socket.create_server(("127.0.0.1", 0)) as other:
            faults = {
                "TRADING_PORT": str(other.getsockname()[1]), "ALPACA_API_KEY": "k", "ALPACA_SECRET_KEY": "s",
                "ALPACA_BASE_URL": f"http://127.0.0.1:{vendor}", "STATE_DIR": folder,
                "DATA_PROVIDER": "alpaca",
            }  # fmt: skip
            take("doctor_three_faults", "trading-engine doctor", faults)


def refused_and_late(asked: Asked) -> Answer:
    """Answer as a broker whose account has other keys and whose clock is 40 s ahead."""
    if asked.path == "/v2/clock":
        return Answer(body={"timestamp": (datetime.now(UTC) + timedelta(seconds=40)).isoformat()})
    return Answer(status=401 if asked.path == "/v2/account" else 403, body={})


if __name__ == "__main__":
    main()
