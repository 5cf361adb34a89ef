"""Trading history, wired: what the ledger, the last view and the scores of headlines say, for the dashboard."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from adapters.ledger import SqliteLedger
from analysis.closed_trades import closed_trades, leading_agent, performance
from analysis.profit_calendar import profit_calendar
from analysis.ticker_history import action_marks, candles_of, chart_fills
from core.brackets import Levels
from core.errors import RequestError
from core.trading_history import (
    Candles,
    ClosedTrade,
    GroupResult,
    ProfitCalendar,
    ScoredHeadline,
    TickerHistory,
)
from core.types import CorporateAction, MarketView
from daemon.wiring.engine_factory import EngineFactory
from pipeline.engine import Engine

SESSIONS_MAX = 100_000
DECISIONS_REMEMBERED_MAX = 20_000
HEADLINES_MAX = 50
LevelsOf = Callable[[Engine], Mapping[str, Levels]]
ScoresOf = Callable[[Iterable[str]], Mapping[str, float]]


def history_of(
    engines: EngineFactory, engine_of: Callable[[], Engine | None], levels_of: LevelsOf
) -> HistoryService:
    """Return the history of a wired engine."""
    sectors = engines.trading.universe.sector_of
    return HistoryService(engine_of, engines.open_ledger, sectors, levels_of, engines.sentiment.known_scores)


class HistoryService:
    """Implements `core.trading_history.HistoryQueries`; what it makes is kept until the ledger's next step.

    Parameters
    ----------
    engine_of, ledger_of : callable
        Return the engine (None while it is not built) and its ledger.
    scores_of : callable
        Returns the known sentiment of texts.
    """

    def __init__(
        self,
        engine_of: Callable[[], Engine | None],
        ledger_of: Callable[[], SqliteLedger],
        sector_of: Mapping[str, str],
        levels_of: LevelsOf,
        scores_of: ScoresOf,
    ) -> None:
        self._engine_of = engine_of
        self._ledger_of = ledger_of
        self._sector_of = sector_of
        self._levels_of = levels_of
        self._scores_of = scores_of
        self._agent_of = lru_cache(DECISIONS_REMEMBERED_MAX)(self._leading_agents)
        self._lock = threading.Lock()
        self._made_at = -1
        self._trades: tuple[ClosedTrade, ...] = ()

    def closed_trades(self) -> Sequence[ClosedTrade]:
        """Return the closed trades, oldest first."""
        ledger = self._ledger()
        with self._lock:
            step = ledger.last_step()
            if step != self._made_at:
                history = ledger.history
                self._trades = closed_trades(
                    history.fills(),
                    history.movements(),
                    history.orders(),
                    self._sector_of,
                    lambda decision_id, symbol: self._agent_of(decision_id).get(symbol, ""),
                )
                self._made_at = step
            return self._trades

    def calendar(self) -> ProfitCalendar:
        """Return profit by session, month and year."""
        ledger = self._ledger()
        marks = ledger.equity_marks(SESSIONS_MAX)
        return profit_calendar(marks, ledger.history.opening_equity(), self.closed_trades())

    def performance(self) -> Mapping[str, Sequence[GroupResult]]:
        """Return what each ticker, sector, agent, exit rule and weekday earned."""
        return performance(self.closed_trades())

    def ticker(self, symbol: str, sessions: int) -> TickerHistory:
        """Return a ticker's last sessions."""
        ledger, engine = self._ledger(), self._engine_of()
        view = engine.last_view if engine else None
        actions = _actions(ledger, view, symbol)
        fills = [fill for fill in ledger.history.fills() if fill.symbol == symbol]
        return TickerHistory(
            symbol=symbol,
            sector=self._sector_of.get(symbol, ""),
            candles=candles_of(view.bars, symbol, sessions) if view else Candles(),
            fills=chart_fills(fills, actions),
            levels=self._levels_of(engine).get(symbol) if engine else None,
            actions=action_marks(actions),
            votes=ledger.history.session_votes(symbol, sessions),
            headlines=self._headlines(view, symbol),
            trades=tuple(trade for trade in self.closed_trades() if trade.symbol == symbol),
        )

    def _headlines(self, view: MarketView | None, symbol: str) -> tuple[ScoredHeadline, ...]:
        named = [item for item in view.headlines if symbol in item.symbols] if view else []
        newest = sorted(named, key=lambda item: item.published_at, reverse=True)[:HEADLINES_MAX]
        scores = self._scores_of([item.text for item in newest])
        return tuple(ScoredHeadline(headline=item, score=scores.get(item.text)) for item in newest)

    def _leading_agents(self, decision_id: str) -> Mapping[str, str]:
        votes = self._ledger_of().history.votes_of(decision_id)
        return {symbol: leading_agent(given) for symbol, given in votes.items()}

    def _ledger(self) -> SqliteLedger:
        if self._engine_of() is None:
            raise RequestError("The engine is starting.", hint="GET /ready tells when it is.", status=503)
        return self._ledger_of()


def _actions(ledger: SqliteLedger, view: MarketView | None, symbol: str) -> list[CorporateAction]:
    """Return the actions of a symbol that the feed or the ledger knows, each once."""
    seen = [action for action in view.actions if action.symbol == symbol] if view else []
    return list({action.action_id: action for action in (*ledger.history.actions(symbol), *seen)}.values())
