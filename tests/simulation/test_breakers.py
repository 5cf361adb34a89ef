"""Every breaker through the daemon's service: what trips it, what it stops, and that only a person goes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from core.cycles import DECIDE, RISK_CHECK
from core.types import Side, StepReport, TradingState
from daemon.engine_service import EngineService
from tests.simulation.desk import Desk, Moment, moments, open_desk, ready, serve

ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED


def limit(desk: Desk, part: str, **values: Any) -> None:
    """Put limits in force as an edit of the watched file does."""
    settings = desk.limits.settings
    desk.limits.put(settings.model_copy(update={part: getattr(settings, part).model_copy(update=values)}))


async def live(desk: Desk, service: EngineService, steps: Sequence[Moment]) -> list[StepReport]:
    out = []
    for at, cycle in steps:
        desk.clock.set(at)
        out.append(await service.step(cycle))
    return out


def bought(reports: Sequence[StepReport]) -> int:
    return sum(a.order.side is Side.BUY for report in reports for a in report.plan.approved)


def sold(reports: Sequence[StepReport]) -> int:
    return sum(a.order.side is Side.SELL for report in reports for a in report.plan.approved)


def alerts(desk: Desk) -> list[str]:
    return [event.data["message"] for event in desk.hub._log if event.topic == "risk.alert"]


def test_a_days_loss_leaves_exits_only_until_a_person_resumes() -> None:
    async def go() -> None:
        desk = open_desk()
        service, steps = serve(desk), moments()
        await ready(service)
        limit(desk, "daily_limits", max_daily_loss_pct=-0.002)
        reports = await live(desk, service, steps[:12])
        first = next(i for i, report in enumerate(reports) if report.plan.state is not ACTIVE)
        assert bought(reports[:first]) > 3
        assert all(report.plan.portfolio.daily_return > -0.002 for report in reports[:first])
        assert reports[first].plan.portfolio.daily_return <= -0.002
        reports += await live(desk, service, steps[12:40])
        after = reports[first:]
        assert {report.plan.state for report in after} == {REDUCING}, "a better day changes nothing"
        assert any(report.plan.portfolio.daily_return > 0 for report in after)
        assert bought(after) == 0
        assert sold(after) > 0
        assert "trading_state" in {refused.rule for report in after for refused in report.plan.refused}
        assert sum("exits only until POST /resume" in told for told in alerts(desk)) == 1
        await service.resume()
        assert bought(await live(desk, service, steps[40:])) > 0
        await service.stop()

    asyncio.run(go())


def test_the_days_loss_counts_from_the_sessions_opening_equity_over_a_restart(tmp_path: Path) -> None:
    async def go() -> None:
        desk = open_desk(tmp_path)
        service = serve(desk)
        await ready(service)
        for step in moments():
            book = (await live(desk, service, [step]))[0].plan.portfolio
            if book.daily_return < -0.001:
                break
        assert book.daily_return < -0.001, "no day lost"
        await service.stop()
        desk = open_desk(tmp_path, at=desk.clock.now())
        service = serve(desk)
        await ready(service)
        assert service.portfolio().session_open_equity == book.session_open_equity
        limit(desk, "daily_limits", max_daily_loss_pct=-0.001)
        assert (await service.step(RISK_CHECK)).plan.state is REDUCING
        await service.stop()

    asyncio.run(go())


def test_the_true_worst_drawdown_is_served_though_a_person_resumed_each_halt() -> None:
    async def go() -> None:
        desk = open_desk()
        service = serve(desk)
        await ready(service)
        limit(desk, "circuit_breakers", max_drawdown_pct=-0.002)
        served, equities, resumed = [], [desk.engine.portfolio.equity], 0
        for moment in moments():
            portfolio = (await live(desk, service, [moment]))[0].plan.portfolio
            equities.append(portfolio.equity)
            served.append(json.loads(service.status())["portfolio"]["drawdown"])
            assert portfolio.breaker_drawdown >= portfolio.drawdown
            if desk.engine.state is HALTED:
                await service.resume()
                resumed += 1
                assert service.portfolio().breaker_drawdown == 0
                assert service.portfolio().drawdown == portfolio.drawdown
        peaks = accumulate(equities, max)
        truth = [float(equity / peak - 1) for equity, peak in zip(equities, peaks, strict=True)][1:]
        assert resumed > 1
        assert min(truth) < -0.004, "it fell further than one halt"
        assert served == pytest.approx(truth, abs=1e-6)
        marks = service.ledger.equity_marks(400)
        assert min(mark.drawdown for mark in marks) >= min(truth)
        assert marks[-1].drawdown == pytest.approx(truth[-1])
        await service.stop()

    asyncio.run(go())


def test_a_fall_from_the_peak_halts_and_only_flatten_still_sells() -> None:
    async def go() -> None:
        desk = open_desk()
        service, steps = serve(desk), moments()
        await ready(service)
        limit(desk, "circuit_breakers", max_drawdown_pct=-0.002)
        reports = await live(desk, service, steps[:40])
        first = next(i for i, report in enumerate(reports) if report.plan.state is HALTED)
        assert reports[first].plan.portfolio.drawdown <= -0.002
        assert bought(reports[:first]) > 3
        assert not any(report.plan.approved for report in reports[first:])
        assert service.portfolio().positions
        assert any("POST /flatten sells everything" in told for told in alerts(desk))
        flattened = await service.flatten()
        assert sold([flattened]) == len(flattened.plan.portfolio.positions) > 0
        await live(desk, service, steps[40:42])
        assert service.portfolio().positions == {}
        assert service.health()["trading_state"] == "halted"
        await service.stop()

    asyncio.run(go())


def test_no_more_entries_than_the_days_trades() -> None:
    async def go() -> None:
        desk = open_desk()
        service = serve(desk)
        await ready(service)
        limit(desk, "daily_limits", max_daily_trades=2)
        reports = await live(desk, service, moments()[:40])
        for report in reports:
            assert bought([report]) <= 2
        assert bought(reports) > 6
        assert sold(reports) > 0
        assert "max_daily_trades" in {refused.rule for report in reports for refused in report.plan.refused}
        days = {report.as_of.date(): report.plan.portfolio.trades_today for report in reports}
        assert max(days.values()) >= 2
        await service.stop()

    asyncio.run(go())


def test_the_trades_of_an_executed_decision_count_after_a_kill(tmp_path: Path) -> None:
    async def go() -> None:
        steps = moments()
        desk = open_desk(tmp_path)
        service = serve(desk)
        await ready(service)
        desk.clock.set(steps[1][0])
        decided = await service.step(DECIDE)
        assert len(decided.plan.approved) > 1
        done = await service.execute(decided.decision_id, dry_run=False)
        sent = [order for order in done.orders if order.status == "submitted"]
        assert service.portfolio().trades_today == len(sent) > 1
        again = open_desk(tmp_path, at=steps[1][0])  # beside the first, as after a kill -9: no step in between
        assert again.engine.portfolio.trades_today == len(sent)
        assert {o.client_order_id for o in again.engine.portfolio.pending} == {o.client_order_id for o in sent}
        again.close()
        await service.stop()

    asyncio.run(go())


def test_the_switch_in_the_file_halts_at_the_next_step() -> None:
    async def go() -> None:
        desk = open_desk()
        service, steps = serve(desk), moments()
        await ready(service)
        assert bought(await live(desk, service, steps[:3])) > 0
        limit(desk, "daily_limits", max_daily_loss_pct=0.0)
        report = (await live(desk, service, steps[3:4]))[0]
        assert report.plan.state is HALTED
        assert report.plan.approved == ()
        assert any("max_daily_loss_pct is 0" in told for told in report.plan.alerts)
        limit(desk, "daily_limits", max_daily_loss_pct=-0.02)
        assert (await live(desk, service, steps[4:5]))[0].plan.state is HALTED, "only a person goes back"
        await service.stop()

    asyncio.run(go())
