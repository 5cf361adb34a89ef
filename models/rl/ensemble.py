"""The ensemble's vote on a view: each member's action, and its weight by what it earned lately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.trading import EnsembleSettings, RlSettings
from core.errors import ArtefactError
from core.statistics import sharpe_ratios
from core.types import Abstention, Floats, MarketView
from models.factors.store import FactorStore
from models.regime.tracker import RegimeTracker
from models.rl.artefacts import StoredMember, load_member
from models.rl.batch import Rules
from models.rl.market import LOOK_AHEAD_SESSIONS, HighVolatilityHistory, RlMarket, make_market
from models.rl.policy import MEMBERS
from models.rl.replay import portfolio_returns, run_policy

NO_MODEL = "no RL models are trained; POST /train trains them"


class EnsembleProvider:
    """Provides the stored members, read again when they were replaced or deleted."""

    def __init__(self, folder: Path, names: Sequence[str] = MEMBERS) -> None:
        self._folder = folder
        self._names = tuple(names)
        self.members: tuple[StoredMember, ...] = ()
        self.faults: Mapping[str, str] = {}
        self.reload()

    def reload(self) -> None:
        """Read the members; a corrupt or foreign file is named in `faults` and not used."""
        found, faults = [], {}
        for name in self._names:
            try:
                member = load_member(self._folder, name)
            except ArtefactError as error:
                faults[name] = str(error)
                continue
            if member is not None:
                found.append(member)
        self.members, self.faults = tuple(found), faults


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemberVote:
    """The vote of one member on a view.

    Attributes
    ----------
    actions : ndarray of float64, shape (S,)
        Target positions in [-1, 1]; NaN where the ticker's factors are missing.
    trailing_sharpe : float or None
        Annualised, of its own positions over the last sessions that its weights were not chosen on; None
        when there are fewer than 21 of them.
    weight : float
        Of its vote, in [0, 1]; 0 for one that does not vote.
    no_vote_reason : str
        Why it does not vote; empty when it does.
    """

    member: StoredMember
    actions: Floats
    trailing_sharpe: float | None
    weight: float = 0.0
    no_vote_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EnsembleVote:
    """The ensemble's vote on a view.

    Attributes
    ----------
    tickers : mapping of str to int
        Each ticker's place in the arrays.
    votes : ndarray of float64, shape (S,)
        Weighted mean of the voting members' actions; NaN where nobody votes.
    """

    tickers: Mapping[str, int]
    members: tuple[MemberVote, ...]
    votes: Floats


class Ensemble:
    """Votes on views with the stored members; the last vote is remembered by the view's bars. For one thread.

    A member's positions are computed from flat over the trailing sessions, so a vote depends on the view and
    the models only.

    Parameters
    ----------
    stocks : sequence of str
        The tickers that are judged, and that the trailing Sharpe ratio is over.
    """

    TRAILING_SESSIONS_MIN = 21

    def __init__(
        self,
        provider: EnsembleProvider,
        factors: FactorStore,
        tracker: RegimeTracker,
        stocks: Sequence[str],
        settings: EnsembleSettings,
        rl: RlSettings,
    ) -> None:
        self._provider = provider
        self._factors = factors
        self._high_volatility = HighVolatilityHistory(tracker)
        self._stocks = tuple(stocks)
        self._settings = settings
        self._rl = rl
        self._rules = Rules.of(rl)
        self._last: tuple[bytes, tuple[StoredMember, ...], EnsembleVote] | None = None

    def vote(self, view: MarketView) -> EnsembleVote | Abstention:
        """Return each member's actions and the vote, or why there is none."""
        members = self._provider.members
        if not members:
            return Abstention(agent="rl", reason="; ".join(self._provider.faults.values()) or NO_MODEL)
        early = [m for m in members if view.session <= np.datetime64(m.card.window.labels_end, "D")]
        if early:
            return Abstention(
                agent="rl",
                reason=f"{early[0].model_id} knows outcomes up to {early[0].card.window.labels_end}; "
                f"using it at {view.session} would be look-ahead",
            )
        if self._last is None or self._last[0] != view.bars.digest or self._last[1] is not members:
            self._last = (view.bars.digest, members, self._vote(view, members))
        return self._last[2]

    def _vote(self, view: MarketView, members: Sequence[StoredMember]) -> EnsembleVote:
        stocks = [stock for stock in self._stocks if stock in view.bars.column]
        market = self._recent(view, stocks)
        cast = [self._member_vote(member, market) for member in members]
        voting = [i for i, one in enumerate(cast) if not one.no_vote_reason]
        weights = member_weights([cast[i].trailing_sharpe for i in voting], self._settings.minimum_weight)
        weight_of = dict(zip(voting, weights.tolist(), strict=True))
        votes_cast = tuple(_weighted(one, weight_of.get(i, 0.0)) for i, one in enumerate(cast))
        votes = np.full(len(stocks), np.nan)
        if voting:
            votes = np.sum([one.weight * one.actions for one in votes_cast if one.weight], axis=0)
        return EnsembleVote(tickers={s: i for i, s in enumerate(stocks)}, members=votes_cast, votes=votes)

    def _recent(self, view: MarketView, stocks: Sequence[str]) -> RlMarket:
        """Lay out the trailing sessions and the ones whose returns are not known yet."""
        first = max(0, view.row + 1 - self._settings.trailing_sessions - LOOK_AHEAD_SESSIONS)
        z, high_volatility = self._factors.history(view.bars).z, self._high_volatility.of(view.bars, first)
        return make_market(view.bars, z, high_volatility, stocks, self._rl.factor_window_sessions, first)

    def _member_vote(self, member: StoredMember, market: RlMarket) -> MemberVote:
        if member.actor.width != market.features.shape[2] + 2:
            nothing = np.full(len(market.tickers), np.nan)
            why = f"{member.model_id} was trained on another factor window"
            return MemberVote(member=member, actions=nothing, trailing_sharpe=None, no_vote_reason=why)
        trajectory = run_policy(member.actor, market, self._rules)
        return MemberVote(
            member=member,
            actions=trajectory.actions[:, -1],
            trailing_sharpe=self._trailing(member, market, trajectory.positions),
            no_vote_reason=self._no_vote_reason(member),
        )

    def _trailing(self, member: StoredMember, market: RlMarket, positions: Floats) -> float | None:
        chosen_until = np.datetime64(member.card.window.stopped_at, "D")
        after_selection: NDArray[np.bool_] = market.sessions.astype("datetime64[D]") > chosen_until
        after_selection = after_selection & market.priced.any(axis=0)
        if after_selection.sum() < self.TRAILING_SESSIONS_MIN:
            return None
        return float(sharpe_ratios(portfolio_returns(positions, market, self._rules.cost)[after_selection]))

    def _no_vote_reason(self, member: StoredMember) -> str:
        if member.card.skilled or not self._rl.require_skill:
            return ""
        p = member.card.out_of_sample.chance_p
        return f"not better than chance on the judged sessions (p = {p:.2f}); rl.require_skill keeps it silent"


def _weighted(vote: MemberVote, weight: float) -> MemberVote:
    return MemberVote(
        member=vote.member, actions=vote.actions, trailing_sharpe=vote.trailing_sharpe, weight=weight,
        no_vote_reason=vote.no_vote_reason,
    )  # fmt: skip


def member_weights(sharpes: Sequence[float | None], minimum: float) -> Floats:
    """Share the vote by Sharpe ratio, nobody below the minimum.

    Parameters
    ----------
    sharpes : sequence of float or None
        Below 0 and unknown count as 0.
    minimum : float
        Lowest weight, in [0, 1]; where the members cannot all have it, all weigh the same.

    Returns
    -------
    ndarray of float64
        Weights that sum to 1.
    """
    count = len(sharpes)
    earned = np.array([max(0.0, s or 0.0) for s in sharpes])
    total = earned.sum()
    shares = earned / total if total > 0 else np.full(count, 1 / max(1, count))
    floor = min(minimum, 1 / max(1, count))
    weights: Floats = floor + (1 - count * floor) * shares
    return weights
