"""Where orders go, wired: the built-in paper broker, Alpaca, or nowhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from adapters.alpaca.capital import Capital
from adapters.clock_offset import ClockOffset
from config.environment import Environment, OrderRoute
from config.trading import TradingSettings
from core.errors import SettingsError
from core.money import to_decimal
from core.ports import Broker, Clock, EventSink
from core.protection import StopKeeper, StopSupervisor
from core.types import Cycle, Portfolio
from daemon.live_confirmation import LiveConfirmation
from daemon.wiring.execution import entry_terms
from pipeline.account_check import AccountCheck, NoAccountCheck
from pipeline.null_parts import NullProtection
from pipeline.protection import BracketsOf, RestingProtection

if TYPE_CHECKING:
    from adapters.alpaca.broker import AlpacaBroker
    from adapters.alpaca.resting_stops import RestingStops
    from adapters.alpaca.trade_updates import TradeUpdates
    from adapters.alpaca.trading_client import AlpacaApi
    from adapters.ledger import SqliteLedger
    from adapters.paper.broker import PaperBroker


class BrokerFactory:
    """Opens the broker of a route, and lets go of it.

    Attributes
    ----------
    account_check : AccountCheck or NoAccountCheck
        Compares the ledger with the account, once the broker is open.
    """

    def __init__(self, environment: Environment, trading: TradingSettings, route: OrderRoute) -> None:
        self._environment = environment
        self._trading = trading
        self._route = route
        self.account_check: AccountCheck | NoAccountCheck = NoAccountCheck()
        self._paper: PaperBroker | None = None
        self._alpaca: AlpacaBroker | None = None
        self._stops: RestingStops | None = None
        self._offset: ClockOffset | None = None
        self.live = self._live_confirmation() if route is OrderRoute.ALPACA_LIVE else None

    @property
    def cash_tolerance_pct(self) -> float:
        """Share of equity by which cash may differ at a start: none where the broker is our own."""
        builtin = self._route is OrderRoute.PAPER_BUILTIN
        return 0.0 if builtin else self._trading.broker.cash_tolerance_pct

    @property
    def capital(self) -> Capital:
        """How much of the account is the engine's."""
        settings = self._trading.broker
        usd = settings.capital_usd
        return Capital(usd=None if usd is None else to_decimal(usd), share=to_decimal(settings.capital_share))

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
        if self._route is OrderRoute.PAPER_BUILTIN:
            self._paper = self._paper or self._open_paper(clock)
            return self._paper
        if self._route is OrderRoute.DRY_RUN:
            return self._open_dry_run()
        self._alpaca = self._alpaca or self._open_alpaca(clock, ledger, settle_soon)
        return self._alpaca

    def protection(self, brackets_of: BracketsOf, events: EventSink, clock: Clock) -> StopSupervisor:
        """Return what leaves the stops of what is held with the broker; where nothing is held, nothing does."""
        keeper: StopKeeper | None = self._stops or self._paper
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
        if self._route is OrderRoute.PAPER_BUILTIN or ledger.portfolio() is not None:
            return Decimal(repr(self._trading.broker.initial_cash_usd))
        return self.capital.opening(broker.account().cash)

    def admit(self, cycle: Cycle) -> Cycle:
        """Return a cycle as it may run: without entries on a live account that nobody has confirmed."""
        return self.live.admit(cycle) if self.live else cycle

    def clock_offset(self, clock: Clock) -> ClockOffset:
        """Return the watch over the difference to the broker's clock; asked again, the same one."""
        if self._offset is None:
            builtin = self._route is OrderRoute.PAPER_BUILTIN
            self._offset = ClockOffset(
                self._trading.clock, clock.now, None if builtin else self._time_of_broker()
            )
        return self._offset

    def clock_card(self) -> Mapping[str, Any]:
        """Describe how far this machine's clock is off, as far as it is known."""
        return self._offset.card() if self._offset else {}

    def notes(self) -> tuple[str, ...]:
        """Return what is degraded, in words."""
        offset = self._offset.notes() if self._offset else ()
        live = self.live.notes() if self.live else ()
        return (*(self._alpaca.notes() if self._alpaca else ()), *offset, *live)

    def close(self) -> None:
        """Let go of the broker."""
        for broker in (self._paper, self._alpaca):
            if broker is not None:
                broker.close()

    def _live_confirmation(self) -> LiveConfirmation:
        key, _ = self._keys()
        return LiveConfirmation(self._environment.state_dir, key)

    def _open_paper(self, clock: Clock) -> PaperBroker:
        from adapters.paper.broker import PaperBroker  # noqa: PLC0415  # brings sqlite
        from adapters.paper.store import SqlitePaperStore  # noqa: PLC0415  # brings sqlite

        store = SqlitePaperStore(self._environment.state_dir / "paper_broker.sqlite")
        return PaperBroker(self._trading.broker, clock, store, entry_terms(self._trading.execution, self._route))

    def _open_dry_run(self) -> Broker:
        from adapters.alpaca.orders import portfolio_of, readable  # noqa: PLC0415  # imported where it is made
        from adapters.paper.dry_run import DryRunBroker  # noqa: PLC0415  # imported where it is made

        api = self._api()

        @readable()
        def account() -> Portfolio:
            return portfolio_of(api.account(), api.positions(), ())

        return DryRunBroker("Alpaca live, dry run", account)

    def _open_alpaca(self, clock: Clock, ledger: SqliteLedger, settle_soon: Callable[[], None]) -> AlpacaBroker:
        from adapters.alpaca.account_source import AlpacaAccount  # noqa: PLC0415  # imported where it is made
        from adapters.alpaca.activities import AccountActivities  # noqa: PLC0415  # the same
        from adapters.alpaca.broker import AlpacaBroker  # noqa: PLC0415  # the same
        from adapters.alpaca.order_tracker import OrderTracker, listed_since  # noqa: PLC0415  # the same
        from adapters.alpaca.resting_stops import RestingStops  # noqa: PLC0415  # the same

        api = self._api()
        since = listed_since(ledger.unfinished_orders(), ledger.portfolio_as_of() or clock.now())
        tracker = OrderTracker(api=api, recorded=ledger.order, unfinished=ledger.unfinished_orders, since=since)
        stream = self._stream(settle_soon)
        stream.start()
        self._stops = RestingStops(api=api, tracker=tracker, ledger=ledger, now=clock.now)
        terms = entry_terms(self._trading.execution, self._route)
        began = ledger.first_step_at() or clock.now()
        activities = AccountActivities(ledger.portfolio, self.capital, began)
        account = AlpacaAccount(api=api, tracker=tracker, activities=activities, stream=stream)
        self.account_check = AccountCheck(
            account,
            ledger,
            tolerance_pct=self._trading.broker.cash_tolerance_pct,
            person_pays_in=self.capital.is_whole,
            since=began,
        )
        return AlpacaBroker(
            self._route.value, api, tracker, stream, stops=self._stops, activities=activities, terms=terms
        )

    def _time_of_broker(self) -> Callable[[], datetime]:
        from adapters.alpaca.orders import readable, timestamp  # noqa: PLC0415  # imported where it is made

        api = self._api(attempts=1)  # asked within a step, and again a minute later

        @readable()
        def ask() -> datetime:
            return timestamp(api.clock()["timestamp"])

        return ask

    def _api(self, attempts: int = 5) -> AlpacaApi:
        from adapters.alpaca.trading_client import AlpacaApi, Patience, connect  # noqa: PLC0415  # heavy

        environment, (key, secret) = self._environment, self._keys()
        return AlpacaApi(
            connect(
                key,
                secret,
                paper=environment.alpaca_paper,
                timeout_seconds=self._trading.data.timeout_seconds,
                url_override=environment.alpaca_base_url,
            ),
            Patience(timeout_seconds=self._trading.data.timeout_seconds, attempts=attempts),
        )

    def _stream(self, settle_soon: Callable[[], None]) -> TradeUpdates:
        from adapters.alpaca.trade_updates import TradeUpdates, connect_stream  # noqa: PLC0415  # heavy

        paper, (key, secret) = self._environment.alpaca_paper, self._keys()
        base = self._environment.alpaca_base_url
        url = f"ws{base.removeprefix('http')}/stream" if base else None
        return TradeUpdates(lambda: connect_stream(key, secret, paper=paper, url_override=url), settle_soon)

    def _keys(self) -> tuple[str, str]:
        key, secret = self._environment.alpaca_key, self._environment.alpaca_secret
        if key is None or secret is None:
            raise SettingsError("Orders are to go to Alpaca and there are no keys.")
        return key.get_secret_value(), secret.get_secret_value()
