// The limits, where each stands now, and changes of them: shown as a difference before they are made.

import { ask } from "./ask.js";
import { by, fill, made, table } from "./dom.js";
import { known, percent, words } from "./format.js";

const name = (key) => key.replace(/^risk\./, "");
const title = (key) => words(name(key)).replace(".", ": ");
const shown = (value) => (value === null ? "off" : typeof value === "boolean" ? (value ? "on" : "off") : String(value));
/** A limit as it is written, and a share also in percent. */
const limit = (key, value) => (key.endsWith("_pct") && known(value) ? [shown(value), made("br"), made("small", {}, percent(value, 2).replace("+", ""))] : shown(value));
const observed = ({ key, observed: value, largest }) =>
  known(value) ? `${key.endsWith("_pct") ? percent(value, 2).replace("+", "") : value}${largest ? ` (${largest})` : ""}` : "–";

/** Fill the page; `acts` are the questions of control.js, `failed` shows what the daemon refuses. */
export async function load(acts, failed) {
  const { limits, may_loosen } = await ask("/risk");
  const inputs = new Map(limits.map((limit) => [limit.key, made("input", {
    size: 8, autocomplete: "off", placeholder: limit.value === null ? "null" : String(limit.value), "aria-label": `New value of ${name(limit.key)}`,
  })]));
  const form = made("form", { onsubmit: (event) => { event.preventDefault(); change(inputs, acts, failed); } },
    table("Limits, and what stands against each now", columns(inputs), limits),
    made("p", { class: "filter" }, made("button", {}, "Show what changes")));
  fill(by("risk"),
    made("p", { class: "said" }, `A change goes into your own config/risk.json and holds from the next step on; null switches a limit off. ${may_loosen
      ? "With the token limits may be loosened too."
      : "Without a token they are only tightened here: to loosen one edit the file, or start the daemon with TRADING_API_TOKEN."}`),
    form);
}

const columns = (inputs) => [
  ["Limit", ({ key, meaning }) => [made("b", {}, title(key)), made("br"), made("small", {}, meaning)], "text"],
  ["Stands at", observed, "number"],
  ["Used", used],
  ["Value", ({ key, value }) => limit(key, value), "number"],
  ["Default", ({ key, default: value }) => limit(key, value), "number"],
  ["Comes from", ({ origin }) => origin],
  ["Allowed", ({ allowed }) => allowed, "text"],
  ["New value", ({ key }) => inputs.get(key)],
];

function used({ key, used_pct: share }) {
  if (!known(share)) return "–";
  const text = `${Math.round(100 * share)} %`;
  return [made("meter", { value: Math.min(share, 1), min: 0, max: 1, low: 0.7, high: 0.9, optimum: 0, "aria-label": `Used of ${title(key)}` }, text), ` ${text}`];
}

/** Ask the daemon what the new values would change, and the person whether to change it. */
async function change(inputs, acts, failed) {
  try {
    const changes = {};
    for (const [key, { value }] of inputs) if (value.trim()) changes[name(key)] = parsed(name(key), value.trim());
    if (!Object.keys(changes).length) throw new Error("Nothing is changed: write a new value beside a limit first.");
    const { changes: lines } = await ask("/risk", "POST", { changes });
    if (!lines.length) throw new Error("Nothing is changed: these are the values in force.");
    acts.setLimits(changes, lines.map(({ key, was, becomes, direction }) => `${title(key)}: ${shown(was)} becomes ${shown(becomes)} (${direction})`));
  } catch (error) {
    failed(error);
  }
}

function parsed(key, text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${key}: ${text} is no number, true, false or null. Nothing is changed.`);
  }
}
