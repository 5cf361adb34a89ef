"""POST /sell: a person sells one position, whole or in part; what cannot be sold is refused with its reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from adapters.metrics import Metrics
from api.app import create_app
from config.environment import read_environment
from core.cycles import SETTLE
from core.types import BarPanel
from core.universe import Sector, Universe
from tests.api.problem import assert_problem
from tests.default_universe import DEFAULT, STOCKS
from tests.simulation.desk import CALENDAR, Desk, market, moments, open_desk, serve


@asynccontextmanager
async def trading(desk: Desk, universe: Universe = DEFAULT) -> AsyncIterator[httpx.AsyncClient]:
    """Serve a desk that holds something."""
    for _ in desk.steps([] if desk.engine.portfolio.positions else moments()):
        if desk.engine.portfolio.positions and not desk.engine.portfolio.pending:
            break
    service = serve(desk)
    service.start()
    while service.not_ready_reason():
        await asyncio.sleep(0.01)
    app = create_app(service, desk.hub, read_environment({}), Metrics(), universe=universe)
    app.state.calendar = CALENDAR
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8787") as client:
        yield client
    await service.stop()


def test_a_position_is_sold_in_part_and_then_whole(tmp_path: Path) -> None:
    desk = open_desk(tmp_path)

    async def run() -> None:
        async with trading(desk) as client:
            symbol, held = next(iter(desk.engine.portfolio.positions.items()))
            part = (await client.post("/sell", json={"symbol": symbol.lower(), "quantity": 1})).json()
            assert [_sent(order) for order in part["orders"]] == [(symbol, "sell", Decimal(1), "sell")]
            assert_problem(await client.post("/sell", json={"symbol": symbol}), 409)  # that one is on its way
            _next_session(desk)
            left = held.quantity - 1
            assert desk.engine.portfolio.positions[symbol].quantity == left
            # More than is held is all of it: one sells what there is, and never short.
            rest = (await client.post("/sell", json={"symbol": symbol, "quantity": 10**6})).json()
            assert [_sent(order) for order in rest["orders"]] == [(symbol, "sell", left, "sell")]
            _next_session(desk)
            assert symbol not in desk.engine.portfolio.positions
            fills = (await client.get("/trades", params={"limit": 500})).json()["fills"]
            sold = [fill for fill in fills if (fill["ticker"], fill["side"]) == (symbol, "sell")]
            assert sum(Decimal(fill["quantity"]) for fill in sold) == held.quantity

    asyncio.run(run())


def test_what_is_sold_after_the_close_says_when_it_fills(tmp_path: Path) -> None:
    desk = open_desk(tmp_path)

    async def run() -> None:
        async with trading(desk) as client:
            assert CALENDAR.is_open(desk.clock.now())
            symbol = next(iter(desk.engine.portfolio.positions))
            by_day = (await client.post("/sell", json={"symbol": symbol, "quantity": 1})).json()
            assert "its next open" not in str(by_day["notes"])
            desk.clock.set(desk.clock.now() + timedelta(hours=8))
            other = [*desk.engine.portfolio.positions][-1]
            by_night = (await client.post("/sell", json={"symbol": other, "quantity": 1})).json()
            assert any("orders fill at its next open, " in note for note in by_night["notes"])

    asyncio.run(run())


def test_what_cannot_be_sold_is_refused_with_its_reason_and_sends_nothing(tmp_path: Path) -> None:
    desk = open_desk(tmp_path)

    async def run() -> None:
        async with trading(desk) as client:
            held = set(desk.engine.portfolio.positions)
            foreign = next(symbol for symbol in STOCKS if symbol not in held)
            sent = len(desk.ledger.orders(1000))
            not_held = assert_problem(await client.post("/sell", json={"symbol": foreign}), 409)
            assert "position_held" in not_held["detail"]
            unknown = assert_problem(await client.post("/sell", json={"symbol": "ZZZZ"}), 422)
            assert "ZZZZ is not in the universe" in unknown["detail"]
            for bad in ({}, {"symbol": foreign, "quantity": 0}, {"symbol": foreign, "quantity": -1}):
                assert_problem(await client.post("/sell", json=bad), 422)
            await client.post("/halt", json={"reason": "a drill"})
            halted = assert_problem(await client.post("/sell", json={"symbol": next(iter(held))}), 409)
            assert "halted" in halted["detail"]
            assert len(desk.ledger.orders(1000)) == sent

    asyncio.run(run())


def test_what_is_held_and_left_the_universe_is_watched_told_and_sold(tmp_path: Path) -> None:
    desk = open_desk(tmp_path)
    for _ in desk.steps(moments()):
        if desk.engine.portfolio.positions and not desk.engine.portfolio.pending:
            break
    symbol, held = next(iter(desk.engine.portfolio.positions.items()))
    desk.close()
    sectors = {
        name: Sector(sector.etf, tuple(stock for stock in sector.stocks if stock != symbol))
        for name, sector in DEFAULT.sectors.items()
    }
    narrower = replace(DEFAULT, sectors=sectors)
    desk = open_desk(tmp_path, _without(market(), symbol), at=desk.clock.now())

    async def run() -> None:
        async with trading(desk, universe=narrower) as client:
            for path in ("/decide/v3", "/risk/check"):
                answer = (await client.post(path, json={})).json()
                assert symbol not in {order["ticker"] for order in answer["orders"]}
            assert f"{symbol} has no live price" in str(answer["alerts"])
            assert symbol in str((await client.get("/positions")).json())
            assert (await client.get(f"/memory/{symbol}")).status_code != 422
            assert_problem(await client.post("/decide/v3", json={"tickers": [symbol]}), 422)
            sold = (await client.post("/sell", json={"symbol": symbol.lower()})).json()
            assert [_sent(order) for order in sold["orders"]] == [(symbol, "sell", held.quantity, "sell")]

    asyncio.run(run())


def _without(panel: BarPanel, symbol: str) -> BarPanel:
    kept = [column for column, name in enumerate(panel.symbols) if name != symbol]
    fields = {
        name: getattr(panel, name)[:, kept] for name in ("open", "high", "low", "close", "volume", "member")
    }
    return replace(panel, symbols=tuple(panel.symbols[column] for column in kept), **fields)


def _sent(order: dict[str, Any]) -> tuple[str, str, Decimal, str]:
    return order["ticker"], order["side"], Decimal(order["quantity"]), order["rule"]


def _next_session(desk: Desk) -> None:
    """Let what is on its way fill at the next open."""
    at = next(at for at, _ in moments()[2:] if at.date() > desk.clock.now().date())
    desk.clock.set(at)
    desk.engine.step(SETTLE)
