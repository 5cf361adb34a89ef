// One ticker: its bars with what the engine did there, its votes over time, its news, its trades.

import { acted } from "./action.js";
import { ask } from "./ask.js";
import * as bokeh from "./bokeh.js";
import { by, fill, made, table } from "./dom.js";
import { whyButton, whyDecided } from "./entry.js";
import { known, money, moment, percent, shares, signed, tone, words } from "./format.js";
import { detail } from "./route.js";
import { sortable } from "./sortable.js";
import { COLUMNS, summary } from "./trades.js";

const HALF_DAY_MS = 43_200_000, CANDLE_MS = 60_000_000, VOTES_SHOWN = 10;
const DASHES = ["solid", "dashed", "dotted", "solid", "dashed"]; // words that a border knows too
const COLORS = ["--line-1", "--line-3", "--good", "--bad", "--line-2"];
let shown = null, view = null;

/** Show a ticker; without one, ask for it. */
export async function load(failed, symbol) {
  by("ticker-form").onsubmit = (event) => {
    event.preventDefault();
    const wanted = by("ticker-name").value.trim().toUpperCase();
    if (wanted) location.hash = `#/ticker/${encodeURIComponent(wanted)}`;
  };
  suggest().catch(failed);
  const name = decodeURIComponent(symbol);
  by("ticker-name").value = name;
  close();
  if (!name) return fill(by("ticker"), made("p", { class: "empty" }, "Name a ticker of the universe, or choose one on another page."));
  fill(by("ticker"), made("p", { class: "empty" }, `Asking for ${name}.`));
  const found = await ask(`/tickers/${encodeURIComponent(name)}`);
  if (detail() !== symbol) return; // another was asked for meanwhile
  shown = found;
  fill(by("ticker"), said(found), made("div", { id: "ticker-chart", class: "chart", role: "img", "aria-label": sentence(found) }), legend(found),
    votes(found, failed), actions(found), headlines(found), trades(found));
  await draw();
}

/** Draw anew in the colours of the other scheme. */
export async function restyle() {
  if (shown && by("ticker-chart")) await draw();
}

function close() {
  view?.remove();
  view = shown = null;
}

async function suggest() {
  if (by("tickers").children.length) return;
  const { by: groups } = await ask("/performance"), { positions } = await ask("/positions");
  const names = new Set([...positions.map(({ ticker }) => ticker), ...(groups.ticker ?? []).map(({ name }) => name)]);
  fill(by("tickers"), ...[...names].sort().map((value) => made("option", { value })));
}

function sentence({ ticker, candles, fills, trades }) {
  const closes = candles.close.filter(known), entries = fills.filter(({ side }) => side === "buy").length;
  const moved = closes.length ? `last close ${money(closes.at(-1))}, ${percent(closes.at(-1) / closes[0] - 1)} over ${closes.length} sessions` : "no bars are known";
  return `${ticker}: ${moved}; ${entries} buys and ${fills.length - entries} sales in the ledger; ${trades.length} closed trades, ${summary(trades)}`;
}

function said(found) {
  const { levels } = found;
  const level = (which) => (known(levels?.[`${which}_price`]) ? `${which} at ${money(levels[`${which}_price`])} (${words(levels[`${which}_rule`])})` : null);
  return made("div", {}, made("p", { class: "said" }, sentence(found)),
    made("p", { class: "said" }, levels ? ["Held.", level("stop"), level("target")].filter(Boolean).join(" ") : "Not held now."));
}

function legend({ votes: said_ }) {
  const names = agents(said_);
  return made("div", {},
    made("p", { class: "said" }, "Triangles up: buys, down: sales, at prices adjusted as the bars are. Dashed: where the position would be sold. Dots: dividends and splits.",
      names.length ? " Below: each agent's score and their weighted mean at each session's last decision." : ""),
    names.length ? bokeh.legend([...names.map((name, index) => [name, COLORS[index % COLORS.length], DASHES[index % DASHES.length]]), ["weighted mean", "--text", "solid", 5]]) : null);
}

const agents = (found) => [...new Set(found.flatMap(({ votes: given }) => Object.keys(given)))].sort();

/** Whether shares were held when a session ended. */
const heldAfter = (fills, session) => fills.filter(({ at }) => at.slice(0, 10) <= session).reduce((sum, { side, quantity }) => sum + (side === "buy" ? 1 : -1) * quantity, 0) > 0;

function votes({ ticker, votes: found, fills }, failed) {
  if (!found.length) return made("p", { class: "empty" }, "No decision has voted on it yet.");
  return table("Votes at the newest sessions' last decision", [
    ["Session", ({ session }) => session], ["Action", ({ action, session }) => acted(action, heldAfter(fills, session))], ["Score", ({ score }) => made("span", { class: tone(score) }, signed(score)), "number"],
    ...agents(found).map((agent) => [agent, ({ votes: given }) => signed(given[agent]), "number"]),
    ["Why", ({ decision_id }) => whyButton(`Why on ${decision_id}`, () => whyDecided(decision_id, ticker), failed)],
  ], found.slice(-VOTES_SHOWN).reverse());
}

