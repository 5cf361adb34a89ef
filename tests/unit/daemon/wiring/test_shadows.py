"""The wired shadow books: what they are made of, what they hold, and what a kill in the middle leaves of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.ledger import SqliteLedger
from adapters.paper.broker import PaperBroker
from config.environment import read_environment
from config.loader import load_trading
from config.trading import TradingSettings
from core.cycles import DECIDE_AND_SEND
from core.errors import SettingsError
from core.ports import Team
from core.types import MarketView
from daemon.wiring.shadows import HELD, ShadowService, settings_of_shadows
from tests.servers.daemon import own_settings
from tests.small_engine import Wanted, at_close, enter, small_engine

ROWS = 6


class Killed(BaseException):
    """Stands for the end of the process."""


def team_of(settings: TradingSettings) -> Team:
    del settings
    return Wanted((enter("AAPL"), enter("JPM")))


def service(folder: Path, tmp_path: Path, *profiles: str) -> ShadowService:
    (settings := tmp_path / "settings").mkdir(exist_ok=True)
    if not (settings / "profiles").exists():
        own_settings(settings)
    (settings / "trading.json").write_text(
        json.dumps({"shadow": {"profiles": profiles, "without_agents": False}})
    )
    books = settings_of_shadows(load_trading(settings), settings)
    made = ShadowService(read_environment({"STATE_DIR": str(folder)}), books, resume_after=5)
    made.prepare(team_of)
    return made


def views() -> Iterator[MarketView]:
    feed = small_engine().engine.parts.feed
    return (feed.view(at_close(row)) for row in range(ROWS))


def held(made: ShadowService) -> dict[str, dict[str, str]]:
    return {
        book.name: {
            symbol: str(position.quantity) for symbol, position in book.engine.portfolio.positions.items()
        }
        for book in made.shadows
    }


def test_each_book_has_its_own_files_and_holds_what_it_is_for(tmp_path: Path) -> None:
    made = service(tmp_path / "state", tmp_path, "runbook", "spy", "cash")
    for view in views():
        made.step(view, DECIDE_AND_SEND)
    assert not made.faults
    found = held(made)
    assert set(found["runbook"]) == {"AAPL", "JPM"}
    assert set(found["spy"]) == {"SPY"}
    assert found["cash"] == {}
    spy = next(book for book in made.shadows if book.name == "spy").engine.portfolio
    assert float(spy.positions["SPY"].value / spy.equity) == pytest.approx(HELD["spy"]["SPY"], abs=0.01)
    made.close()
    for name in found:
        assert {path.name for path in (tmp_path / "state" / "shadow" / name).iterdir()} >= {
            "ledger.sqlite", "paper_broker.sqlite",
        }  # fmt: skip


def test_a_profile_that_there_is_not_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no profile nonesuch"):
        service(tmp_path / "state", tmp_path, "nonesuch")


def test_each_vote_has_a_book_of_the_accounts_profile_without_it(tmp_path: Path) -> None:
    (settings := tmp_path / "settings").mkdir()
    own_settings(settings)
    (settings / "trading.json").write_text(json.dumps({"synthesizer": {"weights": {"rl": 0.0}}}))
    given = settings_of_shadows(load_trading(settings), settings)
    found = {name: own.trading.synthesizer.weights for name, own in given.items() if name.startswith("without_")}
    assert set(found) == {f"without_{name}" for name in ("market", "quant", "sentiment", "momentum", "regime")}
    for name, weights in found.items():
        off = {agent for agent, weight in weights.model_dump().items() if weight == 0}
        assert off == {"rl", name.removeprefix("without_")}
    (settings / "trading.json").write_text(json.dumps({"profile": "baseline"}))
    none = settings_of_shadows(load_trading(settings), settings)
    assert not [name for name in none if name.startswith("without_")], "votes decide nothing there"


def test_books_that_cannot_be_opened_are_named_and_cost_the_account_nothing(tmp_path: Path) -> None:
    (tmp_path / "state" / "shadow" / "spy" / "ledger.sqlite").mkdir(parents=True)
    made = service(tmp_path / "state", tmp_path, "cash", "spy")
    for view in views():
        made.step(view, DECIDE_AND_SEND)
    assert len(made.faults) == 1
    assert "could not be opened" in made.faults[0]


@contextmanager
def killing(owner: type, method: str, at_call: int) -> Iterator[list[str]]:
    """Let the process end in a method's so manieth call, before it has done anything."""
    real, calls = getattr(owner, method), [0]

    def dying(self: object, *given: object, **named: object) -> object:
        calls[0] += 1
        if calls[0] == at_call:
            raise Killed
        return real(self, *given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, method, dying)
        yield []


@pytest.mark.parametrize("at_call", [1, 2])
@pytest.mark.parametrize(
    ("owner", "method"),
    [
        (PaperBroker, "submit"),
        (PaperBroker, "acknowledge"),
        (SqliteLedger, "update_status"),
        (SqliteLedger, "record"),
    ],
)
def test_a_kill_at_any_point_loses_and_doubles_nothing(
    tmp_path: Path, owner: type, method: str, at_call: int
) -> None:
    undisturbed = service(tmp_path / "undisturbed", tmp_path, "runbook", "spy")
    for view in views():
        undisturbed.step(view, DECIDE_AND_SEND)
    made, died = service(tmp_path / "killed", tmp_path, "runbook", "spy"), 0
    with killing(owner, method, at_call):
        for view in views():
            try:
                made.step(view, DECIDE_AND_SEND)
            except Killed:
                died += 1
                made = service(tmp_path / "killed", tmp_path, "runbook", "spy")
                made.step(view, DECIDE_AND_SEND)
    assert died == 1
    assert not made.faults
    assert held(made) == held(undisturbed)
    for book in made.shadows:
        account = book.engine.parts.broker.account()
        assert account.cash == book.engine.portfolio.cash
        assert {s: p.quantity for s, p in account.positions.items()} == {
            s: p.quantity for s, p in book.engine.portfolio.positions.items()
        }
