"""What was earned by the time of a recorded decision, from the daemon's ledgers: for deciding it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from adapters.ledger import SqliteLedger
from adapters.ledger.evidence import EvidenceLedger
from agents.evidence import Challenger, EvidenceProvider, NoEvidence
from analysis.capital import Capital, CapitalRule, after_session
from analysis.evidence import EvidenceState
from analysis.scorekeeper import YARDSTICK
from backtest.app.earned import weights_of
from backtest.replay import Recorded
from config.environment import OrderRoute
from config.evidence import EvidenceSettings
from core.scoreboard import Outcome, SessionClose
from core.types import MarketView, StepReport

SHOWN = EvidenceState.SHOWN


class Known(NamedTuple):
    """What was known after some sessions.

    Attributes
    ----------
    states : mapping of (str, str) to EvidenceState
        By kind and name.
    """

    states: Mapping[tuple[str, str], EvidenceState]
    capital: Capital


def recorded_evidence(shadow_dir: Path, recorded: Recorded, settings: EvidenceSettings) -> EvidenceProvider:
    """Return what was known at a decision; nothing where the daemon kept no evidence."""
    path = shadow_dir / "evidence.sqlite"
    if not path.exists():
        return NoEvidence()
    return RecordedEvidence(path, recorded, settings)


class RecordedEvidence:
    """Implements `agents.evidence.EvidenceProvider` on what the daemon recorded.

    Parameters
    ----------
    path : Path
        The ledger of evidence; the shadow books' own ledgers lie beside it.
    """

    def __init__(self, path: Path, recorded: Recorded, settings: EvidenceSettings) -> None:
        self._path = path
        self._recorded = recorded
        self._rule = CapitalRule(
            challengers=settings.challengers, seed=settings.seed_pct, granted_max=settings.granted_max_pct
        )

    def shown_agents(self, view: MarketView) -> frozenset[str]:
        """Return the agents whose edge was shown before the view's last session was over."""
        states = self._known_before(view).states
        return frozenset(n for (kind, n), state in states.items() if kind == "agent" and state is SHOWN)

    def challengers(self, view: MarketView) -> Mapping[str, Challenger]:
        """Return the challengers that had capital, with what they held or had ordered."""
        shares = self._known_before(view).capital.shares()
        return {
            name: Challenger(share=share, weights=weights_of(step.plan.portfolio))
            for name, share in shares.items()
            if share > 0 and (step := self._last_step(name)) is not None
        }

    def _known_before(self, view: MarketView) -> Known:
        session = str(view.session)[:10] if view.row >= 0 else ""
        ledger = EvidenceLedger(self._path)
        try:
            closes = [close for close in ledger.closes() if close.session < session]
            days = dict.fromkeys(close.session for close in closes)
            taught = {day: ledger.outcomes_of_session(day) for day in days}
        finally:
            ledger.close()
        return known_after(closes, taught, self._rule)

    def _last_step(self, name: str) -> StepReport | None:
        """Return the step that a book had taken last: each follows the account's, so not yet the one at hand."""
        path, before = self._path.parent / name / "ledger.sqlite", self._recorded.before
        if before is None or not path.exists():
            return None
        report = self._recorded.report
        twin = (report.as_of, report.cycle.name)
        ledger = SqliteLedger(path, route=OrderRoute.PAPER_BUILTIN)
        try:
            earlier = (step for step in ledger.steps() if step.as_of <= before.as_of)
            return next((step for step in earlier if (step.as_of, step.cycle.name) != twin), None)
        finally:
            ledger.close()


def known_after(
    closes: Sequence[SessionClose], taught: Mapping[str, Sequence[Outcome]], rule: CapitalRule
) -> Known:
    """Fold sessions again, oldest first, as `analysis.scorekeeper.close_session` does.

    Parameters
    ----------
    closes : sequence of SessionClose
        Of all books, by session.
    taught : mapping of str to sequence of Outcome
        What each session taught.
    """
    last: dict[str, tuple[float, float]] = {}
    states: dict[tuple[str, str], EvidenceState] = {}
    capital = rule.opening()
    for day, outcomes in taught.items():
        equity = {close.name: close.equity for close in closes if close.session == day}
        states |= {(one.kind, one.name): EvidenceState(one.state) for one in outcomes}
        yardstick = equity.get(YARDSTICK)
        if yardstick is None:  # no book was closed in that session
            continue
        growth = {
            name: max(0.0, own / last[name][0]) * last[name][1] / yardstick
            for name, own in equity.items()
            if name in last and last[name][0] > 0
        }
        last |= {name: (own, yardstick) for name, own in equity.items()}
        capital = after_session(
            capital, growth, {n: s for (kind, n), s in states.items() if kind == "book"}, rule
        )
    return Known(states=states, capital=capital)
