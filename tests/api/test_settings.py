"""GET /config and /risk, POST /risk: limits are shown, tried, tightened; loosened only where there is a token."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from adapters.metrics import Metrics
from api.app import create_app
from config.environment import read_environment
from config.reference import setting_keys
from config.universe import DEFAULT
from config.watch import WatchedRisk
from daemon.wiring.settings import SettingsService
from tests.api.problem import assert_problem
from tests.servers.daemon import own_settings
from tests.simulation.desk import moments, open_desk, serve

TOKEN = "a-token-of-our-own-1234"


@asynccontextmanager
async def serving(tmp_path: Path, token: str = "") -> AsyncIterator[tuple[httpx.AsyncClient, Path, WatchedRisk]]:
    """Serve an engine that holds something, with settings in a folder of their own."""
    folder = own_settings(tmp_path)
    desk = open_desk(tmp_path / "desk")
    for _ in desk.steps(moments()):
        if len(desk.engine.portfolio.positions) > 2:
            break
    service, limits = serve(desk), WatchedRisk(folder)
    service.start()
    while service.not_ready_reason():
        await asyncio.sleep(0.01)
    app = create_app(
        service, desk.hub, read_environment({"TRADING_API_TOKEN": token} if token else {}), Metrics()
    )
    app.state.settings_access = SettingsService(folder, limits, DEFAULT, lambda: service.engine)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8787", headers=headers
    ) as client:
        yield client, folder, limits
    await service.stop()


def test_limits_are_shown_tried_and_tightened_but_not_loosened_without_a_token(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(tmp_path) as (client, folder, limits):
            shown = {one["key"]: one for one in (await client.get("/risk")).json()["limits"]}
            positions = shown["risk.portfolio_limits.max_positions"]
            assert (positions["value"], positions["origin"]) == (10, "default")
            assert positions["observed"] > 2
            assert positions["used_pct"] == positions["observed"] / 10
            tighter = {"portfolio_limits.max_positions": 8, "daily_limits.max_daily_loss_pct": -0.01}
            tried = (await client.post("/risk", json={"changes": tighter})).json()
            assert tried["dry_run"] is True
            assert {(one["was"], one["becomes"], one["direction"]) for one in tried["changes"]} == {
                (10, 8, "tighter"), (-0.02, -0.01, "tighter"),
            }  # fmt: skip
            assert not (folder / "risk.json").exists()
            await client.post("/risk", json={"changes": tighter, "dry_run": False})
            assert limits.refresh()
            assert limits.settings.portfolio_limits.max_positions == 8
            assert json.loads((folder / "risk.json").read_text())["daily_limits"] == {"max_daily_loss_pct": -0.01}
            # one that loosens keeps all of them from being written, and so does one that neither limits
            for loose in ({"portfolio_limits.max_positions": None}, {"swing_exit.take_profit_pct": 0.9}):
                mixed = {"changes": {"daily_limits.max_daily_trades": 3, **loose}, "dry_run": False}
                refused = assert_problem(await client.post("/risk", json=mixed), 403)
                assert "does not tighten" in refused["detail"]
            assert not limits.refresh()
            same = (await client.post("/risk", json={"changes": {"portfolio_limits.max_positions": 8}})).json()
            assert same["changes"] == []

    asyncio.run(run())


def test_what_cannot_be_is_refused_by_name_and_changes_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(tmp_path) as (client, folder, _):
            unknown = assert_problem(await client.post("/risk", json={"changes": {"max_position": 1}}), 422)
            assert "nearest known name" in unknown["hint"] or "nearest known name" in unknown["detail"]
            for changes in (
                {"portfolio_limits.max_positions": -1},
                {"portfolio_limits.max_positions": 2.5},
                {"portfolio_limits.max_positions": True},
                {"portfolio_limits.max_positions": "8"},
                {"portfolio_limits": 1},
                {"trading.profile": 1},
                {},
            ):
                assert_problem(await client.post("/risk", json={"changes": changes, "dry_run": False}), 422)
            assert not (folder / "risk.json").exists()
            (folder / "risk.json").write_text("{")
            tight = {"changes": {"portfolio_limits.max_positions": 8}, "dry_run": False}
            assert "risk.json" in assert_problem(await client.post("/risk", json=tight), 422)["detail"]
            assert (folder / "risk.json").read_text() == "{", "a person's file that is broken is theirs to mend"

    asyncio.run(run())


def test_with_the_token_a_limit_is_loosened_and_switched_off(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(tmp_path, TOKEN) as (client, _, limits):
            assert (await client.get("/risk")).json()["may_loosen"] is True
            loose = {"changes": {"portfolio_limits.max_positions": None, "swing_exit.take_profit_pct": 0.9}}
            done = (await client.post("/risk", json={**loose, "dry_run": False})).json()
            assert [one["direction"] for one in done["changes"]] == ["looser", "neither"]
            assert limits.refresh()
            assert limits.settings.portfolio_limits.max_positions is None
            stranger = await client.post("/risk", json=loose, headers={"Authorization": "Bearer another"})
            assert stranger.status_code == 401

    asyncio.run(run())


def test_every_key_is_listed_with_what_says_so_and_secrets_are_masked(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(tmp_path) as (client, folder, _):
            own = {"notify": {"urls": ["json://user:hunter2@localhost"]}, "profile": "diversified"}
            (folder / "trading.json").write_text(json.dumps(own))
            answer = await client.get("/config")
            assert "hunter2" not in answer.text
            found = {one["key"]: one for one in answer.json()["settings"]}
            assert set(found) == {f"{key.file}.{key.path}" for key in setting_keys(folder)}
            assert found["trading.profile"]["origin"] == "trading.json"
            assert "profile diversified" in {one["origin"] for one in found.values()}
            assert all(one["meaning"] and one["allowed"] for one in found.values())

    asyncio.run(run())
