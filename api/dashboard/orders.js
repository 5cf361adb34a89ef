// Orders and what became of them, and what limits stopped.

import { ask } from "./ask.js";
import { loadPast } from "./decision.js";
import { by, fill, made, tickerLink } from "./dom.js";
import { whyButton, whyDecided } from "./entry.js";
import { known, money, moment, shares, signed, words } from "./format.js";
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
  ["Slippage, bps", ({ slippage_bps }) => signed(slippage_bps, 1), "number", ({ slippage_bps }) => slippage_bps],
  ["Rule", ({ rule, reason }) => [words(rule), reason ? made("small", {}, ` ${reason}`) : null].filter(Boolean), "text", ({ rule }) => words(rule)],
  ["Reason", null, "", ({ reason }) => reason],
  ["Went to", ({ route }) => route, "text", ({ route }) => route],
  ["Act", (order) => made("span", { class: "acts" },
    whyButton(`Why ${order.side} ${order.ticker}`, () => whyDecided(order.decision_id, order.ticker), failed),
    OPEN.has(order.status) ? made("button", { class: "danger small", "aria-label": `Cancel ${order.side} ${order.ticker}`, onclick: () => acts.cancel(order) }, "cancel") : null)],
];

const REFUSED = [
  ["Ticker", ({ ticker }) => tickerLink(ticker), "", ({ ticker }) => ticker],
  ["At", ({ at }) => when(at), "", ({ at }) => at],
  ["Side", ({ side }) => side, "", ({ side }) => side],
  ["Rule", ({ rule }) => words(rule), "", ({ rule }) => words(rule)],
  ["Limit", ({ limit }) => limit, "number", ({ limit }) => limit],
  ["Observed", ({ observed }) => observed, "number", ({ observed }) => observed],
];

const DECISIONS_MAX = 50;
const DECIDED = [
  ["At", ({ as_of, decision_id }) => made("a", { href: `#/orders/${encodeURIComponent(decision_id)}` }, moment(as_of)), "", ({ as_of }) => as_of],
  ["Cycle", ({ cycle }) => words(cycle), "", ({ cycle }) => words(cycle)],
  ["State", ({ trading_state: state }) => state, "", ({ trading_state: state }) => state],
  ["Approved", ({ approved }) => approved.join(" ") || "–", "text", ({ approved }) => approved.join(" ")],
  ["Refused", ({ refused }) => refused.join(" ") || "–", "text", ({ refused }) => refused.join(" ")],
  ["No change", ({ unchanged }) => unchanged, "number", ({ unchanged }) => unchanged],
];

/** Fill the page; `acts` are the questions of control.js, `decision` the one to show whole. */
export async function load(failed, acts, decision) {
  by("decision-chosen").classList.toggle("none", !decision);
  if (decision) await loadPast(decodeURIComponent(decision), by("past-decision"));
  const [{ orders, refused }, { decisions }] = await Promise.all([ask(`/orders?limit=${ORDERS_MAX}`), ask(`/decisions?limit=${DECISIONS_MAX}`)]);
  fill(by("decisions"), decisions.length
    ? sortable({ caption: `Decisions, the newest ${DECISIONS_MAX}`, file: "decisions.csv", columns: DECIDED, rows: decisions })
    : made("p", { class: "empty" }, "Nothing has been decided yet."));
  fill(by("orders"), orders.length
    ? sortable({ caption: "Orders, newest first", file: "orders.csv", columns: SENT(failed, acts), rows: orders })
    : made("p", { class: "empty" }, "No order has been made yet."));
  fill(by("refused"), refused.length
    ? sortable({ caption: "Refused by a limit before an order was made", file: "refused.csv", columns: REFUSED, rows: refused })
    : made("p", { class: "empty" }, "No limit has stopped an order."));
}
