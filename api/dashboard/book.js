// What is held, and how far its stop and target are.

import { by, fill, made, table } from "./dom.js";
import { known, money, moment, percent, tone, words } from "./format.js";

const COLUMNS = [
  ["Ticker", ({ ticker }) => ticker],
  ["Shares", ({ quantity }) => Number(quantity).toLocaleString("en-US", { maximumFractionDigits: 2 }), "number"],
  ["Entry", ({ average_price, entry_at }) => made("span", { title: moment(entry_at) }, money(average_price)), "number"],
  ["Last", ({ last_price }) => money(last_price), "number"],
  ["Value", ({ value }) => money(value), "number"],
  ["P&L", (held) => made("span", { class: tone(held.profit_pct) }, `${money(gain(held))} ${percent(held.profit_pct)}`), "number"],
  ["To stop", (held) => distance(held, "stop"), "number"],
  ["To target", (held) => distance(held, "target"), "number"],
];

export function show(book) {
  const cash = made("p", { class: "said" },
    `Cash ${money(book.cash)} · today ${percent(book.daily_return, 2)} · ${book.trades_today} trades today (fills) · ${book.pending.length} orders pending`);
  const held = book.positions.length
    ? table("Positions, with the risk check's nearest stop and target", COLUMNS, book.positions)
    : made("p", { class: "empty" }, "Nothing is held.");
  fill(by("positions"), cash, held);
}

const gain = ({ quantity, last_price, average_price }) => Number(quantity) * (Number(last_price) - Number(average_price));

function distance(held, which) {
  const level = held[`${which}_price`];
  if (!known(level)) return "–";
  const rule = words(held[`${which}_rule`]);
  return made("span", { title: `${rule} at ${money(level)}` }, `${percent(level / held.last_price - 1)} `, made("small", {}, rule));
}
