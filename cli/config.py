"""The settings: what is in force and why, what a key means, one key set."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import AsJson, facts, rows, show
from core.errors import SettingsError

if TYPE_CHECKING:
    from config.reference import SettingKey  # the settings load numpy, which no completed word needs

commands = typer.Typer(name="config", help="The settings: shown, explained, set.", no_args_is_help=True)
Key = Annotated[str, typer.Argument(help="Dotted, such as portfolio_limits.max_positions.")]
WHEN = {
    "risk": "The running daemon takes it at its next step.",
    "trading": "It holds from the daemon's next start.",
}


@commands.command("show")
def show_settings(
    begins: Annotated[str, typer.Argument(help="Only keys that begin so.")] = "",
    own: Annotated[bool, typer.Option("--own", help="Only what is not the default.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the settings in force, and which file or profile says so."""
    from config.edit import effective, layer_of  # noqa: PLC0415  # reads every profile
    from config.reference import setting_keys, value_at  # noqa: PLC0415  # with it

    settings = effective()
    profile = settings["trading"]["profile"]
    found = []
    for key in setting_keys():
        layer = layer_of(key, profile)
        if key.path.startswith(begins) and not (own and layer == "default"):
            found.append((key, value_at(settings[key.file], key.path), layer))
    answer = {f"{key.file}.{key.path}": {"value": value, "from": layer} for key, value, layer in found}
    show(answer, as_json, _settings)


@commands.command()
def explain(path: Key, as_json: AsJson = False) -> None:
    """Say what a key means, what it may be, and which profile changes it."""
    from config.edit import effective, find_key, layer_of  # noqa: PLC0415  # reads every profile
    from config.reference import value_at  # noqa: PLC0415  # with it

    key, settings = find_key(path), effective()
    now = value_at(settings[key.file], key.path)
    show(
        _about(key, now, layer_of(key, settings["trading"]["profile"])), as_json, lambda about: [facts("", about)]
    )


@commands.command("set")
def set_value(
    path: Key,
    value: Annotated[str, typer.Argument(help="As JSON, or a plain word: 12, null, true, diversified.")],
) -> None:
    """Set a key in config/trading.json or config/risk.json, if the settings with it can be used."""
    from config.edit import find_key, set_key  # noqa: PLC0415  # reads every profile

    key = find_key(path)
    try:
        written = set_key(key, _parsed(value))
    except SettingsError as error:
        if error.hint:
            raise
        raise SettingsError(error.message, hint=f"{key.path}: {key.allowed}.{_form(key)}") from error
    typer.echo(f"{key.path} is {value} in {written}. {WHEN[key.file]}")


@commands.command()
def unset(path: Key) -> None:
    """Take a key out of your own file: the profile or the default holds again."""
    from config.edit import find_key, unset_key  # noqa: PLC0415  # reads every profile

    key = find_key(path)
    written = unset_key(key)
    typer.echo(f"{key.path} is no longer in {written}. {WHEN[key.file]}")


def _parsed(value: str) -> object:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _form(key: SettingKey) -> str:
    """Return how a list is written in a shell, where it is asked for."""
    if not isinstance(key.default, list):
        return ""
    example = json.dumps(key.default[:2] or ["..."])
    return f" In a shell: trading-engine config set {key.path} '{example}'"


def _about(key: SettingKey, now: object, layer: str) -> dict[str, Any]:
    return {
        "key": f"{key.file}.{key.path}",
        "meaning": key.meaning,
        "unit": key.unit,
        "allowed": key.allowed,
        "default": key.default,
        "profiles": dict(key.profiles) or None,
        "now": now,
        "from": layer,
        "takes effect": WHEN[key.file],
    }


def _settings(answer: Mapping[str, Any]) -> Iterable[object]:
    yield rows(
        "",
        ("key", "value", "from"),
        ((name, json.dumps(one["value"]), one["from"]) for name, one in answer.items()),
    )
