// Round trips: what was bought and sold, for how much, and why it was sold.

import { ask } from "./ask.js";
import { by, fill, made } from "./dom.js";
import { whyButton, whyEntered } from "./entry.js";
import { day, money, moment, percent, shares, tone, words } from "./format.js";
import { sortable } from "./sortable.js";

const TRADES_MAX = 500;
const DAY_MS = 86_400_000;

const held = ({ entry_at, exit_at }) => (Date.parse(exit_at) - Date.parse(entry_at)) / DAY_MS;
const when = (at) => made("time", { datetime: at, title: moment(at) }, day(at));

const columns = (failed) => [
  ["Ticker", ({ ticker }) => ticker, "", ({ ticker }) => ticker],
  ["Entered", ({ entry_at }) => when(entry_at), "", ({ entry_at }) => entry_at],
  ["Left", ({ exit_at }) => when(exit_at), "", ({ exit_at }) => exit_at],
  ["Days", (one) => held(one).toFixed(1), "number", held],
  ["Shares", ({ quantity }) => shares(quantity), "number", ({ quantity }) => Number(quantity)],
  ["Entry price", ({ entry_price }) => money(entry_price), "number", ({ entry_price }) => Number(entry_price)],
  ["Exit price", ({ exit_price }) => money(exit_price), "number", ({ exit_price }) => Number(exit_price)],
  ["Dividends", ({ dividends }) => money(dividends), "number", ({ dividends }) => Number(dividends)],
  ["Profit", ({ profit }) => made("span", { class: tone(profit) }, money(profit)), "number", ({ profit }) => Number(profit)],
  ["Return", ({ profit_pct }) => made("span", { class: tone(profit_pct) }, percent(profit_pct, 2)), "number", ({ profit_pct }) => profit_pct],
  ["Why left", ({ exit_rule }) => words(exit_rule), "", ({ exit_rule }) => words(exit_rule)],
  ["Why entered", ({ ticker, entry_at }) => whyButton(`Why ${ticker} was bought`, () => whyEntered(ticker, entry_at), failed)],
];

function summary(rows) {
  const total = rows.reduce((sum, { profit }) => sum + Number(profit), 0), won = rows.filter(({ profit }) => profit > 0).length;
  return `profit ${money(total)}${rows.length ? ` · ${won} won, ${rows.length - won} did not` : ""}`;
}

export async function load(failed) {
  const { trades } = await ask(`/trades?limit=${TRADES_MAX}`);
  if (!trades.length) return fill(by("trades"), made("p", { class: "empty" }, "No round trip is closed yet: one stands here once something that was bought is sold."));
  fill(by("trades"),
    trades.length === TRADES_MAX ? made("p", { class: "said" }, `The newest ${TRADES_MAX}; the ledger has those before.`) : null,
    sortable({ caption: "Closed round trips", file: "trades.csv", columns: columns(failed), rows: trades, summary }));
}
