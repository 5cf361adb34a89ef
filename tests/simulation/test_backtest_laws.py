"""A backtest's laws on a rules-only strategy: an independent oracle, conservation, parity, truncation."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from adapters.events.hub import EventHub
from adapters.ledger import SqliteLedger
from adapters.paper.broker import PaperBroker
from adapters.paper.store import SqlitePaperStore
from backtest.app.engine import BacktestEngine
from backtest.runner import Run
from config.environment import OrderRoute
from core.types import BarPanel, Floats, Side
from pipeline.engine import Engine
from pipeline.reconciliation import recover
from pipeline.report_events import publish_events_to
from tests.panels import FIELDS, make_panel
from tests.simulation.desk import Desk, Limits, ready, serve
from tests.simulation.rules import (
    COUNT,
    EVERY,
    EXPOSURE,
    LOOK_BACK,
    UNWATCHED,
    WATCHED,
    assert_it_did_something,
    backtest_engine,
    risk,
    run,
    trading,
)

SESSIONS = 250
OPENS_AT = datetime(2022, 1, 2, tzinfo=UTC)
EPOCH = np.datetime64("2000-01-03")


@cache
def market() -> BarPanel:
    """Prices at a hundredth of a cent, as the engine books them: no rounding comes between it and the oracle."""
    panel = make_panel(5, SESSIONS)
    return replace(panel, **{name: np.round(getattr(panel, name), 4) for name in FIELDS})


@cache
def costly() -> tuple[BacktestEngine, Run]:
    """The strategy with stops, targets and costs, small orders rounded to whole shares."""
    made = backtest_engine(market(), trading(spread_bps=6.0, slippage_bps=7.0, fee_bps=2.0))
    done = run(made, WATCHED)
    assert_it_did_something(done)
    assert {"stop_loss", "take_profit", "rebalance"} <= {fill.rule for fill in done.fills}
    return made, done


# --- an oracle -------------------------------------------------------------------------------------------------


def equity_by_arrays(panel: BarPanel, cash: float, names_max: int) -> Floats:
    """The same rules in arrays: no orders, no book, no fills.

    Chosen at the close, traded at the next open. New names in the order of the alphabet until `names_max` are
    held. The engine rounds a quantity down to 1e-6 shares and a fill's cash to half a cent. With some 4,000
    fills below 1,000 USD a share that is under 24 USD, or 2.4e-11 of 1e12 USD.
    """
    periods = np.busday_count(EPOCH, panel.sessions) // EVERY
    shares, wanted, out = np.zeros(len(panel.symbols)), None, []
    for row in range(len(panel.sessions)):
        if wanted is not None:
            cash -= float((wanted - shares) @ panel.open[row])
            shares, wanted = wanted, None
        equity = cash + float(shares @ panel.close[row])
        out.append(equity)
        if row >= LOOK_BACK and periods[row] != periods[row - 1]:
            gained = panel.close[row] / panel.close[row - LOOK_BACK] - 1
            best = np.argsort(-gained, kind="stable")[:COUNT]
            kept = [c for c in best if shares[c] > 0]
            fresh = sorted((c for c in best if shares[c] == 0), key=lambda c: panel.symbols[c])
            wanted = np.zeros(len(panel.symbols))
            held = [*kept, *fresh[: names_max - len(kept)]]
            wanted[held] = EXPOSURE / COUNT * equity / panel.close[row, held]
    return np.array(out)


def test_equity_is_that_of_an_independent_computation() -> None:
    cash = 1e12
    made = backtest_engine(market(), trading(initial_cash_usd=cash, spread_bps=0.0, slippage_bps=0.0))
    done = run(made, UNWATCHED)
    assert_it_did_something(done)
    assert set(done.refusals) == {"max_positions"}
    assert len(done.fills) < 4000
    np.testing.assert_allclose(done.equity, equity_by_arrays(market(), cash, 8), rtol=1e-9, atol=0)


def test_the_oracle_would_see_one_fill_at_the_wrong_price() -> None:
    cash = 1e12
    rows = np.arange(SESSIONS)[:, None]
    wrong = replace(market(), open=np.where((rows >= 100) & (rows < 105), 1.0001, 1.0) * market().open)
    off = np.abs(equity_by_arrays(wrong, cash, 8) / equity_by_arrays(market(), cash, 8) - 1)
    assert off[:100].max() == 0
    assert off.max() > 1e-8


# --- conservation ----------------------------------------------------------------------------------------------


def test_cash_shares_and_fees_balance_to_the_cent_at_every_session() -> None:
    made = backtest_engine(market(), trading(spread_bps=6.0, slippage_bps=7.0, fee_bps=2.0))
    engine, cash = made.engine, made.engine.portfolio.cash
    shares: dict[str, Decimal] = {}
    cost: dict[str, Decimal] = {}
    realised, initial, fills = Decimal(0), cash, 0
    for at in made.panel.closed_at[:SESSIONS]:
        made.clock.set(at)
        report = engine.step(WATCHED)
        for fill in report.fills:
            fills += 1
            cash += fill.cash_change
            held, paid = shares.get(fill.symbol, Decimal(0)), cost.get(fill.symbol, Decimal(0))
            if fill.side is Side.BUY:
                shares[fill.symbol] = held + fill.quantity
                cost[fill.symbol] = paid - fill.cash_change
            else:
                gone = paid * fill.quantity / held
                realised += fill.cash_change - gone
                shares[fill.symbol] = held - fill.quantity
                cost[fill.symbol] = paid - gone
        account, book = engine.parts.broker.account(), engine.portfolio
        assert book.cash == account.cash == cash == cash.quantize(Decimal("0.01"))
        assert cash >= 0
        ours, theirs = ({s: p.quantity for s, p in b.positions.items()} for b in (book, account))
        assert ours == theirs == {s: q for s, q in shares.items() if q}
        assert abs(cash + sum(cost.values()) - initial - realised) < Decimal("1e-15")
    assert fills > 200


def test_the_report_of_a_run_is_its_ledgers() -> None:
    made, done = costly()
    assert list(done.fills) == list(reversed(made.ledger.fills(100_000)))
    steps = made.ledger.decisions(100_000)[::-1]
    assert [float(step.plan.portfolio.equity) for step in steps] == done.equity.tolist()
    assert sum(done.refusals.values()) == sum(len(step.plan.refused) for step in steps)
    profit = sum((trade.profit_usd for trade in made.ledger.trades(100_000)), Decimal(0))
    open_ = made.engine.portfolio.positions
    spent = -sum(f.cash_change for f in done.fills if f.symbol in open_ and f.at >= open_[f.symbol].entry_at)
    assert made.engine.portfolio.cash + spent == Decimal("100000.00") + profit


# --- parity ----------------------------------------------------------------------------------------------------


def test_the_daemons_path_on_files_writes_the_same_ledger(tmp_path: Path) -> None:
    settings = trading(spread_bps=6.0, slippage_bps=7.0, fee_bps=2.0)
    alone, served, last = backtest_engine(market(), settings), backtest_engine(market(), settings), 120
    alone.clock.set(OPENS_AT)
    served.clock.set(OPENS_AT)
    recover(alone.engine)
    done = run(alone, WATCHED, last)
    assert_it_did_something(done)
    hub, clock = EventHub(), served.clock
    broker = PaperBroker(settings.broker, clock, SqlitePaperStore(tmp_path / "paper.sqlite"))
    ledger = SqliteLedger(tmp_path / "ledger.sqlite", route=OrderRoute.PAPER_BUILTIN)
    parts = replace(
        served.engine.parts, broker=broker, ledger=ledger, events=hub, publish_events=publish_events_to(hub)
    )
    desk = Desk(engine=Engine(parts), clock=clock, broker=broker, ledger=ledger, hub=hub, limits=Limits())

    async def daemon() -> bytes:
        service = serve(desk)
        await ready(service)
        for at in served.panel.closed_at[: last + 1]:
            clock.set(at)
            await service.step(WATCHED)
        dump = ledger.dump()
        await service.stop()
        return dump

    assert asyncio.run(daemon()) == alone.ledger.dump()


# --- truncation ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [40, 133, 201])
def test_a_run_that_is_cut_short_is_the_beginning_of_the_whole_run(row: int) -> None:
    settings = trading(spread_bps=6.0, slippage_bps=7.0, fee_bps=2.0)
    whole, seen = backtest_engine(market(), settings), {}
    run(whole, WATCHED, row + 20, lambda done: seen.update({done: whole.ledger.dump()}) if done == row else None)
    short = backtest_engine(market().prefix(row + 1), settings)
    done = run(short, WATCHED)
    assert done.fills
    assert short.ledger.dump() == seen[row]
    assert whole.ledger.dump() != seen[row]


def test_the_strategys_limits_are_those_of_its_settings() -> None:
    made, _ = costly()
    limit = risk().portfolio_limits.max_positions
    books = [step.plan.portfolio for step in made.ledger.decisions(100_000)]
    assert max(len(book.positions) for book in books) == limit
