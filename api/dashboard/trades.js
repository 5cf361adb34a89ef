// Round trips: what was bought and sold, for how much, why it was bought and why it was sold.

import { ask } from "./ask.js";
import { by, facts, fill, made, table, tickerLink } from "./dom.js";
import { whyButton, whyDecided } from "./entry.js";
import { day, money, moment, percent, shares, tone, words } from "./format.js";
import { detail } from "./route.js";
import { sortable } from "./sortable.js";

const when = (at) => made("time", { datetime: at, title: moment(at) }, day(at));
const toned = (value, text) => made("span", { class: tone(value) }, text);
const whyIn = ({ agent, entry_rule }) => agent || words(entry_rule);

export const COLUMNS = [
  ["Ticker", ({ ticker }) => tickerLink(ticker), "", ({ ticker }) => ticker],
  ["Entered", ({ entry_at }) => when(entry_at), "", ({ entry_at }) => entry_at],
  ["Left", ({ exit_at }) => when(exit_at), "", ({ exit_at }) => exit_at],
  ["Days", ({ holding_days }) => holding_days.toFixed(1), "number", ({ holding_days }) => holding_days],
  ["Shares", ({ quantity }) => shares(quantity), "number", ({ quantity }) => Number(quantity)],
  ["Entry price", ({ entry_price }) => money(entry_price), "number", ({ entry_price }) => Number(entry_price)],
  ["Exit price", ({ exit_price }) => money(exit_price), "number", ({ exit_price }) => Number(exit_price)],
  ["Fees", ({ fees }) => money(fees), "number", ({ fees }) => Number(fees)],
  ["Slippage", ({ slippage }) => money(slippage), "number", ({ slippage }) => Number(slippage)],
  ["Dividends", ({ dividends }) => money(dividends), "number", ({ dividends }) => Number(dividends)],
  ["Profit", ({ profit }) => toned(profit, money(profit)), "number", ({ profit }) => Number(profit)],
  ["Return", ({ profit_pct }) => toned(profit_pct, percent(profit_pct, 2)), "number", ({ profit_pct }) => profit_pct],
  ["Why in", whyIn, "", whyIn],
  ["Why out", ({ exit_rule }) => words(exit_rule), "", ({ exit_rule }) => words(exit_rule)],
  ["Trade", ({ number, ticker }) => made("a", { href: `#/trades/${number}`, "aria-label": `Trade ${number}, ${ticker}` }, `${number}`), "number", ({ number }) => number],
];

export function summary(rows) {
  const total = rows.reduce((sum, { profit }) => sum + Number(profit), 0), won = rows.filter(({ profit }) => profit > 0).length;
  return `profit ${money(total)}${rows.length ? ` · ${won} won, ${rows.length - won} did not` : ""}`;
}

/** Show all trades, or one of them by its number. */
export async function load(failed, number) {
  const found = await ask(number ? `/trades/closed/${encodeURIComponent(number)}` : "/trades/closed");
  if (detail() !== number) return; // another was asked for meanwhile
  if (number) return one(found, failed);
  const { trades, total } = found;
  if (!trades.length) return fill(by("trades"), made("p", { class: "empty" }, "No round trip is closed yet: one stands here once something that was bought is sold."));
  fill(by("trades"),
    trades.length < total ? made("p", { class: "said" }, `The newest ${trades.length} of ${total}; the ledger has those before.`) : null,
    sortable({ caption: "Closed round trips", file: "trades.csv", columns: COLUMNS, rows: trades, summary }));
}

function one(trade, failed) {
  const { number, ticker, entry_decision_id: bought, exit_decision_id: sold } = trade;
  fill(by("trades"),
    made("p", {}, made("a", { href: "#/trades" }, "All trades")),
    made("h3", {}, `Trade ${number}: `, tickerLink(ticker), " ", toned(trade.profit, `${money(trade.profit)} ${percent(trade.profit_pct, 2)}`)),
    facts({
      sector: trade.sector, entered: `${moment(trade.entry_at)} at ${money(trade.entry_price)}`, left: `${moment(trade.exit_at)} at ${money(trade.exit_price)}`,
      held: `${trade.holding_days.toFixed(1)} days`, shares: shares(trade.quantity), fees: money(trade.fees), slippage: `${money(trade.slippage)} against the prices the decisions stood on`,
      dividends: money(trade.dividends), "why in": `${words(trade.entry_rule)}${trade.agent ? `, most of it by ${trade.agent}` : ""}`, "why out": words(trade.exit_rule),
    }),
    made("p", { class: "filter" },
      bought ? whyButton(`Why ${ticker} was bought`, () => whyDecided(bought, ticker), failed, "why in") : null,
      sold ? whyButton(`Why ${ticker} was sold`, () => whyDecided(sold, ticker), failed, "why out") : null),
    table(`Fills of trade ${number}`, [
      ["At", ({ at }) => made("time", { datetime: at }, moment(at))], ["Side", ({ side }) => side], ["Shares", ({ quantity }) => shares(quantity), "number"],
      ["Price", ({ price }) => money(price), "number"], ["Fee", ({ fee }) => money(fee), "number"], ["Rule", ({ rule }) => words(rule)],
    ], trade.fills));
}
