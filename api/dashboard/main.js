// Puts the page together: asks once, then follows the stream.

import * as action from "./action.js";
import { ask, Unreachable } from "./ask.js";
import * as backtests from "./backtests.js";
import * as bokeh from "./bokeh.js";
import * as book from "./book.js";
import * as calendar from "./calendar.js";
import * as chart from "./chart.js";
import * as condition from "./condition.js";
import * as config from "./config.js";
import * as control from "./control.js";
import * as daemon from "./daemon.js";
import * as decision from "./decision.js";
import { by, fill, made } from "./dom.js";
import { zones } from "./format.js";
import * as letter from "./letter.js";
import * as log from "./log.js";
import * as models from "./models.js";
import * as optional from "./optional.js";
import * as orders from "./orders.js";
import * as performance from "./performance.js";
import * as risk from "./risk.js";
import { current, detail, follow } from "./route.js";
import * as scoreboard from "./scoreboard.js";
import * as taxes from "./taxes.js";
import * as ticker from "./ticker.js";
import * as tiles from "./tiles.js";
import * as trades from "./trades.js";
import { listen } from "./stream.js";

const TOPICS = ["decision.made", "signal.*", "order.*", "portfolio.update", "risk.alert", "state.changed", "regime.update", "sector.hot", "job.progress", "model.updated", "letter.written"];
const STATUS_MS = 10_000, STATUS_ANSWER_MS_MAX = 15_000, EQUITY_MS = 600_000, REFRESH_MS = 300;
const waiting = new Map();
const told = { act: "", link: "" };
const PAGES = {
  trades: (number) => trades.load(failed, number), orders: (id) => orders.load(failed, control, id), ticker: (symbol) => ticker.load(failed, symbol),
  calendar: () => calendar.load(), performance: () => performance.load(), scoreboard: () => scoreboard.load(),
  letter: (session) => letter.load(failed, session), models: () => models.load(control),
  backtests: (names) => backtests.load(failed, names), taxes: (year) => taxes.load(failed, year),
  risk: () => risk.load(control, failed), config: () => config.load(),
};
const PLACES = { models: "models-page" };
let newest = "", ready = null, status = null, held = null, gone = "";

/** Say what is wrong, by where it comes from; empty takes it back. */
function trouble(from, text) {
  told[from] = text;
  by("trouble").textContent = Object.values(told).filter(Boolean).join(" · ");
  by("trouble").hidden = !by("trouble").textContent;
}

const failed = (error) => trouble("act", error.message);

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
    absent(false);
  } catch (error) {
    if (error instanceof Unreachable) absent(true);
    else trouble("link", error.message);
  }
}

/** Dim the figures while nobody answers, and say since when. */
function absent(now) {
  if (now) gone ||= new Date().toISOString();
  else if (gone) {
    gone = "";
    for (const [name, work] of [["status", readStatus], ["book", readBook], ["equity", readEquity]]) soon(name, work);
    soonPage(current());
  }
  document.body.classList.toggle("away", now);
  if (now) condition.away(gone);
}

async function readStatus() {
  status = await ask("/status", "GET", undefined, STATUS_ANSWER_MS_MAX);
  control.showState(status.trading_state, status.state_reason);
  control.note({ route: status.broker?.orders_go_to ?? "nowhere yet" });
  daemon.show(status, control.run);
  condition.show(status);
  optional.show(status, control.train);
  tiles.show(status, held);
  if (ready === false && !status.not_ready) for (const [name, work] of [["book", readBook], ["equity", readEquity]]) soon(name, work);
  ready = !status.not_ready;
  if (status.last_decision_id && status.last_decision_id !== newest) {
    newest = status.last_decision_id;
    soon("decision", () => decision.load(newest));
  }
}

async function readBook() {
  held = await ask("/positions");
  control.note({ positions: held.positions });
  action.note(held.positions);
  decision.restate();
  book.show(held, control.sell, failed);
  tiles.show(status, held);
}

async function readEquity() {
  await chart.show((await ask("/equity")).points);
  tiles.note(await ask("/calendar"));
  tiles.show(status, held);
}

/** Read a page again, if it is the one that is open. */
function soonPage(name) {
  if (current() === name && PAGES[name]) soon(name, () => readPage(name, detail()));
}

/** Fill a page; what the daemon refuses stands in its place. */
async function readPage(name, part) {
  try {
    await PAGES[name](part);
  } catch (error) {
    if (error instanceof Unreachable) throw error;
    fill(by(PLACES[name] ?? name), made("p", { class: "empty" }, error.message));
  }
}

const ON = {
  "decision.made": ({ decision_id }) => {
    newest = decision_id;
    soon("decision", () => decision.load(newest));
  },
  "state.changed": ({ to, reason }) => {
    control.showState(to, reason);
    soon("status", readStatus);
  },
  "portfolio.update": ({ equity, drawdown }, at) => {
    chart.extend(new Intl.DateTimeFormat("en-CA", { timeZone: "America/New_York" }).format(new Date(at)), equity, drawdown);
    soon("book", readBook);
  },
  "order.submitted": () => {
    soon("status", readStatus); // who watches what is now to be held
    soonPage("orders");
  },
  "order.filled": () => {
    soon("book", readBook);
    soonPage("orders");
    soon("status", readStatus);
  },
  "job.progress": () => {
    soon("status", readStatus);
    soonPage("models"); // how far a training is
  },
  "model.updated": () => {
    soon("status", readStatus);
    soonPage("models");
  },
  "letter.written": () => soonPage("letter"),
  "risk.alert": () => soon("status", readStatus),
};

function heard(event, old) {
  log.note(event);
  if (!old) ON[event.type]?.(event.data, event.at);
}

const showZones = () => {
  by("zones").textContent = zones();
};

function begin() {
  showZones();
  bokeh.load().catch(failed);
  log.prepare(TOPICS);
  control.prepare(() => {
    trouble("act", "");
    soon("status", readStatus);
    soon("book", readBook);
    soonPage("orders");
    soonPage("risk");
  }, failed);
  for (const work of [readEquity, readStatus, readBook]) attempt(work);
  follow((page, part) => {
    trouble("act", "");
    if (PAGES[page]) attempt(() => readPage(page, part));
  });
  listen({
    heard,
    changed: (words) => {
      by("link").textContent = words;
      for (const [name, work] of [["status", readStatus], ["book", readBook]]) soon(name, work); // or see that nobody answers
    },
    missed: (count) => {
      log.note({ type: "dropped", at: new Date().toISOString(), data: { events: count } });
      soon("status", readStatus);
    },
  });
  setInterval(() => {
    if (document.hidden) return;
    soon("status", readStatus);
    soonPage("models"); // the status is up to a second old when an event tells of a change
  }, STATUS_MS);
  setInterval(() => document.hidden || soon("equity", readEquity), EQUITY_MS);
  setInterval(daemon.tick, 1_000);
  setInterval(showZones, STATUS_MS);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    chart.restyle();
    ticker.restyle().catch(failed);
    backtests.restyle().catch(failed);
  });
}

begin();
