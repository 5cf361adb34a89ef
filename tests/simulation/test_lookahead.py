"""The search for look-ahead finds none in the engine, and finds what is planted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from msgspec.structs import replace

from agents.build import assemble_team
from agents.top_of_universe import EPOCH
from backtest.app.engine import build_backtest_engine
from backtest.lookahead import (
    another_future,
    check_lookahead,
    first_difference,
    no_future,
)
from backtest.runner import run
from config.loader import load_risk
from core.errors import InvariantError
from core.ports import Team
from core.types import BarPanel, Cycle, Decision, MarketAnalysis, MarketView, Portfolio, Side
from models.factors.store import FactorRow, FactorStore
from models.ranker.artefact import QuantArtefact
from models.ranker.ranker import Ranker
from models.ranker.registry import WalkForwardRankers
from models.ranker.training import train_ranker
from tests.default_universe import SECTOR_ETF_OF, STOCKS
from tests.panels import FIELDS, make_panel
from tests.simulation import rules
from tests.simulation.desk import market, settings

TeamOf = Callable[[BarPanel], Team]
FIRST, CUTS = 420, (445, 462)


@cache
def artefact() -> QuantArtefact:
    return train_ranker(market(), FactorStore(SECTOR_ETF_OF).history(market()), settings().quant, FIRST - 1)


def whole_team(panel: BarPanel, factors: FactorStore) -> Team:
    factors.prepare(panel)  # on all that the panel holds, its future too
    return assemble_team(settings(), WalkForwardRankers([Ranker(artefact())]), factors)


def recorder(team_of: TeamOf, fills: list[int]) -> Callable[[BarPanel, Sequence[int]], list[bytes]]:
    """Run the pipeline end to end, feed and factors included, each time from nothing."""

    def record(panel: BarPanel, rows: Sequence[int]) -> list[bytes]:
        made = build_backtest_engine(panel, settings(), load_risk(), team_of, source="simulated")
        out: list[bytes] = []

        def keep(done: int, _: int) -> None:
            if FIRST + done - 1 in rows:
                out.append(made.ledger.dump())

        steps = [(at, rules.WATCHED) for at in made.panel.closed_at[FIRST : max(rows) + 1]]
        fills.append(len(run(made.engine, made.clock, steps, resume_after_sessions=5, progress=keep).fills))
        return out

    return record


def test_nothing_in_the_pipeline_knows_the_future() -> None:
    fills: list[int] = []
    record = recorder(lambda panel: whole_team(panel, FactorStore(SECTOR_ETF_OF)), fills)
    told: list[tuple[int, int]] = []
    found = check_lookahead(market(), record, CUTS, progress=lambda done, of: told.append((done, of)))
    assert found.leaks == ()
    assert found.comparisons == 4
    assert found.bytes_compared > 100_000
    assert found.sessions == tuple(str(market().sessions[row]) for row in CUTS)
    assert told == [(done, 5) for done in range(1, 6)]
    assert min(fills) > 10


@dataclass(frozen=True)
class Peeking:
    """A team that drops candidates which the next session's bar says will fall: a one-row leak."""

    honest: Team
    panel: BarPanel

    def analyse(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> MarketAnalysis:
        analysis = self.honest.analyse(view, portfolio, cycle)
        ahead = self.panel.close[view.row + 1] / self.panel.close[view.row] - 1
        rising = [s for s in analysis.candidates if ahead[self.panel.column[s]] > 0]
        return replace(analysis, candidates=tuple(rising))

    def decide(self, analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        return self.honest.decide(analysis, portfolio, cycle)

    def explain(self, view: MarketView, analysis: MarketAnalysis, symbols: Collection[str]) -> MarketAnalysis:
        return self.honest.explain(view, analysis, symbols)


def dated_market() -> BarPanel:
    """The market, with a third of the stocks outside the universe every other fortnight."""
    panel = market()
    turn = (np.arange(len(panel.sessions)) // 10)[:, None] % 2 == np.arange(len(panel.symbols)) % 2
    third = (np.arange(len(panel.symbols)) % 3 == 0) & np.isin(panel.symbols, STOCKS)
    return dataclasses.replace(panel, member=~(turn & third))


@dataclass(frozen=True)
class EarlyMembers(Peeking):
    """A team that drops candidates which will not be members tomorrow."""

    def analyse(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> MarketAnalysis:
        analysis = self.honest.analyse(view, portfolio, cycle)
        tomorrow = self.panel.member[view.row + 1]
        return replace(
            analysis, candidates=tuple(s for s in analysis.candidates if tomorrow[self.panel.column[s]])
        )


def test_nothing_looks_ahead_over_a_dated_universe_and_only_members_are_entered() -> None:
    fills: list[int] = []
    record = recorder(lambda panel: whole_team(panel, FactorStore(SECTOR_ETF_OF)), fills)
    panel = dated_market()
    found = check_lookahead(panel, record, CUTS)
    assert found.leaks == ()
    assert min(fills) > 10
    made = build_backtest_engine(
        panel, settings(), load_risk(), lambda p: whole_team(p, FactorStore(SECTOR_ETF_OF)), source="simulated"
    )
    steps = [(at, rules.WATCHED) for at in made.panel.closed_at[FIRST : CUTS[-1]]]
    bought = [f for f in run(made.engine, made.clock, steps, resume_after_sessions=5).fills if f.side is Side.BUY]
    assert len(bought) > 5
    for fill in bought:
        decided = int(np.searchsorted(panel.sessions, np.datetime64(fill.at.date(), "D"))) - 1
        assert panel.member[decided, panel.column[fill.symbol]], fill


def test_a_planted_use_of_tomorrows_membership_is_caught() -> None:
    panel = dated_market()
    record = recorder(lambda p: EarlyMembers(whole_team(p, FactorStore(SECTOR_ETF_OF)), p), [])
    turns = [row for row in range(FIRST + 20, FIRST + 45) if (row + 1) % 10 == 0]
    found = check_lookahead(panel, record, turns[:2])
    assert found.leaks
    assert all(leak.difference.field.startswith("plan.") for leak in found.leaks)


class EarlyFactors(FactorStore):
    """Factors of the session after: a leak deep inside."""

    def at(self, bars: BarPanel) -> FactorRow:
        table = self._find(bars)
        return table.row(min(len(bars.sessions), len(table.z) - 1))


LEAKY: dict[str, TeamOf] = {
    "an agent that peeks": lambda panel: Peeking(whole_team(panel, FactorStore(SECTOR_ETF_OF)), panel),
    "factors a row early": lambda panel: whole_team(panel, EarlyFactors(SECTOR_ETF_OF)),
}


@pytest.mark.parametrize("planted", LEAKY)
def test_a_planted_leak_of_one_row_is_caught_and_named(planted: str) -> None:
    found = check_lookahead(market(), recorder(LEAKY[planted], []), CUTS[:1])
    assert {leak.future for leak in found.leaks} == {"no bars", "other bars"}
    for leak in found.leaks:
        assert leak.session == str(market().sessions[CUTS[0]])
        assert leak.difference.table == "steps"
        assert leak.difference.record.startswith(leak.session.replace("-", ""))
        assert leak.difference.field.startswith("plan.")
        assert leak.difference.before != leak.difference.after


def test_a_rule_that_peeks_is_caught_too() -> None:
    panel = make_panel(5, 120)

    def record(changed: BarPanel, rows: Sequence[int]) -> list[bytes]:
        made = rules.backtest_engine(changed, rules.trading(), lambda p: Peeking(rules.top_of(p), p))
        out: dict[int, bytes] = {}
        rules.run(made, rules.WATCHED, max(rows), lambda row: out.update({row: made.ledger.dump()}))
        return [out[row] for row in rows]

    periods = np.busday_count(EPOCH, panel.sessions) // rules.EVERY
    due = [row for row in range(60, 80) if periods[row] != periods[row - 1]]
    assert check_lookahead(panel, record, due[:2]).leaks
    idle = due[0] + 1  # nothing is decided there, so there is nothing that a peek could change
    assert not check_lookahead(panel, record, [idle]).leaks


def test_a_cut_without_a_future_is_refused() -> None:
    panel = make_panel(5, 60)
    with pytest.raises(InvariantError, match="leave no future"):
        check_lookahead(panel, lambda *_: [b"x"], [59])
    with pytest.raises(InvariantError, match="nothing can be compared"):
        check_lookahead(panel, lambda *_: [b""], [30])


@pytest.mark.parametrize("future", [no_future, another_future])
def test_a_changed_future_leaves_the_past_as_it_was(future: Callable[[BarPanel, int, int], BarPanel]) -> None:
    panel = make_panel(5, 60, missing={"COIN": [(0, 40)]})
    changed = future(panel, 30, 7)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(changed, name)[:31], getattr(panel, name)[:31])
        assert not (getattr(changed, name)[31:] == getattr(panel, name)[31:]).any()
    assert changed.row_digests[30] == panel.row_digests[30]
    assert changed.row_digests[31] != panel.row_digests[31]


def test_another_future_is_of_sound_bars_that_go_on_from_the_last_close() -> None:
    panel = make_panel(5, 60)
    bars = another_future(panel, 30, 7)
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert np.abs(bars.close[31] / panel.close[30] - 1).max() < 0.15
    assert not np.array_equal(bars.close, another_future(panel, 30, 8).close)


def test_the_first_difference_names_the_row_and_the_field() -> None:
    one = b'["steps",1,"a","decide","t","{\\"plan\\":{\\"x\\":[1,2]}}"]\n["orders",1,"b"]'
    other = one.replace(b"[1,2]", b"[1,3]")
    first = first_difference(one, other)
    assert (first.table, first.record, first.field) == ("steps", "a", "plan.x[1]")
    assert (first.before, first.after) == ("2", "3")
    gone = first_difference(one, one.split(b"\n", maxsplit=1)[0])
    assert (gone.table, gone.record, gone.field, gone.after) == ("orders", "b", "the whole row", "")
