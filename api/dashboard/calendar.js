// What each day, month and year brought.

import { ask } from "./ask.js";
import { by, fill, made, table } from "./dom.js";
import { money, percent, tone } from "./format.js";
import { sortable } from "./sortable.js";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_MS = 86_400_000, WEEK_MS = 7 * DAY_MS;
const STEPS = [0, 0.005, 0.01]; // from which return on a day is drawn warmer, a fraction

const toned = (value, text) => made("span", { class: tone(value) }, text);
const COLUMNS = [
  ["Day", ({ period }) => period, "", ({ period }) => period],
  ["Profit", ({ profit }) => toned(profit, money(profit)), "number", ({ profit }) => Number(profit)],
  ["Return", ({ return_pct }) => toned(return_pct, percent(return_pct, 2)), "number", ({ return_pct }) => return_pct],
  ["Realised", ({ realised }) => money(realised), "number", ({ realised }) => Number(realised)],
  ["Trades closed", ({ trades }) => trades, "number", ({ trades }) => trades],
  ["Paid in", ({ paid_in }) => money(paid_in), "number", ({ paid_in }) => Number(paid_in)],
];

export async function load() {
  const { days, months, years, opening, closing } = await ask("/calendar");
  if (!days.length) return fill(by("calendar"), made("p", { class: "empty" }, "No session is recorded yet: the first stands here after the engine's first step."));
  const best = days.reduce((a, b) => (Number(b.profit) > Number(a.profit) ? b : a)), worst = days.reduce((a, b) => (Number(b.profit) < Number(a.profit) ? b : a));
  fill(by("calendar"),
    made("p", { class: "said" }, `Equity ${money(opening)} before the first step, ${money(closing)} after the last. Best day ${best.period}, ${money(best.profit)}; worst ${worst.period}, `, made("span", { class: "whole" }, `${money(worst.profit)}.`)),
    table("Profit by month (sessions in New York); what was paid in is no profit", [
      ["Year", ({ period }) => period],
      ...MONTHS.map((name, index) => [name, ({ period }) => month(months, `${period}-${String(index + 1).padStart(2, "0")}`), "number"]),
      ["Year's profit", (year) => figures(year), "number"],
    ], years),
    ...years.map(({ period }) => heatmap(period, days.filter((one) => one.period.startsWith(period)))),
    sortable({ caption: "Days", file: "calendar.csv", columns: COLUMNS, rows: [...days].reverse(), summary }));
}

const summary = (rows) => `profit ${money(rows.reduce((sum, { profit }) => sum + Number(profit), 0))}`;
const figures = ({ profit, return_pct }) => [toned(profit, money(profit)), made("br"), made("small", {}, percent(return_pct))];

function month(months, name) {
  const found = months.find(({ period }) => period === name);
  return found ? figures(found) : "–";
}

/** One cell a day, a column a week, a row a weekday; the list below says the same in numbers. */
function heatmap(year, days) {
  const first = Date.UTC(Number(year), 0, 1), monday = first - ((new Date(first).getUTCDay() + 6) % 7) * DAY_MS;
  const cells = days.map(({ period, profit, return_pct }) => {
    const at = Date.parse(period), cell = made("span", { class: heat(return_pct), title: `${period}: ${money(profit)}, ${percent(return_pct, 2)}` });
    cell.style.gridColumn = Math.floor((at - monday) / WEEK_MS) + 1;
    cell.style.gridRow = (new Date(at).getUTCDay() + 6) % 7 + 1;
    return cell;
  });
  const up = days.filter(({ profit }) => profit > 0).length, down = days.filter(({ profit }) => profit < 0).length;
  return made("figure", { class: "heatmap" },
    made("figcaption", {}, `${year}, a column a week, Monday on top: ${up} days up, ${down} down. Darker from ${percent(STEPS[1]).slice(1)} and from ${percent(STEPS[2]).slice(1)}.`),
    made("div", { class: "weeks", role: "img", "aria-label": `Heat map of ${year}: ${up} days up, ${down} down` }, ...cells));
}

function heat(value) {
  const step = STEPS.filter((from) => Math.abs(value) > from).length;
  return step ? `${value < 0 ? "cold" : "hot"}${step}` : "flat";
}
