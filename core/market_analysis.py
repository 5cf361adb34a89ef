"""The market analysis of the agents: regimes, rankings, signals and abstentions; never orders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import UNSET, Struct, UnsetType, field


class Regime(Struct, frozen=True, kw_only=True):
    """The market's state by the forward-filtered HMM.

    Attributes
    ----------
    name : str
        `low_vol` or `high_vol`.
    probabilities : mapping of str to float
        One probability a state; they sum to 1.
    exposure_scale : float
        What the state allows of the portfolio's exposure, in [0, 1].
    """

    name: str
    probabilities: Mapping[str, float]
    as_of: datetime
    exposure_scale: float
    model_id: str

    @property
    def confidence(self) -> float:
        """Probability of the named state."""
        return self.probabilities[self.name]


class SectorScore(Struct, frozen=True, kw_only=True):
    """A sector's momentum against the benchmark.

    Attributes
    ----------
    momentum : mapping of str to float
        Excess return over the benchmark by lookback (`4w`, `12w`, `26w`), as fractions.
    score : float
        Their weighted mean.
    picks : tuple of str
        The sector's leading stocks by momentum; empty for a sector that is not hot.
    """

    sector: str
    etf: str
    rank: int
    score: float
    momentum: Mapping[str, float]
    hot: bool
    picks: tuple[str, ...] = ()


class RankedStock(Struct, frozen=True, kw_only=True, gc=False):
    """A stock by the ranker.

    Attributes
    ----------
    p_outperform : float
        Calibrated probability of ending in the universe's top quarter after 21 sessions.
    factors : mapping of str to float
        The 13 cross-sectional z-scores, winsorized at 3.
    contributions : mapping of str to float
        What each factor added to the score before calibration (log-odds, XGBoost's own SHAP values);
        given for the stocks that are decided on or asked for.
    """

    symbol: str
    rank: int
    p_outperform: float
    sector: str
    price: float
    factors: Mapping[str, float]
    model_id: str
    contributions: Mapping[str, float] = field(default_factory=dict)


class Signal(Struct, frozen=True, kw_only=True, gc=False):
    """One agent's signal for one symbol: score in [-1, 1], confidence in [0, 1], and the reason."""

    agent: str
    symbol: str
    score: float
    confidence: float
    reason: str
    model_id: str = ""


class Abstention(Struct, frozen=True, kw_only=True, gc=False):
    """An agent without a signal, and why. Not a zero. Symbol `*` stands for all of them."""

    agent: str
    reason: str
    symbol: str = "*"


class Signals(Struct, frozen=True, kw_only=True):
    """What an agent of the user's own answers; a plain mapping of scores by symbol says the same with less.

    Attributes
    ----------
    scores : mapping of str to float
        By symbol, in [-1, 1]; what is beyond is clamped, a symbol left out is abstained on.
    reasons : mapping of str to str
        Why, by symbol; optional.
    confidence : float
        Of all of them, in [0, 1].
    model_id : str
        The model that was used, for the record; empty for none.
    """

    scores: Mapping[str, float]
    reasons: Mapping[str, str] = field(default_factory=dict)
    confidence: float = 1.0
    model_id: str = ""


class MarketAnalysis(Struct, frozen=True, kw_only=True):
    """The analysis of the whole team in one step.

    Attributes
    ----------
    candidates : tuple of str
        Symbols that may be bought, sorted.
    targets : mapping of str to float
        Share of equity to hold by symbol, where an agent sizes the whole portfolio; empty otherwise.
    atr : mapping of str to float
        Average true range over 14 sessions by symbol, US dollars; a symbol without one is left out.
    models : mapping of str to str
        Id of each model that was used, by agent.
    counted : tuple of str or UNSET
        The agents whose votes count, where votes are earned; UNSET (left out of the JSON) where all do.
    """

    regime: Regime | None = None
    sectors: tuple[SectorScore, ...] = ()
    ranking: tuple[RankedStock, ...] = ()
    candidates: tuple[str, ...] = ()
    signals: tuple[Signal, ...] = ()
    abstentions: tuple[Abstention, ...] = ()
    targets: Mapping[str, float] = field(default_factory=dict)
    atr: Mapping[str, float] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    counted: tuple[str, ...] | UnsetType = UNSET
