"""The brokers that come with the engine, made as any registered one is: by `from_parts`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from adapters.alpaca.capital import CapitalChange, capital_of
from config.environment import Environment, OrderRoute
from config.trading import TradingSettings
from core.errors import SettingsError
from core.ports import Broker, Clock
from core.protection import StopKeeper
from core.types import Portfolio
from daemon.wiring.execution import entry_terms
from pipeline.account_check import AccountCheck, NoAccountCheck

if TYPE_CHECKING:
    from adapters.alpaca.trade_updates import TradeUpdates
    from adapters.alpaca.trading_client import AlpacaApi
    from adapters.ledger import SqliteLedger

ALPACA_ROUTES = (OrderRoute.ALPACA_PAPER, OrderRoute.ALPACA_LIVE, OrderRoute.DRY_RUN)


def _no_notes() -> tuple[str, ...]:
    return ()


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerParts:
    """What a broker is made from, where its class has a `from_parts`.

    Attributes
    ----------
    settle_soon : callable
        Lets the engine settle soon; from any thread, when the broker reported something.
    """

    environment: Environment
    trading: TradingSettings
    route: OrderRoute
    clock: Clock
    ledger: SqliteLedger
    settle_soon: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenBroker:
    """A broker with what belongs to it.

    Attributes
    ----------
    stops : StopKeeper or None
        Leaves stops where they outlive this process; None where the broker has none.
    account_check : AccountCheck or NoAccountCheck
        Compares the ledger with the account.
    notes : callable
        Returns what is degraded, in words.
    close : callable
        Lets go of it.
    """

    broker: Broker
    stops: StopKeeper | None = None
    account_check: AccountCheck | NoAccountCheck = field(default_factory=NoAccountCheck)
    notes: Callable[[], tuple[str, ...]] = _no_notes
    close: Callable[[], None] = _nothing


class PaperRoute:
    """The built-in paper broker."""

    name = "paper"

    @classmethod
    def from_parts(cls, parts: BrokerParts) -> OpenBroker:
        """Open it on its file in the state folder."""
        from adapters.paper.broker import PaperBroker  # noqa: PLC0415  # brings sqlite
        from adapters.paper.store import SqlitePaperStore  # noqa: PLC0415  # brings sqlite

        store = SqlitePaperStore(parts.environment.state_dir / "paper_broker.sqlite")
        terms = entry_terms(parts.trading.execution, parts.route)
        broker = PaperBroker(parts.trading.broker, parts.clock, store, terms)
        return OpenBroker(broker=broker, stops=broker, close=broker.close)


class DryRunRoute:
    """Orders go nowhere; the account is the live one at Alpaca."""

    name = "dry_run"

    @classmethod
    def from_parts(cls, parts: BrokerParts) -> OpenBroker:
        """Open it on the account."""
        from adapters.alpaca.orders import portfolio_of, readable  # noqa: PLC0415  # imported where it is made
        from adapters.paper.dry_run import DryRunBroker  # noqa: PLC0415  # imported where it is made

        api = alpaca_api(parts.environment, parts.trading)

        @readable()
        def account() -> Portfolio:
            return portfolio_of(api.account(), api.positions(), ())

        return OpenBroker(broker=DryRunBroker("Alpaca live, dry run", account))


class AlpacaRoute:
    """Alpaca, paper or live by the switches."""

    name = "alpaca"

    @classmethod
    def from_parts(cls, parts: BrokerParts) -> OpenBroker:
        """Open it, with its stream of trade updates and its resting stops."""
        from adapters.alpaca.account_source import AlpacaAccount  # noqa: PLC0415  # imported where it is made
        from adapters.alpaca.activities import AccountActivities  # noqa: PLC0415  # the same
        from adapters.alpaca.broker import AlpacaBroker  # noqa: PLC0415  # the same
        from adapters.alpaca.order_tracker import OrderTracker, listed_since  # noqa: PLC0415  # the same
        from adapters.alpaca.resting_stops import RestingStops  # noqa: PLC0415  # the same
        from adapters.calendar import NyseCalendar  # noqa: PLC0415  # the same

        ledger, clock, capital = parts.ledger, parts.clock, capital_of(parts.trading.broker)
        api = alpaca_api(parts.environment, parts.trading)
        since = listed_since(ledger.unfinished_orders(), ledger.portfolio_as_of() or clock.now())
        tracker = OrderTracker(
            api=api,
            recorded=ledger.order,
            unfinished=ledger.unfinished_orders,
            calendar=NyseCalendar(),
            since=since,
        )
        stream = _stream(parts)
        stream.start()
        stops = RestingStops(api=api, tracker=tracker, ledger=ledger, now=clock.now)
        terms = entry_terms(parts.trading.execution, parts.route)
        began = ledger.first_step_at() or clock.now()
        activities = AccountActivities(ledger.portfolio, capital, began, ledger.cash_booked)
        account = AlpacaAccount(api=api, tracker=tracker, activities=activities, stream=stream)
        check = AccountCheck(
            account,
            ledger,
            tolerance_pct=parts.trading.broker.cash_tolerance_pct,
            person_pays_in=capital.is_whole,
            since=began,
        )
        change = None if capital.usd is None else CapitalChange(capital.usd, ledger, account.cash)
        broker = AlpacaBroker(
            parts.route.value, api, tracker, stream,
            stops=stops, activities=activities, capital=change, terms=terms,
        )  # fmt: skip
        return OpenBroker(broker=broker, stops=stops, account_check=check, notes=broker.notes, close=broker.close)


def alpaca_api(environment: Environment, trading: TradingSettings, attempts: int = 5) -> AlpacaApi:
    """Return Alpaca's API, each question asked so often."""
    from adapters.alpaca.trading_client import AlpacaApi, Patience, connect  # noqa: PLC0415  # heavy

    key, secret = alpaca_keys(environment)
    timeout_seconds = trading.data.timeout_seconds
    client = connect(
        key,
        secret,
        paper=environment.alpaca_paper,
        timeout_seconds=timeout_seconds,
        url_override=environment.alpaca_base_url,
    )
    return AlpacaApi(client, Patience(timeout_seconds=timeout_seconds, attempts=attempts))


def time_at_alpaca(environment: Environment, trading: TradingSettings) -> Callable[[], datetime]:
    """Return what asks Alpaca for its time."""
    from adapters.alpaca.orders import readable, timestamp  # noqa: PLC0415  # imported where it is made

    api = alpaca_api(environment, trading, attempts=1)  # asked within a step, and again a minute later

    @readable()
    def ask() -> datetime:
        return timestamp(api.clock()["timestamp"])

    return ask


def alpaca_keys(environment: Environment) -> tuple[str, str]:
    """Return the two keys.

    Raises
    ------
    core.errors.SettingsError
        When there are none.
    """
    key, secret = environment.alpaca_key, environment.alpaca_secret
    if key is None or secret is None:
        raise SettingsError("Orders are to go to Alpaca and there are no keys.")
    return key.get_secret_value(), secret.get_secret_value()


def _stream(parts: BrokerParts) -> TradeUpdates:
    from adapters.alpaca.trade_updates import TradeUpdates, connect_stream  # noqa: PLC0415  # heavy

    environment, (key, secret) = parts.environment, alpaca_keys(parts.environment)
    paper, base = environment.alpaca_paper, environment.alpaca_base_url
    url = f"ws{base.removeprefix('http')}/stream" if base else None
    return TradeUpdates(lambda: connect_stream(key, secret, paper=paper, url_override=url), parts.settle_soon)
