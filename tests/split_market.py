"""A few stocks at a stand-in for Yahoo, one of which splits or pays, and the default route's engine on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from adapters.calendar import NyseCalendar
from adapters.clock import ManualClock
from adapters.feeds.bar_store import BarStore
from adapters.feeds.cached_bars import CachedBars
from adapters.feeds.daily_feed import DailyFeed
from adapters.feeds.vendor_bars import VendorBars
from adapters.ledger import SqliteLedger
from adapters.paper.broker import PaperBroker
from adapters.paper.store import SqlitePaperStore
from adapters.yahoo.bars import YfinanceBars
from config.broker import BrokerSettings
from config.environment import OrderRoute
from config.risk import RiskSettings
from config.trading import DataSettings, TradingSettings
from core.cycles import DECIDE, RISK_CHECK
from core.times import opening
from core.types import CorporateAction, Decision, StepReport
from pipeline.dependencies import EngineDependencies
from pipeline.engine import Engine
from pipeline.null_parts import NullMemory
from pipeline.report_events import publish_events_to
from risk.build import assemble_risk
from tests.servers.yahoo import VENDOR_FOLDER, Row, Yahoo, yahoo_server
from tests.small_engine import Published, Wanted

CALENDAR = NyseCalendar()
FIRST, LAST = date(2024, 1, 2), date(2024, 3, 15)
SESSIONS = [day for day, *_ in CALENDAR.sessions(FIRST, LAST)]
BOUGHT, EX_DATE = date(2024, 3, 11), date(2024, 3, 12)
ENTRY = 2631.2264
CLOSES = {day: ENTRY * (1 + (day < BOUGHT) * 0.01 * (-1) ** k) for k, day in enumerate(SESSIONS)}
"""It moves by 2 % a day, so that a price is plausible or not as that of a real stock is."""
OTHERS = {"JPM": 190.0, "SPY": 510.0, "XOM": 110.0}
DECIDE_AND_PROTECT = replace(DECIDE, submits=True, protects=True)
CHECK_AND_PROTECT = replace(RISK_CHECK, protects=True)


def at(day: date, minutes: int) -> datetime:
    """A moment so many minutes after the opening."""
    return opening(day) + timedelta(minutes=minutes)


@dataclass
class Market:
    """META's prices, and how Yahoo shows them.

    Attributes
    ----------
    new, old : int
        A split on `EX_DATE`: so many new shares for so many old ones.
    dividend : float
        US dollars a share, on `EX_DATE`.
    listed, restated, live : bool
        Which of the witnesses speak once the ex-date has opened: Yahoo's list, its history, its live price.
    """

    yahoo: Yahoo
    new: int = 1
    old: int = 1
    dividend: float = 0.0
    listed: bool = True
    restated: bool = True
    live: bool = True
    closes: dict[date, float] = field(default_factory=lambda: dict(CLOSES))

    @property
    def ratio(self) -> float:
        return self.new / self.old

    def show(self, moment: datetime, price: float) -> None:
        """Let Yahoo answer as of a moment; `price` is META's, in shares of before the split and with dividend."""
        effective = moment >= opening(EX_DATE)
        divisor = self.ratio if effective and self.restated else 1.0
        before = self.closes[BOUGHT]
        factor = 1 - self.dividend / before if effective and self.restated else 1.0
        past = [day for day in SESSIONS if opening(day) + timedelta(hours=6.5) <= moment]
        self.yahoo.rows = {
            "META": [self._row(day, divisor, factor) for day in past],
            **{name: [_flat(day, level) for day in past] for name, level in OTHERS.items()},
        }
        told = effective and self.listed
        self.yahoo.splits = {"META": {EX_DATE: (self.new, self.old)}} if told and self.ratio != 1 else {}
        self.yahoo.dividends = {"META": {EX_DATE: self.dividend}} if told and self.dividend else {}
        seen = price / self.ratio - self.dividend if effective and self.live else price
        minute = moment.replace(second=0, microsecond=0)
        self.yahoo.minutes = {"META": [(minute, seen)], **{n: [(minute, p)] for n, p in OTHERS.items()}}

    def _row(self, day: date, divisor: float, factor: float) -> Row:
        after = day >= EX_DATE
        close = self.closes[day] / (self.ratio if after else divisor) - (self.dividend if after else 0.0)
        return day, close, close * 1.001, close * 0.999, close, close * (1.0 if after else factor), 1_000_000


def _flat(day: date, level: float) -> Row:
    return day, level, level * 1.001, level * 0.999, level, level, 1_000_000


@dataclass(kw_only=True)
class Desk:
    """The engine on the default route, with its files in a folder: closed and opened again it is a restart."""

    market: Market
    engine: Engine
    clock: ManualClock
    feed: DailyFeed
    broker: PaperBroker
    ledger: SqliteLedger
    published: Published
    team: Wanted

    def step(self, moment: datetime, price: float, *decisions: Decision, decide: bool = False) -> StepReport:
        """Let Yahoo show a price, and take a step."""
        self.market.show(moment, price)
        self.clock.set(moment)
        self.team.decisions = decisions
        return self.engine.step(DECIDE_AND_PROTECT if decisions or decide else CHECK_AND_PROTECT)

    def close(self) -> None:
        self.broker.close()
        self.ledger.close()


def open_desk(
    market: Market, folder: Path, *, cash: float = 100_000.0, said: tuple[CorporateAction, ...] = ()
) -> Desk:
    """Open the engine on the files of a folder."""
    trading = TradingSettings(
        broker=BrokerSettings(initial_cash_usd=cash, spread_bps=0, slippage_bps=0),
        data=DataSettings(history_years=2),
    )
    vendor = YfinanceBars(
        vendor_folder=VENDOR_FOLDER, timeout_seconds=5.0, session=market.yahoo.session(), backoff_seconds=0.01
    )
    source = VendorBars(CachedBars(vendor, BarStore(folder / "bars.parquet"), CALENDAR), CALENDAR)
    feed = DailyFeed(source, CALENDAR, ("META", *OTHERS), trading.data, said_actions=said)
    clock = ManualClock(at(BOUGHT, 1))
    broker = PaperBroker(trading.broker, clock, SqlitePaperStore(folder / "paper.sqlite"))
    ledger = SqliteLedger(folder / "ledger.sqlite", route=OrderRoute.PAPER_BUILTIN)
    team, published, limits = Wanted(), Published(), RiskSettings()
    engine = Engine(
        EngineDependencies(
            clock=clock, feed=feed, broker=broker, ledger=ledger, team=team,
            risk=assemble_risk(trading, lambda: limits), events=published,
            publish_events=publish_events_to(published), memory=NullMemory(), config_digest=lambda: "test",
            refresh_limits=lambda: (), route=OrderRoute.PAPER_BUILTIN.value, initial_cash=Decimal(repr(cash)),
        )
    )  # fmt: skip
    return Desk(
        market=market, engine=engine, clock=clock, feed=feed, broker=broker, ledger=ledger, published=published,
        team=team,
    )  # fmt: skip


@contextmanager
def market_of(**changes: object) -> Iterator[Market]:
    with yahoo_server(Yahoo()) as yahoo:
        yield Market(yahoo, **changes)  # type: ignore[arg-type]  # fields by name, checked at run time
