/** Answers as the engine gives them, cut to a few tickers. */

export const DATA = { source: "simulated", as_of: "2026-11-20T20:00:00Z", bars_until: "2026-11-20", stale: {}, feed_fault: "" };
export const ID = "20261120T200000-decide-0f3c5a7d9e1b";

export const STATUS = {
  not_ready: "", degraded: ["rl: no RL models are trained; POST /train trains them"], trading_state: "active",
  models: { quant: { state: "in use", model_id: "quant-v8-x", age_days: 3 }, rl: { state: "no RL models are trained" } },
  jobs: [], broker: { mode: "paper", orders_go_to: "built-in paper broker", name: "paper" }, data: DATA,
  portfolio: {}, regime: { regime: "low_vol", exposure_scale: 0.97 }, last_decision_id: ID,
};

export const POSITIONS = {
  cash: "90000.00", equity: "100050.00", daily_return: 0.0005, drawdown: 0, trades_today: 1, pending: [], data: DATA,
  positions: [{ ticker: "NVDA", quantity: "31.6", last_price: "158.5", profit_pct: 0.0032 }],
};

export const DECISION = {
  decision_id: ID, cycle: "decide", as_of: "2026-11-20T20:00:00Z", trading_state: "active",
  market: { regime: "low_vol", probabilities: {}, exposure_scale: 0.97, hot_sectors: ["Semiconductors"] },
  decisions: [
    { ticker: "NVDA", action: "enter", score: 0.52, confidence: 0.6, rule: "score", outcome: "approved",
      size: { weight: 0.05, quantity: "31.6", usd: "4992.80" }, votes: [{ agent: "quant", score: 0.6, weight: 1 }], reasons: ["score is above"] },
    { ticker: "XOM", action: "exit", score: -0.3, confidence: 0.5, rule: "stop_loss", outcome: "approved",
      size: { weight: 0, quantity: "3", usd: "300" }, votes: [], reasons: [] },
    { ticker: "KO", action: "hold", score: 0.1, confidence: 0.2, rule: "score", outcome: "no change", size: null, votes: [], reasons: [] },
  ],
  refused: [{ ticker: "AMD", side: "buy", rule: "max_positions", limit: "10", observed: "11" }],
  abstained: [{ agent: "sentiment", ticker: "KO", reason: "no news of it" }, { agent: "sentiment", ticker: "XOM", reason: "no news of it" }],
  orders: [{ ticker: "NVDA", side: "buy", quantity: "31.6", status: "proposed" }], alerts: [], notes: [], data: DATA,
};

export const SCAN = {
  sectors: [
    { rank: 1, sector: "Semiconductors", etf: "SMH", score: 0.08, hot: true, picks: ["NVDA", "AVGO"] },
    { rank: 2, sector: "Energy", etf: "XLE", score: -0.01, hot: false, picks: [] },
  ],
  picks: { Semiconductors: ["NVDA", "AVGO"] }, abstained: [], data: DATA,
};

export const ORDER = { decision_id: ID, ticker: "NVDA", side: "buy", quantity: "31.6", reference_price: "158", status: "proposed" };
export const PREVIEW = { decision_id: ID, dry_run: true, route: "built-in paper broker", orders: [ORDER], data: DATA };
export const SENT = { ...PREVIEW, dry_run: false, orders: [{ ...ORDER, status: "submitted" }] };

export function job(status, more = {}) {
  return { job_id: "backtest-1-20261120T200000", kind: "backtest", status, progress: 0.5, message: "half way", error: "", result: {}, ...more };
}
