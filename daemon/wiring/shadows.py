"""Shadow books, wired: each with a paper broker, a ledger and limits of its own under STATE_DIR/shadow/NAME."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from backtest.app.shadow_engine import shadow_engine
from config.environment import Environment, OrderRoute
from config.loader import load_risk, load_trading, read_profile
from config.risk import RiskSettings
from config.trading import TradingSettings
from core.errors import LedgerError
from core.plain_words import plain_reason
from core.ports import Team
from core.types import Cycle, MarketView
from core.universe import BENCHMARK
from pipeline.shadow import SeenView, ShadowBook, ShadowBooks

if TYPE_CHECKING:
    from adapters.ledger import SqliteLedger
    from adapters.paper.broker import PaperBroker

log = structlog.get_logger("shadow")
TeamOf = Callable[[TradingSettings], Team]
LEDGER = "ledger.sqlite"
HELD_WEIGHT = 0.98  # what opens above its close is paid from the rest; at 1.0 the broker rejects such buys
HELD: Mapping[str, Mapping[str, float]] = {"spy": {BENCHMARK: HELD_WEIGHT}, "cash": {}}
"""Books that hold the same for ever, by name."""
NO_LIMITS = {
    "position_sizing": {"max_position_pct": 1.0, "min_position_pct": None},
    "portfolio_limits": {"max_exposure_pct": 1.0, "max_sector_pct": None},
    "daily_limits": {"max_daily_loss_pct": -1.0},
    "circuit_breakers": {"max_drawdown_pct": -1.0},
    "swing_exit": {
        "max_hold_days": None, "stop_loss_pct": None, "take_profit_pct": None, "consecutive_miss_limit": None,
    },
    "risk_check": {
        "stop_loss_pct": None, "take_profit_pct": None, "dynamic_stops": False, "trailing_stop_atr": None,
    },
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ShadowBookSettings:
    """What a shadow book is made from.

    Attributes
    ----------
    held : mapping of str to float or None
        What it holds for ever; None where its team decides.
    """

    trading: TradingSettings
    risk: RiskSettings
    held: Mapping[str, float] | None = None


def settings_of_shadows(trading: TradingSettings, folder: Path) -> Mapping[str, ShadowBookSettings]:
    """Return the settings of every shadow book, by name.

    The operator's own files count in each of them: what he changed is changed in all.

    Raises
    ------
    core.errors.SettingsError
        For a profile that there is not, or one that cannot be used.
    """
    books = {}
    for name in dict.fromkeys(trading.shadow.profiles):
        if name in HELD:
            books[name] = ShadowBookSettings(
                trading=trading, risk=RiskSettings.model_validate(NO_LIMITS), held=HELD[name]
            )
        else:
            own = _with_own_strategy(load_trading(folder, name), trading, folder)
            books[name] = ShadowBookSettings(trading=own, risk=load_risk(folder, name))
    return {**books, **dict(_without_agents(trading, folder))}


def _without_agents(trading: TradingSettings, folder: Path) -> Iterator[tuple[str, ShadowBookSettings]]:
    """Return the account's profile with one agent's vote off, for each that has one: what it changed."""
    voted = trading.shadow.without_agents and trading.synthesizer.allocation == "votes" and not trading.strategy
    weights = trading.synthesizer.weights.model_dump()
    for agent in [name for name, weight in weights.items() if voted and weight > 0]:
        others = type(trading.synthesizer.weights).model_validate({**weights, agent: 0.0})
        synthesizer = trading.synthesizer.model_copy(update={"weights": others})
        alone = trading.model_copy(update={"synthesizer": synthesizer})
        yield f"without_{agent}", ShadowBookSettings(trading=alone, risk=load_risk(folder, trading.profile))


def _with_own_strategy(shadow: TradingSettings, account: TradingSettings, folder: Path) -> TradingSettings:
    """Leave a strategy to the account's profile and to those that name one; other books stay what they are."""
    if not account.strategy or shadow.profile == account.profile:
        return shadow
    named = read_profile(folder, shadow.profile).get("trading", {}).get("strategy", "")
    return shadow.model_copy(update={"strategy": named})


