/** What a person reads on a phone: a few short lines, figures rounded, what is wrong named. */

import { jobsOf } from "./summaries.js";

const LINES_MAX = 8;
const FAULTS_MAX = 3;

export function status(answer, book) {
  const { broker, data } = answer;
  const to = broker ? `, orders to ${broker.orders_go_to}` : "";
  return join([
    `Trading engine: ${answer.trading_state ?? "starting"}${to}`,
    data && `Data: ${data.source ?? "none yet"}${data.bars_until ? ` until ${data.bars_until}` : ""}`,
    answer.regime && `Regime: ${answer.regime.regime}, exposure ${percent(answer.regime.exposure_scale, 0)}`,
    book && `Book: ${money(book.equity)}, today ${signed(book.daily_return)}, drawdown ${percent(book.drawdown)}`,
    ...(book ? positions(book) : []),
    `Models: ${Object.entries(answer.models).map(model).join("; ")}`,
    answer.scheduler?.enabled && "Jobs: the engine's own scheduler runs them",
    ...running(jobsOf(answer)),
    ...some(answer.degraded ?? [], FAULTS_MAX).map((fault) => `! ${short(fault)}`),
  ]);
}

export function scan(sectors, decided) {
  const wanted = (action) => decided.decisions.filter((d) => d.action === action);
  const { market } = decided;
  return join([
    `Regime ${market.regime ?? "unknown"}. Top sectors:`,
    ...sectors.sectors.filter((s) => s.hot).map((s) => `${s.rank}. ${s.sector} ${signed(s.score ?? 0)}: ${s.picks.join(" ")}`),
    "",
    ...actions("Buy", wanted("enter")),
    ...actions("Sell", wanted("exit")),
    !wanted("enter").length && !wanted("exit").length && "Nothing to buy or sell.",
    ...refusals(decided.refused),
    ...some(decided.alerts, FAULTS_MAX).map((alert) => `! ${short(alert)}`),
    `Data: ${decided.data.source}${decided.data.bars_until ? ` until ${decided.data.bars_until}` : ""}`,
    `Decision ${decided.decision_id}; nothing is sent. /trade-execute ${decided.decision_id}`,
  ]);
}

export function confirm(planned, code) {
  return join([
    `To ${planned.route}, on ${planned.data.source} data:`,
    ...some(planned.orders.map(order), LINES_MAX),
    `Decision ${planned.decision_id}`,
    `Within 2 minutes: /trade-execute confirm ${code}`,
  ]);
}

export function nothingToSend(planned) {
  return `Decision ${planned.decision_id} has no order to send.`;
}

export function executed(done) {
  if (done.orders.length === 0) return nothingToSend(done);
  return join([
    `Sent to ${done.route}:`,
    ...some(done.orders.map((sent) => `${order(sent)}: ${sent.status}`), LINES_MAX),
    `Decision ${done.decision_id}`,
    ...(done.warnings ?? []).map((warning) => `! ${short(warning)}`),
  ]);
}

export function begun(started, command) {
  return join([`Started ${started.job_id}; it takes minutes.`, `Follow it: ${command} ${started.job_id}`]);
}

export function job(found) {
  const head = `${found.job_id}: ${found.status}, ${percent(found.progress, 0)}`;
  if (found.status === "failed") return `${head}\n! ${short(found.error)}`;
  if (found.status !== "done") return join([head, found.message]);
  return join([head, ...figures(found.result)]);
}

function figures(result) {
  const strategy = result.windows?.[0]?.table?.strategy;
  if (strategy) {
    return [
      `Return ${signed(strategy.total_return)}, Sharpe ${number(strategy.sharpe)}, drawdown ${percent(strategy.drawdown_max)}`,
      `Win rate ${percent(strategy.win_rate, 0)}, turnover ${number(strategy.turnover_per_year)} a year`,
      ...some(result.caveats ?? [], 1).map(short),
    ];
  }
  if (result.promoted !== undefined) return [`${result.promoted ? "Promoted" : "Not promoted"}: ${short(result.reason ?? "")}`];
  return Object.entries(result.members ?? {}).map(([name, member]) => `${name}: ${member.votes ? "votes" : "does not vote"}`);
}

function positions(book) {
  const lines = book.positions.map((p) => `${p.ticker} ${shares(p.quantity)} at ${money(p.last_price)} (${signed(p.profit_pct)})`);
  const waiting = book.pending.length ? [`${book.pending.length} orders wait for a fill`] : [];
  return [...some(lines.length ? lines : ["No positions"], LINES_MAX), ...waiting];
}

function model([name, card]) {
  const age = card.age_days === undefined ? "" : ` (${card.age_days} d)`;
  return `${name} ${card.state === "in use" ? `in use${age}` : "not in use"}`;
}

function running(jobs) {
  return jobs.filter((j) => j.status === "running").map((j) => `Job ${j.job_id}: ${percent(j.progress, 0)}`);
}

function actions(verb, decisions) {
  const lines = decisions.map((d) => {
    const size = d.size ? `, ${shares(d.size.quantity)} for ${money(d.size.usd)}` : `, ${d.outcome}`;
    return `${verb} ${d.ticker}: ${number(d.score)}${d.rule === "score" ? "" : ` (${d.rule})`}${size}`;
  });
  return some(lines, LINES_MAX);
}

function refusals(refused) {
  return some(refused.map((r) => `Refused ${r.ticker}: ${r.rule} ${r.observed}, limit ${r.limit}`), FAULTS_MAX);
}

function order({ side, quantity, ticker, reference_price }) {
  return `${side} ${shares(quantity)} ${ticker} at about ${money(reference_price)}`;
}

function some(lines, countMax) {
  const more = lines.length - countMax;
  return more > 0 ? [...lines.slice(0, countMax), `and ${more} more`] : lines;
}

function join(lines) {
  return lines.filter((line) => typeof line === "string").join("\n");
}

function short(text) {
  return text.length > 160 ? `${text.slice(0, 157)}...` : text;
}

function money(value) {
  return `$${Number(value).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

function shares(value) {
  return String(Number(Number(value).toFixed(3)));
}

function number(value) {
  return value === null || value === undefined ? "n/a" : Number(value).toFixed(2);
}

function percent(value, digits = 1) {
  return value === null || value === undefined ? "n/a" : `${(100 * value).toFixed(digits)} %`;
}

function signed(value) {
  return value >= 0 ? `+${percent(value)}` : percent(value);
}
