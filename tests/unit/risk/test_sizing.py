from __future__ import annotations

from math import nan

import numpy as np
import pytest

from config.risk import PositionSizing, SwingExit
from risk.sizing import full_kelly, payoff_ratio, target_weight
from tests.risk_builders import book, enter, manager, market, review, rules

PAYOFF = 5 / 3


@pytest.mark.parametrize("p_win", [0.3, 0.4, 0.5, 0.62, 0.9])
def test_the_closed_form_is_the_bet_that_grows_fastest(p_win: float) -> None:
    """Oracle: search the log-growth of the bet itself, from the anchored odds."""
    odds = (p_win / (1 - p_win)) / (0.25 / 0.75) * (1 / PAYOFF)
    wins = odds / (1 + odds)
    bets = np.linspace(0, 0.999, 99_901)
    growth = wins * np.log1p(PAYOFF * bets) + (1 - wins) * np.log1p(-bets)
    assert full_kelly(p_win, PAYOFF) == pytest.approx(bets[growth.argmax()], abs=2e-5)
    assert full_kelly(p_win, PAYOFF) > 0


def test_a_stock_nothing_is_known_of_has_no_edge() -> None:
    assert full_kelly(0.25, PAYOFF) == 0
    assert full_kelly(0.2500001, PAYOFF) > 0


@pytest.mark.parametrize("p_win", [0.0, 0.1, -1.0, nan])
def test_below_the_base_rate_nothing_is_bet(p_win: float) -> None:
    assert full_kelly(p_win, PAYOFF) == 0


def test_the_payoff_comes_from_the_exits() -> None:
    assert payoff_ratio(SwingExit()) == pytest.approx(PAYOFF)
    assert payoff_ratio(SwingExit(stop_loss_pct=0.0)) == 0
    assert full_kelly(0.9, 0.0) == 0


def test_without_a_stop_the_whole_stake_can_be_lost_and_without_a_target_kelly_says_nothing() -> None:
    assert payoff_ratio(SwingExit(stop_loss_pct=None)) == payoff_ratio(SwingExit(stop_loss_pct=-1.0)) == 0.05
    assert payoff_ratio(SwingExit(take_profit_pct=None)) is None
    sizing = PositionSizing()
    assert target_weight(0.9, 0.6, 1.0, sizing, None) == target_weight(None, 0.6, 1.0, sizing, PAYOFF) == 0.03


def test_the_weight_rises_with_the_probability_up_to_the_cap() -> None:
    weights = [target_weight(p, 0.5, 1.0, PositionSizing(), PAYOFF) for p in np.linspace(0, 1, 201)]
    assert weights == sorted(weights)
    assert weights[0] == 0
    assert weights[-1] == 0.15


@pytest.mark.parametrize("score", [-0.5, 0.0, nan])
def test_without_probability_or_score_nothing_is_bet(score: float) -> None:
    assert target_weight(None, score, 1.0, PositionSizing(), PAYOFF) == 0


def test_no_edge_and_too_small_are_told_apart() -> None:
    view = market({"AAA": 100.0, "BBB": 100.0, "CCC": 100.0})
    decisions = [enter("AAA", p_win=0.25), enter("BBB", p_win=0.26), enter("CCC", p_win=0.27)]
    plan = review(manager(), decisions, view, book("100000"))
    assert rules(plan) == {"AAA": "no_edge", "BBB": "min_position_pct"}
    assert [a.order.symbol for a in plan.approved] == ["CCC"]
    assert [(r.limit, r.observed) for r in plan.refused] == [("above 0%", "0.000%"), ("0.500%", "0.497%")]