class ShadowService:
    """Opens the shadow books with the first step and lets them take each step of the account.

    Parameters
    ----------
    given : mapping of str to ShadowBookSettings
        By name.

    Attributes
    ----------
    ledgers : dict of str to SqliteLedger
        Of the open books, by name.
    """

    def __init__(
        self, environment: Environment, given: Mapping[str, ShadowBookSettings], resume_after: int
    ) -> None:
        self._environment = environment
        self._settings = given
        self._resume_after = resume_after
        self._team_of: TeamOf | None = None
        self._shadow_books: ShadowBooks | None = None
        self._files: list[SqliteLedger | PaperBroker] = []
        self.ledgers: dict[str, SqliteLedger] = {}
        self._fault = ""

    @property
    def shadows(self) -> tuple[ShadowBook, ...]:
        """The open books; none before the first step."""
        return self._shadow_books.shadows if self._shadow_books else ()

    @property
    def faults(self) -> list[str]:
        """What keeps a book from stepping."""
        return [self._fault] if self._fault else self._shadow_books.faults if self._shadow_books else []

    def held(self) -> frozenset[str]:
        """Return what the books hold before their first step; of one that cannot be read, nothing."""
        found: set[str] = set()
        for name in self._settings:
            if (self._folder(name) / LEDGER).exists():
                with suppress(LedgerError):  # told at the first step
                    portfolio = self._ledger(name).portfolio()
                    found.update(portfolio.positions if portfolio else ())
        return frozenset(found)

    def prepare(self, team_of: TeamOf) -> None:
        """Take note of how teams are made: with the account's agents, factors and models."""
        self._team_of = team_of

    def step(self, view: MarketView | None, cycle: Cycle) -> None:
        """Let every book take the step that the account has just taken. Never fails."""
        if view is None or not self._settings or cycle.as_of is not None:
            return
        try:
            self._shadow_books = self._shadow_books or self._open()
        except Exception as error:  # the books' edge: whatever breaks here must not reach the account
            self.close()
            if not self._fault:
                log.exception("shadow.not_opened")
            self._fault = f"shadow books: they could not be opened ({plain_reason(error)}); see the log"
            return
        self._fault = ""
        self._shadow_books.step(view, cycle)

    def close(self) -> None:
        """Close the files in order."""
        for file in self._files:
            file.close()
        self._files.clear()
        self.ledgers.clear()
        self._shadow_books = None

    def _open(self) -> ShadowBooks:
        seen = SeenView()
        return ShadowBooks(seen, [self._shadow_book(name, given, seen) for name, given in self._settings.items()])

    def _shadow_book(self, name: str, given: ShadowBookSettings, seen: SeenView) -> ShadowBook:
        from adapters.paper.broker import PaperBroker  # noqa: PLC0415  # brings sqlite
        from adapters.paper.store import SqlitePaperStore  # noqa: PLC0415  # brings sqlite

        ledger, store = self._ledger(name), SqlitePaperStore(self._folder(name) / "paper_broker.sqlite")
        broker = PaperBroker(given.trading.broker, seen, store)
        self._files.append(broker)
        return ShadowBook(
            name,
            shadow_engine(given.trading, given.risk, seen, broker, ledger, self._team(given)),
            self._resume_after,
        )

    def _ledger(self, name: str) -> SqliteLedger:
        """Return a book's ledger; asked again, the same one."""
        from adapters.ledger import SqliteLedger  # noqa: PLC0415  # brings sqlite

        if name not in self.ledgers:
            path, mask = self._folder(name) / LEDGER, self._environment.secret_mask()
            self.ledgers[name] = SqliteLedger(path, route=OrderRoute.PAPER_BUILTIN, mask=mask)
            self._files.append(self.ledgers[name])
        return self.ledgers[name]

    def _folder(self, name: str) -> Path:
        return self._environment.state_dir / "shadow" / name

    def _team(self, given: ShadowBookSettings) -> Team:
        from agents.held import HeldTeam  # noqa: PLC0415  # with the agents

        assert self._team_of is not None  # noqa: S101  # prepared before any step
        return self._team_of(given.trading) if given.held is None else HeldTeam(given.held)
