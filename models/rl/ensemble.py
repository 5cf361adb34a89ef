"""The ensemble at work: each member's action on a view, its weight by what it earned lately, and the vote."""

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
from models.rl.market import LOOK_AHEAD_SESSIONS, RlMarket, StormHistory, make_market
from models.rl.policy import MEMBERS
from models.rl.replay import book_returns, walk

NO_MODEL = "no RL models are trained; POST /train trains them"


class EnsembleProvider:
    """The stored members, read again when they were replaced or deleted."""

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
class MemberView:
    """What one member says of a view.

    Attributes
    ----------
    actions : ndarray of float64, shape (S,)
        Target positions in [-1, 1]; NaN where the ticker's factors are missing.
    trailing_sharpe : float or None
        Annualised, of its own positions over the last sessions that its weights were not chosen on; None
        when there are fewer than 21 of them.
    weight : float
        Of its vote, in [0, 1]; 0 for one that does not vote.
    silence : str
        Why it does not vote; empty when it does.
    """

    member: StoredMember
    actions: Floats
    trailing_sharpe: float | None
    weight: float = 0.0
    silence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """What the ensemble says of a view.

    Attributes
    ----------
    tickers : mapping of str to int
        Each ticker's place in the arrays.
    votes : ndarray of float64, shape (S,)
        Weighted mean of the voting members' actions; NaN where nobody votes.
    """

    tickers: Mapping[str, int]
    members: tuple[MemberView, ...]
    votes: Floats


class Ensemble:
    """Judges views with the stored members; the last verdict is remembered by the view's bars. For one thread.

    A member's positions are walked from flat over the trailing sessions, so a verdict depends on the view and
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
        self._storms = StormHistory(tracker)
        self._stocks = tuple(stocks)
        self._settings = settings
        self._rl = rl
        self._rules = Rules.of(rl)
        self._last: tuple[bytes, tuple[StoredMember, ...], Verdict] | None = None

    def judge(self, view: MarketView) -> Verdict | Abstention:
        """Give each member's actions and the vote, or say why there is none."""
        members = self._provider.members
        if not members:
            return Abstention(agent="rl", reason="; ".join(self._provider.faults.values()) or NO_MODEL)
        early = [m for m in members if view.session <= np.datetime64(m.card["window"]["labels_end"], "D")]
        if early:
            return Abstention(
                agent="rl",
                reason=f"{early[0].model_id} knows outcomes up to {early[0].card['window']['labels_end']}; "
                f"using it at {view.session} would be look-ahead",
            )
        if self._last is None or self._last[0] != view.bars.digest or self._last[1] is not members:
            self._last = (view.bars.digest, members, self._judged(view, members))
        return self._last[2]

    def _judged(self, view: MarketView, members: Sequence[StoredMember]) -> Verdict:
        stocks = [stock for stock in self._stocks if stock in view.bars.column]
        market = self._recent(view, stocks)
        heard = [self._hear(member, market) for member in members]
        voting = [i for i, one in enumerate(heard) if not one.silence]
        weights = member_weights([heard[i].trailing_sharpe for i in voting], self._settings.minimum_weight)
        weight_of = dict(zip(voting, weights.tolist(), strict=True))
        views = tuple(_weighted(one, weight_of.get(i, 0.0)) for i, one in enumerate(heard))
        votes = np.full(len(stocks), np.nan)
        if voting:
            votes = np.sum([one.weight * one.actions for one in views if one.weight], axis=0)
        return Verdict(tickers={s: i for i, s in enumerate(stocks)}, members=views, votes=votes)

    def _recent(self, view: MarketView, stocks: Sequence[str]) -> RlMarket:
        """Lay out the trailing sessions and the ones whose returns are not known yet."""
        first = max(0, view.row + 1 - self._settings.trailing_sessions - LOOK_AHEAD_SESSIONS)
        z, storms = self._factors.history(view.bars).z, self._storms.of(view.bars, first)
        return make_market(view.bars, z, storms, stocks, self._rl.factor_window_sessions, first)

    def _hear(self, member: StoredMember, market: RlMarket) -> MemberView:
        if member.actor.width != market.features.shape[2] + 2:
            nothing = np.full(len(market.tickers), np.nan)
            why = f"{member.model_id} was trained on another factor window"
            return MemberView(member=member, actions=nothing, trailing_sharpe=None, silence=why)
        walked = walk(member.actor, market, self._rules)
        return MemberView(
            member=member,
            actions=walked.actions[:, -1],
            trailing_sharpe=self._trailing(member, market, walked.positions),
            silence=self._silence(member),
        )

    def _trailing(self, member: StoredMember, market: RlMarket, positions: Floats) -> float | None:
        chosen_until = np.datetime64(member.card["window"]["stopped_at"], "D")
        unseen: NDArray[np.bool_] = market.sessions.astype("datetime64[D]") > chosen_until
        unseen = unseen & market.priced.any(axis=0)
        if unseen.sum() < self.TRAILING_SESSIONS_MIN:
            return None
        return float(sharpe_ratios(book_returns(positions, market, self._rules.cost)[unseen]))

    def _silence(self, member: StoredMember) -> str:
        if member.card["skilled"] or not self._rl.require_skill:
            return ""
        p = member.card["out_of_sample"]["chance_p"]
        return f"not better than chance on the judged sessions (p = {p:.2f}); rl.require_skill keeps it silent"


def _weighted(heard: MemberView, weight: float) -> MemberView:
    return MemberView(
        member=heard.member, actions=heard.actions, trailing_sharpe=heard.trailing_sharpe, weight=weight,
        silence=heard.silence,
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
