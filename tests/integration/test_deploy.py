"""What can be checked of the service files without a host for them: they parse, and name what there is."""

from __future__ import annotations

import plistlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml  # type: ignore[import-untyped]  # ships no types

from tests.servers.daemon import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
DEPLOY = ROOT / "deploy"


def test_compose_mounts_what_there_is_and_listens_on_the_loopback_alone() -> None:
    services = COMPOSE["services"]
    assert set(services) == {"engine", "neo4j", "prometheus", "grafana"}
    mounts = [mount for service in services.values() for mount in service.get("volumes", ())]
    files = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    assert len(files) == 4
    assert [file for file in files if not (ROOT / file).exists()] == []
    named = {mount.split(":")[0] for mount in mounts} - set(files)
    assert named == set(COMPOSE["volumes"])
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert len(ports) > 4
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_daemons_container_may_write_its_state_alone() -> None:
    engine = COMPOSE["services"]["engine"]
    assert engine["read_only"] is True
    assert engine["volumes"] == ["engine_state:/state"]
    assert engine["cap_drop"] == ["ALL"]
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    assert re.search(r"^USER engine$", dockerfile, re.MULTILINE)
    assert "STATE_DIR=/state" in dockerfile


def test_prometheus_asks_the_daemon_by_the_name_it_knows_itself_by() -> None:
    config = yaml.safe_load((ROOT / "docs/monitoring/prometheus.yml").read_text("utf-8"))
    (job,) = config["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    assert target == f"{COMPOSE['services']['engine']['hostname']}:8787"
    assert [name for name in config["rule_files"] if not (ROOT / "docs/monitoring" / name).is_file()] == []
    token = job["authorization"]["credentials_file"]
    assert token in [one["target"] for one in COMPOSE["services"]["prometheus"]["configs"]]


def test_grafana_finds_its_board_where_compose_puts_it() -> None:
    board = yaml.safe_load((ROOT / "docs/monitoring/grafana/dashboards/trading-engine.yml").read_text("utf-8"))
    folder = board["providers"][0]["options"]["path"]
    assert any(f":{folder}/" in mount for mount in COMPOSE["services"]["grafana"]["volumes"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = (DEPLOY / "trading-engine.service").read_text("utf-8")
    there = tmp_path / "trading-engine.service"
    there.write_text(re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", unit, flags=re.MULTILINE))
    done = subprocess.run(["systemd-analyze", "verify", str(there)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "trading-engine" not in done.stderr
    assert "Type=notify" in unit
    assert "WatchdogSec=" in unit


def test_launchd_and_windows_files_parse() -> None:
    agent = plistlib.loads((DEPLOY / "trading-engine.plist").read_bytes())
    assert agent["ProgramArguments"][1].endswith("server.py")
    task = ElementTree.parse(DEPLOY / "trading-engine.xml")  # noqa: S314  # ours
    assert task.getroot().tag.endswith("Task")


def compose_is_here() -> bool:
    docker = shutil.which("docker")
    asked = [docker or "", "compose", "version"]
    return docker is not None and subprocess.run(asked, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not compose_is_here(), reason="there is no docker compose here")
def test_compose_takes_its_file() -> None:
    asked = ["docker", "compose", "--profile", "monitoring", "--profile", "graph", "config", "--quiet"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="there is no hadolint here")
def test_hadolint_takes_the_dockerfile() -> None:
    done = subprocess.run(["hadolint", str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_the_dockerfile_copies_and_runs_is_there() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    copied = [
        word
        for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
        for word in line.split()[:-1]
    ]
    assert len(copied) > 4
    assert [name for name in copied if not (ROOT / name).exists()] == []
    scripts = re.findall(r"deploy/[a-z]+\.sh", dockerfile)
    assert set(scripts) == {"deploy/torch.sh", "deploy/slim.sh", "deploy/image.sh"}
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert "deploy" not in ignored
    assert "trading-engine" in re.findall(r'HEALTHCHECK .*CMD \["([a-z-]+)"', dockerfile)
