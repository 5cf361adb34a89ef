"""Twelve sessions of three stocks through `Engine.step`, every cent worked out by hand.

A fill pays half of 4 bps spread and 3 bps slippage: 0.05 % against it, rounded to 0.0001 USD; the fee is 1 bp of
the value, to the cent; cash moves by value and fee, rounded to the cent once, half to even. Whole shares. The
stop is 5 % below the mean entry price, the target 10 % above, held against each daily bar. At most two names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from backtest.app.engine import BacktestEngine, build_backtest_engine
from config.risk import RiskSettings
from config.trading import TradingSettings
from core.cycles import DECIDE
from core.types import Action, BarPanel, Cycle, Decision, MarketAnalysis, MarketView, Portfolio, StepReport

SYMBOLS = ("AAPL", "JPM", "SPY", "XOM")
QUIET = (400, 401, 399, 400)
BARS = {  # open, high, low, close
    #        AAPL                   JPM                    XOM
    "2024-01-22": ((99, 101, 98, 100), (149, 151, 148, 150), (49, 51, 48, 50)),
    "2024-01-23": ((101, 103, 99, 102), (150, 151, 149, 150), (50, 51, 49, 50.5)),
    "2024-01-24": ((102, 105, 101, 104), (150, 152, 149, 151), (52, 56, 51.5, 54)),
    "2024-01-25": ((104, 106, 103, 105), (151, 152, 149, 150), (54, 55, 53, 54)),
    "2024-01-26": ((105, 107, 104, 106), (148, 150, 147, 149), (54, 55, 53, 54)),
    "2024-01-29": ((106, 107, 105, 106), (138, 140, 136, 139), (54, 55, 53, 54)),
    "2024-01-30": ((106, 108, 105, 107), (139, 140, 138, 139), (54, 55, 53, 54)),
    "2024-01-31": ((107, 108, 106, 107), (139, 140, 138, 139), (53, 60, 51, 55)),
    "2024-02-01": ((108, 110, 107, 109), (139, 140, 138, 139), (55, 56, 54, 55)),
    "2024-02-02": ((115, 117, 114, 116), (139, 140, 138, 139), (55, 56, 54, 55)),
    "2024-02-05": ((116, 117, 115, 116), (139, 140, 138, 139), (55, 56, 54, 55)),
    "2024-02-06": ((116, 117, 115, 116), (139, 140, 138, 139), (55, 57, 54, 56)),
}
WANTED: Mapping[str, tuple[tuple[str, Action, float], ...]] = {  # decided at the close of the session
    "2024-01-22": (("AAPL", Action.ENTER, 0.40), ("XOM", Action.ENTER, 0.30), ("JPM", Action.ENTER, 0.20)),
    "2024-01-24": (("AAPL", Action.RESIZE, 0.50),),
    "2024-01-25": (("JPM", Action.ENTER, 0.20),),
    "2024-01-29": (("XOM", Action.ENTER, 0.20),),
    "2024-01-31": (("AAPL", Action.RESIZE, 0.30),),
    "2024-02-02": (("AAPL", Action.ENTER, 0.00005), ("XOM", Action.EXIT, 0.0)),
    "2024-02-05": (("XOM", Action.ENTER, 0.10),),
}
FILLS = (
    # 40 % of 100,000 at 100 = 400 shares; 101 * 1.0005 = 101.0505; 40,420.20 + 4.04
    ("2024-01-23", "AAPL", "buy", "400", "101.0505", "4.04", "-40424.24", "score"),
    # 30 % at 50 = 600 shares; 50 * 1.0005 = 50.025; 30,015.00 + 3.00
    ("2024-01-23", "XOM", "buy", "600", "50.0250", "3.00", "-30018.00", "score"),
    # the target 50.025 * 1.10 = 55.0275 lies in 51.5 to 56; * 0.9995 = 54.99998625; 33,000.00 - 3.30
    ("2024-01-24", "XOM", "sell", "600", "55.0000", "3.30", "32996.70", "take_profit"),
    # equity 62,554.46 + 400 * 104 = 104,154.46; half of it less 41,600 is 10,477.23: 100 shares at 104
    # 104 * 1.0005 = 104.052; 10,405.20 + 1.04; the mean entry price is 50,825.40 / 500 = 101.6508
    ("2024-01-25", "AAPL", "buy", "100", "104.0520", "1.04", "-10406.24", "score"),
    # equity 52,148.22 + 500 * 105 = 104,648.22; a fifth is 20,929.64: 139 shares at 150
    # 148 * 1.0005 = 148.074; 20,582.286 + 2.06 = 20,584.346
    ("2024-01-26", "JPM", "buy", "139", "148.0740", "2.06", "-20584.35", "score"),
    # opens at 138, through the stop 148.074 * 0.95 = 140.6703: sold at the open; 138 * 0.9995 = 137.931
    # 19,172.409 - 1.92 = 19,170.489
    ("2024-01-29", "JPM", "sell", "139", "137.9310", "1.92", "19170.49", "stop_loss"),
    # equity 50,734.36 + 500 * 106 = 103,734.36; a fifth is 20,746.87: 384 shares at 54
    # 54 * 1.0005 = 54.027; 20,746.368 + 2.07 = 20,748.438
    ("2024-01-30", "XOM", "buy", "384", "54.0270", "2.07", "-20748.44", "score"),
    # the bar 51 to 60 touches the stop 51.32565 -> 51.3256 and the target 59.4297: the stop counts
    # 51.3256 * 0.9995 = 51.2999372; 19,699.1616 - 1.97 = 19,697.1916
    ("2024-01-31", "XOM", "sell", "384", "51.2999", "1.97", "19697.19", "stop_loss"),
    # equity 49,683.11 + 500 * 107 = 103,183.11; 53,500 less 30 % of it is 22,545.07: 210 shares at 107
    # 108 * 0.9995 = 107.946; 22,668.66 - 2.27
    ("2024-02-01", "AAPL", "sell", "210", "107.9460", "2.27", "22666.39", "score"),
    # opens at 115, above the target 101.6508 * 1.10 = 111.81588: sold at the open; 115 * 0.9995 = 114.9425
    # 33,333.325 - 3.33 = 33,329.995, half to even 33,330.00
    ("2024-02-02", "AAPL", "sell", "290", "114.9425", "3.33", "33330.00", "take_profit"),
    # a tenth of 105,679.50 at 55 = 192 shares; 55 * 1.0005 = 55.0275; 10,565.28 + 1.06
    ("2024-02-06", "XOM", "buy", "192", "55.0275", "1.06", "-10566.34", "score"),
)
REFUSALS = {
    "2024-01-22": (("JPM", "max_positions", "2", "3"),),
    # 5.28 USD is less than a share
    "2024-02-02": (
        ("XOM", "position_held", "a position", "no position"),
        ("AAPL", "min_order_usd", "$10.00", "$0.00"),
    ),
}
CASH_AND_EQUITY = (
    ("100000.00", "100000.00"),  # nothing held yet
    ("29557.76", "100657.76"),  # 100,000 - 40,424.24 - 30,018.00; + 400 * 102 + 600 * 50.5
    ("62554.46", "104154.46"),  # + 32,996.70; + 400 * 104
    ("52148.22", "104648.22"),  # - 10,406.24; + 500 * 105
    ("31563.87", "105274.87"),  # - 20,584.35; + 500 * 106 + 139 * 149
    ("50734.36", "103734.36"),  # + 19,170.49; + 500 * 106
    ("29985.92", "104221.92"),  # - 20,748.44; + 500 * 107 + 384 * 54
    ("49683.11", "103183.11"),  # + 19,697.19; + 500 * 107
    ("72349.50", "103959.50"),  # + 22,666.39; + 290 * 109
    ("105679.50", "105679.50"),  # + 33,330.00
    ("105679.50", "105679.50"),
    ("95113.16", "105865.16"),  # - 10,566.34; + 192 * 56
)


class Script:
    """A team that wants what was written down for each session."""

    def analyse(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> MarketAnalysis:
        self._wanted = WANTED.get(str(view.session), ())
        return MarketAnalysis()

    def decide(self, analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        return tuple(
            Decision(
                symbol=symbol, action=action, score=weight, confidence=1.0, rule="score", target_weight=weight
            )
            for symbol, action, weight in self._wanted
        )

    def explain(self, view: MarketView, analysis: MarketAnalysis, symbols: Collection[str]) -> MarketAnalysis:
        return analysis


def panel() -> BarPanel:
    days = np.array(list(BARS), dtype="datetime64[D]")
    table = np.array([(aapl, jpm, QUIET, xom) for aapl, jpm, xom in BARS.values()], dtype=np.float64)
    open_, high, low, close = np.moveaxis(table, 2, 0)
    known_at = (days + np.timedelta64(21, "h")).astype("datetime64[us]")
    return BarPanel(
        sessions=days, known_at=known_at, symbols=SYMBOLS, open=open_, high=high, low=low, close=close,
        volume=np.full(close.shape, 1e6),
    )  # fmt: skip


def backtest_engine() -> BacktestEngine:
    trading = TradingSettings.model_validate(
        {
            "broker": {
                "initial_cash_usd": 100_000.0,
                "spread_bps": 4.0,
                "slippage_bps": 3.0,
                "fee_bps": 1.0,
                "fractional_shares": False,
            }
        }
    )
    risk = RiskSettings.model_validate(
        {
            "position_sizing": {"max_position_pct": 0.6, "min_position_pct": 0.0},
            "portfolio_limits": {"max_positions": 2, "max_exposure_pct": 0.9, "max_sector_pct": 0.9},
            "daily_limits": {"max_daily_loss_pct": -1.0},
            "circuit_breakers": {"max_drawdown_pct": -1.0},
            "swing_exit": {"stop_loss_pct": -1.0, "take_profit_pct": 9.0, "max_hold_days": 99},
            "risk_check": {"stop_loss_pct": -0.05, "take_profit_pct": 0.10, "dynamic_stops": False},
        }
    )
    return build_backtest_engine(panel(), trading, risk, lambda _: Script(), source="by hand")


@pytest.fixture(scope="module")
def reports() -> list[StepReport]:
    made, cycle, out = backtest_engine(), replace(DECIDE, submits=True, protects=True), []
    for at in made.panel.closed_at[: len(BARS)]:
        made.clock.set(at)
        out.append(made.engine.step(cycle))
        account = made.engine.parts.broker.account()
        assert account.cash == made.engine.portfolio.cash
    return out


def test_every_fill_is_as_worked_out(reports: list[StepReport]) -> None:
    seen = tuple(
        (
            report.bars_until, f.symbol, f.side.value, str(f.quantity), str(f.price), str(f.fee),
            str(f.cash_change), f.rule,
        )
        for report in reports
        for f in report.fills
    )  # fmt: skip
    assert seen == FILLS


def test_cash_and_equity_are_right_to_the_cent_after_every_session(reports: list[StepReport]) -> None:
    books = [report.plan.portfolio for report in reports]
    assert [(book.cash, book.equity) for book in books] == [
        (Decimal(cash), Decimal(equity)) for cash, equity in CASH_AND_EQUITY
    ]
    assert sum((Decimal(fill[6]) for fill in FILLS), Decimal(100_000)) == Decimal(CASH_AND_EQUITY[-1][0])


def test_what_is_refused_is_refused_with_the_limit_and_what_was_observed(reports: list[StepReport]) -> None:
    seen = {r.bars_until: r.plan.refused for r in reports if r.plan.refused}
    assert list(seen) == list(REFUSALS)
    for day, refused in seen.items():
        assert [(r.symbol, r.rule) for r in refused] == [(symbol, rule) for symbol, rule, *_ in REFUSALS[day]]
        for said, (_, _, limit, observed) in zip(refused, REFUSALS[day], strict=True):
            assert (said.limit, said.observed) == (limit, observed)


def test_the_mean_entry_price_survives_a_sale_and_moves_with_a_purchase(reports: list[StepReport]) -> None:
    held = {r.bars_until: r.plan.portfolio.positions.get("AAPL") for r in reports}
    prices = {day: position.average_price for day, position in held.items() if position}
    assert prices["2024-01-24"] == Decimal("101.0505")
    assert prices["2024-01-25"] == prices["2024-02-01"] == Decimal("101.6508")
    assert "2024-02-02" not in prices
