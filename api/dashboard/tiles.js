// Five figures at a glance: equity, today, exposure, who watches, the feed.

import { by, fill, made } from "./dom.js";
import { age, countdown, gain, money, percent, tone } from "./format.js";

const tile = (name, value, below, kind = "") =>
  made("div", { class: "tile" }, made("h3", {}, name), made("p", { class: `figure ${kind}` }, value), made("p", { class: "said" }, ...[below].flat()));

let paid = null;

/** Note what was put in: equity before the first step, and what a person paid in since. */
export function note({ opening, years }) {
  paid = years.reduce((sum, { paid_in }) => sum + Number(paid_in), Number(opening));
}

export function show(status, book) {
  if (!status || !book) return;
  const equity = Number(book.equity), today = equity - equity / (1 + book.daily_return);
  const exposed = book.positions.reduce((sum, { value }) => sum + Number(value), 0);
  const { data, broker, scheduler, health } = status;
  fill(by("tiles"),
    tile("Equity", money(equity), `drawdown ${percent(book.drawdown, 2)}, cash ${money(book.cash)}`),
    tile("Today", `${gain(today)} ${percent(book.daily_return, 2)}`, `${book.trades_today} trades today (fills), ${book.pending.length} orders pending`, tone(book.daily_return)),
    total(equity),
    tile("Positions", `${book.positions.length} held`, `${percent(equity ? exposed / equity : 0).replace("+", "")} of equity, ${money(exposed)}`),
    tile("Who watches", watcher(status), [next(scheduler), made("br"), heartbeat(status)], status.unwatched ? "bad" : ""),
    tile("Feed", `${data?.source ?? "none yet"}${data?.fault ? ", failing" : ""}`, `bars to ${data?.bars_until ?? "–"}, orders go to ${broker?.orders_go_to ?? "nowhere yet"}`, data?.fault ? "bad" : ""),
    tile("Last decision", age(health.last_decision_age_seconds), status.profile ? `profile ${status.profile}` : ""));
  if (!performance.getEntriesByName("first-figures").length) performance.mark("first-figures");
}

function total(equity) {
  if (paid === null) return tile("Total", "–", "since the first step");
  const earned = equity - paid;
  return tile("Total", `${gain(earned)} ${percent(paid ? earned / paid : 0, 2)}`, `on ${money(paid)} paid in, since the first step`, tone(earned));
}

function heartbeat({ notifications }) {
  const { configured, last_ping_at: at, fault } = notifications?.heartbeat ?? {};
  if (!configured) return "no heartbeat is set up";
  if (fault) return made("span", { class: "bad" }, `heartbeat: ${fault}`);
  return at ? `heartbeat ${age((Date.now() - Date.parse(at)) / 1000)}` : "heartbeat: none yet";
}

function watcher({ unwatched, scheduler }) {
  if (scheduler.enabled) return "the jobs";
  return unwatched ? "nobody" : "you";
}

function next({ enabled, jobs }) {
  if (!enabled) return "jobs are off: start with ENABLE_CRON=true";
  const due = jobs.find(({ name }) => name === "cron_decide")?.next_run_at;
  return due ? made("span", {}, "next decision ", made("time", { class: "countdown", datetime: due }, countdown(due))) : "no decision is scheduled";
}
