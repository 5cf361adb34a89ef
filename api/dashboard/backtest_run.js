// One backtest, or two beside one another: verdict, curves among the random books, drawdown, months, trades, settings.

import { ask } from "./ask.js";
import * as bokeh from "./bokeh.js";
import { by, fill, made, table, tickerLink } from "./dom.js";
import { downloadButton } from "./download.js";
import { known, money, percent, shares, signed, tone, words } from "./format.js";
import { sortable } from "./sortable.js";

const COLORS = ["--line-1", "--line-3", "--line-2", "--good", "--bad"];
const DASHES = ["solid", "dashed", "solid", "dotted", "dashed"]; // words that a border knows too
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const FIGURES = [
  ["Total return", "total_return", percent], ["Growth a year", "cagr", percent], ["Volatility a year", "volatility", percent], ["Sharpe over bills", "sharpe", signed],
  ["Sortino", "sortino", signed], ["Worst fall", "drawdown_max", percent], ["Longest below a peak, sessions", "drawdown_sessions_max", String],
  ["Excess a year over equal weight", "excess_over_yardstick", percent], ["Alpha a year", "alpha", percent], ["Beta", "beta", signed], ["Closed trades", "trades", String],
  ["Won", "win_rate", percent], ["Turnover a year", "turnover_per_year", signed], ["Mean exposure", "exposure_mean", percent], ["Costs", "cost_usd", money],
];
const DIFFERENCES_MAX = 100;
let shown = null, view = null;

export function close() {
  view?.remove();
  view = shown = null;
}

/** Draw anew in the colours of the other scheme. */
export async function restyle() {
  if (shown && by("backtest-chart")) await draw();
}

export async function load(failed, names) {
  fill(by("backtests"), made("p", { class: "empty" }, `Asking for ${names.join(" and ")}.`));
  const found = await Promise.all(names.slice(0, 2).map(async (name) => ({ name, ...(await ask(`/backtests/${encodeURIComponent(name)}`)) })));
  shown = found;
  const parts = found.length === 2 ? compared(...found) : whole(found[0], failed);
  fill(by("backtests"), made("p", {}, made("a", { href: "#/backtests" }, "All backtests")), ...parts);
  await draw();
}

const title = ({ report: { about, sessions } }) => `${words(about.strategy)}, ${about.profile}, ${sessions[0]} to ${sessions.at(-1)}`;
const chart = (label) => made("div", { id: "backtest-chart", class: "chart", role: "img", "aria-label": label });

function whole(run, failed) {
  const { report, verdict, trades, drawdowns, settings } = run;
  const { about, windows } = report;
  const keep = downloadButton("Keep as one page", `/backtests/${encodeURIComponent(run.name)}/report.html`, `${run.name}.html`, failed);
  return [
    made("h3", {}, title(run)),
    made("p", {}, made("b", {}, verdict)),
    ...report.warnings.map((text) => made("p", { class: "bad" }, text)),
    made("p", { class: "said" }, `${about.source} bars, ${about.cost_bps} bps a trade, seed ${about.seed}, settings ${about.config_digest.slice(0, 12)}, ${about.models} rankers trained. `, keep),
    legend(report),
    chart(`${sentence(run)} Among ${windows[0].luck.books} random books.`),
    made("p", { class: "said" }, `${sentence(run)} Shaded: nine in ten, and the middle half, of ${report.null}.`),
    ...windows.map(figures), months(report), falls(drawdowns), closed(trades),
    made("details", {}, made("summary", {}, "What to know"), made("ul", { class: "notes" }, ...report.caveats.map((text) => made("li", {}, text)))),
    made("details", {}, made("summary", {}, "All settings"), made("pre", { class: "scroll", tabindex: "0" }, JSON.stringify(settings, null, 1))),
  ];
}

function sentence({ report: { curves, windows: [first] } }) {
  const { percentile } = first.luck;
  const grown = Object.entries(curves).map(([name, curve]) => `${name} ${percent(curve.at(-1) / curve[0] - 1)}`).join(", ");
  return `${grown}.${known(percentile) ? ` Percentile ${Math.round(percentile)} of the random books.` : ""}`;
}

function legend({ curves }) {
  return bokeh.legend(Object.keys(curves).map((name, index) => [name, COLORS[index], DASHES[index]]));
}

function figures(window) {
  const names = Object.keys(window.table), rows = FIGURES.filter(([, name]) => names.some((one) => known(window.table[one][name])));
  const cell = (one) => ([, name, format]) => (known(window.table[one][name]) ? format(window.table[one][name]) : "–");
  return table(`${window.name}: ${window.first} to ${window.last}, ${window.seen ? "seen" : "not seen"} when the settings were chosen`,
    [["Figure", ([heading]) => heading], ...names.map((one) => [one, cell(one), "number broad"])], rows);
}

const toned = (value, digits = 1) => (known(value) ? made("span", { class: tone(value) }, percent(value, digits)) : "–");

function months({ months: { years, table: rows, totals } }) {
  const lines = years.map((year, index) => ({ year, values: rows[index], total: totals[index] }));
  return table("Return by month", [["Year", ({ year }) => String(year)], ...MONTHS.map((name, index) => [name, ({ values }) => toned(values[index]), "number"]), ["Year's", ({ total }) => toned(total), "number"]], lines);
}

