"""Plug-ins are known by name without running them, names are unique, and a broken file is told and no more."""

from __future__ import annotations

import pickle
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from config.plugins import OUR_PLUGINS
from core import plugins
from core.errors import PluginError, SettingsError
from core.plugins import KINDS, FoundPlugins, find_plugins, load_file

AGENT = """
class Mine:
    name = "{name}"
    def signals(self, view, symbols):
        return {{}}
"""


def write(user: Path, name: str, text: str, kind: str = "agents") -> Path:
    folder = user / kind
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(text)
    return path


def found(user: Path) -> FoundPlugins:
    return find_plugins("agents", OUR_PLUGINS["agents"], user)


@pytest.mark.parametrize("kind", KINDS)
def test_each_of_ours_can_be_loaded_under_its_name(kind: str, tmp_path: Path) -> None:
    listed = find_plugins(kind, OUR_PLUGINS[kind], tmp_path)
    assert {*OUR_PLUGINS[kind]} <= {*listed.registry.names}
    for plugin in listed.all:
        if plugin.is_built_in:
            assert isinstance(plugin.load(), type)
    assert listed.faults == ()


def test_a_users_file_is_registered_beside_ours_without_being_run(tmp_path: Path) -> None:
    path = write(tmp_path, "mine", "raise RuntimeError('run')\n" + AGENT.format(name="mine"))
    (plugin,) = found(tmp_path).foreign
    assert (plugin.name, plugin.origin, plugin.is_built_in) == ("mine", str(path), False)
    with pytest.raises(PluginError, match=r"mine\.py could not be loaded \(RuntimeError: run, line 1\)"):
        plugin.load()


def test_its_class_is_the_one_that_has_the_files_name(tmp_path: Path) -> None:
    write(tmp_path, "mine", AGENT.format(name="another") + AGENT.format(name="mine").replace("Mine", "Second"))
    (plugin,) = found(tmp_path).foreign
    assert plugin.load().__name__ == "Second"
    again = pickle.loads(pickle.dumps(plugin))  # noqa: S301  # our own: a child process loads it so
    assert again.load().name == "mine"


def test_a_class_under_another_name_is_not_taken_for_it(tmp_path: Path) -> None:
    write(tmp_path, "mine", AGENT.format(name="yours"))
    with pytest.raises(PluginError, match='no class with `name = "mine"`'):
        found(tmp_path).foreign[0].load()


def test_the_version_changes_with_the_file(tmp_path: Path) -> None:
    versions = []
    for text in ("a = 1", "a = 2", "a = 1"):
        write(tmp_path, "mine", text)
        versions.append(found(tmp_path).foreign[0].version)
    assert versions[0] == versions[2] != versions[1]


def test_a_name_of_ours_stays_ours_and_the_other_is_told(tmp_path: Path) -> None:
    write(tmp_path, "quant", AGENT.format(name="quant"))
    listed = found(tmp_path)
    assert listed.foreign == ()
    assert listed.registry.find("quant").is_built_in
    assert "quant.py is left out: The agent quant is registered already" in listed.faults[0]


def test_hidden_and_private_files_are_no_plug_ins(tmp_path: Path) -> None:
    for name in ("_helper", ".hidden", "__init__"):
        write(tmp_path, name, "")
    assert found(tmp_path).foreign == ()


def test_an_installed_package_registers_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = EntryPoint("counted", "collections:Counter", "trading_engine.agents")
    gone = EntryPoint("gone", "no_such_package:Agent", "trading_engine.agents")
    monkeypatch.setattr(plugins, "entry_points", lambda group: [there, gone] if "agents" in group else [])
    listed = found(tmp_path)
    assert listed.registry.find("counted").load().__name__ == "Counter"
    with pytest.raises(PluginError, match="no_such_package"):
        listed.registry.find("gone").load()
    with pytest.raises(SettingsError, match="no agent named 'countd'; the nearest known name is counted"):
        listed.registry.find("countd")


def test_a_file_that_leaves_the_process_is_told_too(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="SystemExit"):
        load_file(write(tmp_path, "mine", "raise SystemExit(3)"), "user.agents.mine")


def test_what_is_no_file_or_has_no_name_is_a_fault_and_the_rest_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "agents"
    (folder / "folder.py").mkdir(parents=True)
    (folder / "gone.py").symlink_to(folder / "nowhere.py")
    for name in ("mine", "a b", "a.b", "été"):
        (folder / f"{name}.py").write_text("")
    found = find_plugins("agents", {}, tmp_path)
    assert found.registry.names == ("mine", "été")
    assert len(found.faults) == 4
    assert all(f"{name}.py is left out" in "".join(found.faults) for name in ("folder", "gone", "a b", "a.b"))
