// What is held, and how far its stop and target are.

import { by, fill, made, table, tickerLink } from "./dom.js";
import { whyButton, whyEntered } from "./entry.js";
import { known, money, moment, percent, shares, tone, words } from "./format.js";

const columns = (sell, failed) => [
  ["Ticker", ({ ticker }) => tickerLink(ticker)],
  ["Shares", ({ quantity }) => shares(quantity), "number"],
  ["Entry", ({ average_price, entry_at }) => made("span", { title: moment(entry_at) }, money(average_price)), "number"],
  ["Last", ({ last_price }) => money(last_price), "number"],
  ["Value", ({ value }) => money(value), "number"],
  ["P&L", (held) => made("span", { class: tone(held.profit_pct) }, `${money(profit(held))} ${percent(held.profit_pct, 2)}`), "number"],
  ["To stop", (held) => distance(held, "stop"), "number"],
  ["To target", (held) => distance(held, "target"), "number"],
  ["Act", (held) => made("span", { class: "acts" },
    whyButton(`Why ${held.ticker} is held`, () => whyEntered(held.ticker, held.entry_at), failed),
    made("button", { class: "small danger", "aria-label": `Sell ${held.ticker}`, onclick: () => sell(held) }, "sell"))],
];

/** Show it; `sell(position)` begins a sale, `failed(error)` is told what could not be asked. */
export function show(book, sell, failed) {
  const held = book.positions.length
    ? table("Positions, with the risk check's nearest stop and target", columns(sell, failed), book.positions)
    : made("p", { class: "empty" }, "Nothing is held.");
  fill(by("positions"), held);
}

const profit = ({ quantity, last_price, average_price }) => Number(quantity) * (Number(last_price) - Number(average_price));

function distance(held, which) {
  const level = held[`${which}_price`];
  if (!known(level)) return "–";
  const rule = words(held[`${which}_rule`]);
  return made("span", { title: `${rule} at ${money(level)}` }, `${percent(level / held.last_price - 1)} `, made("small", {}, rule));
}
