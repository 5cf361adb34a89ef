"""POST /orders/ID/cancel: one open order is cancelled, and the ledger, the book and the stream say so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from adapters.metrics import Metrics
from api.app import create_app
from config.environment import read_environment
from tests.api.problem import assert_problem
from tests.simulation.desk import moments, open_desk, serve


def test_an_open_order_is_cancelled_once_and_nothing_else_is(tmp_path: Path) -> None:
    desk = open_desk(tmp_path)
    for _ in desk.steps(moments()):
        if desk.engine.portfolio.pending:
            break
    first, *others = desk.engine.portfolio.pending
    assert others, "with one order alone it is not seen that the rest stay"

    async def run() -> None:
        service = serve(desk)
        service.start()
        while service.not_ready_reason():
            await asyncio.sleep(0.01)
        app = create_app(service, desk.hub, read_environment({}), Metrics())
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8787") as client:
            path = f"/orders/{first.client_order_id}/cancel"
            done = (await client.post(path)).json()
            assert (done["status"], done["filled_quantity"]) == ("cancelled", "0")
            assert done["reason"]
            left = [order.client_order_id for order in desk.engine.portfolio.pending]
            assert left == [order.client_order_id for order in others]
            again = assert_problem(await client.post(path), 409)
            assert "nothing to cancel" in again["detail"]
            assert_problem(await client.post("/orders/no-such-order/cancel"), 404)
            assert_problem(await client.post("/orders/a%20b/cancel"), 422)
            await client.post("/halt", json={"reason": "a drill"})
            halted = (await client.post(f"/orders/{others[0].client_order_id}/cancel")).json()
            assert halted["status"] == "cancelled"
        await service.stop()

    asyncio.run(run())
