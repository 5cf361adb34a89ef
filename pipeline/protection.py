"""Protection that outlives the process: stops follow the portfolio in each step, and what is bare is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from core.brackets import Bracket
from core.errors import BrokerError
from core.ports import Clock, EventSink
from core.protection import PositionProtection, StopKeeper
from core.types import MarketAnalysis, Order, Portfolio

BracketsOf = Callable[[str, Portfolio, MarketAnalysis], Sequence[Bracket]]
BARE_UPDATES_MAX = 2
log = structlog.get_logger("engine")


@dataclass(kw_only=True)
class RestingProtection:
    """Implements `core.protection.StopSupervisor` with stops that a broker keeps.

    Parameters
    ----------
    brackets_of : callable
        Returns the brackets of what is held, given a decision's id, the portfolio and the analysis.
    """

    keeper: StopKeeper
    brackets_of: BracketsOf
    events: EventSink
    clock: Clock
    _found: Mapping[str, PositionProtection] = field(default_factory=dict, init=False)
    _bare_for: dict[str, int] = field(default_factory=dict, init=False)

    def update(self, decision_id: str, portfolio: Portfolio, analysis: MarketAnalysis) -> None:
        """Let the stops follow the portfolio; a position that stays bare is published once.

        Shares that are just being bought, or whose stop was lifted for a sale, are bare for a step: only what is
        bare for longer is told.
        """
        try:
            self.keeper.rest(self.brackets_of(decision_id, portfolio, analysis), portfolio, self.clock.now())
        except BrokerError as error:
            log.warning("stops.not_updated", reason=str(error))
        try:
            self._found = self.keeper.protection(portfolio)
        except BrokerError as error:
            log.warning("stops.not_read", reason=str(error))
        bare = {name: found for name, found in self._found.items() if found.bare_quantity}
        for symbol in [name for name in self._bare_for if name not in bare]:
            del self._bare_for[symbol]
        for symbol, found in bare.items():
            self._bare_for[symbol] = self._bare_for.get(symbol, 0) + 1
            if self._bare_for[symbol] == BARE_UPDATES_MAX:
                self._publish(symbol, found)

    def by_symbol(self) -> Mapping[str, PositionProtection]:
        """Return where each position's stop rests, as of the last step."""
        return self._found

    def resting_orders(self) -> tuple[Order, ...]:
        """Return the orders that rest."""
        return self.keeper.resting_orders()

    def _publish(self, symbol: str, found: PositionProtection) -> None:
        message = (
            f"{symbol}: {found.bare_quantity} shares have no stop resting at the broker ({found.bare_reason}). "
            "Only this process watches them; if it ends, nothing sells them. GET /positions shows each stop."
        )
        self.events.publish("risk.alert", self.clock.now(), {"message": message, "ticker": symbol})
