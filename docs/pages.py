"""Reference pages made from the code when the pages are built: settings, command line, REST. A hook of mkdocs."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def on_files(files: Any, config: Any) -> Any:
    """Add the made pages to those that are written."""
    from mkdocs.structure.files import File  # noqa: PLC0415  # with mkdocs only

    sys.path.insert(0, str(ROOT))  # here, since mkdocs restores the path after it has loaded its hooks
    pages = {"configuration": configuration(), "command-line": command_line(), "rest": rest(openapi_document())}
    for name, lines in pages.items():
        files.append(File.generated(config, f"reference/{name}.md", content="\n".join(lines)))
    return files


def configuration() -> Iterator[str]:
    """Yield the page of every setting."""
    from config.reference import setting_keys  # noqa: PLC0415  # the path is set by now

    yield "# Every setting\n"
    yield "Defaults, then the profile, then your own `config/trading.json` and `config/risk.json`, then the"
    yield "[environment](environment.md). `trading-engine config explain KEY` says the same of one key.\n"
    group = ""
    for key in setting_keys():
        if (section := f"{key.file}.json: {key.path.split('.')[0]}") != group:
            group = section
            yield f"\n## {section}\n"
            yield "| key | meaning | allowed | default | profiles |\n|---|---|---|---|---|"
        unit = f" ({key.unit})" if key.unit else ""
        profiles = ", ".join(f"{name}: {_cell(json.dumps(value))}" for name, value in key.profiles.items())
        default = _cell(key.default_text)
        yield f"| `{key.path}` | {_cell(key.meaning)}{unit} | {_cell(key.allowed)} | {default} | {profiles} |"


def command_line() -> Iterator[str]:
    """Yield the page of every command."""
    import typer  # noqa: PLC0415  # with the pages only

    from cli.app import app  # noqa: PLC0415  # the path is set by now

    yield "# Command line\n"
    yield "`trading-engine COMMAND`. Exit codes: 0 done, 1 refused or failed, 2 wrong use or settings,"
    yield "3 no daemon answers."
    yield "Reading commands take `--json`: the daemon's own answer.\n"
    yield from _commands("trading-engine", vars(typer.main.get_command(app))["commands"])


def _commands(above: str, commands: Mapping[str, Any]) -> Iterator[str]:
    for name, command in commands.items():
        if nested := getattr(command, "commands", None):
            yield from _commands(f"{above} {name}", nested)
            continue
        yield f"## {above} {name}\n"
        yield f"{command.help or ''}\n"
        for parameter in command.params:
            shown = ", ".join(f"`{one}`" for one in (*parameter.opts, *parameter.secondary_opts))
            yield f"- {shown}: {getattr(parameter, 'help', '') or ''}"
        yield ""


def openapi_document() -> Mapping[str, Any]:
    """Return the API's own document, of a daemon that is wired and not started."""
    import server  # noqa: PLC0415  # the path is set by now
    from config.environment import read_environment  # noqa: PLC0415  # with it
    from daemon.wiring import build_daemon  # noqa: PLC0415  # with it

    with tempfile.TemporaryDirectory() as folder:
        environment = read_environment({"STATE_DIR": folder, "DATA_PROVIDER": "simulated"})
        daemon = build_daemon(environment)
        try:
            application: Any = server.web_server(environment, daemon).config.app
            return dict(application.openapi())
        finally:
            daemon.close()


def rest(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the page of every call."""
    yield "# REST\n"
    yield "JSON in and out. Bodies are optional. An error is `application/problem+json` with `detail` (what"
    yield "happened, what it means) and `hint` (what to do). `/docs` of a running daemon tries each call out.\n"
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            yield f"## {method.upper()} {path}\n"
            yield f"{call.get('description') or call.get('summary', '')}\n"
            for given in call.get("parameters", ()):
                yield f"- `{given['name']}` ({given['in']}): {given.get('description', '')}"
            yield from _examples("asked", call.get("requestBody", {}).get("content", {}), document)
            for status, answer in call["responses"].items():
                yield from _examples(f"{status}: {answer['description']}", answer.get("content", {}), document)
            yield ""


def _examples(title: str, content: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n{title}\n"
    for media in content.values():
        schema = media.get("schema", {})
        for part in (schema, *schema.get("anyOf", ())):
            named = document["components"]["schemas"].get(str(part.get("$ref", "")).rsplit("/", 1)[-1], {})
            for example in (*named.get("examples", ()), *([named["example"]] if "example" in named else ())):
                yield "\n".join(f"    {line}" for line in json.dumps(example, indent=1).splitlines())
                yield "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
