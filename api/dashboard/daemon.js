// The daemon itself: feed, models, jobs, what is degraded.

import { by, fill, made, table } from "./dom.js";
import { countdown, known, moment, percent, words } from "./format.js";

const SCHEDULED = ["cron_decide", "cron_risk_check", "cron_regime", "cron_weekly_retrain"];
const RUNS_SHOWN = 5;

export function show(status) {
  const { data, broker, regime } = status;
  by("source").textContent = data ? `${data.source ?? "no feed"} to ${data.bars_until ?? "–"} · ${broker.orders_go_to}` : "starting";
  by("regime").textContent = regime
    ? `Regime ${words(regime.regime)}, probability ${percent(regime.probabilities[regime.regime]).replace("+", "")}, exposure scale ${regime.exposure_scale.toFixed(2)}`
    : "No regime has been judged yet.";
  models(status.models);
  jobs(status.jobs);
}

function models(cards) {
  fill(by("models"), ...Object.entries(cards).map(([name, card]) =>
    made("article", { class: "card" }, made("h3", {}, name, " ", made("small", {}, card.state ?? "")), facts({
      model: card.model_id, trained: span(card.window), samples: card.samples,
      age: known(card.age_days) ? `${card.age_days} days` : null,
      "out of sample": metrics(card.out_of_sample), drift: drift(card),
    }))));
}

function facts(pairs) {
  const rows = Object.entries(pairs).filter(([, value]) => known(value));
  return made("dl", {}, ...rows.flatMap(([name, value]) => [made("dt", {}, name), made("dd", {}, String(value))]));
}

const span = (window) => (window ? [window.first, window.last].filter(Boolean).join(" to ") : null);

function metrics(found) {
  if (!found) return null;
  return Object.entries(found).filter(([, value]) => typeof value === "number").slice(0, 8)
    .map(([name, value]) => `${words(name)} ${Number.isInteger(value) ? value : value.toFixed(3)}`).join(", ");
}

function drift({ drift: found, model_id }) {
  if (found === undefined || found === null) return model_id ? "not measured" : null;
  return typeof found === "object" ? metrics(found) : found;
}

function jobs(listed) {
  const planned = new Map(listed.filter(({ name }) => name).map((job) => [job.name, job]));
  const names = [...new Set([...SCHEDULED, ...planned.keys()])];
  const runs = listed.filter(({ job_id }) => job_id).slice(0, RUNS_SHOWN);
  fill(by("jobs"),
    table("Scheduled jobs", [
      ["Job", (name) => name],
      ["Next", (name) => next(planned.get(name))],
      ["Last", (name) => [moment(planned.get(name)?.last_run_at)]],
      ["Outcome", (name) => planned.get(name)?.skipped_reason || planned.get(name)?.last_outcome || "–"],
    ], names),
    runs.length ? table("Long work", [
      ["Job", ({ kind }) => words(kind)],
      ["Status", ({ status }) => made("span", { class: status === "failed" ? "bad" : "" }, status)],
      ["Done", ({ progress }) => made("progress", { value: progress, max: 1, "aria-label": percent(progress, 0) })],
      ["Says", ({ error, message }) => error.split("\n")[0] || message],
    ], runs) : null);
}

function next(job) {
  if (!job?.next_run_at) return "not scheduled";
  return made("time", { datetime: job.next_run_at, class: "countdown", title: moment(job.next_run_at) }, countdown(job.next_run_at));
}

export function tick() {
  for (const time of document.querySelectorAll("time.countdown")) time.textContent = countdown(time.dateTime);
}
