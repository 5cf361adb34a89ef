"""Stops, kills and mismatches: what the engine finds at its next start, and what it does about it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.ledger import SqliteLedger
from adapters.paper.broker import PaperBroker
from config.environment import OrderRoute
from core.brackets import Bracket
from core.cycles import DECIDE, FLATTEN
from core.errors import BrokerError, LedgerError, RequestError
from core.ports import Team
from core.types import (
    ApprovedOrder,
    Cycle,
    Decision,
    MarketAnalysis,
    MarketView,
    Order,
    OrderStatus,
    Portfolio,
    Settlement,
    Side,
    TradingState,
)
from pipeline.reconciliation import recover
from tests.simulation.desk import (
    OPENS_AT,
    Desk,
    Moment,
    assert_it_did_something,
    models,
    moments,
    open_desk,
    ready,
    serve,
)

ROOT = Path(__file__).parents[2]
KILLS = 4


# --- an orderly stop -------------------------------------------------------------------------------------------


def test_a_restart_goes_on_with_the_same_book(tmp_path: Path) -> None:
    steps = moments()
    whole = open_desk()
    reports = whole.run(steps)
    assert_it_did_something(reports)
    first = open_desk(tmp_path)
    first.run(steps[:18])
    book, state = first.engine.portfolio, first.engine.state
    assert any(held.missed_count for held in book.positions.values())
    first.close()
    second = open_desk(tmp_path, at=steps[17][0])
    assert (second.engine.portfolio, second.engine.state) == (book, state)
    assert recover(second.engine).differences == ()
    assert second.engine.portfolio == book
    assert second.run(steps[18:]) == reports[18:]
    assert second.engine.portfolio == whole.engine.portfolio
    second.close()


def test_a_halt_outlives_a_restart_and_a_resume_measures_losses_anew(tmp_path: Path) -> None:
    async def halted_then_resumed() -> None:
        desk = open_desk(tmp_path)
        service = serve(desk)
        await ready(service)
        for at, cycle in moments()[:12]:
            desk.clock.set(at)
            await service.step(cycle)
        await service.halt("lunch")
        await service.stop()
        desk = open_desk(tmp_path, at=moments()[11][0])
        service = serve(desk)
        await ready(service)
        assert service.health()["trading_state"] == "halted"
        assert json.loads(service.status())["state_reason"] == "lunch"
        await service.resume()
        await service.stop()
        desk = open_desk(tmp_path, at=moments()[11][0])
        assert desk.engine.state is TradingState.ACTIVE
        book = desk.engine.portfolio
        assert (book.breaker_daily_return, book.breaker_drawdown) == (0, 0)
        assert book.drawdown < 0, "it had fallen, and a resume does not unmake that"
        desk.close()

    asyncio.run(halted_then_resumed())


# --- kill -9 ---------------------------------------------------------------------------------------------------


class Doomed:
    """A broker whose process is killed at its n-th chance: there is one before and one after each call."""

    name = "paper"

    def __init__(self, broker: PaperBroker, chances: int) -> None:
        self._broker = broker
        self._chances = chances

    def doubtful_orders(self) -> frozenset[str]:
        return self._broker.doubtful_orders()

    def settle(self, view: MarketView) -> Settlement:
        self._chance()
        settlement = self._broker.settle(view)
        self._chance()
        return settlement

    def submit(self, approved: Sequence[ApprovedOrder]) -> Mapping[str, str]:
        self._chance()
        statuses = self._broker.submit(approved)
        self._chance()
        return statuses

    def acknowledge(self, ids: Sequence[str]) -> None:
        self._chance()
        self._broker.acknowledge(ids)
        self._chance()

    def protect(self, protections: Sequence[Bracket]) -> None:
        self._broker.protect(protections)

    def cancel(self, client_order_id: str) -> str:
        return self._broker.cancel(client_order_id)

    def statuses(self, client_order_ids: Sequence[str]) -> Mapping[str, str]:
        return self._broker.statuses(client_order_ids)

    def reason(self, client_order_id: str) -> str:
        return self._broker.reason(client_order_id)

    def open_orders(self) -> tuple[Order, ...]:
        return self._broker.open_orders()

    def account(self) -> Portfolio:
        return self._broker.account()

    def _chance(self) -> None:
        self._chances -= 1
        if not self._chances:
            os.kill(os.getpid(), signal.SIGKILL)


CHILD = """
import sys
from pathlib import Path
from tests.simulation.test_engine_restart import run_until_killed
run_until_killed(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
"""


def left_after(desk: Desk) -> list[Moment]:
    """The moments that no recorded step has seen."""
    newest = desk.ledger.decisions(1)
    return [m for m in moments() if not newest or m[0] > newest[0].as_of]


def last_seen(folder: Path) -> datetime:
    ledger = SqliteLedger(folder / "ledger.sqlite", route=OrderRoute.PAPER_BUILTIN)
    newest = ledger.decisions(1)
    ledger.close()
    return newest[0].as_of if newest else OPENS_AT


def run_until_killed(folder: Path, models_folder: Path, chances: int) -> None:
    """Go on from where the ledger ends, and die."""
    at = last_seen(folder)
    desk = open_desk(
        folder, at=at, models_folder=models_folder, wrap_broker=lambda broker: Doomed(broker, chances)
    )
    recover(desk.engine)
    desk.run(left_after(desk))


def killed(folder: Path, chances: int) -> int:
    command = [sys.executable, "-c", CHILD, str(folder), models().name, str(chances)]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=variables, check=False).returncode


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_no_kill_loses_a_fill_doubles_an_order_or_parts_ledger_and_broker(tmp_path: Path) -> None:
    dice = random.Random(20210405)
    mended: list[str] = []
    for _ in range(KILLS):
        assert killed(tmp_path, dice.randrange(6, 60)) == -signal.SIGKILL
        desk = open_desk(tmp_path, at=last_seen(tmp_path))
        found = recover(desk.engine)
        assert found.differences == ()
        assert desk.engine.state is TradingState.ACTIVE
        mended += found.mended
        assert_whole(desk)
        desk.close()
    assert mended, "no kill left anything to mend"
    desk = open_desk(tmp_path, at=last_seen(tmp_path))
    recover(desk.engine)
    desk.run(left_after(desk))
    assert_whole(desk)
    assert_it_did_something(desk.ledger.decisions(1000))
    desk.close()


def assert_whole(desk: Desk) -> None:
    """Ledger and broker agree on what was sent, what traded and what is held."""
    book, account = desk.engine.portfolio, desk.broker.account()
    assert {s: p.quantity for s, p in book.positions.items()} == {
        s: p.quantity for s, p in account.positions.items()
    }
    assert (book.cash, book.pending) == (account.cash, account.pending)
    ours = {order.client_order_id: order.status for order in desk.ledger.orders(10_000)}
    assert OrderStatus.RECORDED not in ours.values()
    theirs = desk.broker.statuses(list(ours))
    assert {name: status.value for name, status in ours.items() if name in theirs} == theirs
    assert {ours[name] for name in ours.keys() - theirs.keys()} <= {OrderStatus.CANCELLED}
    fills = desk.ledger.fills(10_000)
    assert len({fill.client_order_id for fill in fills}) == len(fills), "an order filled twice"
    assert {fill.client_order_id for fill in fills} == {n for n, s in ours.items() if s is OrderStatus.FILLED}
    cash = sum((fill.cash_change for fill in fills), desk.engine.parts.initial_cash)
    assert book.cash == cash


# --- what recovery finds ---------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process ends here."""


class Unreached(Doomed):
    """A broker that the process never reaches: it ends between writing down and sending."""

    def __init__(self, broker: PaperBroker) -> None:
        super().__init__(broker, chances=-1)

    def submit(self, approved: Sequence[ApprovedOrder]) -> Mapping[str, str]:
        if approved:
            raise Crash
        return {}


def test_an_order_written_down_but_never_sent_is_cancelled_not_sent_late(tmp_path: Path) -> None:
    desk = open_desk(tmp_path, wrap_broker=Unreached)
    with pytest.raises(Crash):
        desk.run(moments())
    unsent = [order.client_order_id for order in desk.ledger.unsent_orders()]
    assert unsent
    assert [order.client_order_id for order in desk.engine.portfolio.pending] == unsent
    desk.close()
    desk = open_desk(tmp_path, at=last_seen(tmp_path))
    found = recover(desk.engine)
    assert found.differences == ()
    assert all(any(name in line for line in found.mended) for name in unsent)
    assert desk.engine.portfolio.pending == ()
    assert {order.status for order in desk.ledger.orders(100)} == {OrderStatus.CANCELLED}
    desk.run(left_after(desk)[:6])
    assert desk.broker.statuses(unsent) == {}
    assert desk.broker.account().positions, "it trades on"
    desk.close()


def test_a_broker_that_differs_halts_and_is_named_until_a_person_resumes(tmp_path: Path) -> None:
    desk = open_desk(tmp_path)
    desk.run(moments()[:20])
    held = sorted(desk.engine.portfolio.positions)
    assert held
    desk.close()
    for file in tmp_path.glob("paper.sqlite*"):
        file.unlink()

    async def start_and_resume() -> None:
        desk = open_desk(tmp_path, at=moments()[19][0])
        service = serve(desk)
        await ready(service)
        status = json.loads(service.status())
        assert status["trading_state"] == "halted"
        differences = status["recovery"]["differences"]
        assert [line.split(":")[0] for line in differences] == [*held, "cash"]
        assert all(name in status["degraded"][0] for name in held)
        at, cycle = moments()[21]
        desk.clock.set(at)
        report = await service.step(cycle)
        assert report.plan.approved == ()
        assert {refused.rule for refused in report.plan.refused} == {"trading_state"}
        await service.resume()
        assert service.health()["trading_state"] == "active"
        await service.stop()

    asyncio.run(start_and_resume())


# --- halts, flatten, faults ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slow:
    """A team that takes until it is told to go on."""

    inner: Team
    deciding: threading.Event
    go_on: threading.Event

    def analyse(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> MarketAnalysis:
        return self.inner.analyse(view, portfolio, cycle)

    def decide(self, analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        self.deciding.set()
        assert self.go_on.wait(10)
        return self.inner.decide(analysis, portfolio, cycle)

    def explain(self, view: MarketView, analysis: MarketAnalysis, symbols: Collection[str]) -> MarketAnalysis:
        return self.inner.explain(view, analysis, symbols)


def test_a_halt_during_a_step_stops_its_sending() -> None:
    deciding, go_on = threading.Event(), threading.Event()
    desk = open_desk(wrap_team=lambda team: Slow(team, deciding, go_on))

    async def halt_while_it_decides() -> None:
        service = serve(desk)
        go_on.set()
        await ready(service)
        deciding.clear()
        go_on.clear()
        desk.clock.set(moments()[1][0])
        step = asyncio.create_task(service.step(moments()[1][1]))
        while not deciding.is_set():
            await asyncio.sleep(0.001)
        halt = asyncio.create_task(service.halt("a person saw smoke"))
        await asyncio.sleep(0.01)
        go_on.set()
        report = await step
        await halt
        assert report.plan.approved, "there was something to stop"
        assert desk.broker.statuses([a.order.client_order_id for a in report.plan.approved]) == {}
        assert {order.status for order in desk.ledger.orders(100)} == {OrderStatus.CANCELLED}
        assert service.health()["trading_state"] == "halted"
        desk.clock.set(moments()[3][0])
        later = await service.step(moments()[3][1])
        assert later.plan.approved == ()
        await service.stop()

    asyncio.run(halt_while_it_decides())


def test_flatten_cancels_open_buys_and_sells_everything() -> None:
    desk = open_desk()

    async def flatten() -> None:
        service = serve(desk)
        await ready(service)
        for at, cycle in moments():
            desk.clock.set(at)
            await service.step(cycle)
            sides = {order.side for order in desk.broker.open_orders()}
            if Side.BUY in sides and Side.SELL not in sides and desk.engine.portfolio.positions:
                break
        held = set(desk.engine.portfolio.positions)
        buying = [o.client_order_id for o in desk.broker.open_orders() if o.side is Side.BUY]
        assert held
        assert buying
        report = await service.flatten()
        assert set(desk.broker.statuses(buying).values()) == {"cancelled"}
        assert {desk.ledger.order(name).status for name in buying} == {OrderStatus.CANCELLED}  # type: ignore[union-attr]  # they are there
        assert {a.order.symbol for a in report.plan.approved} == held
        assert {a.order.side for a in report.plan.approved} == {Side.SELL}
        assert service.health()["trading_state"] == "reducing"
        for at, cycle in left_after(desk)[:2]:
            desk.clock.set(at)
            after = await service.step(cycle)
            assert all(a.order.side is Side.SELL for a in after.plan.approved)
        assert desk.engine.portfolio.positions == {}
        assert desk.broker.account().positions == {}
        await service.stop()

    asyncio.run(flatten())


def test_flatten_sells_out_of_a_halt_too() -> None:
    desk = open_desk()

    async def halted() -> None:
        service = serve(desk)
        await ready(service)
        for at, cycle in moments()[:6]:
            desk.clock.set(at)
            await service.step(cycle)
        held = set(desk.engine.portfolio.positions)
        assert held
        await service.halt("enough")
        on_its_way = {order.symbol for order in desk.broker.open_orders() if order.side is Side.SELL}
        report = await service.flatten()
        assert {a.order.symbol for a in report.plan.approved} == held - on_its_way != set()
        assert {o.symbol for o in desk.broker.open_orders() if o.side is Side.SELL} == held
        assert service.health()["trading_state"] == "halted"
        await service.stop()

    asyncio.run(halted())


class Broken(Unreached):
    """A broker whose own file fails on a send."""

    def submit(self, approved: Sequence[ApprovedOrder]) -> Mapping[str, str]:
        if approved:
            raise LedgerError("The disk is full.")
        return {}


class Buggy(Unreached):
    """A broker with a bug."""

    def submit(self, approved: Sequence[ApprovedOrder]) -> Mapping[str, str]:
        if approved:
            raise ZeroDivisionError("a bug")
        return {}


@pytest.mark.parametrize(("kind", "told"), [(Broken, "The disk is full"), (Buggy, "ZeroDivisionError")])
def test_what_nobody_can_recover_from_halts_and_stays_readable(kind: type[Unreached], told: str) -> None:
    desk = open_desk(wrap_broker=kind)

    async def broken() -> None:
        service = serve(desk)
        await ready(service)
        with pytest.raises(Exception, match=told):
            for at, cycle in moments():
                desk.clock.set(at)
                await service.step(cycle)
        assert service.health()["trading_state"] == "halted"
        assert told in json.loads(service.status())["degraded"][0]
        assert service.ledger.decisions(1)
        desk.clock.set(left_after(desk)[1][0])
        report = await service.step(replace(DECIDE, submits=True))
        assert report.plan.approved == ()
        assert (await service.step(FLATTEN)).plan.approved == ()
        await service.stop()

    asyncio.run(broken())


class Unwilling(Doomed):
    """A broker that does not answer while it is `away`."""

    def __init__(self, broker: PaperBroker) -> None:
        super().__init__(broker, chances=-1)
        self.away = False

    def settle(self, view: MarketView) -> Settlement:
        if self.away:
            raise BrokerError("The broker does not answer.")
        return super().settle(view)


def test_faults_in_a_row_reduce_until_a_good_step_and_a_what_ifs_fault_is_the_askers() -> None:
    desk = open_desk(wrap_broker=Unwilling)
    broker = desk.engine.parts.broker
    assert isinstance(broker, Unwilling)

    async def faults() -> None:
        service = serve(desk)
        await ready(service)
        broker.away = True
        limit = desk.limits.settings.circuit_breakers.max_consecutive_faults
        assert limit is not None
        for count in range(1, limit + 1):
            with pytest.raises(BrokerError):
                await service.step(DECIDE)
            assert service.health()["trading_state"] == ("reducing" if count == limit else "active")
        with pytest.raises(RequestError) as refused:
            await service.step(replace(DECIDE, as_of=datetime(1999, 6, 1, tzinfo=UTC)))
        assert refused.value.status == 422
        broker.away = False
        await service.step(DECIDE)
        assert service.health()["trading_state"] == "active"
        assert desk.engine.faults == 0
        await service.stop()

    asyncio.run(faults())


def test_a_halt_asked_for_after_a_resume_wins() -> None:
    desk = open_desk()

    async def race() -> None:
        service = serve(desk)
        await ready(service)
        await service.halt("first")
        resume = asyncio.create_task(service.resume())
        await asyncio.sleep(0)
        halt = asyncio.create_task(service.halt("second"))
        await asyncio.gather(resume, halt)
        assert service.health()["trading_state"] == "halted"
        assert desk.engine.sending.is_closed
        await service.stop()

    asyncio.run(race())


def test_nothing_begins_once_it_is_stopping() -> None:
    desk = open_desk()

    async def stopping() -> None:
        service = serve(desk)
        await ready(service)
        await service.stop()
        with pytest.raises(RequestError, match="stopping") as refused:
            await service.step(DECIDE)
        assert refused.value.status == 503

    asyncio.run(stopping())
