// The event log: newest first, bounded topic by topic, so that a frequent topic pushes no rare one out.

import { by, fill, made } from "./dom.js";
import { clockTime, moment, words } from "./format.js";

const ROWS_MAX = 200;
const QUIET = new Set(["decision_id", "source", "positions", "result", "job_id", "started_at", "finished_at"]);
const LEVELS = ["info", "warning", "error"];
const WARNINGS = new Set(["risk.alert", "order.refused", "order.expired", "dropped"]);
const FIELDS = ["topics", "levels", "log-word"], KEPT = "trading-log";
const kept = [];
const counts = new Map();
let due = false, total = 0;

/** Bind the fields; what they say outlives a reload of the page. */
export function prepare(topics) {
  by("topics").append(...topics.map((topic) => made("option", { value: topic }, topic)));
  const before = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
  for (const id of FIELDS) {
    by(id).value = before[id] ?? by(id).value;
    by(id).addEventListener("input", () => {
      sessionStorage.setItem(KEPT, JSON.stringify(Object.fromEntries(FIELDS.map((name) => [name, by(name).value]))));
      draw();
    });
  }
  draw();
}

export function note(event) {
  total += 1;
  kept.unshift({ type: event.type, at: event.at, level: level(event), text: told(event.data) });
  const count = (counts.get(event.type) ?? 0) + 1;
  if (count > ROWS_MAX) kept.splice(kept.findLastIndex(({ type }) => type === event.type), 1);
  counts.set(event.type, Math.min(count, ROWS_MAX));
  later();
}

/** How grave an event is; the stream has topics, not levels. */
function level({ type, data }) {
  if (data.to === "halted" || data.status === "failed") return "error";
  return WARNINGS.has(type) || data.to === "reducing" || data.status === "skipped" ? "warning" : "info";
}

/** Draw at most once a frame, however many events came. */
function later() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    draw();
  });
}

function draw() {
  const wanted = by("topics").value, word = by("log-word").value.trim().toLowerCase(), least = LEVELS.indexOf(by("levels").value);
  const shown = kept
    .filter(({ type }) => wanted === "*" || type === wanted || type.startsWith(wanted.replace("*", "")))
    .filter((one) => LEVELS.indexOf(one.level) >= least)
    .filter(({ type, text }) => `${type} ${text}`.toLowerCase().includes(word))
    .slice(0, ROWS_MAX);
  fill(by("log"), ...shown.map(({ type, at, level: grave, text }) =>
    made("li", { class: grave }, made("time", { datetime: at, title: moment(at) }, clockTime(at)), made("b", {}, type), made("span", {}, text))));
  if (!shown.length) by("log").append(made("li", { class: "empty" }, kept.length ? "No event is of this topic, level and word." : "No event since the daemon's start: decisions, orders and alerts stand here as they come."));
  by("counted").textContent = `${total} event${total === 1 ? "" : "s"}, ${shown.length} shown`;
}

function told(data) {
  return Object.entries(data)
    .filter(([name, value]) => !QUIET.has(name) && value !== "" && value !== null)
    .map(([name, value]) => `${words(name)} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(" · ")
    .slice(0, 240);
}
