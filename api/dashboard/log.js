// The event log: newest first, bounded topic by topic, so that a frequent topic pushes no rare one out.

import { by, made } from "./dom.js";
import { words } from "./format.js";

const ROWS_MAX = 200;
const QUIET = new Set(["decision_id", "source", "positions", "result"]);
const kept = [];
const counts = new Map();
let due = false, total = 0;

export function prepare(topics) {
  by("topics").append(...topics.map((topic) => made("option", { value: topic }, topic)));
  by("topics").onchange = draw;
  by("log-word").oninput = draw;
}

export function note(event) {
  total += 1;
  kept.unshift({ type: event.type, at: event.at, text: told(event.data) });
  const count = (counts.get(event.type) ?? 0) + 1;
  if (count > ROWS_MAX) kept.splice(kept.findLastIndex(({ type }) => type === event.type), 1);
  counts.set(event.type, Math.min(count, ROWS_MAX));
  later();
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
  const wanted = by("topics").value, word = by("log-word").value.trim().toLowerCase();
  const shown = kept
    .filter(({ type }) => wanted === "*" || type === wanted || type.startsWith(wanted.replace("*", "")))
    .filter(({ type, text }) => `${type} ${text}`.toLowerCase().includes(word))
    .slice(0, ROWS_MAX);
  by("log").replaceChildren(...shown.map(({ type, at, text }) =>
    made("li", {}, made("time", { datetime: at }, at.slice(11, 19)), made("b", {}, type), made("span", {}, text))));
  by("counted").textContent = `${total} since the page opened, ${shown.length} shown`;
}

function told(data) {
  return Object.entries(data)
    .filter(([name, value]) => !QUIET.has(name) && value !== "" && value !== null)
    .map(([name, value]) => `${words(name)} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(" · ")
    .slice(0, 240);
}
