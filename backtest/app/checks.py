"""The tools of a backtest, wired: the search for look-ahead on the whole of it, and deciding again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np

from adapters.calendar import NyseCalendar
from adapters.clock import ManualClock
from adapters.feeds.choose import ChosenSource, SourceRequest
from adapters.feeds.open import open_feed
from adapters.feeds.views import HeadlineFeed
from adapters.ledger import SqliteLedger
from adapters.ledger.rows import encode_report
from adapters.news.score_store import SentimentScoreStore
from agents.build import assemble_team
from agents.plugins import NamedAgent, PluginAgents, PluginParts
from agents.recorded import RecordedAgent, as_recorded
from agents.registered import registered_agents
from agents.sentiment import SentimentAgent
from backtest.app.engine import BacktestEngine
from backtest.app.recorded_evidence import recorded_evidence
from backtest.app.settings import BacktestSpec, Settings, settings_of
from backtest.app.strategies import (
    RUNS,
    decision_rows,
    with_feed,
)
from backtest.lookahead import LookaheadResult, check_lookahead
from backtest.progress import Progress
from backtest.replay import Replay, find, replay
from config.environment import Environment, OrderRoute
from config.loader import digest
from config.sentiment import SentimentSettings
from core.errors import RequestError
from core.ports import Clock, Feed
from core.types import BarPanel, StepReport
from models.factors.store import FactorStore
from models.ranker.artefact import QuantArtefact
from models.ranker.registry import StoredRanker
from models.ranker.walk_forward import fold_rows, fold_task, train_fold_if_enough
from models.rl.ensemble import EnsembleProvider
from models.sentiment.lexicon import Lexicon
from models.sentiment.tone_cache import SentimentCache
from risk.build import assemble_risk

CUTS = 4
LEDGER = "ledger.sqlite"
WITHOUT_MODEL = "there is no FinBERT, and config says to abstain"


def find_lookahead(
    strategy: str,
    spec: BacktestSpec,
    panel: BarPanel,
    source: str,
    artefacts: tuple[QuantArtefact, ...],
    progress: Progress,
    cuts: int = CUTS,
) -> LookaheadResult:
    """Change everything after several sessions on which orders were approved; run the backtest up to each.

    What is compared at a cut is the run's whole ledger and the ranker that is trained on the newest fold by
    then. The runs use the rankers whose labels had ended by the cut, trained on the true bars.

    Parameters
    ----------
    cuts : int
        How many, spread over the span.
    """
    whole, _ = RUNS[strategy](spec, panel, artefacts, source=source)

    def record(bars: BarPanel, rows: Sequence[int]) -> list[bytes]:
        return [_until(strategy, spec, bars, source, artefacts, row) for row in rows]

    first, _ = decision_rows(spec, panel)
    rows = eventful_rows(whole, panel, first + 1, cuts)
    return check_lookahead(panel, record, rows, progress=progress)


def eventful_rows(backtest_engine: BacktestEngine, panel: BarPanel, first: int, count: int) -> list[int]:
    """Pick rows from `first` on, spread over a run, that approved orders; a leak of one row shows only there."""
    steps = backtest_engine.ledger.steps()
    days = sorted(np.datetime64(step.bars_until, "D") for step in steps if step.plan.approved)
    rows = [int(row) for row in np.searchsorted(panel.sessions.astype("datetime64[D]"), days)]
    rows = [row for row in rows if first <= row < len(panel.sessions) - 1]
    if not rows:
        raise RequestError("The run approved no order: there is nothing a look ahead could change.", status=422)
    return sorted({rows[place] for place in np.linspace(0, len(rows) - 1, count).astype(int)})


def replay_recorded(decision_id: str, spec: BacktestSpec, environment: Environment, now: datetime) -> Replay:
    """Decide a decision of the daemon's ledger again, with the settings, models and bars that there are now.

    A vendor's news are not kept, so a decision that had some has another view today, which the result names.

    Raises
    ------
    core.errors.RequestError
        404 when there is no ledger or no such decision.
    """
    path = environment.state_dir / LEDGER
    if not path.exists():
        raise RequestError(f"There is no ledger at {path}.", hint="Set STATE_DIR to the daemon's.", status=404)
    chosen = settings_of(spec)
    ledger = SqliteLedger(path, route=OrderRoute.PAPER_BUILTIN)
    try:
        recorded = find(ledger, decision_id)
    finally:
        ledger.close()
    trading = chosen.trading
    scores, factors = _sentiment_scores(trading.sentiment), FactorStore(trading.universe.sector_etf_of)
    return replay(
        recorded,
        feed=_feed(
            with_feed(environment, spec.feed, spec.folder),
            chosen,
            scores,
            now,
            spec.folder,
            recorded.report.watched or (),
        ),
        team=assemble_team(
            trading,
            StoredRanker(environment.artefact_dir),
            factors,
            EnsembleProvider(environment.artefact_dir, trading.ensemble.models),
            SentimentAgent(scores, trading.sentiment, WITHOUT_MODEL),
            plugins=_recorded_agents(chosen, spec.folder, factors, recorded.report),
            evidence=recorded_evidence(environment.state_dir / "shadow", recorded, trading.evidence),
        ),
        risk=assemble_risk(trading, lambda: chosen.risk),
        config_digest=digest(trading, chosen.risk),
        initial_cash=Decimal(repr(trading.broker.initial_cash_usd)),
        encode=encode_report,
    )


def _recorded_agents(
    chosen: Settings, folder: Path, factors: FactorStore, report: StepReport
) -> PluginAgents | None:
    """Return the agents that are not ours as the record heard them; None where it heard none."""
    trading = chosen.trading
    found = registered_agents(trading, folder, PluginParts(factors=factors, trading=trading))
    remote = (NamedAgent(name=name, agent=RecordedAgent(name, report), origin="") for name in trading.agents)
    agents = as_recorded((*found.agents, *remote), report)
    return PluginAgents(agents, trading.plugins) if agents else None


def _until(
    strategy: str, spec: BacktestSpec, panel: BarPanel, source: str, artefacts: Iterable[QuantArtefact], row: int
) -> bytes:
    """Return the ledger of the run that ends at `row`, and the newest ranker by then, as bytes."""
    session = panel.dates[row]
    known = tuple(artefact for artefact in artefacts if artefact.labels_end <= session.isoformat())
    backtest_engine, _ = RUNS[strategy](replace(spec, end=session), panel, known, source=source)
    trading = settings_of(spec).trading
    place = fold_rows(panel, row, row, spec.retrain_sessions)[0]
    table = FactorStore(trading.universe.sector_etf_of).history(panel)
    newest = train_fold_if_enough(fold_task(panel, table, trading.quant, place))
    made = json.dumps(["models", place, newest.model_id if newest else None])
    return backtest_engine.ledger.dump() + b"\n" + made.encode()


def _feed(
    environment: Environment,
    chosen: Settings,
    scores: SentimentCache,
    now: datetime,
    folder: Path,
    watched: tuple[str, ...],
) -> Feed:
    """Give the daemon's feed; of news, those that the source itself invents."""

    def headlines(source: ChosenSource, _clock: Clock) -> HeadlineFeed | None:
        invented = source.headlines
        return (lambda at: scores.scored(invented(at))) if invented else None

    request = SourceRequest(
        environment=environment,
        settings=chosen.trading.data,
        universe=chosen.trading.universe,
        calendar=NyseCalendar(),
        route_is_builtin=True,
        now=now,
        watched=watched,
        folder=folder,
    )
    return open_feed(request, ManualClock(now), headlines).feed


def _sentiment_scores(settings: SentimentSettings) -> SentimentCache:
    lexicon = Lexicon(settings.lexicon_confidence) if settings.without_model == "lexicon" else None
    return SentimentCache(lexicon, SentimentScoreStore(None))
