// The event log: newest first, bounded, filtered by topic.

import { by, made } from "./dom.js";
import { words } from "./format.js";

const ROWS_MAX = 200;
const QUIET = new Set(["decision_id", "source", "positions", "result"]);
const kept = [];
let due = false, total = 0;

export function prepare(topics) {
  by("topics").append(...topics.map((topic) => made("option", { value: topic }, topic)));
  by("topics").onchange = draw;
}

export function note(event) {
  total += 1;
  kept.unshift({ type: event.type, at: event.at, text: told(event.data) });
  kept.length = Math.min(kept.length, ROWS_MAX);
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
  const wanted = by("topics").value;
  const shown = kept.filter(({ type }) => wanted === "*" || type === wanted || type.startsWith(wanted.replace("*", "")));
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
