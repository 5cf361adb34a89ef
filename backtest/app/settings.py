"""The settings of a backtest: a profile's, those of the ranker alone, and each with one part switched off."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from adapters.parquet.intraday_bars import FiveMinuteBars
from config.loader import FOLDER, load_risk, load_trading, merge, validate
from config.risk import RiskSettings
from config.trading import TradingSettings
from config.universe import with_universe
from core.errors import SettingsError

Model = TypeVar("Model", TradingSettings, RiskSettings)
PARTS = ("trading", "risk")
Change = Mapping[str, Any]
EXIT_RULES_OFF: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "stop_loss": {"swing_exit": {"stop_loss_pct": None}, "risk_check": {"stop_loss_pct": None}},
    "take_profit": {"swing_exit": {"take_profit_pct": None}, "risk_check": {"take_profit_pct": None}},
    "trailing_stop": {"risk_check": {"trailing_stop_atr": None}},
    "atr_stop and atr_target": {"risk_check": {"dynamic_stops": False}},
    "max_hold_days": {"swing_exit": {"max_hold_days": None}},
    "consecutive_misses": {"swing_exit": {"consecutive_miss_limit": None}},
}
EVERY_EXIT_RULE = "all of them"
V8_COST_BPS = 10.0
V8_LIMITS: Mapping[str, Mapping[str, Any]] = {
    "position_sizing": {"max_position_pct": 1.0, "min_position_pct": None},
    "portfolio_limits": {
        "max_positions": None,
        "max_exposure_pct": 1.0,
        "max_sector_pct": None,
        "min_resize_pct": None,
        "spend_pending_sales": True,
    },
    "daily_limits": {"max_daily_loss_pct": None, "max_daily_trades": None},
    "circuit_breakers": {"max_drawdown_pct": None},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run is under.

    Attributes
    ----------
    exits : RiskSettings or None
        What the exit rules follow where that is not `risk`: sizes stay as they are.
    """

    trading: TradingSettings
    risk: RiskSettings
    exits: RiskSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestSpec:
    """What to run.

    Attributes
    ----------
    start, end : date or None
        First and last session whose return counts; None for 2019-01-02 (or the earliest that the bars allow)
        and the last session there is.
    feed : str
        As DATA_PROVIDER; empty for the environment's.
    profile : str
        A name in `config/profiles`; empty for the one that `trading.json` names.
    seed : int or None
        Of the models and of what the report draws; None for the settings' own.
    books : int
        Random books the strategy is placed among.
    unseen_after : date or None
        The last session seen when the settings were chosen; None for what the profile declares.
    trials : int or None
        How many variants were looked at; None for the recorded ones.
    retrain_sessions : int
        How many sessions lie between two trainings of the ranker.
    rebalance_sessions : int
        How many sessions lie between two rebalances of the ranker alone (v8).
    resume_after_sessions : int
        How long the modelled operator leaves a tripped breaker alone.
    folder : Path
        Where the settings are.
    changes : mapping of str to Any
        Settings of this run alone by dotted name, e.g. `trading.broker.slippage_bps`.
    intraday : FiveMinuteBars or None
        What the pipeline's risk check runs on within the day, where there are bars.
    """

    start: date | None = None
    end: date | None = None
    feed: str = ""
    profile: str = ""
    seed: int | None = None
    books: int = 1000
    unseen_after: date | None = None
    trials: int | None = None
    retrain_sessions: int = 21
    rebalance_sessions: int = 21
    resume_after_sessions: int = 5
    folder: Path = FOLDER
    changes: Change = field(default_factory=dict)
    intraday: FiveMinuteBars | None = None


def settings_of(spec: BacktestSpec) -> Settings:
    """Read the settings as the daemon would, under the specification's profile.

    Raises
    ------
    SettingsError
        For an unknown profile, or a file that cannot be used.
    """
    trading = load_trading(spec.folder, spec.profile)
    base = Settings(trading=trading, risk=load_risk(spec.folder, trading.profile))
    return with_changes(base, {**_seeds(spec.seed), **spec.changes}, spec.folder)


def with_changes(base: Settings, change: Change, folder: Path = FOLDER) -> Settings:
    """Lay values over settings, named as `trading.quant.max_depth` or `risk.swing_exit.stop_loss_pct`.

    Raises
    ------
    core.errors.SettingsError
        With the wrong name or value, and the nearest known name.
    """
    if not change:
        return base
    laid = {part: getattr(base, part).model_dump(mode="json") for part in PARTS}
    for name, value in change.items():
        if name.partition(".")[0] not in PARTS:
            raise SettingsError(f"The setting {name} is neither trading.… nor risk.….")
        if name == "trading.profile":
            raise SettingsError("A profile is more than its name.", hint="Give --profile.")
        content = value
        for part in reversed(name.split(".")):
            content = {part: content}
        laid = merge(laid, content)
    return Settings(
        trading=validate(TradingSettings, with_universe(laid["trading"], folder), "trading as set for this run"),
        risk=validate(RiskSettings, laid["risk"], "risk as set for this run"),
    )


def v8_settings_of(spec: BacktestSpec) -> Settings:
    """Read the settings of the ranker alone; what the run itself sets goes before its own costs and limits."""
    return with_changes(v8_settings(settings_of(spec)), spec.changes, spec.folder)


def v8_settings(settings: Settings) -> Settings:
    """Return the settings of the ranker alone: fully invested, 10 bps a trade, no exit rule and no breaker."""
    costs = {"spread_bps": 0.0, "slippage_bps": V8_COST_BPS, "fee_bps": 0.0}
    trading = _changed(settings.trading, {"broker": costs})
    return Settings(trading=trading, risk=_changed(settings.risk, merge(V8_LIMITS, *EXIT_RULES_OFF.values())))


def one_way_cost_bps(trading: TradingSettings) -> float:
    """Return what a trade costs, basis points of its value."""
    return slippage_bps(trading) + trading.broker.fee_bps


def slippage_bps(trading: TradingSettings) -> float:
    """Return what of it is inside the fill prices."""
    return trading.broker.spread_bps / 2 + trading.broker.slippage_bps


def without_agent(settings: Settings, agent: str) -> Settings:
    """Take an agent's weight away; without the allocator, votes decide."""
    change: Mapping[str, Any] = {"weights": {agent: 0.0}}
    if agent == settings.trading.synthesizer.allocation:
        change = {"allocation": "votes"}
    return Settings(trading=_changed(settings.trading, {"synthesizer": change}), risk=settings.risk)


def without_exit_rules(settings: Settings, fired: Collection[str]) -> Iterator[tuple[str, Settings]]:
    """Switch off one by one the exit rules that fired, then all of them."""
    off = {rule: change for rule, change in EXIT_RULES_OFF.items() if set(rule.split(" and ")) & set(fired)}
    for rule, change in off.items():
        yield rule, replace(settings, exits=_changed(settings.risk, change))
    if not off:
        return
    every = merge(*off.values())
    yield EVERY_EXIT_RULE, replace(settings, exits=_changed(settings.risk, every))


def _seeds(seed: int | None) -> Mapping[str, Any]:
    return {} if seed is None else {"trading.quant.seed": seed, "trading.regime.seed": seed}


def _changed(settings: Model, change: Mapping[str, Any]) -> Model:
    return type(settings).model_validate(merge(settings.model_dump(), change))
