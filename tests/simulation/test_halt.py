"""A person's halt waits for no step and outlasts the one that runs: in the engine, and in the ledger."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.ledger import SqliteLedger
from config.environment import OrderRoute
from core.cycles import DECIDE
from core.types import ApprovedOrder, TradingState
from daemon.engine_service import EngineService
from tests.simulation.desk import dependencies, open_desk, serve

SENDS = replace(DECIDE, submits=True)


class SlowTeam:
    """A team that does not decide until it is told to: the step has read by then that trading is ACTIVE."""

    def __init__(self, team: Any) -> None:
        self._team = team
        self.asked, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()  # the start's own step decides too

    def decide(self, *arguments: Any) -> Any:
        self.asked.set()
        assert self.go_on.wait(60)
        return self._team.decide(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._team, name)


class CountingBroker:
    """Counts the orders that are sent."""

    def __init__(self, broker: Any) -> None:
        self._broker = broker
        self.sent = 0

    def submit(self, approved: Sequence[ApprovedOrder]) -> Mapping[str, str]:
        self.sent += len(approved)
        statuses: Mapping[str, str] = self._broker.submit(approved)
        return statuses

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)


async def ready(service: EngineService) -> None:
    service.start()
    while service.not_ready_reason():
        await asyncio.sleep(0.01)


def test_a_halt_is_answered_written_down_and_kept_while_a_step_hangs(tmp_path: Path) -> None:
    teams: list[SlowTeam] = []
    brokers: list[CountingBroker] = []

    def slow(team: Any) -> Any:
        teams.append(SlowTeam(team))
        return teams[-1]

    def counting(broker: Any) -> Any:
        brokers.append(CountingBroker(broker))
        return brokers[-1]

    desk = open_desk(tmp_path, wrap_team=slow, wrap_broker=counting)
    (team,), (broker,) = teams, brokers

    async def run() -> None:
        service = serve(desk)
        await ready(service)
        team.asked.clear()
        team.go_on.clear()
        steps = [asyncio.create_task(service.step(SENDS)) for _ in range(20)]
        await asyncio.to_thread(team.asked.wait, 60)
        await service.halt("a person")
        assert not any(step.done() for step in steps), "the halt waited for the step"
        assert service.health()["trading_state"] == "halted"
        assert desk.ledger.trading_state() is TradingState.HALTED
        team.go_on.set()
        reports = await asyncio.gather(*steps)
        assert len(reports) == 20
        assert reports[0].plan.approved, "it decided while trading was active"
        assert broker.sent == 0
        assert service.health()["trading_state"] == "halted"
        assert (desk.ledger.trading_state(), desk.ledger.state_reason()) == (TradingState.HALTED, "a person")
        await service.resume()
        assert service.health()["trading_state"] == "active"
        decided = await service.step(SENDS)
        assert len(decided.plan.approved) == broker.sent > 0, "a person went back, and it trades"
        await service.halt("again")
        await service.stop()

    asyncio.run(run())
    again = SqliteLedger(tmp_path / "ledger.sqlite", route=OrderRoute.PAPER_BUILTIN)
    assert again.trading_state() is TradingState.HALTED, "the next start knows of it"
    again.close()


def test_a_halt_while_the_engine_is_being_built_is_kept_for_it(tmp_path: Path) -> None:
    brokers: list[CountingBroker] = []

    def counting(broker: Any) -> Any:
        brokers.append(CountingBroker(broker))
        return brokers[-1]

    desk = open_desk(tmp_path, wrap_broker=counting)
    go_on = threading.Event()

    def build(_: Any) -> Any:
        assert go_on.wait(60)
        return desk.engine

    async def run() -> None:
        service = EngineService(dependencies(desk.clock, desk.hub, build, lambda: desk.ledger, desk.close))
        service.start()
        assert service.health()["trading_state"] is None
        await service.halt("too early to know")
        assert service.health()["trading_state"] == "halted"
        assert service.engine is None, "it was answered before there was an engine"
        go_on.set()
        while service.not_ready_reason():
            await asyncio.sleep(0.01)
        assert service.health()["trading_state"] == "halted"
        assert (desk.ledger.trading_state(), desk.ledger.state_reason()) == (
            TradingState.HALTED,
            "too early to know",
        )
        await service.step(SENDS)
        assert brokers[0].sent == 0
        await service.resume()
        decided = await service.step(SENDS)
        assert len(decided.plan.approved) == brokers[0].sent > 0, "a person went back, and it trades"
        await service.stop()

    asyncio.run(run())


def test_a_flatten_goes_before_200_queued_decisions_and_none_of_them_buys(tmp_path: Path) -> None:
    teams: list[SlowTeam] = []
    brokers: list[CountingBroker] = []

    def slow(team: Any) -> Any:
        teams.append(SlowTeam(team))
        return teams[-1]

    def counting(broker: Any) -> Any:
        brokers.append(CountingBroker(broker))
        return brokers[-1]

    desk = open_desk(tmp_path, wrap_team=slow, wrap_broker=counting)
    (team,), (broker,) = teams, brokers

    async def run() -> None:
        service = serve(desk)
        await ready(service)
        team.asked.clear()
        team.go_on.clear()
        ended: list[str] = []
        steps = [asyncio.create_task(service.step(SENDS)) for _ in range(201)]
        for number, step in enumerate(steps):
            step.set_name(f"decide {number}")
            step.add_done_callback(lambda step: ended.append(step.get_name()))
        await asyncio.to_thread(team.asked.wait, 60)
        flatten = asyncio.create_task(service.flatten())
        flatten.add_done_callback(lambda _: ended.append("flatten"))
        await asyncio.sleep(0)  # it is queued behind all of them
        team.go_on.set()
        reports = await asyncio.gather(*steps)
        await flatten
        assert ended[:3] == ["decide 0", "flatten", "decide 1"]
        assert len(reports[0].plan.approved) == broker.sent > 0, "the running one bought, and no other did"
        assert all(report.plan.refused for report in reports[2:]), (
            "they wanted to buy; the second ended the flatten"
        )
        portfolio = service.portfolio()
        assert (portfolio.positions, portfolio.pending) == ({}, ()), "what the running one bought is cancelled"
        assert service.flatten_progress().since is None
        assert service.health()["trading_state"] == "reducing"
        await service.stop()

    asyncio.run(run())
