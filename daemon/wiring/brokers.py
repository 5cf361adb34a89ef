"""Where orders go, wired: the registered broker that the settings and the switches name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.alpaca.capital import WHOLE_ACCOUNT, Capital, capital_of
from adapters.clock_offset import ClockOffset
from config.environment import Environment, OrderRoute
from config.plugins import registered
from config.trading import TradingSettings
from core.ports import Broker, Clock, EventSink
from core.protection import StopSupervisor
from core.types import Cycle
from daemon.live_confirmation import LiveConfirmation
from daemon.wiring.our_brokers import (
    ALPACA_ROUTES,
    BrokerParts,
    OpenBroker,
    alpaca_keys,
    time_at_alpaca,
)
from daemon.wiring.own_broker import load_own_broker, open_own_broker
from pipeline.account_check import AccountCheck, NoAccountCheck
from pipeline.null_parts import NullProtection
from pipeline.protection import BracketsOf, RestingProtection

if TYPE_CHECKING:
    from adapters.ledger import SqliteLedger

NAMES = {
    OrderRoute.PAPER_BUILTIN: "paper",
    OrderRoute.ALPACA_PAPER: "alpaca",
    OrderRoute.ALPACA_LIVE: "alpaca",
    OrderRoute.DRY_RUN: "dry_run",
}
"""The registered name of the broker of each route; that of OrderRoute.OWN is `broker.name`."""


class BrokerFactory:
    """Opens the broker of a route, and lets go of it.

    Parameters
    ----------
    folder : Path
        The settings' folder; the user's stands beside it.

    Raises
    ------
    core.errors.SettingsError
        For a broker of one's own that cannot be loaded, or moves real money without the switches.
    """

    def __init__(
        self, environment: Environment, trading: TradingSettings, route: OrderRoute, folder: Path
    ) -> None:
        self._environment = environment
        self._trading = trading
        self._route = route
        self._opened: OpenBroker | None = None
        self._offset: ClockOffset | None = None
        self._begun = ""
        self._unused = ""
        if self.capital.is_whole and not capital_of(trading.broker).is_whole:
            self._unused = (
                "broker.capital_usd and capital_share divide an Alpaca account's cash; orders go to "
                f"{route.value}, where all of it is the engine's"
            )
        name = NAMES.get(route) or trading.broker.name
        brokers = registered("brokers", folder).registry
        self._plugin = brokers.find(name)
        self._own = load_own_broker(self._plugin, environment, trading) if route is OrderRoute.OWN else None
        self.live: LiveConfirmation | None = None
        if route is OrderRoute.ALPACA_LIVE:
            self.live = LiveConfirmation(environment.state_dir, alpaca_keys(environment)[0])
        elif self._own is not None and not self._own.is_paper:
            self.live = LiveConfirmation(environment.state_dir, name)

    @property
    def account_check(self) -> AccountCheck | NoAccountCheck:
        """What compares the ledger with the account, once the broker is open."""
        return self._opened.account_check if self._opened else NoAccountCheck()

    @property
    def cash_tolerance_pct(self) -> float:
        """Share of equity by which cash may differ at a start: none where the broker is our own."""
        builtin = self._route is OrderRoute.PAPER_BUILTIN
        return 0.0 if builtin else self._trading.broker.cash_tolerance_pct

    @property
    def capital(self) -> Capital:
        """How much of the account is the engine's: all of one that is not Alpaca's."""
        at_alpaca = self._route in {OrderRoute.ALPACA_PAPER, OrderRoute.ALPACA_LIVE}
        return capital_of(self._trading.broker) if at_alpaca else WHOLE_ACCOUNT

    @property
    def follows_account(self) -> bool:
        """Whether the portfolio is the account's at each start."""
        return self._route is OrderRoute.DRY_RUN

    def open(self, clock: Clock, ledger: SqliteLedger, settle_soon: Callable[[], None]) -> Broker:
        """Return the broker; asked again, the same one.

        Parameters
        ----------
        settle_soon : callable
            Called from the stream's thread when the broker reported something.
        """
        if self._opened is None:
            parts = BrokerParts(
                environment=self._environment,
                trading=self._trading,
                route=self._route,
                clock=clock,
                ledger=ledger,
                settle_soon=settle_soon,
            )
            if self._own is not None:
                self._opened = open_own_broker(self._plugin.name, self._own.entry, parts)
            else:
                self._opened = self._plugin.load().from_parts(parts)
        return self._opened.broker

    def protection(self, brackets_of: BracketsOf, events: EventSink, clock: Clock) -> StopSupervisor:
        """Return what leaves the stops of what is held with the broker; where nothing is held, nothing does."""
        keeper = self._opened.stops if self._opened else None
        if keeper is None:
            return NullProtection()
        return RestingProtection(keeper=keeper, brackets_of=brackets_of, events=events, clock=clock)

    def initial_cash(self, broker: Broker, ledger: SqliteLedger) -> Decimal:
        """Return what a new portfolio opens with: the account's cash, or the configured one of the paper broker.

        Raises
        ------
        core.errors.BrokerError
            When the account cannot be asked.
        """
        configured = Decimal(repr(self._trading.broker.initial_cash_usd))
        if self._route is OrderRoute.PAPER_BUILTIN or ledger.portfolio() is not None:
            self._note_begun(configured, ledger.capital_given())
            return configured
        return self.capital.opening(broker.account().cash)

    def _note_begun(self, configured: Decimal, begun: Decimal | None) -> None:
        if self._route is OrderRoute.PAPER_BUILTIN and begun not in {None, configured}:
            self._begun = (
                f"broker.initial_cash_usd is {configured} USD and the paper account began with {begun} USD: that "
                "does not change. STATE_DIR set to an empty folder begins a new account"
            )

    def admit(self, cycle: Cycle) -> Cycle:
        """Return a cycle as it may run: without entries on a live account that nobody has confirmed."""
        return self.live.admit(cycle) if self.live else cycle

    def clock_offset(self, clock: Clock) -> ClockOffset:
        """Return the watch over the difference to the broker's clock; asked again, the same one."""
        if self._offset is None:
            at_alpaca = self._route in ALPACA_ROUTES
            ask = time_at_alpaca(self._environment, self._trading) if at_alpaca else None
            self._offset = ClockOffset(self._trading.clock, clock.now, ask)
        return self._offset

    def clock_card(self) -> Mapping[str, Any]:
        """Describe how far this machine's clock is off, as far as it is known."""
        return self._offset.card() if self._offset else {}

    def notes(self) -> tuple[str, ...]:
        """Return what is degraded, in words."""
        offset = self._offset.notes() if self._offset else ()
        live = self.live.notes() if self.live else ()
        settings = (said for said in (self._begun, self._unused) if said)
        return (*(self._opened.notes() if self._opened else ()), *offset, *live, *settings)

    def close(self) -> None:
        """Let go of the broker."""
        if self._opened is not None:
            self._opened.close()
