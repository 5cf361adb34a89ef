"""How much a universe picked with hindsight flatters: one strategy on three of them, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from analysis.performance import Performance
from backtest.app.settings import BacktestSpec, settings_of
from backtest.app.strategies import load_panel
from backtest.app.study import run_study
from backtest.market import YARDSTICK
from backtest.progress import StageProgress, no_stage_progress
from backtest.to_json import plain
from config.environment import Environment
from config.loader import digest
from config.universe import read_universe
from models.ranker.artefact import QuantArtefact

UNIVERSE, MISSING_MAX = "trading.universe", "trading.data.missing_symbols_max_pct"


@dataclass(frozen=True, slots=True, kw_only=True)
class HindsightRow:
    """One strategy on one universe.

    Attributes
    ----------
    universe : str
        Whose stocks, in words.
    strategy : str
        A profile, or the equal-weight yardstick.
    """

    universe: str
    strategy: str
    first: str
    last: str
    performance: Performance


def compare_universes(
    spec: BacktestSpec,
    dated: str,
    profiles: Sequence[str],
    environment: Environment,
    now: datetime,
    *,
    fixed_feed: str = "",
    executor: Executor | None = None,
    stages: StageProgress = no_stage_progress,
) -> Iterator[HindsightRow]:
    """Run each profile on the fixed names, on the members of the last day, and on the members of each day.

    Parameters
    ----------
    dated : str
        A dated universe.
    fixed_feed : str
        Where the fixed names' bars are; empty for the specification's feed.

    Raises
    ------
    core.errors.SettingsError
        Before any run: for a universe without dates, whose members of a day nobody knows.
    """
    for words, name, feed in _universes(spec, dated, str(spec.end or now.date()), fixed_feed):
        # the fixed names need not all be in the feed: what is there is traded, and the report says the share
        changes = {**spec.changes, UNIVERSE: name, MISSING_MAX: 1.0}
        chosen = replace(spec, feed=feed, changes=changes)
        panel, source = load_panel(chosen, environment, now)
        trained: dict[str, tuple[QuantArtefact, ...]] = {}
        for place, profile in enumerate(profiles):
            run_of = replace(chosen, profile=profile)
            ranker = digest(settings_of(run_of).trading.quant)  # profiles that train alike train once
            study = run_study(
                "pipeline", run_of, panel, source, executor=executor, stages=stages, artefacts=trained.get(ranker)
            )
            trained[ranker] = study.artefacts
            window = study.report.windows[0]
            span = {"first": window.first, "last": window.last}
            yield HindsightRow(universe=words, strategy=profile, performance=window.table["strategy"], **span)
            if place == len(profiles) - 1:
                yield HindsightRow(
                    universe=words, strategy=YARDSTICK, performance=window.table[YARDSTICK], **span
                )


def _universes(spec: BacktestSpec, dated: str, last: str, fixed_feed: str) -> Sequence[tuple[str, str, str]]:
    """Return each universe in words, by name, and the feed with its bars."""
    of_last = f"{dated}@{last}"
    read_universe(of_last, spec.folder)
    return (
        ("the fixed names", "default", fixed_feed or spec.feed),
        (f"{dated}: members of {last}", of_last, spec.feed),
        (f"{dated}: members of the day", dated, spec.feed),
    )


def as_json_object(row: HindsightRow) -> dict[str, Any]:
    """Return a row as JSON has it."""
    found: dict[str, Any] = plain(row)
    return found
