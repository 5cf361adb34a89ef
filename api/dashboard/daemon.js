// The daemon itself: feed, models, jobs, what is degraded.

import { by, facts, fill, made, table } from "./dom.js";
import { countdown, known, moment, percent, words } from "./format.js";
import { runButton } from "./run_now.js";

const RUNS_SHOWN = 5;

/** Show it; `runNow` asks whether a job is to be run now. */
export function show(status, runNow) {
  const { data, broker, regime } = status;
  by("source").textContent = data ? `${data.source ?? "no feed"} to ${data.bars_until ?? "–"} · ${broker.orders_go_to}` : "starting";
  by("unwatched").textContent = status.unwatched ? "not automatic: nobody watches the stops" : "";
  by("unwatched").title = status.unwatched ?? "";
  by("unwatched").hidden = !status.unwatched;
  by("regime").textContent = regime
    ? `Regime ${words(regime.regime)}, probability ${percent(regime.probabilities[regime.regime]).replace("+", "")}, exposure scale ${regime.exposure_scale.toFixed(2)}`
    : "No regime has been judged yet.";
  models(status.models);
  jobs(status.jobs, status.scheduler?.jobs ?? [], runNow);
}

function models(cards) {
  fill(by("models"), ...Object.entries(cards).map(([name, card]) =>
    made("article", { class: "card" }, made("h3", {}, name, " ", made("small", {}, card.state ?? "")), facts({
      model: card.model_id, trained: span(card.window), samples: card.samples,
      age: known(card.age_days) ? `${card.age_days} days` : null,
      "out of sample": metrics(card.out_of_sample), drift: drift(card),
    }))));
}

const span = (window) => (window ? [window.first, window.last].filter(Boolean).join(" to ") : null);

function metrics(found) {
  if (!found) return null;
  return Object.entries(found).filter(([, value]) => typeof value === "number").slice(0, 8)
    .map(([name, value]) => `${words(name)} ${Number.isInteger(value) ? value : value.toFixed(3)}`).join(", ");
}

function drift({ drift: found, model_id }) {
  if (!found) return model_id ? "not measured" : null;
  const moved = Object.entries(found.psi ?? {}).sort((a, b) => b[1] - a[1])[0];
  return [
    found.alarms?.length ? found.alarms.join(" ") : found.state === "judged" ? "no alarm" : found.state,
    moved ? `most moved: ${words(moved[0])}, PSI ${moved[1].toFixed(2)}` : "",
    known(found.live?.rank_ic) ? `live rank IC ${found.live.rank_ic.toFixed(3)} over ${found.live.sessions} sessions` : "",
  ].filter(Boolean).join("; ");
}

function jobs(long, planned, runNow) {
  const runs = long.slice(0, RUNS_SHOWN);
  fill(by("jobs"),
    table("Scheduled jobs", [
      ["Job", ({ name, schedule }) => made("span", { title: schedule }, name)],
      ["Next", next],
      ["Last", ({ last_run_at }) => moment(last_run_at)],
      ["Outcome", ({ skipped_reason, last_outcome }) => [skipped_reason, last_outcome].filter(Boolean).join(" · ") || "–"],
      ["Act", ({ name }) => runButton(name, runNow)],
    ], planned),
    runs.length ? table("Long work", [
      ["Job", ({ kind }) => words(kind)],
      ["Status", ({ status }) => made("span", { class: status === "failed" ? "bad" : "" }, status)],
      ["Done", ({ progress }) => made("progress", { value: progress, max: 1, "aria-label": percent(progress, 0) })],
      ["Says", ({ error, message }) => error.split("\n")[0] || message],
    ], runs) : null);
}

function next({ next_run_at: due }) {
  if (!due) return "not scheduled";
  return made("time", { datetime: due, class: "countdown", title: moment(due) }, countdown(due));
}

export function tick() {
  for (const time of document.querySelectorAll("time.countdown")) time.textContent = countdown(time.dateTime);
}
