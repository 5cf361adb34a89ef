"""`config/trading*.json`: what is watched, how agents vote, how models are trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from config.sectors import STOCKS

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class Frozen(BaseModel):
    """Settings cannot change under a running step, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ServerSettings(Frozen):
    """Where the daemon listens."""

    port: Annotated[int, Field(ge=1, le=65535)] = 8787


class BrokerSettings(Frozen):
    """Which orders are real, and what the built-in paper broker charges.

    Attributes
    ----------
    spread_bps, slippage_bps : float
        Full bid-ask spread and extra slippage, in basis points of the price; half the spread and all of the
        slippage are paid on each fill. 3 bps of spread is typical of S&P 100 names; together with
        2 bps of slippage a round trip costs 7 bps.
    """

    mode: Literal["paper", "live"] = "paper"
    initial_cash_usd: Annotated[float, Field(gt=0)] = 100_000.0
    spread_bps: Annotated[float, Field(ge=0, le=500)] = 3.0
    slippage_bps: Annotated[float, Field(ge=0, le=500)] = 2.0
    fee_bps: Annotated[float, Field(ge=0, le=500)] = 0.0
    fractional_shares: bool = True


class EnsembleSettings(Frozen):
    """The RL ensemble's members."""

    models: tuple[Literal["ppo", "a2c", "ddpg"], ...] = ("ppo", "a2c", "ddpg")
    trailing_sessions: Annotated[int, Field(ge=5)] = 63
    minimum_weight: Fraction = 0.1


class WatchlistSettings(Frozen):
    """The stocks that may be bought; each must belong to a sector."""

    tickers: tuple[str, ...] = STOCKS

    @model_validator(mode="after")
    def known(self) -> WatchlistSettings:
        """Refuse a ticker that no sector holds, since the engine could not judge it."""
        strangers = sorted(set(self.tickers) - set(STOCKS))
        if strangers or not self.tickers:
            raise ValueError(f"tickers without a sector in SECTOR_MAP: {strangers or 'the list is empty'}")
        return self


class DataSettings(Frozen):
    """How much history is kept and when it counts as stale."""

    history_years: Annotated[int, Field(ge=2, le=30)] = 5
    quote_age_max_seconds: Annotated[float, Field(gt=0)] = 900.0
    missing_symbols_max_pct: Fraction = 0.2
    split_jump_pct_max: Annotated[float, Field(gt=0)] = 0.45
    timeout_seconds: Annotated[float, Field(gt=0)] = 10.0


class RegimeSettings(Frozen):
    """The two-state Gaussian HMM on SPY."""

    refit_sessions: Annotated[int, Field(ge=1)] = 21
    window_sessions: Annotated[int, Field(ge=120)] = 1000
    restarts: Annotated[int, Field(ge=1, le=50)] = 4
    volatility_sessions: Annotated[int, Field(ge=2)] = 20
    high_vol_exposure_scale: Fraction = 0.5
    seed: int = 7


class QuantSettings(Frozen):
    """The XGBoost ranker (v8)."""

    horizon_sessions: Annotated[int, Field(ge=1)] = 21
    purge_sessions: Annotated[int, Field(ge=1)] = 21
    window_months: Annotated[int, Field(ge=6)] = 18
    top_quantile: Annotated[float, Field(gt=0.5, lt=1)] = 0.75
    max_depth: Annotated[int, Field(ge=1, le=12)] = 4
    n_estimators: Annotated[int, Field(ge=10, le=5000)] = 300
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.03
    candidate_probability_min: Fraction = 0.40
    calibration_folds: Annotated[int, Field(ge=2, le=10)] = 4
    seed: int = 7

    @model_validator(mode="after")
    def purged(self) -> QuantSettings:
        """A purge shorter than the horizon would let labels look into the test."""
        if self.purge_sessions < self.horizon_sessions:
            raise ValueError(
                f"purge_sessions {self.purge_sessions} is shorter than horizon_sessions {self.horizon_sessions}"
            )
        return self


class SectorScanSettings(Frozen):
    """The sector rotation scanner."""

    lookback_weeks: tuple[int, ...] = (4, 12, 26)
    weights: tuple[float, ...] = (1 / 3, 1 / 3, 1 / 3)
    top_sectors: Annotated[int, Field(ge=1, le=14)] = 3
    stocks_per_sector: Annotated[int, Field(ge=1)] = 5
    stock_momentum_days: Annotated[int, Field(ge=5)] = 60
    average_volume_min: Annotated[float, Field(ge=0)] = 1_000_000.0
    benchmark: str = "SPY"

    @model_validator(mode="after")
    def paired(self) -> SectorScanSettings:
        """Each lookback has its weight."""
        if len(self.weights) != len(self.lookback_weeks):
            raise ValueError(f"{len(self.lookback_weeks)} lookback_weeks but {len(self.weights)} weights")
        return self


class AgentWeights(Frozen):
    """Prior weight of each agent's vote; they renormalise over the agents that spoke."""

    market: Annotated[float, Field(ge=0)] = 0.20
    quant: Annotated[float, Field(ge=0)] = 0.30
    rl: Annotated[float, Field(ge=0)] = 0.15
    sentiment: Annotated[float, Field(ge=0)] = 0.10
    momentum: Annotated[float, Field(ge=0)] = 0.15
    regime: Annotated[float, Field(ge=0)] = 0.10


class LegacyWeights(Frozen):
    """Weights of the legacy v2 vote: six signals and no ranker."""

    market: Annotated[float, Field(ge=0)] = 0.25
    momentum: Annotated[float, Field(ge=0)] = 0.20
    rsi: Annotated[float, Field(ge=0)] = 0.15
    rl: Annotated[float, Field(ge=0)] = 0.15
    sentiment: Annotated[float, Field(ge=0)] = 0.10
    regime: Annotated[float, Field(ge=0)] = 0.15


class SynthesizerSettings(Frozen):
    """How votes become decisions."""

    weights: AgentWeights = AgentWeights()
    legacy_weights: LegacyWeights = LegacyWeights()
    buy_score_min: Annotated[float, Field(ge=-1, le=1)] = 0.35
    sell_score_max: Annotated[float, Field(ge=-1, le=1)] = -0.20


class TradingSettings(Frozen):
    """All of `trading.json`."""

    profile: Literal["runbook", "measured"] = "runbook"
    server: ServerSettings = ServerSettings()
    broker: BrokerSettings = BrokerSettings()
    ensemble: EnsembleSettings = EnsembleSettings()
    watchlist: WatchlistSettings = WatchlistSettings()
    data: DataSettings = DataSettings()
    regime: RegimeSettings = RegimeSettings()
    quant: QuantSettings = QuantSettings()
    sector_scan: SectorScanSettings = SectorScanSettings()
    synthesizer: SynthesizerSettings = SynthesizerSettings()
