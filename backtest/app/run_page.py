"""A run as one HTML page without outside files."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from backtest.tables import ROWS, show
from charts.backtest_chart import MONTHS

TEMPLATE = Path(__file__).with_name("run_page.html")
PICTURES = ("equity", "random_books")
PAGE = "report.html"


def write_page(folder: Path) -> Path:
    """Write the page of a run that was kept in a folder; return its path."""
    run = json.loads((folder / "run.json").read_bytes())
    pictures = {name: base64.b64encode((folder / f"{name}.png").read_bytes()).decode() for name in PICTURES}
    path = folder / PAGE
    path.write_text(page_of(run, pictures), encoding="utf-8")
    return path


def page_of(run: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """Return the page of a run's content, pictures in base64 by name."""
    template = Environment(autoescape=True, trim_blocks=True).from_string(TEMPLATE.read_text("utf-8"))
    report = run["report"]
    return template.render(
        about=report["about"],
        cell=_cell,
        drawdowns=run["drawdowns"],
        months=MONTHS,
        pictures=pictures,
        report=report,
        rows=ROWS,
        settings=json.dumps(run["settings"], indent=1),
        show=show,
        trades=run["trades"],
        unseen=_unseen(report["windows"]),
        verdict=run["verdict"],
    )


def _cell(value: float | None) -> Markup:
    if value is None:
        return Markup("<td></td>")
    return Markup('<td class="{}">{}</td>').format("loss" if value < 0 else "gain", f"{value:+.1%}")


def _unseen(windows: list[Mapping[str, Any]]) -> str:
    spans = [f"{window['first']} to {window['last']}" for window in windows if not window["seen"]]
    if not spans:
        return "Every session was seen when the settings were chosen."
    return f"Not seen when the settings were chosen: {', '.join(spans)}."
