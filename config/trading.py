"""`config/trading*.json`: what is watched, how agents vote, how models are trained."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from config.allocation import BaselineSettings, DiversifiedSettings
from config.backtests import BacktestSettings
from config.broker import BrokerSettings
from config.clock import ClockSettings
from config.corporate_actions import SaidAction
from config.drift import DriftSettings
from config.evaluation import EvaluationSettings
from config.evidence import EvidenceSettings, ShadowSettings, VoteWeights
from config.execution import ExecutionSettings
from config.frozen import Fraction, Frozen
from config.jobs import SchedulerSettings
from config.mcp import McpSettings
from config.memory import MemorySettings
from config.notify import HeartbeatSettings, NotifySettings
from config.plugins import PluginSettings, RemoteAgentSettings
from config.sentiment import SentimentSettings
from config.server import ServerSettings
from config.taxes import TaxSettings
from config.universe import DEFAULT
from config.universe_file import checked_ticker, own_universe
from config.weights import AgentWeights, LegacyWeights
from core.universe import Universe

Ticker = Annotated[str, AfterValidator(checked_ticker)]


class EnsembleSettings(Frozen):
    """The RL ensemble's members."""

    models: tuple[Literal["ppo", "a2c", "ddpg"], ...] = ("ppo", "a2c", "ddpg")
    trailing_sessions: Annotated[int, Field(ge=5)] = 63
    minimum_weight: Fraction = 0.1


class RlSettings(Frozen):
    """How the RL ensemble is trained, and which of its members may vote.

    Attributes
    ----------
    require_skill : bool
        A member that is not better than chance on the evaluated sessions does not vote.
    long_only : bool
        Positions below 0 are held flat.
    tickers_max : int
        How many of the most picked tickers `POST /train` takes by itself.
    seeds : int
        Trainings a member; the one with the best stopping Sharpe is kept, all give the spread.
    factor_window_sessions : int
        Sessions of factors that a policy sees.
    cost_bps : float
        Paid on what is traded, basis points: half the spread and the slippage of the paper broker.
    drawdown_penalty : float
        Times each new drawdown, taken off the reward.
    validation_sessions : int
        After the fitted sessions: the first half says when to stop, the second half evaluates.
    purge_sessions : int
        Left out between the three; a reward reaches two sessions ahead.
    patience_evaluations : int
        Training stops after so many evaluations (of 20) without a better stopping Sharpe.
    chance_p_max : float
        A member above it is not better than the same positions dealt to other tickers and days.
    threads : int
        Of torch, in each of the training processes.
    """

    require_skill: bool = True
    long_only: bool = True
    tickers_max: Annotated[int, Field(ge=1, le=64)] = 15
    timesteps: Annotated[int, Field(ge=1_000, le=5_000_000)] = 50_000
    seeds: Annotated[int, Field(ge=1, le=20)] = 2
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 7
    factor_window_sessions: Annotated[int, Field(ge=1, le=63)] = 5
    episode_sessions: Annotated[int, Field(ge=5, le=252)] = 63
    cost_bps: Annotated[float, Field(ge=0, le=500)] = 3.5
    drawdown_penalty: Annotated[float, Field(ge=0, le=10)] = 0.1
    validation_sessions: Annotated[int, Field(ge=42, le=1260)] = 252
    purge_sessions: Annotated[int, Field(ge=2)] = 5
    patience_evaluations: Annotated[int, Field(ge=1)] = 6
    chance_p_max: Annotated[float, Field(gt=0, le=1)] = 0.05
    threads: Annotated[int, Field(ge=1, le=64)] = 1


class WatchlistSettings(Frozen):
    """The stocks that may be bought: some of the universe, or stocks of one's own; none named: the universe's."""

    tickers: tuple[Ticker, ...] = ()

    @field_validator("tickers")
    @classmethod
    def each_once(cls, tickers: tuple[str, ...]) -> tuple[str, ...]:
        """Drop what is there again, in another spelling too."""
        return tuple(dict.fromkeys(tickers))


class DataSettings(Frozen):
    """How much history is kept and when it counts as stale."""

    history_years: Annotated[int, Field(ge=2, le=30)] = 5
    quote_age_max_seconds: Annotated[float, Field(gt=0)] = 900.0
    missing_symbols_max_pct: Fraction = 0.2
    split_jump_pct_max: Annotated[float, Field(gt=0)] = 0.15
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
    top_sectors: Annotated[int, Field(ge=1)] = 3
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


class SynthesizerSettings(Frozen):
    """How signals become decisions.

    Attributes
    ----------
    allocation : str
        `votes`: weighted votes decide. `diversified`, the least-correlated portfolio, and `baseline`, equal
        weight: votes are shown without weight. `evidence`: the baseline, and of challengers what they earned.
    """

    allocation: Literal["votes", "diversified", "baseline", "evidence"] = "votes"
    baseline: BaselineSettings = BaselineSettings()
    diversified: DiversifiedSettings = DiversifiedSettings()
    weights: AgentWeights = AgentWeights()
    legacy_weights: LegacyWeights = LegacyWeights()
    buy_score_min: Annotated[float, Field(ge=-1, le=1)] = 0.35
    sell_score_max: Annotated[float, Field(ge=-1, le=1)] = -0.20

    @property
    def entry_weight_min_pct(self) -> float:
        """Smallest share of equity worth entering in a portfolio that an agent sizes."""
        return self.diversified.entry_weight_min_pct if self.allocation == "diversified" else 0.0


class TradingSettings(Frozen):
    """All of `trading.json`.

    Attributes
    ----------
    strategy : str
        A registered strategy's name, or `user.FILE:CLASS`, in place of the agents; empty for the agents.
    agents : dict of str to RemoteAgentSettings
        Agents that answer over HTTP, by name.
    """

    profile: str = "runbook"
    universe: Universe = DEFAULT
    server: ServerSettings = ServerSettings()
    broker: BrokerSettings = BrokerSettings()
    ensemble: EnsembleSettings = EnsembleSettings()
    rl: RlSettings = RlSettings()
    watchlist: WatchlistSettings = WatchlistSettings()
    data: DataSettings = DataSettings()
    clock: ClockSettings = ClockSettings()
    corporate_actions: tuple[SaidAction, ...] = ()
    regime: RegimeSettings = RegimeSettings()
    quant: QuantSettings = QuantSettings()
    sentiment: SentimentSettings = SentimentSettings()
    sector_scan: SectorScanSettings = SectorScanSettings()
    synthesizer: SynthesizerSettings = SynthesizerSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    drift: DriftSettings = DriftSettings()
    execution: ExecutionSettings = ExecutionSettings()
    memory: MemorySettings = MemorySettings()
    mcp: McpSettings = McpSettings()
    notify: NotifySettings = NotifySettings()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    strategy: str = ""
    plugins: PluginSettings = PluginSettings()
    agents: dict[str, RemoteAgentSettings] = Field(default_factory=dict)
    votes: VoteWeights = "runbook"
    shadow: ShadowSettings = ShadowSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    taxes: TaxSettings = TaxSettings()
    backtest: BacktestSettings = BacktestSettings()

    @model_validator(mode="after")
    def of_own_stocks(self) -> TradingSettings:
        """Make the watchlist the universe where it names a stock that the universe does not hold."""
        strangers = [ticker for ticker in self.watchlist.tickers if ticker not in self.universe.sector_of]
        if strangers:
            object.__setattr__(self, "universe", own_universe(self.universe, self.watchlist.tickers))
        return self

    @cached_property
    def stocks(self) -> tuple[str, ...]:
        """The stocks that may be bought."""
        return self.watchlist.tickers or self.universe.stocks
