// Orders and what became of them, and what limits stopped.

import { ask } from "./ask.js";
import { by, fill, made, tickerLink } from "./dom.js";
import { whyButton, whyDecided } from "./entry.js";
import { known, money, moment, shares, words } from "./format.js";
import { sortable } from "./sortable.js";

const ORDERS_MAX = 500;
const OPEN = new Set(["recorded", "submitted", "partially_filled"]);
const number = (value) => (known(value) ? Number(value) : null);
const when = (at) => made("time", { datetime: at }, moment(at));

const SENT = (failed, acts) => [
  ["Ticker", ({ ticker }) => tickerLink(ticker), "", ({ ticker }) => ticker],
  ["Made", ({ created_at }) => when(created_at), "", ({ created_at }) => created_at],
  ["Side", ({ side }) => side, "", ({ side }) => side],
  ["Status", ({ status }) => words(status), "", ({ status }) => words(status)],
  ["Shares", ({ quantity }) => shares(quantity), "number", ({ quantity }) => Number(quantity)],
  ["Filled", ({ filled_quantity }) => shares(filled_quantity), "number", ({ filled_quantity }) => Number(filled_quantity)],
  ["Reference", ({ reference_price }) => money(reference_price), "number", ({ reference_price }) => Number(reference_price)],
  ["Average", ({ average_price }) => money(average_price), "number", ({ average_price }) => number(average_price)],
  ["Slippage, bps", ({ slippage_bps }) => (known(slippage_bps) ? slippage_bps.toFixed(1) : "–"), "number", ({ slippage_bps }) => slippage_bps],
  ["Rule", ({ rule }) => words(rule), "", ({ rule }) => words(rule)],
  ["Reason", ({ reason }) => reason || "–", "text", ({ reason }) => reason],
  ["Went to", ({ route }) => route, "", ({ route }) => route],
  ["Act", (order) => (OPEN.has(order.status) ? made("button", { class: "danger small", "aria-label": `Cancel ${order.side} ${order.ticker}`, onclick: () => acts.cancel(order) }, "cancel") : "–")],
  ["Why", ({ ticker, decision_id, side }) => whyButton(`Why ${side} ${ticker}`, () => whyDecided(decision_id, ticker), failed)],
];

const REFUSED = [
  ["Ticker", ({ ticker }) => tickerLink(ticker), "", ({ ticker }) => ticker],
  ["At", ({ at }) => when(at), "", ({ at }) => at],
  ["Side", ({ side }) => side, "", ({ side }) => side],
  ["Rule", ({ rule }) => words(rule), "", ({ rule }) => words(rule)],
  ["Limit", ({ limit }) => limit, "number", ({ limit }) => limit],
  ["Observed", ({ observed }) => observed, "number", ({ observed }) => observed],
];

/** Fill the page; `acts` are the questions of control.js. */
export async function load(failed, acts) {
  const { orders, refused } = await ask(`/orders?limit=${ORDERS_MAX}`);
  fill(by("orders"), orders.length
    ? sortable({ caption: "Orders, newest first", file: "orders.csv", columns: SENT(failed, acts), rows: orders })
    : made("p", { class: "empty" }, "No order has been made yet."));
  fill(by("refused"), refused.length
    ? sortable({ caption: "Refused by a limit before an order was made", file: "refused.csv", columns: REFUSED, rows: refused })
    : made("p", { class: "empty" }, "No limit has stopped an order."));
}
