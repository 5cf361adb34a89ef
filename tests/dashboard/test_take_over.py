"""A resume where a person uses the account too: what could be taken over is offered, what is ticked is taken."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from adapters.events.hub import EventHub
from config.loader import FOLDER
from config.watch import WatchedRisk
from daemon.engine_service import EngineService
from daemon.wiring.history import HistoryService
from daemon.wiring.settings import SettingsService
from pipeline.reconciliation import recover
from tests.account_engine import AccountEngine, account_engine
from tests.dashboard.desk_server import served_service
from tests.default_universe import DEFAULT
from tests.simulation.desk import dependencies
from tests.small_engine import enter

PERSONS = "7 XOM that are not the engine's would become its own"
SOLD = "AAPL, sold by hand, would be traded again"


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[AccountEngine]:
    """An account in which a person sold the engine's AAPL, bought XOM, and has an order of his own open."""
    with account_engine(tmp_path) as made:
        assert recover(made.engine).differences == ()
        made.step(enter("AAPL", 0.1), enter("JPM", 0.05))
        made.tick(minutes=5)
        made.step()
        made.by_hand("AAPL", 100, "sell")
        made.by_hand("XOM", 7, "buy")
        made.tick(minutes=5)
        made.step()
        assert made.held("JPM") == 100
        yield made


@pytest.fixture
def page(browser: Browser, shared: AccountEngine) -> Iterator[Page]:
    hub = EventHub()
    history = HistoryService(lambda: shared.engine, lambda: shared.ledger, {}, lambda _: {}, lambda _: {})
    settings = SettingsService(FOLDER, WatchedRisk(), DEFAULT, lambda: shared.engine)

    def make() -> EngineService:
        close = lambda: None  # noqa: E731  # its owner closes it
        return EngineService(
            dependencies(shared.clock, hub, lambda _: shared.engine, lambda: shared.ledger, close)
        )

    with served_service(make, hub, history, settings) as port:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        expect(page.locator("#link")).to_have_text("connected")
        yield page
        page.close()


def test_a_resume_takes_over_what_is_ticked_and_leaves_the_rest(page: Page, shared: AccountEngine) -> None:
    page.get_by_role("button", name="Halt", exact=True).click()
    page.get_by_role("button", name="Halt now").click()
    expect(page.locator("#state")).to_have_text("halted")
    page.get_by_role("button", name="Resume", exact=True).click()
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text("to Alpaca paper")
    expect(asked.get_by_role("checkbox")).to_have_count(2)
    expect(asked.get_by_label(SOLD)).not_to_be_checked()
    asked.get_by_label(PERSONS).check()
    asked.get_by_role("button", name="Resume trading").click()
    told = page.get_by_role("status", name="Outcome")
    expect(told).to_contain_text("Resumed. Taken over: ")
    expect(told).to_contain_text(f"Not taken over, because it was not ticked: {SOLD}")
    expect(page.locator("#positions tbody tr").filter(has_text="XOM")).to_contain_text("7")
    assert shared.held("XOM") == Decimal(7)
    assert shared.held("AAPL") == 0
    assert set(shared.engine.portfolio.account.frozen) == {"AAPL"}
    assert shared.stand_in.book.holdings["XOM"].quantity == 7, "nothing was traded for it"
