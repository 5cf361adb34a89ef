"""Plug-ins: what is registered of each kind, ours, an installed package's and the user's own files alike.

A plug-in is known by its name without running it: ours from a table, a package's from its entry points in the
group `trading_engine.<kind>`, the user's from the files `user/<kind>/<name>.py`. Its code runs when it is loaded.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from core.errors import PluginError, SettingsError
from core.plain_words import plain_reason
from core.registry import Registry

KINDS: Mapping[str, str] = {
    "agents": "agent",
    "strategies": "strategy",
    "brokers": "broker",
    "feeds": "feed",
    "notifiers": "notifier",
}
"""Every kind of plug-in: its folder and entry point group, and the word for one of it."""
BUILT_IN = "built in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One registered plug-in, not loaded yet.

    Attributes
    ----------
    origin : str
        `built in`, the distribution that brings it, or its file.
    version : str
        What its decisions are recorded with: the distribution's version, or the file's SHA-256 in short.
    load : callable
        Runs its code and returns what it registers: a class, as a rule.
    """

    kind: str
    name: str
    origin: str
    version: str
    load: Callable[[], Any]

    @property
    def is_built_in(self) -> bool:
        """Whether it is one of ours."""
        return self.origin == BUILT_IN


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPlugins:
    """The plug-ins of one kind, and what kept others out, in words."""

    registry: Registry[Plugin]
    faults: tuple[str, ...]

    @property
    def all(self) -> tuple[Plugin, ...]:
        """Every registered one, by name."""
        return tuple(self.registry.find(name) for name in self.registry.names)

    @property
    def foreign(self) -> tuple[Plugin, ...]:
        """Those that are not ours, by name."""
        return tuple(plugin for plugin in self.all if not plugin.is_built_in)


def find_plugins(kind: str, built_in: Mapping[str, str], user: Path) -> FoundPlugins:
    """List the plug-ins of a kind: ours first, then installed packages', then the user's files.

    The first to take a name keeps it; a later one is named as a fault and left out.

    Parameters
    ----------
    built_in : mapping of str to str
        Ours: `module:attribute` by name.
    user : Path
        The user's folder, which holds a folder for each kind; need not exist.
    """
    registry: Registry[Plugin] = Registry(KINDS[kind])
    faults: list[str] = []
    ours = (EntryPoint(name, target, f"trading_engine.{kind}") for name, target in built_in.items())
    found = [
        *(_installed(kind, entry) for entry in ours),
        *(_installed(kind, entry) for entry in sorted(entry_points(group=f"trading_engine.{kind}"))),
        *_of_user(kind, user / kind, faults),
    ]
    for plugin in found:
        try:
            registry.register(plugin.name, plugin)
        except SettingsError as error:
            faults.append(f"{plugin.origin} is left out: {error}")
    return FoundPlugins(registry=registry, faults=tuple(faults))


def made_with(entry: Any, parts: Any) -> Any:
    """Make what a plug-in registers: by its `from_parts`, else without arguments."""
    from_parts = getattr(entry, "from_parts", None)
    return entry() if from_parts is None else from_parts(parts)


def load_file(path: Path, module: str) -> ModuleType:
    """Run a user's file as a module, which is then known by this name.

    Raises
    ------
    core.errors.PluginError
        When it cannot be run, with what it raised and where.
    """
    spec = importlib.util.spec_from_file_location(module, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path} is no Python file; it takes no part.", hint="Rename it to NAME.py.")
    made = importlib.util.module_from_spec(spec)
    sys.modules[module] = made  # a class is pickled by the name of its module
    try:
        spec.loader.exec_module(made)
    except (Exception, SystemExit) as error:
        del sys.modules[module]
        raise PluginError(
            f"{path} could not be loaded ({type(error).__name__}: {plain_reason(error)}{_line(error, path)}); "
            "it takes no part.",
            hint="Mend the file and start again.",
        ) from error
    return made


def _installed(kind: str, entry: EntryPoint) -> Plugin:
    brought_by = entry.dist
    return Plugin(
        kind=kind,
        name=entry.name,
        origin=f"{brought_by.name} {brought_by.version}" if brought_by else BUILT_IN,
        version=brought_by.version if brought_by else "",
        load=partial(_load_entry, entry),
    )


def _load_entry(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"The {entry.group} {entry.name} ({entry.value}) could not be loaded ({type(error).__name__}: "
            f"{plain_reason(error)}); it takes no part.",
            hint="Install its package anew, or remove it.",
        ) from error


def _of_user(kind: str, folder: Path, faults: list[str]) -> Iterator[Plugin]:
    for path in sorted(folder.glob("[!_.]*.py")):
        if not path.stem.isidentifier():
            faults.append(f"{path} is left out: its name must be letters, digits and _, a letter first.")
            continue
        try:
            body = path.read_bytes()
        except OSError as error:
            faults.append(f"{path} is left out: it cannot be read ({error.strerror}).")
            continue
        yield Plugin(
            kind=kind,
            name=path.stem,
            origin=str(path),
            version=hashlib.sha256(body).hexdigest()[:12],
            load=partial(_load_named, path, kind),
        )


def _load_named(path: Path, kind: str) -> Any:
    """Return the class of a file whose `name` is the file's."""
    made = load_file(path, f"user.{kind}.{path.stem}")
    for value in vars(made).values():
        if isinstance(value, type) and getattr(value, "name", None) == path.stem:
            return value
    raise PluginError(
        f'{path} has no class with `name = "{path.stem}"`; it takes no part.',
        hint="The class's name and the file's must be the same.",
    )


def _line(error: BaseException, path: Path) -> str:
    """Return where in the file it broke, where that is known."""
    trace, line = error.__traceback__, 0
    while trace is not None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == str(path) else line
        trace = trace.tb_next
    return f", line {line}" if line else ""
