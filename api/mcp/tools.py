"""The tools: each asks the REST interface and says where orders go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

from core.errors import RequestError

Ask = Callable[[str, str, Mapping[str, Any] | None], Awaitable[Any]]
"""Asks the daemon: method, path with query, body. An EngineError says what was refused."""
LIVE = "Alpaca live"
READS = (
    "status", "regime", "positions", "trades", "why", "scan", "rank", "scoreboard", "letter", "memory",
    "backtest", "job", "propose",
)  # fmt: skip


class EngineTools:
    """What an assistant may ask of a daemon.

    Parameters
    ----------
    ask : callable
        How the daemon is asked.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def status(self) -> dict[str, Any]:
        """Say where orders go, what is degraded, what is held, and how models, data and jobs stand."""
        return await self._answer("GET", "/status")

    async def regime(self) -> dict[str, Any]:
        """Give the market's regime (low or high volatility) with its probability."""
        return await self._answer("GET", "/regime")

    async def positions(self) -> dict[str, Any]:
        """List cash, equity and what is held, with stops and targets, in US dollars."""
        return await self._answer("GET", "/positions")

    async def trades(self, limit: int = 20) -> dict[str, Any]:
        """List closed round trips with their profit, single fills and cash movements, newest first."""
        return await self._answer("GET", f"/trades?limit={int(limit)}")

    async def why(self, decision_id: str = "", ticker: str = "") -> dict[str, Any]:
        """Explain a recorded decision (default: the last): every agent's vote, reasons, and what a limit refused.

        With a ticker only that one's votes, factors and checks are given.
        """
        wanted = decision_id or await self._last_decision_id()
        decision = await self._ask("GET", f"/decisions/{_segment(wanted)}", None)
        if not ticker:
            return await self._with_route(brief(decision))
        decision["decisions"] = [one for one in decision["decisions"] if one["ticker"] == ticker.upper()]
        return await self._with_route(decision)

    async def scan(self) -> dict[str, Any]:
        """Rank the sectors by their momentum against SPY, with the stocks picked in the top ones."""
        return await self._answer("POST", "/scan")

    async def rank(self, top: int = 20) -> dict[str, Any]:
        """Rank the stocks by the model's probability to outperform, with the factors that pushed each."""
        answer = await self._ask("POST", "/quant/rank", None)
        return await self._with_route({**answer, "ranking": answer["ranking"][: max(1, int(top))]})

    async def scoreboard(self) -> dict[str, Any]:
        """Say what each agent, profile and shadow portfolio has shown so far, and whether that is evidence."""
        return await self._answer("GET", "/scoreboard")

    async def letter(self, session: str = "") -> dict[str, Any]:
        """Give the letter of a session (as 2026-01-05; default: the last): the day, what was done, and why."""
        return await self._answer("GET", f"/letter/{_segment(session)}" if session else "/letter")

    async def memory(self, ticker: str, limit: int = 20) -> dict[str, Any]:
        """Tell what was decided on a ticker before, what came of it, and which agent was right."""
        return await self._answer("GET", f"/memory/{_segment(ticker.upper())}?limit={int(limit)}")

    async def backtest(self, start: str = "", end: str = "", profile: str = "") -> dict[str, Any]:
        """Begin a backtest over the daemon's own bars (dates as 2024-01-02): minutes; `job` gives its result."""
        asked = {"start": start, "end": end, "profile": profile}
        body = {name: value for name, value in asked.items() if value}
        return await self._with_route(await self._ask("POST", "/backtest?wait=false", body))

    async def job(self, job_id: str) -> dict[str, Any]:
        """Give the progress or the result of long work such as a backtest."""
        return await self._answer("GET", f"/jobs/{_segment(job_id)}")

    async def propose(self, tickers: list[str] | None = None) -> dict[str, Any]:
        """Decide now and send nothing: which orders it would make, with votes, reasons and refusals."""
        body = {"tickers": tickers} if tickers else {}
        return await self._with_route(brief(await self._ask("POST", "/decide/v3", body)))

    async def execute(self, decision_id: str) -> dict[str, Any]:
        """Send the approved orders of a proposal, to a paper account only."""
        route = await self._route()
        if route == LIVE:
            raise RequestError(
                "Orders go to a live account: an assistant may not send them.",
                hint="A person sends them with POST /execute.",
                status=409,
            )
        body = {"decision_id": decision_id, "dry_run": False}
        return await self._with_route(await self._ask("POST", "/execute", body))

    async def _answer(self, method: str, path: str) -> dict[str, Any]:
        return await self._with_route(await self._ask(method, path, None))

    async def _with_route(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        return {"orders_go_to": await self._route(), **answer}

    async def _route(self) -> str:
        status = await self._ask("GET", "/status", None)
        return str((status.get("broker") or {}).get("orders_go_to", "nowhere yet: the engine starts"))

    async def _last_decision_id(self) -> str:
        listed = (await self._ask("GET", "/decisions?limit=1", None))["decisions"]
        if not listed:
            raise RequestError("Nothing has been decided yet.", hint="The tool propose decides.", status=404)
        return str(listed[0]["decision_id"])


def _segment(name: str) -> str:
    """Return a name as one part of a path, so that it leads nowhere else."""
    if not name.strip(". "):
        raise RequestError(f"{name!r:.20} names nothing.", hint="Use a name from an answer.", status=404)
    return quote(name, safe="")


def brief(decision: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a decision what an assistant does not need at once: tickers held or passed over, sectors."""
    acted = [one for one in decision["decisions"] if one["action"] != "hold" or one["outcome"] != "no change"]
    market = {name: value for name, value in decision["market"].items() if name != "sectors"}
    rest = {one["ticker"]: one["score"] for one in decision["decisions"] if one not in acted}
    return {**decision, "market": market, "decisions": acted, "unchanged_scores": rest}
