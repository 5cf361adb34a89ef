"""The ensemble on views: who votes with what weight, who abstains and why, and nothing from the future."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from agents.rl import RlAgent, RlMembersAgent
from config.trading import EnsembleSettings, RegimeSettings, RlSettings
from core.types import (
    Abstention,
    BarPanel,
    Cycle,
    MarketAnalysis,
    MarketView,
    Plan,
    Portfolio,
    SectorScore,
    StepReport,
    TradingState,
)
from models.factors.store import FactorStore
from models.regime.tracker import RegimeTracker
from models.rl.artefacts import StoredMember, file_of
from models.rl.ensemble import Ensemble, EnsembleProvider, EnsembleVote
from models.rl.tickers import most_picked
from models.rl.windows import cut
from tests.default_universe import DEFAULT, SECTOR_ETF_OF, STOCKS
from tests.panels import make_panel, with_future_changed
from tests.rl_markets import make_actor, make_card, make_market

SETTINGS = RlSettings(factor_window_sessions=2)
WIDTH = 13 * 2 + 1 + 2
ROWS = 420
NO_FACTORS = {"COIN": [(0, 400)], "NVDA": [(ROWS - 1, ROWS)]}
PANEL = make_panel(5, ROWS, missing=NO_FACTORS)
STOPPED_AT = str(PANEL.sessions[300])


def a_member(
    name: str, seed: int, *, skilled: bool = True, ends: int = ROWS - 2, width: int = WIDTH
) -> StoredMember:
    card = make_card(name, seed, skilled=skilled)
    window = replace(card.window, stopped_at=STOPPED_AT, labels_end=str(PANEL.sessions[ends]))
    card = replace(card, window=window)
    return StoredMember(actor=make_actor(seed, width=width, squashed=name == "ddpg"), card=card)


def a_view(panel: BarPanel = PANEL) -> MarketView:
    as_of = panel.known_at[-1].astype("datetime64[us]").astype(datetime).replace(tzinfo=UTC)
    return MarketView(as_of=as_of, bars=panel, source="test")


def an_ensemble(folder: Path, *members: StoredMember, rl: RlSettings = SETTINGS) -> Ensemble:
    provider = EnsembleProvider(folder)
    provider.members = members
    tracker = RegimeTracker(RegimeSettings(restarts=1))
    return Ensemble(provider, FactorStore(SECTOR_ETF_OF), tracker, STOCKS, EnsembleSettings(), rl)


def judged(ensemble: Ensemble, view: MarketView) -> EnsembleVote:
    vote = ensemble.vote(view)
    assert isinstance(vote, EnsembleVote), vote
    return vote


def test_the_vote_is_the_weighted_mean_of_those_who_vote(tmp_path: Path) -> None:
    members = a_member("ppo", 1), a_member("a2c", 2, skilled=False), a_member("ddpg", 3)
    vote = judged(an_ensemble(tmp_path, *members), a_view())
    ppo, a2c, ddpg = vote.members
    assert a2c.weight == 0
    assert "not better than chance" in a2c.no_vote_reason
    assert ppo.weight + ddpg.weight == pytest.approx(1)
    assert min(ppo.weight, ddpg.weight) >= EnsembleSettings().minimum_weight
    assert ppo.trailing_sharpe is not None
    assert ddpg.trailing_sharpe is not None
    np.testing.assert_allclose(vote.votes, ppo.weight * ppo.actions + ddpg.weight * ddpg.actions)
    assert np.nanmax(np.abs(vote.votes)) > 0.1


def test_without_skill_nobody_votes_unless_it_is_allowed(tmp_path: Path) -> None:
    unskilled = a_member("ppo", 1, skilled=False)
    agent = RlAgent(an_ensemble(tmp_path, unskilled))
    analysis = agent.signals(a_view(), STOCKS)
    assert not analysis.signals
    assert "no member votes: ppo: not better than chance" in analysis.abstentions[0].reason
    allowed = an_ensemble(tmp_path, unskilled, rl=SETTINGS.model_copy(update={"require_skill": False}))
    assert len(RlAgent(allowed).signals(a_view(), STOCKS).signals) > 50


def test_a_ticker_without_factors_abstains(tmp_path: Path) -> None:
    ensemble = an_ensemble(tmp_path, a_member("ppo", 1))
    analysis = RlAgent(ensemble).signals(a_view(), STOCKS)
    assert {a.symbol for a in analysis.abstentions} == {"COIN", "NVDA"}
    assert {s.symbol for s in analysis.signals} == set(STOCKS) - {"COIN", "NVDA"}
    assert all(0 <= signal.confidence <= 1 for signal in analysis.signals)
    assert {s.agent for s in RlMembersAgent(ensemble).signals(a_view(), STOCKS).signals} == {"rl.ppo"}


@pytest.mark.parametrize("ends", [ROWS - 1])
def test_a_model_that_knows_the_views_session_is_look_ahead(tmp_path: Path, ends: int) -> None:
    vote = an_ensemble(tmp_path, a_member("ppo", 1, ends=ends)).vote(a_view())
    assert isinstance(vote, Abstention)
    assert "look-ahead" in vote.reason
    earlier = an_ensemble(tmp_path, a_member("ppo", 1)).vote(a_view(PANEL.prefix(ROWS - 1)))
    assert isinstance(earlier, Abstention)


def test_without_models_or_with_foreign_ones_it_says_so(tmp_path: Path) -> None:
    nothing = an_ensemble(tmp_path).vote(a_view())
    assert isinstance(nothing, Abstention)
    assert "POST /train" in nothing.reason
    file_of(tmp_path, "ppo").write_bytes(b"PK foreign")
    provider = EnsembleProvider(tmp_path)
    assert not provider.members
    assert "not a model this engine wrote" in provider.faults["ppo"]


def test_a_member_of_another_factor_window_keeps_silent(tmp_path: Path) -> None:
    vote = judged(an_ensemble(tmp_path, a_member("ppo", 1, width=WIDTH + 13), a_member("a2c", 2)), a_view())
    assert "another factor window" in vote.members[0].no_vote_reason
    assert vote.members[1].weight == 1


def test_the_verdict_knows_nothing_of_the_future(tmp_path: Path) -> None:
    members = a_member("ppo", 1, ends=390), a_member("ddpg", 2, ends=390)
    row = 400
    cut_off = judged(an_ensemble(tmp_path, *members), a_view(PANEL.prefix(row + 1)))
    for full in (PANEL, with_future_changed(PANEL, row)):
        ensemble = an_ensemble(tmp_path, *members)
        ensemble._factors.prepare(full)
        again = judged(ensemble, a_view(full.prefix(row + 1)))
        np.testing.assert_array_equal(cut_off.votes, again.votes)
        assert [m.weight for m in cut_off.members] == [m.weight for m in again.members]
    later = judged(ensemble, a_view(with_future_changed(PANEL, row)))
    assert not np.array_equal(cut_off.votes, later.votes, equal_nan=True)


def test_a_model_trained_today_may_be_used_today_and_not_on_what_it_knew() -> None:
    market = make_market(sessions=500)
    windows = cut(market, RlSettings(validation_sessions=100))
    dates = [str(day)[:10] for day in market.sessions]
    assert windows.dates["labels_end"] == dates[-2]
    assert windows.fitted.sessions[-1] < windows.stopping.sessions[0] - 4
    assert np.datetime64(windows.dates["stopped_at"]) < windows.judged.sessions[0]
    assert len(windows.judged.sessions) == len(windows.stopping.sessions) == 50
    assert windows.judged.priced.all()


def test_the_most_picked_come_first_and_are_filled_up_across_sectors(recorded_reports: list[StepReport]) -> None:
    named = most_picked(recorded_reports, DEFAULT, STOCKS, 15)
    assert named[:3] == ("NVDA", "KO", "XOM")
    assert len(set(named)) == 15
    assert named[3:6] == ("AAPL", "JPM", "LLY")
    assert most_picked(recorded_reports, DEFAULT, ["KO"], 15) == ("KO",)
    assert most_picked([], DEFAULT, STOCKS, 2) == ("AAPL", "NVDA")


@pytest.fixture
def recorded_reports() -> list[StepReport]:

    def report(candidates: tuple[str, ...], picks: tuple[str, ...]) -> StepReport:
        sector = SectorScore(sector="s", etf="e", rank=1, score=0.1, momentum={}, hot=True, picks=picks)
        analysis = MarketAnalysis(candidates=candidates, sectors=(sector,))
        plan = Plan(
            decisions=(), approved=(), refused=(), unchanged=(), analysis=analysis,
            portfolio=Portfolio(cash=Decimal(1)), state=TradingState.ACTIVE,
        )  # fmt: skip
        return StepReport(
            decision_id="d", cycle=Cycle(name="decide"), as_of=datetime(2025, 1, 2, tzinfo=UTC), source="test",
            bars_until="", view_digest="", config_digest="", plan=plan,
        )  # fmt: skip

    once = report(("NVDA", "XOM"), ("NVDA", "KO", "SPY"))
    return [once, report(("NVDA", "KO"), ()), replace(once, plan=report((), ("NVDA",)).plan)]
