"""Evidence that a book or an agent beats its yardstick: a test martingale that may be looked at every day.

A betting process starts with a wealth of 1 and each session stakes a little of it on the excess return being
positive. If the true mean is not above zero, its wealth is a supermartingale: by Ville's inequality the chance
that it ever reaches 20 is at most 1 in 20, however often one looks and whenever one stops. So wealth from 20 up
is called "shown"; the same bets on the negative of the excess return give the mirror, "shown to be worse".

What it cannot see: a loss so rare that it has not come yet, or larger than `loss_clip_sd`. A book that insures
others against a crash looks skilled until the crash. And the bound is for an excess that the days before say
nothing of: where it comes in runs (autocorrelation of 0.2 a day) more than 1 in 20 of those without an edge in
the long run are shown.

Sources: I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86
(2024), for the bets on a bounded mean; J. Ville, "Étude critique de la notion de collectif" (1939), for the
bound.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import numpy as np
from msgspec import Struct

from core.types import Floats

SHOWN_MIN = 20.0
"""Evidence from which a claim counts as shown: one false claim in 20 books without skill, ever."""


class EvidenceState(StrEnum):
    """What the evidence says of a book or an agent against its yardstick."""

    SHOWN = "shown"
    SHOWN_WORSE = "shown to be worse"
    NOT_KNOWN = "not known"


class EvidenceRule(Struct, frozen=True, kw_only=True):
    """How evidence is gathered; declared beforehand, never fitted to what it judges.

    Attributes
    ----------
    bets : tuple of float
        Shares of wealth staked per standard deviation of the excess return; the wealth starts in equal parts.
        `max(bets) * loss_clip_sd` must stay below 1, so that no session can take all.
    gain_clip_sd, loss_clip_sd : float
        The declared bounds: a session wins at most, and loses at most, so many standard deviations. Losses count
        further than gains, since a book that earns a little most days and loses much on a rare one would
        else look as if it had an edge once its losses are cut.
    scale_half_life_sessions, warm_up_sessions : int
        The standard deviation is that of the sessions before (exponentially weighted squares); in the first
        sessions nothing is bet.
    restart_sessions : int
        A new process starts with every quarter, so that an edge that comes late is still found.
    first_share : float
        The first process's share of the initial wealth; the k-th restart gets a share that falls with 1 / k^2, so
        that all shares for ever sum to 1 and the bound holds for ever.
    wealth_max : float
        Wealth above it is given away, so that old evidence fades: an edge that dies loses "shown" within about a
        year, whatever it had earned.
    """

    bets: tuple[float, ...] = (0.02, 0.04, 0.06, 0.08, 0.10, 0.12)
    gain_clip_sd: float = 4.0
    loss_clip_sd: float = 8.0
    scale_half_life_sessions: int = 63
    warm_up_sessions: int = 20
    restart_sessions: int = 63
    first_share: float = 0.8
    wealth_max: float = 100.0

    def share(self, restart: int) -> float:
        """Share of the initial wealth with which the process of a restart (0 the first) begins."""
        return self.first_share if restart == 0 else (1 - self.first_share) * 6 / np.pi**2 / restart**2


DEFAULT_RULE = EvidenceRule()


class BettingWealth(Struct, frozen=True, kw_only=True):
    """Wealth by restart and by bet, and the part of the initial 1 that has not been staked yet."""

    wealth: tuple[tuple[float, ...], ...] = ()
    reserve: float = 1.0

    @property
    def total(self) -> float:
        """All wealth: the evidence (e-value)."""
        return self.reserve + float(np.sum(self.wealth)) if self.wealth else self.reserve


class Evidence(Struct, frozen=True, kw_only=True):
    """What is known of one book or agent so far; its whole state, so that a ledger can carry it and replay it.

    Attributes
    ----------
    sessions : int
        Sessions with an excess return.
    weight, squares : float
        Of the exponentially weighted second moment of the excess return.
    better, worse : BettingWealth
        Of the bets on, and against, the book.
    """

    sessions: int = 0
    weight: float = 0.0
    squares: float = 0.0
    better: BettingWealth = BettingWealth()
    worse: BettingWealth = BettingWealth()

    @property
    def e_value(self) -> float:
        """Evidence that the mean excess return is above 0; 1 is none."""
        return self.better.total

    @property
    def e_value_worse(self) -> float:
        """Evidence that the mean excess return is below 0; 1 is none."""
        return self.worse.total

    @property
    def state(self) -> EvidenceState:
        """Shown, shown to be worse, or not known."""
        if self.e_value >= SHOWN_MIN:
            return EvidenceState.SHOWN
        return EvidenceState.SHOWN_WORSE if self.e_value_worse >= SHOWN_MIN else EvidenceState.NOT_KNOWN


def update(evidence: Evidence, excess_return: float, rule: EvidenceRule = DEFAULT_RULE) -> Evidence:
    """Take one session's excess return over the yardstick (a fraction); NaN and infinity teach nothing.

    The scale comes from the sessions before, so each bet is made before its outcome is known: that is what makes
    the wealth a martingale under no skill, whatever volatility does.
    """
    if not np.isfinite(excess_return):
        return evidence
    better, worse = evidence.better, evidence.worse
    if evidence.sessions % rule.restart_sessions == 0:
        restart = evidence.sessions // rule.restart_sessions
        better, worse = _join(better, restart, rule), _join(worse, restart, rule)
    if evidence.sessions >= rule.warm_up_sessions and evidence.squares > 0:
        scale = (evidence.squares / evidence.weight) ** 0.5
        moved = excess_return / scale
        better, worse = _settle(better, moved, rule), _settle(worse, -moved, rule)
    keep = 0.5 ** (1 / rule.scale_half_life_sessions)
    return Evidence(
        sessions=evidence.sessions + 1,
        weight=keep * evidence.weight + 1 - keep,
        squares=keep * evidence.squares + (1 - keep) * excess_return**2,
        better=better,
        worse=worse,
    )


def gather(excess_returns: Iterable[float], rule: EvidenceRule = DEFAULT_RULE) -> Evidence:
    """Give the evidence after many sessions, oldest first."""
    evidence = Evidence()
    for excess_return in excess_returns:
        evidence = update(evidence, excess_return, rule)
    return evidence


def evidence_paths(excess_returns: Floats, rule: EvidenceRule = DEFAULT_RULE) -> Floats:
    """Give the evidence after each session for many books at once; the same numbers as `update`, as array code.

    Parameters
    ----------
    excess_returns : ndarray of float64, shape (T, B)
        One column a book, finite.

    Returns
    -------
    ndarray of float64, shape (T, B)
        `Evidence.e_value` after each session.
    """
    sessions, books = excess_returns.shape
    bets = np.array(rule.bets)
    restarts = max(1, -(-sessions // rule.restart_sessions))
    wealth = np.zeros((restarts, books, len(bets)))
    reserve = np.ones(books)
    keep = 0.5 ** (1 / rule.scale_half_life_sessions)
    weight, squares = 0.0, np.zeros(books)
    out = np.empty((sessions, books))
    for row in range(sessions):
        if row % rule.restart_sessions == 0:
            share = rule.share(row // rule.restart_sessions)
            wealth[row // rule.restart_sessions] = share / len(bets)
            reserve -= share * (reserve > 0)
        if row >= rule.warm_up_sessions:
            scale = np.sqrt(squares / weight)
            outcome = np.divide(excess_returns[row], scale, out=np.zeros(books), where=scale > 0)
            wealth *= 1 + np.clip(outcome, -rule.loss_clip_sd, rule.gain_clip_sd)[:, None] * bets
        total = reserve + wealth.sum(axis=(0, 2))
        spill = np.where(total > rule.wealth_max, (rule.wealth_max - reserve) / (total - reserve), 1.0)
        wealth *= spill[:, None]
        weight, squares = keep * weight + 1 - keep, keep * squares + (1 - keep) * excess_returns[row] ** 2
        out[row] = reserve + wealth.sum(axis=(0, 2))
    return out


def _join(betting: BettingWealth, restart: int, rule: EvidenceRule) -> BettingWealth:
    """Let the next process begin with its share of the reserve."""
    share = rule.share(restart)
    stake = share / len(rule.bets)
    return BettingWealth(wealth=(*betting.wealth, (stake,) * len(rule.bets)), reserve=betting.reserve - share)


def _settle(betting: BettingWealth, moved_sd: float, rule: EvidenceRule) -> BettingWealth:
    """Pay every bet, then give away what exceeds the most that may be kept."""
    outcome = min(max(moved_sd, -rule.loss_clip_sd), rule.gain_clip_sd)
    wealth = np.array(betting.wealth) * (1 + outcome * np.array(rule.bets))
    staked = float(wealth.sum())
    if betting.reserve + staked > rule.wealth_max:
        wealth *= (rule.wealth_max - betting.reserve) / staked
    return BettingWealth(wealth=tuple(map(tuple, wealth.tolist())), reserve=betting.reserve)
