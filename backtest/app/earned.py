"""What the account and the shadow books have earned by now, from the evidence that the daemon keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from agents.evidence import Challenger
from analysis.scorekeeper import ScoreState
from core.types import MarketView, Portfolio, Side
from pipeline.shadow import ShadowBook


class EarnedSoFar:
    """Implements `agents.evidence.EvidenceProvider` on the state of the evidence and the books as they stand.

    Parameters
    ----------
    state_of, shadows_of : callable
        Return the evidence's state, and the shadow books that run.
    """

    def __init__(
        self, state_of: Callable[[], ScoreState], shadows_of: Callable[[], Sequence[ShadowBook]]
    ) -> None:
        self._state_of = state_of
        self._shadows_of = shadows_of

    def shown_agents(self, view: MarketView) -> frozenset[str]:
        """Return the agents whose edge was shown before the view's last session was over."""
        return frozenset(self._state_of().shown_ahead_of(_session(view)))

    def challengers(self, view: MarketView) -> Mapping[str, Challenger]:
        """Return the challengers that have capital, with what they hold or have ordered."""
        shares = self._state_of().capital_ahead_of(_session(view)).shares()
        return {
            book.name: Challenger(share=shares[book.name], weights=weights_of(book.engine.portfolio))
            for book in self._shadows_of()
            if shares.get(book.name, 0.0) > 0
        }


def weights_of(portfolio: Portfolio) -> Mapping[str, float]:
    """Return the share of equity by symbol, with the orders on their way at their reference prices."""
    values = {symbol: float(held.value) for symbol, held in portfolio.positions.items()}
    for order in portfolio.pending:
        value = float(order.quantity * order.reference_price)
        signed = value if order.side is Side.BUY else -value
        values[order.symbol] = values.get(order.symbol, 0.0) + signed
    equity = float(portfolio.equity)
    return {symbol: value / equity for symbol, value in values.items() if value > 0} if equity > 0 else {}


def _session(view: MarketView) -> str:
    return str(view.session)[:10] if view.row >= 0 else ""