function falls(drawdowns) {
  if (!drawdowns.length) return made("p", { class: "empty" }, "It was never below a peak.");
  return table("Drawdowns, the deepest first", [
    ["From", ({ peak }) => peak], ["Deepest", ({ trough }) => trough], ["Recovered", ({ recovered }) => recovered ?? "not yet"],
    ["Depth", ({ depth }) => toned(depth), "number"], ["Sessions", ({ sessions }) => String(sessions), "number"],
  ], drawdowns);
}

const total = (rows) => `profit ${money(rows.reduce((sum, { profit_usd }) => sum + profit_usd, 0))}`;

function closed(trades) {
  if (!trades.length) return made("p", { class: "empty" }, "No position was closed.");
  return sortable({ caption: "Closed trades", file: "backtest_trades.csv", rows: trades, summary: total, first: "in the order they ended", columns: [
    ["Ticker", ({ ticker }) => tickerLink(ticker), "", ({ ticker }) => ticker],
    ["Entry", ({ entry }) => entry.slice(0, 10), "", ({ entry }) => entry], ["Exit", ({ exit }) => exit.slice(0, 10), "", ({ exit }) => exit],
    ["Shares", ({ quantity }) => shares(quantity), "number", ({ quantity }) => quantity],
    ["Bought at", ({ entry_price }) => money(entry_price), "number", ({ entry_price }) => entry_price], ["Sold at", ({ exit_price }) => money(exit_price), "number", ({ exit_price }) => exit_price],
    ["Profit", ({ profit_usd }) => made("span", { class: tone(profit_usd) }, money(profit_usd)), "number", ({ profit_usd }) => profit_usd],
    ["Return", ({ profit_pct }) => toned(profit_pct, 2), "number", ({ profit_pct }) => profit_pct], ["Rule", ({ exit_rule }) => words(exit_rule), "", ({ exit_rule }) => exit_rule],
  ] });
}

function compared(one, two) {
  const named = [["first", one], ["second", two]], table_ = ({ report }) => report.windows[0].table.strategy;
  const rows = FIGURES.filter(([, name]) => known(table_(one)[name]) || known(table_(two)[name]));
  const cell = (run) => ([, name, format]) => (known(table_(run)[name]) ? format(table_(run)[name]) : "–");
  const other = differences(one.settings, two.settings);
  return [
    ...named.map(([place, run]) => made("p", {}, made("b", {}, `The ${place}: `), made("a", { href: `#/backtests/${encodeURIComponent(run.name)}` }, title(run)), `. ${run.verdict}`)),
    chart(named.map(([place, run]) => `The ${place}: ${sentence(run)}`).join(" ")),
    made("p", { class: "said" }, "Solid: the first, dashed: the second, each from 1 at its first session; below, how far under its peak."),
    table("Figures over each one's whole span", [["Figure", ([heading]) => heading], ["First", cell(one), "number"], ["Second", cell(two), "number"]], rows),
    other.length ? table("Settings that differ", [["Setting", ({ key }) => key, "text"], ["First", ({ a }) => JSON.stringify(a) ?? "–", "text"], ["Second", ({ b }) => JSON.stringify(b) ?? "–", "text"]], other)
      : made("p", { class: "empty" }, "Their settings are the same."),
  ];
}

function differences(a, b, key = "") {
  const both = [a, b].every((value) => value !== null && typeof value === "object" && !Array.isArray(value));
  if (!both) return JSON.stringify(a) === JSON.stringify(b) ? [] : [{ key, a, b }];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((name) => differences(a[name], b[name], key ? `${key}.${name}` : name)).slice(0, DIFFERENCES_MAX);
}

const below = (curve) => {
  let peak = -Infinity;
  return curve.map((value) => value / (peak = Math.max(peak, value)) - 1);
};

async function draw() {
  await bokeh.load();
  const [one, two] = shown, top = bokeh.figure({ height: 300, y_axis_type: "log" }), bottom = bokeh.figure({ height: 110, x_range: top.x_range });
  const time = ({ report }) => report.sessions.map((day) => Date.parse(day));
  const lines = two ? [one, two].map((run) => [time(run), run.report.curves.strategy]) : Object.values(one.report.curves).map((curve) => [time(one), curve]);
  if (!two) {
    const { fan } = one.report;
    for (const [low, high, alpha] of [["p05", "p95", 0.14], ["p25", "p75", 0.22]]) top.varea(time(one), fan[low], fan[high], { fill_color: bokeh.color("--line-2"), fill_alpha: alpha });
  }
  lines.forEach(([x, y], index) => {
    const look = { line_color: bokeh.color(COLORS[index]), line_dash: DASHES[index], line_width: index && !two ? 1.5 : 2.5 };
    top.line(x, y, look);
    if (two || !index) bottom.line(x, below(y), look);
  });
  bokeh.style(top, "0.00");
  bokeh.style(bottom, "0.0%");
  view?.remove();
  view = await bokeh.show([top, bottom], by("backtest-chart"));
  by("backtest-chart").dataset.drawn = "yes";
}

/** Save the run's page; fetched, since a link could not carry the token. */
