"""A recorded decision decided again: the same, byte for byte; when not, it says what is no longer the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from adapters.feeds.panel_feed import PanelFeed
from adapters.ledger.rows import encode_report
from backtest.replay import Recorded, Replay, find, inputs_of, replay
from core.cycles import DECIDE
from core.errors import RequestError
from core.types import BarPanel, StepReport, TradingState
from models.factors.store import FactorStore
from pipeline.engine import Engine
from pipeline.execution import execute
from pipeline.reconciliation import recover
from pipeline.step import fingerprint
from tests.default_universe import SECTOR_ETF_OF
from tests.simulation.desk import (
    CALENDAR,
    Desk,
    assert_it_did_something,
    market,
    moments,
    open_desk,
    settings,
)

CASH = Decimal("100000.0")


@cache
def desk() -> Desk:
    made = open_desk()
    recover(made.engine)
    assert_it_did_something(made.run(moments()))
    return made


@cache
def fresh() -> Desk:
    return open_desk()


def again(recorded: Recorded, **changes: Any) -> Replay:
    """Decide with another process's parts: nothing is shared with the run but the ledger."""
    panel = changes.pop("panel", None)
    other = (fresh() if panel is None else open_desk(panel=panel)).engine.parts
    given: dict[str, Any] = {
        "feed": other.feed, "team": other.team, "risk": other.risk, "config_digest": other.config_digest(),
        "initial_cash": CASH, "encode": encode_report,
    }  # fmt: skip
    return replay(recorded, **(given | changes))


def steps(cycle: str) -> list[StepReport]:
    """The steps of a kind that approved orders, newest first."""
    return [r for r in desk().ledger.decisions(1000) if r.cycle.name == cycle and r.plan.approved]


def test_every_kind_of_step_is_decided_again_byte_for_byte() -> None:
    some = (*desk().ledger.decisions(1000)[-4:], *steps("decide")[:3], *steps("risk_check")[:3])
    kinds = set()
    for name in {r.decision_id for r in some}:
        recorded = find(desk().ledger, name)
        done = again(recorded)
        assert done == Replay(decision_id=name, same=True, same_plan=True, causes=(), first_difference=""), done
        kinds.add(recorded.report.cycle.name)
    assert kinds == {"recover", "decide", "risk_check"}


def test_the_book_a_decision_saw_is_proven_by_its_own_id() -> None:
    with_fills = [r for r in desk().ledger.decisions(1000) if r.fills]
    assert len(with_fills) > 5
    for report in with_fills[:5]:
        recorded = find(desk().ledger, report.decision_id)
        assert recorded.before is not None
        seen = inputs_of(recorded, CASH)
        assert seen.proven
        assert seen.state is TradingState.ACTIVE
        assert seen.portfolio != recorded.before.plan.portfolio  # the fills lie between the two


def test_a_what_if_is_decided_again() -> None:
    made = open_desk()
    made.run(moments()[:12])
    report = made.engine.step(replace(DECIDE, as_of=moments()[9][0]))
    assert report.plan.approved
    made.run(moments()[12:14])
    assert again(find(made.ledger, report.decision_id)).same


def executed() -> tuple[Desk, Engine]:
    made = open_desk()
    for at, _ in moments():
        made.clock.set(at)
        if made.engine.step(DECIDE).plan.approved:
            break
    execute(made.engine, None, dry_run=False)
    return made, made.engine


def test_what_a_person_did_between_two_steps_is_found() -> None:
    made, engine = executed()
    first = engine.step(replace(DECIDE, submits=True))
    assert again(find(made.ledger, first.decision_id)).same
    engine.set_state(TradingState.REDUCING, "a person")
    second = engine.step(DECIDE)
    recorded = find(made.ledger, second.decision_id)
    assert second.plan.decided_in is TradingState.REDUCING
    assert inputs_of(recorded, CASH).state is TradingState.REDUCING
    assert again(recorded).same
    made.run([m for m in moments() if m[0] > made.clock.now()][:2])
    engine.resume("a person")
    third = engine.step(DECIDE)
    assert again(find(made.ledger, third.decision_id)).same


