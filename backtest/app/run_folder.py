"""A backtest's run, kept: a folder named by its settings' digest, with figures, trades, equity and pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from analysis.curves import drawdown_periods, drawdowns
from analysis.trades import round_trips
from backtest.app.output import picture_of, to_json
from backtest.app.settings import BacktestSpec, settings_of, v8_settings_of
from backtest.app.study import Study
from backtest.report import Report
from backtest.to_json import plain
from backtest.verdict import verdict
from charts.backtest_chart import draw_backtest
from charts.fan_chart import draw_null
from config.loader import as_text
from core.backtest_runs import SUMMARY
from core.errors import DataError
from core.plain_words import plain_reason
from core.round_trips import RoundTrip

DIGEST_CHARACTERS = 12
DRAWDOWNS_SHOWN = 10
STRATEGY = "strategy"
FILES = (
    "run.json", "trades.csv", "trades.parquet", "equity.csv", "equity.parquet", "equity.png", "random_books.png",
)  # fmt: skip
"""Of a run beside its summary and its page."""
TRADE_COLUMNS = (
    "ticker", "entry", "exit", "quantity", "entry_price", "exit_price", "cost_usd", "proceeds_usd",
    "dividends_usd", "profit_usd", "profit_pct", "exit_rule",
)  # fmt: skip


def keep_run(study: Study, spec: BacktestSpec, parent: Path) -> Path:
    """Write a run into a folder of its own; the same run again gives the same bytes in the same folder.

    Returns
    -------
    Path
        `STRATEGY-PROFILE-FIRST-LAST-DIGEST`, with a number behind where another run has that name: other bars,
        another seed or other books under the same settings. Nothing is overwritten by another run.

    Raises
    ------
    core.errors.DataError
        When it cannot be written; the run's figures are whole all the same.
    """
    content = to_json(content_of(study, spec))
    try:
        folder = _folder_of(study.report, parent, content)
        _write(study, content, folder)
    except OSError as error:
        raise DataError(
            f"The run could not be kept in {parent}: {plain_reason(error)}. Its figures are not affected.",
            hint="Make room or choose another folder, and run it again.",
        ) from error
    return folder


def _write(study: Study, content: bytes, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_bytes(content)
    for name, table in (("trades", trade_table(study)), ("equity", equity_table(study.report))):
        arrow_csv.write_csv(table, folder / f"{name}.csv")
        parquet.write_table(table, folder / f"{name}.parquet")
    _draw(study.report, folder)
    (folder / SUMMARY).write_bytes(to_json(summary_of(study.report)))  # last: only a whole run is listed


def summary_of(report: Report) -> Mapping[str, Any]:
    """Return a run in a line, for a list of runs."""
    about = report.about
    return {
        "strategy": about.strategy, "profile": about.profile, "source": about.source, "seed": about.seed,
        "first": report.sessions[0], "last": report.sessions[-1], "config_digest": about.config_digest,
        "verdict": verdict(report), "figures": report.windows[0].table[STRATEGY],
    }  # fmt: skip


def content_of(study: Study, spec: BacktestSpec) -> Mapping[str, Any]:
    """Return all that is known of a run: its verdict, report, drawdowns, round trips and settings."""
    report = study.report
    chosen = settings_of(spec) if report.about.strategy == "pipeline" else v8_settings_of(spec)
    return {
        "verdict": verdict(report),
        "report": plain(report),
        "drawdowns": _drawdowns(report),
        "trades": [_trade(round_trip) for round_trip in round_trips(study.run.fills)],
        "books": spec.books,
        "settings": {
            "trading": json.loads(as_text(chosen.trading)), "risk": json.loads(as_text(chosen.risk)),
        },
    }  # fmt: skip


def trade_table(study: Study) -> pa.Table:
    """Return the closed round trips, one a row, in the order they ended."""
    rows = [_trade(round_trip) for round_trip in round_trips(study.run.fills)]
    empty = pa.array([], type=pa.string())
    return pa.table({name: [row[name] for row in rows] if rows else empty for name in TRADE_COLUMNS})


def equity_table(report: Report) -> pa.Table:
    """Return the curves, one session a row, each from 1: the strategy, its benchmarks and the random books."""
    days = np.array(report.sessions, dtype="datetime64[D]")
    below = drawdowns(np.array(report.curves[STRATEGY]))
    return pa.table(
        {
            "session": days,
            **{name: np.array(curve) for name, curve in report.curves.items()},
            "drawdown": below,
            "exposure": np.array(report.exposure),
            "high_volatility": np.array(report.high_volatility),
            **{f"random_{name}": np.array(curve) for name, curve in report.fan.items()},
        }
    )


def _trade(one: RoundTrip) -> dict[str, Any]:
    values: Sequence[Any] = (
        one.symbol, one.entry_at.isoformat(), one.exit_at.isoformat(), float(one.quantity),
        float(one.entry_price), float(one.exit_price), float(one.cost_usd), float(one.proceeds_usd),
        float(one.dividends_usd), float(one.profit_usd), one.profit_pct, one.exit_rule,
    )  # fmt: skip
    return dict(zip(TRADE_COLUMNS, values, strict=True))


def _drawdowns(report: Report) -> list[dict[str, Any]]:
    periods = drawdown_periods(np.array(report.curves[STRATEGY]))[:DRAWDOWNS_SHOWN]
    days = report.sessions
    return [
        {
            "peak": days[one.peak],
            "trough": days[one.trough],
            "recovered": None if one.recovered is None else days[one.recovered],
            "depth": one.depth,
            "sessions": (len(days) - 1 if one.recovered is None else one.recovered) - one.peak,
        }
        for one in periods
    ]


def _folder_of(report: Report, parent: Path, content: bytes) -> Path:
    about = report.about
    parts = (about.strategy, about.profile, report.sessions[0], report.sessions[-1], about.config_digest)
    name = "-".join((*parts[:4], parts[4][:DIGEST_CHARACTERS]))
    folder, number = parent / name, 1
    while (folder / "run.json").is_file() and (folder / "run.json").read_bytes() != content:
        number += 1
        folder = parent / f"{name}-{number}"
    return folder


def _draw(report: Report, folder: Path) -> None:
    draw_backtest(picture_of(report), folder / "equity.png")
    draw_null(
        f"Among {report.windows[0].luck.books} random books",
        np.array(report.sessions, dtype="datetime64[D]"),
        {name: np.array(curve) for name, curve in report.fan.items()},
        np.array(report.curves[STRATEGY]),
        np.array(report.exposure),
        folder / "random_books.png",
    )
