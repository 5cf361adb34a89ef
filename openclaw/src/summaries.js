/** The engine's answers, cut to what a model or a person needs; figures stay as the engine gave them. */

const LINES_MAX = 12;

export function summariseDecision(answer) {
  const by = (action) => answer.decisions.filter((d) => d.action === action).slice(0, LINES_MAX).map(line);
  return {
    decision_id: answer.decision_id,
    as_of: answer.as_of,
    trading_state: answer.trading_state,
    market: { regime: answer.market.regime, exposure_scale: answer.market.exposure_scale, hot_sectors: answer.market.hot_sectors },
    enter: by("enter"),
    exit: by("exit"),
    held: answer.decisions.filter((d) => d.action === "hold").length,
    refused: answer.refused.slice(0, LINES_MAX),
    abstained: abstentions(answer.abstained),
    orders: answer.orders.slice(0, LINES_MAX).map(({ ticker, side, quantity, status }) => ({ ticker, side, quantity, status })),
    alerts: answer.alerts.slice(0, LINES_MAX),
    data: source(answer.data),
  };
}

/** Say why one ticker was decided as it was. */
export function explainTicker(answer, ticker) {
  const decided = answer.decisions.find((d) => d.ticker === ticker);
  const refused = answer.refused.filter((r) => r.ticker === ticker);
  const silent = answer.abstained.filter((a) => a.ticker === ticker || a.ticker === "*");
  return { decision_id: answer.decision_id, as_of: answer.as_of, ticker, decided: decided ?? null, refused, abstained: silent, data: source(answer.data) };
}

export function summariseStatus(status) {
  return {
    trading_state: status.trading_state ?? null,
    not_ready: status.not_ready,
    degraded: status.degraded,
    broker: status.broker ?? null,
    data: status.data ?? null,
    portfolio: status.portfolio ?? null,
    regime: status.regime ?? null,
    models: Object.fromEntries(Object.entries(status.models).map(([name, card]) => [name, modelCard(card)])),
    jobs: jobsOf(status).slice(0, 5).map(jobLine),
    scheduler: status.scheduler ?? { enabled: false },
    last_decision_id: status.last_decision_id ?? null,
  };
}

/** Give the long jobs that the status lists. */
export function jobsOf(status) {
  return Array.isArray(status.jobs) ? status.jobs.filter((job) => typeof job.job_id === "string") : [];
}

export function summariseScan(answer) {
  const sectors = answer.sectors.map(({ rank, sector, etf, score, hot }) => ({ rank, sector, etf, score, hot }));
  return { sectors, picks: answer.picks, abstained: abstentions(answer.abstained), data: source(answer.data) };
}

export function summariseRanking(answer, limit) {
  const ranking = answer.ranking.slice(0, limit).map(({ rank, ticker, p_outperform, candidate, sector, price, pushed_up, pushed_down }) => (
    { rank, ticker, p_outperform, candidate, sector, price, pushed_up, pushed_down }
  ));
  return { ranking, ranked: answer.ranking.length, abstained: abstentions(answer.abstained), data: source(answer.data) };
}

/** A job; of a backtest's result the headline figures only, the rest is in GET /jobs/ID. */
export function summariseJob(job) {
  const figures = headline(job.result ?? {});
  return { ...jobLine(job), result: figures };
}

function headline(result) {
  const table = result.windows?.[0]?.table;
  if (!table) return result;
  return { strategy: table.strategy, peers: Object.keys(table).filter((name) => name !== "strategy"), warnings: result.warnings, caveats: result.caveats };
}

function line({ ticker, score, confidence, rule, outcome, size, reasons }) {
  return { ticker, score, confidence, rule, outcome, size, reasons: reasons.slice(0, 3) };
}

function abstentions(abstained) {
  const counts = new Map();
  for (const { agent, reason } of abstained) {
    const known = counts.get(agent);
    counts.set(agent, { agent, count: (known?.count ?? 0) + 1, reason: known?.reason ?? reason });
  }
  return [...counts.values()];
}

function jobLine({ job_id, kind, status, progress, message, error }) {
  return { job_id, kind, status, progress, message, error };
}

function modelCard({ state, model_id, age_days }) {
  return { state, model_id, age_days };
}

function source({ source: name, bars_until, feed_fault, stale }) {
  return { source: name, bars_until, feed_fault, stale: Object.keys(stale ?? {}) };
}
