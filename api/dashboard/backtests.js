// Backtests: run one with a form, see how far it is, the list of those that were kept, one whole, two beside one another.

import { ask } from "./ask.js";
import * as run from "./backtest_run.js";
import { by, fill, made } from "./dom.js";
import { known, moment, percent, signed, tone, words } from "./format.js";
import { current } from "./route.js";
import { sortable } from "./sortable.js";

const POLL_MS = 1_500, RUNS_MAX = 500;
const PROFILES = ["", "runbook", "baseline", "diversified", "evidence"];
const STRATEGIES = [["pipeline", "whole pipeline"], ["quant_v8", "ranker alone"]];
const chosen = new Set();
let polling = "";

/** Show the list, one run (`NAME`) or two (`NAME,NAME`). */
export async function load(failed, detail) {
  run.close();
  if (detail) return run.load(failed, decodeURIComponent(detail).split(","));
  const [kept, { jobs }] = await Promise.all([ask(`/backtests?limit=${RUNS_MAX}`), ask("/jobs")]);
  chosen.clear();
  fill(by("backtests"), form(failed), made("p", { id: "backtest-job", class: "said", role: "status", "aria-label": "Backtest" }), list(kept, failed));
  const running = jobs.find(({ kind, status }) => kind === "backtest" && status === "running");
  if (running) watch(running.job_id, failed).catch(failed);
}

export const restyle = () => run.restyle();

function form(failed) {
  const strategy = choice("backtest-strategy", STRATEGIES), profile = choice("backtest-profile", PROFILES.map((name) => [name, name || "the daemon's"]));
  const start = made("input", { id: "backtest-start", type: "date" }), end = made("input", { id: "backtest-end", type: "date" });
  const books = made("input", { id: "backtest-books", type: "number", min: 200, max: 10_000, step: 100, value: 1_000 });
  const without = made("input", { id: "backtest-without", type: "checkbox" });
  const begin = async (event) => {
    event.preventDefault();
    const body = { strategy: strategy.value, books: Number(books.value), attribution: without.checked };
    for (const [name, field] of [["profile", profile], ["start", start], ["end", end]]) if (field.value) body[name] = field.value;
    try {
      const { job_id } = await ask("/backtest?wait=false", "POST", body);
      await watch(job_id, failed);
    } catch (error) {
      failed(error);
    }
  };
  return made("form", { id: "backtest-form", onsubmit: begin },
    made("p", { class: "said" }, "It runs over the daemon's own bars in a process beside trading, for some minutes; no order is sent. Without dates: from 2019, or the earliest that the bars allow, to the last session."),
    made("p", { class: "filter" }, labelled("Strategy", strategy), labelled("Profile", profile), labelled("First session", start), labelled("Last session", end),
      labelled("Random books", books), labelled("Also without each part", without), made("button", {}, "Run the backtest")));
}

const choice = (id, options) => made("select", { id }, ...options.map(([value, text]) => made("option", { value }, text)));
const labelled = (text, field) => made("label", {}, `${text} `, field);

/** Say how far a backtest is until it is done, then open it. */
async function watch(job_id, failed) {
  if (polling === job_id) return;
  polling = job_id;
  try {
    for (;;) {
      const { status, progress, message, result, error } = await ask(`/jobs/${encodeURIComponent(job_id)}`);
      const place = by("backtest-job");
      if (status === "done" && !result.run) throw new Error(result.run_fault);
      if (status === "done") {
        if (current() === "backtests" && place) location.hash = `#/backtests/${encodeURIComponent(result.run)}`;
        return;
      }
      if (status === "failed") throw new Error(`The backtest failed: ${(error ?? "").trim().split("\n").at(-1)}`);
      if (place) fill(place, made("progress", { value: progress, max: 1, "aria-label": `${Math.round(100 * progress)} %` }), ` ${Math.round(100 * progress)} % · ${message || "starting"}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } catch (error) {
    if (by("backtest-job")) fill(by("backtest-job"));
    failed(error);
  } finally {
    polling = "";
  }
}

const figure = (heading, name, format) => [heading, ({ figures }) => made("span", { class: tone(figures[name]) }, format(figures[name])), "number", ({ figures }) => figures[name]];

/** A button that keeps a run however many follow, or no longer. */
function pin(run, failed) {
  const button = made("button", { class: "small", "aria-label": `Pin ${run.name}`, onclick: () => turn().catch(failed) });
  const show = () => {
    button.setAttribute("aria-pressed", String(run.pinned));
    button.textContent = run.pinned ? "pinned" : "pin";
  };
  const turn = async () => {
    run.pinned = (await ask(`/backtests/${encodeURIComponent(run.name)}/${run.pinned ? "unpin" : "pin"}`, "POST")).pinned;
    show();
  };
  show();
  return button;
}

function list({ runs, kept_max: most }, failed) {
  if (!runs.length) return made("p", { class: "empty" }, "No backtest has been kept yet. Run one above, or python backtest_pipeline.py; each is kept in a folder of its own.");
  const compare = made("button", { class: "small", disabled: "disabled", onclick: () => (location.hash = `#/backtests/${[...chosen].map(encodeURIComponent).join(",")}`) }, "Compare the two chosen");
  const box = ({ name }) => made("input", { type: "checkbox", "aria-label": `Compare ${name}`, onchange: ({ target }) => {
    if (target.checked) chosen.add(name);
    else chosen.delete(name);
    compare.disabled = chosen.size !== 2;
  } });
  const rule = known(most) ? `The newest ${most} are kept, and what is pinned; after a run the oldest beyond that are deleted (backtest.kept_max).` : "All are kept (backtest.kept_max is null).";
  return made("div", {}, made("p", { class: "said" }, rule), sortable({ caption: "Backtests", file: "backtests.csv", rows: runs, columns: [
    ["Ended", ({ name, ended_at }) => made("a", { href: `#/backtests/${encodeURIComponent(name)}` }, moment(ended_at)), "", ({ ended_at }) => ended_at],
    ["What", ({ strategy, profile }) => `${words(strategy)}, ${profile}`, "", ({ strategy, profile }) => `${words(strategy)}, ${profile}`],
    ["Sessions", ({ first, last }) => `${first} to ${last}`, "", ({ first }) => first],
    figure("Return", "total_return", percent), figure("Sharpe", "sharpe", signed), figure("Worst fall", "drawdown_max", percent),
    ["Verdict", ({ verdict }) => verdict.split(":")[0], "text", ({ verdict }) => verdict],
    ["Settings", ({ config_digest, seed }) => `${config_digest.slice(0, 12)}, seed ${seed}`, "", ({ config_digest }) => config_digest],
    ["Compare", box], ["Keep", (one) => pin(one, failed)],
  ] }), compare);
}
