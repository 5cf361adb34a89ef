"""What the README says can be typed works when it is typed."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.servers.daemon import ROOT, Process, own_settings

README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = [line.strip() for line in README.splitlines() if line.startswith("    ")]
CURLS = [shlex.split(line, comments=True) for line in CODE if line.startswith("curl ")]
ADDRESS = "localhost:8787"


@pytest.fixture(scope="module")
def daemon(trained_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = own_settings(tmp_path_factory.mktemp("config"))
    with Process(shutil.copytree(trained_state, tmp_path_factory.mktemp("readme") / "state"), folder) as process:
        process.wait_idle()
        yield process


def test_the_readme_shows_commands() -> None:
    assert len(CURLS) >= 8
    assert all(any(ADDRESS in word for word in command) for command in CURLS)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
@pytest.mark.parametrize("command", CURLS, ids=[" ".join(command[1:]) for command in CURLS])
def test_every_curl_line_is_answered(command: list[str], daemon: Process) -> None:
    ours = [word.replace(ADDRESS, f"localhost:{daemon.port}") for word in command]
    asked = subprocess.run(
        [*ours, "--silent", "--show-error", "--write-out", "\n%{http_code}"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    body, _, code = asked.stdout.rpartition("\n")
    assert 200 <= int(code) < 300, body
    assert body


def test_paths_named_in_passing_exist(daemon: Process) -> None:
    known = daemon.answer("/openapi.json")["paths"]
    named = set(re.findall(r"(?<![\w`:/.])/(?:resume|flatten|sell|halt|execute|status|ready)\b", README))
    assert named >= {"/resume", "/flatten", "/sell"}
    assert named <= set(known)


def test_the_stream_can_be_listened_to(daemon: Process) -> None:
    found = re.search(rf"ws://{ADDRESS}(/\S+)", README)
    assert found
    with connect(f"ws://localhost:{daemon.port}{found[1]}") as stream:
        daemon.answer("/decide/v3", "POST")
        assert '"type":' in str(stream.recv(timeout=10))


def test_files_and_folders_named_exist() -> None:
    rooms = re.findall(r"^\| `([a-z/]+/)`", README, re.MULTILINE)
    assert len(rooms) > 5
    assert [room for room in rooms if not (ROOT / room).is_dir()] == []
    assert Path(ROOT / "requirements.txt").is_file()
