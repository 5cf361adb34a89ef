"""The service: what the edge may ask of the engine. The real one is `daemon.engine_service.EngineService`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from core.brackets import Levels
from core.flattening import FlattenProgress
from core.long_jobs import Job
from core.memory import Recollection
from core.protection import PositionProtection
from core.reconciliation import Resumption
from core.round_trips import RoundTrip
from core.schedule import Timetable
from core.slippage import Executed
from core.trading import ZERO
from core.types import (
    CashMovement,
    Cycle,
    Fill,
    MarketAnalysis,
    OrderStatus,
    Portfolio,
    RefusedOrder,
    Side,
    StepReport,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisReport:
    """The team's analysis of now, with nothing decided and nothing recorded."""

    as_of: datetime
    source: str
    bars_until: str
    analysis: MarketAnalysis
    stale: Mapping[str, str]
    feed_fault: str
    market_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecord:
    """An order as the ledger knows it; `reason` says why it was refused, cancelled or not sent."""

    client_order_id: str
    decision_id: str
    symbol: str
    side: Side
    quantity: str
    reference_price: str
    rule: str
    status: OrderStatus
    route: str
    created_at: datetime
    updated_at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalRecord:
    """An order that a limit stopped before it was made, and the step that recorded it."""

    decision_id: str
    at: datetime
    refused: RefusedOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityMark:
    """The portfolio's equity after a session's last step.

    Attributes
    ----------
    session : date
        In New York.
    equity : Decimal
        Cash plus market value, US dollars.
    drawdown : float
        Distance below the peak, a fraction at or below 0.
    external_flow : Decimal
        What a person paid in (or, negative, took out) since the mark before: no profit, US dollars.
    """

    session: date
    as_of: datetime
    equity: Decimal
    drawdown: float
    regime: str | None
    external_flow: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPoint:
    """A session's equity beside the market's; None where it is not known.

    Attributes
    ----------
    benchmark, equal_weight : float or None
        What the same money, with what was paid in and out, would be worth in SPY, and in the universe at equal
        weight, US dollars.
    """

    session: date
    equity: Decimal | None
    drawdown: float | None
    regime: str | None
    benchmark: float | None
    equal_weight: float | None
    external_flow: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What executing a decision did, or (dry run) would do, and what a person should know about it."""

    decision_id: str
    dry_run: bool
    route: str
    orders: tuple[OrderRecord, ...]
    warnings: tuple[str, ...] = ()


class LedgerQueries(Protocol):
    """The ledger's read side; safe from any thread."""

    def decisions(self, limit: int) -> Sequence[StepReport]:
        """Return recorded decisions, newest first."""
        ...

    def decision(self, decision_id: str) -> StepReport | None:
        """Return one recorded decision."""
        ...

    def orders(self, limit: int) -> Sequence[OrderRecord]:
        """Return orders, newest first."""
        ...

    def orders_of(self, decision_id: str) -> Sequence[OrderRecord]:
        """Return the orders of one decision, in the order they are sent."""
        ...

    def refusals(self, limit: int) -> Sequence[RefusalRecord]:
        """Return what limits stopped in the newest steps, newest first."""
        ...

    def fills(self, limit: int) -> Sequence[Fill]:
        """Return fills, newest first."""
        ...

    def reference_prices(self, client_order_ids: Collection[str]) -> Mapping[str, Decimal]:
        """Return what the decisions behind orders stood on, US dollars, by client_order_id."""
        ...

    def executed(self, client_order_ids: Collection[str]) -> Mapping[str, Executed]:
        """Return what of orders has traded, by client_order_id; those that have not are left out."""
        ...

    def fill_count(self, session: date) -> int:
        """Return how many fills a session had; a split is none."""
        ...

    def cash_movements(self, limit: int) -> Sequence[CashMovement]:
        """Return cash that came or went without a trade, newest first."""
        ...

    def trades(self, limit: int) -> Sequence[RoundTrip]:
        """Return closed round trips, newest first."""
        ...

    def equity_marks(self, sessions: int) -> Sequence[EquityMark]:
        """Return the portfolio's equity at the end of the last sessions, oldest first."""
        ...

    def state_reason(self) -> str:
        """Return why the trading state is what it is."""
        ...


