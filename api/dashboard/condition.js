// The line on top: fine, degraded or halted; what, since when, and what to do.

import { by, fill, made } from "./dom.js";
import { hour } from "./format.js";

const seen = new Map();

/** Split what the daemon lacks into what degrades it and what is merely not set up. */
export function sorted(status) {
  const training = status.jobs.some(({ kind, status: at }) => kind === "quant_retrain" && at === "running");
  const optional = new Set([...(status.optional ?? []), ...(training ? [status.models.quant.state] : [])]);
  return { degraded: status.degraded.filter((line) => !optional.has(line)), optional: status.degraded.filter((line) => optional.has(line)) };
}

export function show(status) {
  const { degraded } = sorted(status);
  remember(degraded);
  document.body.classList.toggle("old-prices", Boolean(status.data?.fault));
  const { in_progress, since, left } = status.flatten ?? {};
  const flattening = in_progress
    ? [`everything is being sold since ${hour(since)}; left: ${left.map(({ ticker, quantity, reason }) => `${ticker} ${quantity} (${reason})`).join(", ") || "nothing"}`] : [];
  const state = status.trading_state;
  if (status.not_ready) say("starting", "Starting. Nothing is traded yet.", degraded);
  else if (state && state !== "active") say("halted", `${state === "halted" ? "Halted. Nothing is sent" : `Not trading as usual: ${state}. Nothing is bought`} until you press Resume.`, [...flattening, ...degraded]);
  else if (degraded.length || flattening.length) say("degraded", `Degraded (${degraded.length + flattening.length}). The engine goes on; each line says what to do.`, [...flattening, ...degraded]);
  else say("fine", `Fine. Trading is active, nothing is degraded; orders go to ${status.broker?.orders_go_to ?? "nowhere yet"}.`, []);
}

/** Say that the figures on the page are old. */
export function away(since) {
  say("halted", `The daemon does not answer since ${hour(since)}. The figures below are from before; see its log, or start it.`, []);
}

function remember(lines) {
  for (const line of seen.keys()) if (!lines.includes(line)) seen.delete(line);
  for (const line of lines) if (!seen.has(line)) seen.set(line, new Date().toISOString());
}

function say(kind, headline, lines) {
  const key = JSON.stringify([kind, headline, lines]);
  if (by("condition").dataset.key === key) return; // a live region speaks when it is written to
  by("condition").dataset.key = key;
  by("condition").className = `condition ${kind}`;
  fill(by("condition"), made("b", {}, headline),
    lines.length ? made("ul", { class: "notes" }, ...lines.map((line) =>
      made("li", {}, line, seen.has(line) ? made("small", {}, ` seen since ${hour(seen.get(line))}`) : null))) : null);
}
