"""Plug-ins on the command line: listed, begun, and a name that cannot be is refused."""

from __future__ import annotations

import json

from config.plugins import OUR_PLUGINS
from tests.cli.conftest import run, run_here


def test_all_of_ours_are_listed_and_can_be_used() -> None:
    done = run("plugins", "--json", DATA_PROVIDER="simulated")
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    found = {(line["kind"], line["name"]): line for line in listed if line["origin"] == "built in"}
    assert {*found} == {(kind, name) for kind, names in OUR_PLUGINS.items() for name in names}
    assert {line["state"] for line in found.values()} == {"can be used", "in use"}
    assert {key for key, line in found.items() if line["state"] == "in use"} == {
        ("brokers", "paper"), ("feeds", "simulated"), ("notifiers", "apprise"), ("strategies", "team"),
    }  # fmt: skip


def test_a_name_that_cannot_be_is_refused_with_what_to_do() -> None:
    done = run_here("new", "agent", "Not-A-Name")
    assert done.returncode == 1
    assert "Use small letters, digits and _" in done.stderr + done.stdout


def test_an_agent_that_there_is_not_cannot_be_checked() -> None:
    done = run("check", "agent", "quantt", "--no-effect", DATA_PROVIDER="simulated")
    assert done.returncode == 2
    assert "the nearest known name is quant" in " ".join((done.stderr + done.stdout).split())
