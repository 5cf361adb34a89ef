// Who and what earned: closed trades by ticker, sector, agent, exit rule and weekday.

import { ask } from "./ask.js";
import { bar, by, fill, made, tickerLink } from "./dom.js";
import { money, percent, tone, words } from "./format.js";
import { sortable } from "./sortable.js";

const GROUPINGS = {
  sector: ["Sector", "By sector", ({ name }) => name],
  agent: ["Agent", "By the agent whose vote weighed most in the entry", ({ name }) => name],
  exit_rule: ["Exit rule", "By exit rule", ({ name }) => words(name)],
  weekday: ["Weekday", "By weekday of the last sale, in New York", ({ name }) => name],
  ticker: ["Ticker", "By ticker", ({ name }) => tickerLink(name)],
};

const columns = (heading, cell, reach) => [
  [heading, cell, "", ({ name }) => words(name)],
  ["Profit", ({ profit }) => [made("span", { class: tone(profit) }, money(profit)), bar(Number(profit), reach)], "number", ({ profit }) => Number(profit)],
  ["Trades", ({ trades }) => trades, "number", ({ trades }) => trades],
  ["Won", ({ won, trades }) => `${won} (${Math.round((100 * won) / trades)} %)`, "number", ({ won, trades }) => won / trades],
  ["Mean return", ({ return_mean_pct: mean }) => made("span", { class: tone(mean) }, percent(mean, 2)), "number", ({ return_mean_pct }) => return_mean_pct],
  ["Mean days", ({ holding_days_mean: mean }) => mean.toFixed(1), "number", ({ holding_days_mean }) => holding_days_mean],
  ["Fees", ({ fees }) => money(fees), "number", ({ fees }) => Number(fees)],
  ["Slippage", ({ slippage }) => money(slippage), "number", ({ slippage }) => Number(slippage)],
  ["Dividends", ({ dividends }) => money(dividends), "number", ({ dividends }) => Number(dividends)],
];

export async function load() {
  const { profit, trades, by: found } = await ask("/performance");
  if (!trades) return fill(by("performance"), made("p", { class: "empty" }, "No round trip is closed yet: once something is sold, this says what earned it."));
  fill(by("performance"),
    made("p", { class: "said" }, `${trades} closed trades, profit ${money(profit)} after fees; each table adds up to it. What is still held is not in it.`),
    ...Object.entries(GROUPINGS).map(([grouping, [heading, caption, cell]]) => {
      const rows = found[grouping] ?? [], reach = Math.max(...rows.map((row) => Math.abs(row.profit)), 1);
      return sortable({ caption, file: `performance_${grouping}.csv`, columns: columns(heading, cell, reach), rows, summary, first: "best first" });
    }));
}

const summary = (rows) => `profit ${money(rows.reduce((sum, { profit }) => sum + Number(profit), 0))}`;
