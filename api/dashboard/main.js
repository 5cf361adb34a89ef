// Puts the page together: asks once, then follows the stream.

import { ask } from "./ask.js";
import * as book from "./book.js";
import * as chart from "./chart.js";
import * as control from "./control.js";
import * as daemon from "./daemon.js";
import * as decision from "./decision.js";
import { by } from "./dom.js";
import * as log from "./log.js";
import { listen } from "./stream.js";

const TOPICS = ["decision.made", "signal.*", "order.*", "portfolio.update", "risk.alert", "state.changed", "regime.update", "sector.hot", "job.progress", "model.updated"];
const STATUS_MS = 10_000, EQUITY_MS = 600_000, REFRESH_MS = 300;
const waiting = new Map();
const told = { act: "", link: "", degraded: "" };
let newest = "", ready = null;

/** Say what is wrong, by where it comes from; empty takes it back. */
function trouble(from, text) {
  told[from] = text;
  by("trouble").textContent = Object.values(told).filter(Boolean).join(" · ");
  by("trouble").hidden = !by("trouble").textContent;
}

/** Do `work` soon, and once however often it is asked for meanwhile. */
function soon(name, work) {
  if (waiting.has(name)) return;
  waiting.set(name, setTimeout(async () => {
    waiting.delete(name);
    await attempt(work);
  }, REFRESH_MS));
}

async function attempt(work) {
  try {
    await work();
    trouble("link", "");
  } catch (error) {
    trouble("link", error instanceof TypeError ? "The daemon does not answer." : error.message);
  }
}

async function readStatus() {
  const status = await ask("/status");
  control.showState(status.trading_state, status.state_reason);
  daemon.show(status);
  trouble("degraded", status.degraded.join(" · "));
  if (ready === false && !status.not_ready) for (const [name, work] of [["book", readBook], ["equity", readEquity]]) soon(name, work);
  ready = !status.not_ready;
  if (status.last_decision_id && status.last_decision_id !== newest) {
    newest = status.last_decision_id;
    soon("decision", () => decision.load(newest));
  }
}

async function readBook() {
  book.show(await ask("/positions"));
}

async function readEquity() {
  await chart.show((await ask("/equity")).points);
}

const ON = {
  "decision.made": ({ decision_id }) => {
    newest = decision_id;
    soon("decision", () => decision.load(newest));
  },
  "state.changed": ({ to, reason }) => control.showState(to, reason),
  "portfolio.update": ({ equity, drawdown }, at) => {
    chart.extend(new Intl.DateTimeFormat("en-CA", { timeZone: "America/New_York" }).format(new Date(at)), equity, drawdown);
    soon("book", readBook);
  },
  "order.submitted": () => soon("status", readStatus), // who watches what is now to be held
  "order.filled": () => {
    soon("book", readBook);
    soon("status", readStatus);
  },
  "job.progress": () => soon("status", readStatus),
  "model.updated": () => soon("status", readStatus),
  "risk.alert": () => soon("status", readStatus),
};

function heard(event) {
  log.note(event);
  ON[event.type]?.(event.data, event.at);
}

function begin() {
  chart.load().catch((error) => trouble("act", error.message));
  log.prepare(TOPICS);
  control.prepare(() => {
    trouble("act", "");
    soon("status", readStatus);
  }, (error) => trouble("act", error.message));
  for (const work of [readEquity, readStatus, readBook]) attempt(work);
  listen({
    heard,
    changed: (words) => {
      by("link").textContent = words;
      if (words === "live") for (const [name, work] of [["status", readStatus], ["book", readBook]]) soon(name, work);
    },
    missed: (count) => {
      log.note({ type: "dropped", at: new Date().toISOString(), data: { events: count } });
      soon("status", readStatus);
    },
  });
  setInterval(() => document.hidden || soon("status", readStatus), STATUS_MS);
  setInterval(() => document.hidden || soon("equity", readEquity), EQUITY_MS);
  setInterval(daemon.tick, 1_000);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", chart.restyle);
}

begin();
