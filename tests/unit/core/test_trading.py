"""The figures that are reported and those that the breakers limit are different ones."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from core.types import MarketAnalysis, Portfolio
from risk.mark_to_market import mark_to_market
from tests.risk_builders import RISK_CHECK, book, market, position

PRICES = st.lists(st.tuples(st.integers(40, 160), st.booleans()), min_size=1, max_size=40)


@given(PRICES)
def test_no_resume_changes_what_is_reported_and_each_lets_the_breakers_measure_anew(
    path: list[tuple[int, bool]],
) -> None:
    resumed = plain = book("1000", position("AAA"))
    peak = base = opening = plain.equity
    session_base = opening
    for price, resumes in path:
        view = market({"AAA": float(price)})
        resumed = mark_to_market(view, resumed, MarketAnalysis(), RISK_CHECK)
        plain = mark_to_market(view, plain, MarketAnalysis(), RISK_CHECK)
        equity = Decimal(1000 + 10 * price)
        peak, base = max(peak, equity), max(base, equity)
        if resumes:
            resumed, base, session_base = resumed.rebased(), equity, equity
        assert resumed.drawdown == plain.drawdown == min(0.0, float(equity / peak - 1))
        assert resumed.daily_return == plain.daily_return == float(equity / opening - 1)
        assert resumed.breaker_drawdown == min(0.0, float(equity / base - 1))
        assert resumed.breaker_daily_return == float(equity / session_base - 1)
        assert plain.breaker_drawdown == plain.drawdown


def test_a_portfolio_that_nobody_resumed_is_written_as_before() -> None:
    written = msgspec.json.encode(book("1000", position("AAA")))
    assert b"base" not in written
    fallen = mark_to_market(market({"AAA": 50.0}), book("1000", position("AAA")), MarketAnalysis(), RISK_CHECK)
    again = msgspec.json.decode(msgspec.json.encode(fallen.rebased()), type=Portfolio)
    assert again == fallen.rebased()
    assert again.drawdown == -0.25
    assert again.breaker_drawdown == 0


def test_a_new_high_ends_the_drawdowns_base() -> None:
    fallen = mark_to_market(market({"AAA": 50.0}), book("1000", position("AAA")), MarketAnalysis(), RISK_CHECK)
    high = mark_to_market(market({"AAA": 150.0}), fallen.rebased(), MarketAnalysis(), RISK_CHECK)
    assert high.peak_base is msgspec.UNSET
    assert high.breaker_drawdown == high.drawdown == 0