def test_revised_bars_are_named() -> None:
    report = steps("decide")[0]
    bought = report.plan.approved[0].order.symbol
    row = int(np.searchsorted(market().sessions, np.datetime64(report.bars_until, "D")))
    close, high = market().close.copy(), market().high.copy()
    close[row, market().column[bought]] *= 1.001
    high[row, market().column[bought]] *= 1.002
    done = again(find(desk().ledger, report.decision_id), panel=replace(market(), close=close, high=high))
    assert not done.same
    assert done.causes == ("The view is another: bars, quotes or headlines up to that moment were revised.",)
    assert done.first_difference.startswith("plan.")


def test_bars_revised_later_change_nothing() -> None:
    report = steps("decide")[-1]
    row = int(np.searchsorted(market().sessions, np.datetime64(report.bars_until, "D")))
    assert row < len(market().sessions) - 3
    assert again(find(desk().ledger, report.decision_id), panel=changed_after(market(), row + 1)).same


def changed_after(panel: BarPanel, row: int) -> BarPanel:
    scale = np.where(np.arange(len(panel.sessions))[:, None] > row, 1.001, 1.0)
    return replace(
        panel, **{name: getattr(panel, name) * scale for name in ("open", "high", "low", "close", "volume")}
    )


def test_a_changed_setting_is_named_and_whether_it_mattered() -> None:
    report = steps("decide")[0]
    done = again(find(desk().ledger, report.decision_id), config_digest="f" * 64)
    assert not done.same
    assert done.same_plan
    assert [cause[:21] for cause in done.causes] == ["The settings changed:"]
    assert done.first_difference == ""


class Other:
    """The team, speaking in another model's name."""

    def __init__(self, team: Any) -> None:
        self._team = team

    def analyse(self, *told: Any) -> Any:
        analysis = self._team.analyse(*told)
        models: Mapping[str, str] = {**analysis.models, "quant": "quant-v8-another"}
        return structs.replace(analysis, models=models)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._team, name)


def test_a_changed_model_is_named() -> None:
    report = steps("decide")[0]
    done = again(find(desk().ledger, report.decision_id), team=Other(fresh().engine.parts.team))
    was = report.plan.analysis.models["quant"]
    assert done.causes == (f"The model of quant changed: it was {was}, it is quant-v8-another.",)
    assert done.first_difference == f"plan.opinion.models.quant: it was {was}, it is quant-v8-another"


def test_a_portfolio_that_the_ledger_does_not_prove_is_named() -> None:
    recorded = find(desk().ledger, steps("decide")[0].decision_id)
    assert recorded.before is not None
    richer = structs.replace(recorded.before.plan.portfolio, cash=recorded.before.plan.portfolio.cash + 1)
    before = structs.replace(recorded.before, plan=structs.replace(recorded.before.plan, portfolio=richer))
    done = again(replace(recorded, before=before))
    assert not done.same
    assert done.causes[0].startswith("The portfolio it was made from is not recorded in full")


def test_what_was_decided_on_is_proven_by_what_the_report_recorded_or_not_at_all() -> None:
    recorded = find(desk().ledger, steps("decide")[0].decision_id)
    plan = recorded.report.plan
    seen = inputs_of(recorded, CASH)
    found = (fingerprint(seen.portfolio), seen.state, seen.proven)
    assert found == (plan.portfolio_digest, plan.decided_in, True)
    older: dict[str, Any] = {"portfolio_digest": "", "decided_in": None}
    for forged in (older, {"decided_in": TradingState.HALTED}, {"portfolio_digest": "f" * 64}):
        other = structs.replace(recorded.report, plan=structs.replace(plan, **forged))
        assert not inputs_of(replace(recorded, report=other), CASH).proven


def test_an_unknown_decision_is_refused() -> None:
    with pytest.raises(RequestError, match="no decision") as refused:
        find(desk().ledger, "20200101T000000-decide-0")
    assert refused.value.status == 404


def test_another_source_is_named() -> None:
    feed = PanelFeed(market(), settings().data, CALENDAR, source="parquet")
    FactorStore(SECTOR_ETF_OF).prepare(feed.panel)
    done = again(find(desk().ledger, steps("decide")[0].decision_id), feed=feed)
    assert done.causes == ("The view is another: the source was simulated and is parquet.",)