const actions = ({ actions: found }) => (found.length ? table("Dividends, splits and other corporate actions", [["Ex-date", ({ session }) => session], ["What", ({ text }) => text, "text"]], [...found].reverse()) : null);

function headlines({ headlines: found }) {
  if (!found.length) return made("p", { class: "empty" }, "The last step knew no news of it.");
  return table("News that the last step knew", [
    ["Published", ({ published_at }) => moment(published_at)], ["Sentiment", ({ score }) => made("span", { class: tone(score) }, signed(score)), "number"], ["Headline", ({ text }) => text, "text"], ["By", ({ publisher }) => publisher || "–"],
  ], found);
}

function trades({ ticker, trades: found }) {
  if (!found.length) return made("p", { class: "empty" }, `No round trip in ${ticker} is closed yet.`);
  return sortable({ caption: `Closed round trips in ${ticker}`, file: `trades_${ticker}.csv`, columns: COLUMNS, rows: [...found].reverse(), summary });
}

async function draw() {
  const found = shown, { candles } = found;
  if (!candles.sessions.length) return;
  await bokeh.load();
  if (found !== shown) return; // another was asked for meanwhile
  view?.remove();
  const top = bokeh.figure({ height: 320 });
  bars(top, candles);
  marks(top, found);
  bokeh.style(top, "$0,0.00");
  const figures = [top];
  if (found.votes.length) figures.push(scores(found, top.x_range));
  view = await bokeh.show(figures, by("ticker-chart"));
  by("ticker-chart").dataset.drawn = "yes";
}

function bars(top, { sessions, open, high, low, close: last }) {
  const rows = sessions.map((session, index) => ({ x: Date.parse(session), open: open[index], high: high[index], low: low[index], close: last[index] })).filter((row) => known(row.close));
  for (const [rose, name] of [[true, "--good"], [false, "--bad"]]) {
    const some = rows.filter((row) => row.close >= row.open === rose), pick = (key) => some.map((row) => row[key]);
    top.segment(pick("x"), pick("high"), pick("x"), pick("low"), { line_color: bokeh.color(name) });
    top.vbar(pick("x"), CANDLE_MS, pick("close"), pick("open"), { fill_color: rose ? bokeh.color("--back") : bokeh.color(name), line_color: bokeh.color(name) });
  }
}

function marks(top, { candles, fills, levels, actions: found }) {
  const first = Date.parse(candles.sessions[0]), last = Date.parse(candles.sessions.at(-1));
  for (const [side, marker] of [["buy", "triangle"], ["sell", "inverted_triangle"]]) {
    const some = fills.filter((one) => one.side === side && Date.parse(one.at) >= first);
    top.scatter(some.map(({ at }) => Date.parse(at.slice(0, 10))), some.map(({ adjusted_price: price }) => price), { marker, size: 11, fill_color: bokeh.color("--accent"), line_color: bokeh.color("--back") });
  }
  for (const [which, name] of [["stop", "--bad"], ["target", "--good"]]) {
    const level = Number(levels?.[`${which}_price`]);
    if (level > 0) top.segment([last - 20 * 2 * HALF_DAY_MS], [level], [last + 4 * HALF_DAY_MS], [level], { line_color: bokeh.color(name), line_dash: "dashed", line_width: 2 });
  }
  const low = Math.min(...candles.low.filter(known)), some = found.filter(({ session }) => Date.parse(session) >= first);
  top.scatter(some.map(({ session }) => Date.parse(session)), some.map(() => low), { marker: "circle", size: 8, fill_color: bokeh.color("--line-3"), line_color: null });
}

/** Draw the scores; a session without a vote is a gap, not a line across it. */
function scores({ candles, votes: given }, x_range) {
  const bySession = new Map(given.map((one) => [one.session, one])), none = { votes: {}, score: NaN };
  const sessions = [...new Set([...candles.sessions, ...bySession.keys()])].sort(), found = sessions.map((session) => bySession.get(session) ?? none);
  const below = bokeh.figure({ height: 150, x_range }), x = sessions.map((session) => Date.parse(session)), mean = found.map(({ score }) => score);
  agents(found).forEach((agent, index) => below.line(x, found.map(({ votes: said_ }) => said_[agent] ?? NaN), { line_color: bokeh.color(COLORS[index % COLORS.length]), line_dash: DASHES[index % DASHES.length] }));
  below.line(x, mean, { line_color: bokeh.color("--text"), line_width: 3 });
  below.scatter(x, mean, { size: 4, fill_color: bokeh.color("--text"), line_color: null });
  bokeh.style(below, "0.0");
  return below;
}
