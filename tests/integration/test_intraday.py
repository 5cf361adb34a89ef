"""Five-minute bars: what is known when, and a risk check that walks them instead of resting levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters.calendar import NyseCalendar
from adapters.parquet.intraday_bars import FiveMinuteBars, Footing, footing_of
from backtest.app.cli import main
from backtest.app.engine import build_backtest_engine, rebuilt
from backtest.app.intraday import (
    DECIDES,
    IntradayBroker,
    intraday_coverage,
    intraday_schedule,
    read_five_minute_bars,
)
from backtest.runner import Run, run
from config.risk import RiskSettings
from config.trading import TradingSettings
from core.errors import DataError, SettingsError
from core.types import Action, BarPanel, Cycle, Decision, MarketAnalysis, MarketView, Portfolio
from tests.simulation.backtests import small_settings

SYMBOLS = ("AAPL", "SPY")
CALENDAR = NyseCalendar()
DAYS = ("2024-01-22", "2024-01-23", "2024-01-24")
OPENS, BARS = timedelta(hours=14, minutes=30), 78
SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def at(day: str, clock: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}:00").replace(tzinfo=UTC)


def prices(day: str) -> list[float]:
    """AAPL's 78 closes of a session: flat at 100, but for the second day's fall to 96.5."""
    if day != DAYS[1]:
        return [100.0] * BARS
    return [99.0, 98.0, 97.2, 96.5, 99.5, *[101.0] * (BARS - 5)]


def rows(days: Sequence[str] = DAYS) -> list[dict[str, object]]:
    out: list[dict[str, object]] = []
    for day in days:
        begins = datetime.fromisoformat(day).replace(tzinfo=UTC) + OPENS
        for name, closes in (("AAPL", prices(day)), ("SPY", [400.0] * BARS)):
            opens = [closes[0] + (1.0 if name == "AAPL" and day == DAYS[1] else 0.0), *closes[:-1]]
            for place, (first, last) in enumerate(zip(opens, closes, strict=True)):
                start = begins + place * timedelta(minutes=5)
                out.append({"timestamp": start, "ticker": name, "open": first, "close": last})
    return out


def write(folder: Path, content: list[dict[str, object]]) -> Path:
    path = folder / "five.parquet"
    table = pa.Table.from_pylist(content)
    pq.write_table(table.set_column(1, "ticker", table["ticker"].dictionary_encode()), path)
    return path


def panel() -> BarPanel:
    """The daily bars of the same prices; the low of the second day lies under the stop."""
    days = np.array(DAYS, dtype="datetime64[D]")
    aapl = [prices(day) for day in DAYS]
    first = np.array([[100.0, 400.0]] * len(DAYS))
    last = np.array([[closes[-1], 400.0] for closes in aapl])
    high = np.array([[max(100.0, *closes), 400.0] for closes in aapl])
    low = np.array([[min(closes) - 2.0, 400.0] for closes in aapl])
    return BarPanel(
        sessions=days, known_at=(days + np.timedelta64(21, "h")).astype("datetime64[us]"), symbols=SYMBOLS,
        open=first, high=high, low=low, close=last, volume=np.full(low.shape, 1e6),
    )  # fmt: skip


class BuysFrom:
    """Wants AAPL in every decision that knows the first session and nothing after it."""

    def analyse(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> MarketAnalysis:
        self._now = cycle.entries and str(view.session) == DAYS[0] and "AAPL" not in portfolio.positions
        return MarketAnalysis()

    def decide(self, analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        if not self._now:
            return ()
        return tuple(
            Decision(
                symbol=symbol, action=Action.ENTER, score=1.0, confidence=1.0, rule="score", target_weight=weight
            )
            for symbol, weight in (("AAPL", 0.5), ("SPY", 0.00001))
        )

    def explain(self, view: MarketView, analysis: MarketAnalysis, symbols: Collection[str]) -> MarketAnalysis:
        return analysis


def walked(path: Path, **limits: Any) -> Run:
    bars = FiveMinuteBars(path, SYMBOLS, CALENDAR)
    trading = TradingSettings.model_validate({"broker": {"spread_bps": 0.0, "slippage_bps": 10.0}})
    risk = RiskSettings.model_validate(
        {
            "position_sizing": {"max_position_pct": 0.6},
            "portfolio_limits": {"max_sector_pct": 0.8, **limits},
            "swing_exit": {"stop_loss_pct": -0.5, "take_profit_pct": 0.5},
        }
    )
    made = build_backtest_engine(
        panel(), trading, risk, lambda _: BuysFrom(), source="by hand", quotes=bars.quotes
    )
    made = rebuilt(made, broker=IntradayBroker(trading.broker, made.clock, bars))
    return run(made.engine, made.clock, intraday_schedule(bars, panel(), 0, 2, SYMBOLS), resume_after_sessions=0)


def test_a_stop_is_seen_at_a_five_minute_close_and_sold_at_the_next_not_at_the_level(tmp_path: Path) -> None:
    done = walked(write(tmp_path, rows()))
    bought, sold = done.fills
    # decided at the open; it fills at the next price there is, the first bar's close, 99
    assert (bought.at, bought.price) == (at(DAYS[1], "14:35"), Decimal("99.0990"))
    # the stop is 99.099 * 0.975 = 96.6215: no close is under it until the bar that ends 14:50, at 96.5; the sale,
    # sent then, trades at the price after: 99.5 at 14:55, less 10 bps
    assert (sold.at, sold.price) == (at(DAYS[1], "14:55"), Decimal("99.4005"))
    assert sold.rule == "stop_loss"
    assert sold.quantity == bought.quantity
    assert [str(day) for day in done.sessions] == list(DAYS)


def test_what_a_stop_has_sold_is_not_bought_back_in_that_session(tmp_path: Path) -> None:
    """The team wants it again at each of the 24 decisions left: the limit refuses; without it, it is bought."""
    path = write(tmp_path, rows())
    done = walked(path)
    assert len(done.fills) == 2
    assert done.refusals["reentry"] == 24
    free = walked(path, reentry_sessions=None)
    assert "reentry" not in free.refusals
    assert [(fill.side.value, fill.at) for fill in free.fills][2:] == [("buy", at(DAYS[1], "15:05"))]


def test_a_dip_that_no_five_minute_close_saw_stops_nothing(tmp_path: Path) -> None:
    calm = [{**row, "close": max(float(str(row["close"])), 98.0)} for row in rows()]
    done = walked(write(tmp_path, calm))
    assert panel().low[1, 0] < 97.5
    assert [fill.side.value for fill in done.fills] == ["buy"]


def test_a_price_is_known_once_its_bar_has_ended_and_the_opening_at_the_open(tmp_path: Path) -> None:
    bars = FiveMinuteBars(write(tmp_path, rows()), SYMBOLS, CALENDAR)
    seen = {
        clock: bars.quotes(at(DAYS[1], clock)).get("AAPL")
        for clock in ("14:29", "14:30", "14:34", "14:35", "14:49", "14:50", "20:59", "23:00")
    }
    assert seen["14:29"] is None
    told = {clock: (quote.price, f"{quote.at:%H:%M}") for clock, quote in seen.items() if quote}
    assert told == {
        "14:30": (100.0, "14:30"), "14:34": (100.0, "14:30"), "14:35": (99.0, "14:35"),
        "14:49": (97.2, "14:45"), "14:50": (96.5, "14:50"), "20:59": (101.0, "20:55"), "23:00": (101.0, "21:00"),
    }  # fmt: skip
    assert all(quote.session_open == 100.0 for quote in seen.values() if quote)
    assert bars.quotes(at("2024-01-21", "15:00")) == {}


def test_no_quote_depends_on_a_bar_that_has_not_begun(tmp_path: Path) -> None:
    whole = FiveMinuteBars(write(tmp_path, rows()), SYMBOLS, CALENDAR)
    for clock in ("14:30", "14:42", "15:00", "20:57"):
        moment = at(DAYS[1], clock)
        begun = [row for row in rows() if row["timestamp"] <= moment]  # type: ignore[operator]
        running = [
            {**row, "close": 1e6} if row["timestamp"] > moment - timedelta(minutes=5) else row  # type: ignore[operator]
            for row in begun
        ]
        assert FiveMinuteBars(write(tmp_path, running), SYMBOLS, CALENDAR).quotes(moment) == whole.quotes(moment)


def test_a_ticker_or_a_session_without_five_minute_bars_keeps_its_daily_stop(tmp_path: Path) -> None:
    """The day's low of 94.8 lies under the stop at 97.5975: sold at the stop's own level."""
    others = [row for row in rows() if row["ticker"] != "AAPL"]
    calm = [{**row, "close": max(float(str(row["close"])), 98.0)} for row in rows()]
    for content in (others, [row for row in calm if str(row["timestamp"]) < DAYS[1]]):
        bought, sold = walked(write(tmp_path, content)).fills
        assert (bought.at, bought.price) == (at(DAYS[1], "14:30"), Decimal("100.1000"))
        assert (sold.at, sold.rule) == (at(DAYS[1], "21:00"), "stop_loss")
        assert sold.price == Decimal("97.4999")  # 97.5975 less 10 bps


def test_a_session_walks_the_daemons_timetable(tmp_path: Path) -> None:
    bars = FiveMinuteBars(write(tmp_path, rows()), SYMBOLS, CALENDAR)
    steps = intraday_schedule(bars, panel(), 0, 1, SYMBOLS)
    assert [(moment, cycle.name) for moment, cycle in steps[:2]] == [
        (at(DAYS[0], "21:00"), "settle"), (at(DAYS[0], "21:00"), "decide"),
    ]  # fmt: skip
    day = steps[2:]
    assert [(f"{moment:%H:%M}", cycle.name, cycle.submits) for moment, cycle in day[:4]] == [
        ("14:00", "regime", False), ("14:00", "settle", False),
        ("14:00", "decide", False), ("14:05", "settle", False),
    ]  # fmt: skip
    names = Counter((cycle.name, cycle.submits) for _, cycle in day)
    assert names == {
        ("regime", False): 1, ("settle", False): 7, ("decide", False): 3,
        ("risk_check", True): 78, ("decide", True): 26,
    }  # fmt: skip
    assert {cycle.symbols for _, cycle in steps} == {()}
    assert not any(cycle.protects for _, cycle in steps)
    assert [moment for moment, _ in steps] == sorted(moment for moment, _ in steps)


def test_what_has_no_five_minute_bars_is_decided_at_the_close(tmp_path: Path) -> None:
    only_aapl = [row for row in rows(DAYS[:2]) if row["ticker"] == "AAPL"]
    bars = FiveMinuteBars(write(tmp_path, only_aapl), SYMBOLS, CALENDAR)
    steps = intraday_schedule(bars, panel(), 0, 2, SYMBOLS)
    assert steps[0] == (at(DAYS[0], "21:00"), replace(DECIDES, symbols=("SPY",)))
    assert {cycle.symbols for moment, cycle in steps if cycle.submits and f"{moment:%H:%M}" != "21:00"} == {
        ("AAPL",)
    }
    assert steps[-2:] == [(at(DAYS[1], "21:00"), DECIDES), (at(DAYS[2], "21:00"), DECIDES)]


def test_what_was_walked_is_named(tmp_path: Path) -> None:
    content = [row for row in rows() if row["ticker"] == "AAPL" or str(row["timestamp"]) < DAYS[2]]
    told = intraday_coverage(FiveMinuteBars(write(tmp_path, content), SYMBOLS, CALENDAR), panel(), 0, 2, SYMBOLS)
    assert (told.tickers, told.sessions) == ({"AAPL": 2, "SPY": 1}, DAYS[1:])
    assert (told.checks, told.decisions) == (2 * 78, 2 * 26)
    said = "AAPL, SPY in 2 sessions from 2024-01-23 to 2024-01-24 (five.parquet, 52 decisions and 156 checks)"
    assert said in told.description
    nothing = intraday_coverage(
        FiveMinuteBars(write(tmp_path, rows(DAYS[:1])), SYMBOLS, CALENDAR), panel(), 0, 2, SYMBOLS
    )
    assert nothing.description.endswith("stops and targets are daily.")


def footing() -> Footing:
    days = np.array(DAYS[:2], dtype="datetime64[D]")
    return Footing(sessions=days, ratio=np.array([[0.5, 1.0], [0.98, 1.0]]), open=np.full((2, 2), [100.0, 400.0]))


def test_prices_are_put_on_the_daily_panels_footing(tmp_path: Path) -> None:
    bars = FiveMinuteBars(write(tmp_path, rows()), SYMBOLS, CALENDAR, footing())
    quote = bars.quotes(at(DAYS[1], "14:35"))["AAPL"]
    assert (quote.price, quote.session_open) == (99.0 * 0.98, 100.0 * 0.98)
    assert bars.quotes(at(DAYS[2], "14:35")) == {}
    assert [day.isoformat() for day in bars.sessions] == list(DAYS[:2])


def test_bars_outside_the_exchanges_hours_are_left_out(tmp_path: Path) -> None:
    early = {"timestamp": at(DAYS[1], "14:25"), "ticker": "AAPL", "open": 50.0, "close": 50.0}
    late = {"timestamp": at(DAYS[1], "21:00"), "ticker": "AAPL", "open": 60.0, "close": 60.0}
    bars = FiveMinuteBars(write(tmp_path, [*rows(), early, late]), SYMBOLS, CALENDAR)
    assert bars.quotes(at(DAYS[1], "14:30"))["AAPL"].session_open == 100.0
    assert bars.quotes(at(DAYS[1], "21:10"))["AAPL"].price == 101.0


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda content: [*content, content[7]], "twice"),
        (lambda content: [{**content[0], "close": 0.0}, *content[1:]], "AAPL at 2024-01-22.* without a price"),
        (lambda content: [{**content[0], "open": float("nan")}, *content[1:]], "without a price"),
        (lambda content: [{**row, "ticker": "XOM"} for row in content], "no bars of AAPL, SPY"),
        (lambda content: [{**row, "open": "dear"} for row in content], "column open is of type"),
        (lambda content: [{k: row[k] for k in ("timestamp", "ticker", "open")} for row in content], "no column"),
        (lambda content: [{**row, "open": 1000.0} for row in content], "in the daily bars at"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_named(spoil: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        FiveMinuteBars(write(tmp_path, spoil(rows())), SYMBOLS, CALENDAR, footing())


def test_a_file_that_is_not_there_stops_the_script_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    small_settings(folder)
    five = write(tmp_path, rows())
    asked = ["--out", str(tmp_path), "--intraday"]
    assert main("pipeline", [*asked, str(five), "--feed", "simulated"], {}, folder) == 2
    assert "Add --feed parquet:PATH" in capsys.readouterr().err
    assert main("pipeline", [*asked, str(tmp_path / "gone"), "--feed", f"parquet:{five}"], {}, folder) == 1
    assert "has no column date, adj_close" in capsys.readouterr().err
    with pytest.raises(DataError, match="gone cannot be read as parquet"):
        FiveMinuteBars(tmp_path / "gone", SYMBOLS, CALENDAR)
    with pytest.raises(SettingsError, match="needs daily bars from a file"):
        read_five_minute_bars(five, None, SYMBOLS)


@pytest.mark.shared
def test_the_recorded_file_fits_its_daily_bars() -> None:
    path, daily = SHARED / "intraday_5m.parquet", SHARED / "universe_daily.parquet"
    if not path.exists():
        pytest.skip("needs ../shared")
    bars = FiveMinuteBars(path, ("AAPL",), CALENDAR, footing_of(daily, ("AAPL",)))
    assert len(bars.sessions) > 240
    table = pq.read_table(daily, columns=["date", "ticker", "adj_close"]).to_pylist()
    adjusted = {str(row["date"])[:10]: row["adj_close"] for row in table if row["ticker"] == "AAPL"}
    for day, _, closes_at in CALENDAR.sessions(bars.sessions[0], bars.sessions[20]):
        last = bars.quotes(closes_at)["AAPL"].price
        assert last == pytest.approx(adjusted[day.isoformat()], rel=0.005)