class Service(Protocol):
    """The engine as the edge sees it. Awaitables run on the one engine thread; the rest never block."""

    def health(self) -> Mapping[str, Any]:
        """Answer at once: status, models_loaded, server_uptime, trading_state, ages. No network, no models."""
        ...

    def starting(self) -> bool:
        """Return whether the start still goes on, so that waiting for it makes sense."""
        ...

    def not_ready_reason(self) -> str:
        """Return why the engine is not ready yet; empty once start-up and reconciliation are done."""
        ...

    def status(self) -> bytes:
        """Return the whole status as JSON, encoded once a step."""
        ...

    async def analyse(self, cycle: Cycle) -> AnalysisReport:
        """Ask the team for its analysis without deciding: regime, scan, ranking."""
        ...

    async def step(self, cycle: Cycle) -> StepReport:
        """Run one step."""
        ...

    async def execute(self, decision_id: str | None, *, dry_run: bool) -> Execution:
        """Send a recorded decision's approved orders (the last decision's by default)."""
        ...

    async def halt(self, reason: str) -> None:
        """Go to HALTED at once."""
        ...

    async def resume(self, take_over: Sequence[str] = ()) -> Resumption:
        """Go back to ACTIVE: a person says so. Take over what is named, as the account has it."""
        ...

    async def flatten(self) -> StepReport:
        """Sell everything and enter nothing (REDUCING); every step works on it until nothing is held."""
        ...

    async def sell(self, symbol: str, quantity: Decimal | None) -> StepReport:
        """Sell one position, or a part of it; a RequestError with status 409 where it cannot be."""
        ...

    async def cancel(self, client_order_id: str) -> OrderRecord:
        """Cancel one open order; a RequestError with status 404 or 409 where there is none."""
        ...

    def flatten_progress(self) -> FlattenProgress:
        """Return whether a flatten is in progress, and what is left and why."""
        ...

    @property
    def ledger(self) -> LedgerQueries:
        """The ledger's read side; a RequestError with status 503 before it is open."""
        ...

    def portfolio(self) -> Portfolio:
        """Return the portfolio after the last step."""
        ...

    def reconciliation(self) -> Mapping[str, Any]:
        """Return the last comparison of ledger and account as plain values."""
        ...

    def protection(self) -> Mapping[str, PositionProtection]:
        """Return where each position's stop rests, by symbol, and what is bare."""
        ...

    def levels(self) -> Mapping[str, Levels]:
        """Return each held position's nearest stop and target, by symbol."""
        ...

    def equity(self, sessions: int) -> Sequence[EquityPoint]:
        """Return the last sessions' equity beside the market's, oldest first."""
        ...

    async def memory(self, symbol: str, limit: int) -> Recollection:
        """Return what is remembered of a ticker, newest first."""
        ...

    def start_job(self, kind: str, parameters: Mapping[str, Any]) -> Job:
        """Start long work in a child process; a RequestError with status 409 if one of its kind runs."""
        ...

    async def finished(self, job_id: str) -> Job:
        """Wait until a job is done or failed."""
        ...

    def job(self, job_id: str) -> Job | None:
        """Return one job."""
        ...

    def jobs(self) -> Sequence[Job]:
        """Return the jobs since the start, newest first."""
        ...

    def timetable(self) -> Timetable:
        """Return what runs by itself, with its last and next runs."""
        ...

    async def rollback(self, model_id: str) -> Mapping[str, Any]:
        """Put a kept ranker, or the one before, back in use; a RequestError with status 409 if there is none."""
        ...
