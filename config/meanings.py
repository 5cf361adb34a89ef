"""What those settings mean whose models say no more than their name; `config.reference` reads them."""

from __future__ import annotations

from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    "trading.profile": "A named set of strategy values, from config/profiles or user/profiles; "
    "what this file says itself goes before it.",
    "trading.universe": "Whose stocks: `default`, `sp500`, `nasdaq100`, `dow`, or a file in user/universes.",
    "trading.server.port": "Where the daemon listens. TRADING_PORT goes before it.",
    "trading.broker.mode": "`live` is one of the three switches for real money; LIVE_TRADING=true and "
    "ALPACA_PAPER=false are the others.",
    "trading.broker.initial_cash_usd": "What the built-in paper broker's account begins with.",
    "trading.broker.fee_bps": "Commission of the built-in paper broker, of what is traded.",
    "trading.broker.fractional_shares": "Whether parts of a share are bought.",
    "trading.ensemble.models": "The members of the RL ensemble.",
    "trading.ensemble.trailing_sessions": "Over which a member's out-of-sample Sharpe ratio weighs its vote.",
    "trading.ensemble.minimum_weight": "The least weight of a member that votes.",
    "trading.rl.timesteps": "Steps of one training, a member and seed.",
    "trading.rl.seed": "Of the first training; the others count up from it.",
    "trading.rl.episode_sessions": "Sessions of one training episode.",
    "trading.watchlist.tickers": "The stocks that may be bought: some of the universe, or others, "
    "which are then a universe of their own; none named: the whole universe.",
    "trading.data.history_years": "How many years of daily bars are kept.",
    "trading.data.quote_age_max_seconds": "An older quote is no price.",
    "trading.data.missing_symbols_max_pct": "When more of the symbols have no bar, the feed as a whole counts as "
    "stale and nothing is entered.",
    "trading.data.split_jump_pct_max": "A larger move in one session is looked into: a split that nobody listed, "
    "a slip, or real.",
    "trading.data.timeout_seconds": "How long a vendor may take to answer.",
    "trading.corporate_actions": "What a person says of splits, dividends and mergers; "
    "each replaces what a vendor lists of that symbol and day.",
    "trading.regime.refit_sessions": "The regime's model is fitted anew after so many.",
    "trading.regime.window_sessions": "The newest sessions of SPY that it is fitted on.",
    "trading.regime.restarts": "Fits from different beginnings; the likeliest is kept.",
    "trading.regime.volatility_sessions": "Over which the volatility it sees is measured.",
    "trading.regime.high_vol_exposure_scale": "Times the exposure that is allowed while volatility is high.",
    "trading.regime.seed": "Of the fits.",
    "trading.quant.horizon_sessions": "How far ahead the ranker's label looks.",
    "trading.quant.purge_sessions": "Left out between training and test; at least the horizon.",
    "trading.quant.window_months": "What the ranker is trained on, rolling.",
    "trading.quant.top_quantile": "A stock above this quantile of the forward return is labelled 1.",
    "trading.quant.max_depth": "Depth of XGBoost's trees.",
    "trading.quant.n_estimators": "Number of XGBoost's trees.",
    "trading.quant.learning_rate": "Of XGBoost.",
    "trading.quant.candidate_probability_min": "A stock ranked below it is no candidate to buy.",
    "trading.quant.calibration_folds": "Folds that calibrate the probabilities.",
    "trading.quant.seed": "Of the trainings.",
    "trading.sentiment.tokens_max": "A longer story is cut for FinBERT.",
    "trading.sentiment.news": "Where headlines are from; `auto`: where the bars are from.",
    "trading.sentiment.refresh_seconds": "News is asked for again after it.",
    "trading.sentiment.window_hours": "Older stories have no weight.",
    "trading.sentiment.stories_max": "The newest of a ticker that are scored.",
    "trading.sector_scan.lookback_weeks": "Momentum against the benchmark is measured over each of them.",
    "trading.sector_scan.weights": "Of the lookbacks, one each.",
    "trading.sector_scan.top_sectors": "So many sectors are hot.",
    "trading.sector_scan.stocks_per_sector": "So many stocks are picked in each hot sector.",
    "trading.sector_scan.stock_momentum_days": "Over which a stock's momentum is measured, in trading sessions.",
    "trading.sector_scan.average_volume_min": "Shares a day; a stock below it is not picked.",
    "trading.sector_scan.benchmark": "What momentum is measured against.",
    "trading.synthesizer.diversified.volatility_sessions": "Over which the portfolio's volatility is measured.",
    "trading.synthesizer.buy_score_min": "Enter at this score or above.",
    "trading.synthesizer.sell_score_max": "Leave at this score or below.",
    "trading.notify.quiet_hours.timezone": "Of the quiet hours, such as Europe/Zurich.",
    "trading.heartbeat.timeout_seconds": "How long the switch may take to answer.",
    "trading.heartbeat.attempts_max": "How often one sign of life is tried.",
    "trading.votes": "`runbook`: the weights as configured. `earned`: by each agent's evidence.",
    "risk.portfolio_limits.max_positions": "So many stocks are held at most.",
    "risk.portfolio_limits.max_exposure_pct": "Largest share of equity in stocks.",
    "risk.portfolio_limits.max_sector_pct": "Largest share of equity in one sector.",
    "risk.portfolio_limits.min_order_usd": "A smaller order is not worth sending.",
    "risk.daily_limits.max_daily_loss_pct": "Beyond it nothing is entered in this session; 0 halts all trading.",
    "risk.daily_limits.max_daily_trades": "So many orders are approved in one session.",
    "risk.circuit_breakers.max_drawdown_pct": "So far below its peak the engine halts until a person resumes it.",
    "risk.circuit_breakers.max_consecutive_faults": "So many failed steps in a row stop entries.",
    "risk.swing_exit.max_hold_days": "Sold after so many sessions, unless profit is above `min_profit_pct`.",
    "risk.swing_exit.min_profit_pct": "Return since entry that lets a position be held for longer.",
    "risk.swing_exit.stop_loss_pct": "Sold at this return since entry, in each decide cycle.",
    "risk.swing_exit.take_profit_pct": "Sold at this return since entry, in each decide cycle.",
    "risk.swing_exit.consecutive_miss_limit": "Sold after so many sessions without being a candidate.",
    "risk.risk_check.stop_loss_pct": "Sold at this return since entry, in each risk check.",
    "risk.risk_check.take_profit_pct": "Sold at this return since entry, in each risk check.",
    "risk.risk_check.trailing_stop_atr": "Sold so far below the highest price since entry.",
    "risk.risk_check.take_profit_atr": "Sold so far above the entry.",
    "risk.risk_check.stop_loss_atr": "Sold so far below the entry.",
}
"""By file and dotted key."""

GROUPS: Mapping[str, str] = {
    "trading.synthesizer.weights": "Prior weight of this agent's vote; weights renormalise over those who spoke.",
    "trading.synthesizer.legacy_weights": "Weight of this signal in the legacy v2 vote.",
}
"""By the key above, for keys that are each a name."""


def meaning_of(key: str) -> str:
    """Return what is said here of a key such as `risk.risk_check.stop_loss_pct`; empty when nothing is."""
    return MEANINGS.get(key) or GROUPS.get(key.rpartition(".")[0]) or GROUPS.get(key, "")
