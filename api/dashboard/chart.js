// Equity against SPY and the equal-weight universe, with drawdown; drawn by Bokeh.

import * as bokeh from "./bokeh.js";
import { by, made } from "./dom.js";
import { known, money, percent, words } from "./format.js";

const LINES = [["equal_weight", "--line-3", "dashed"], ["spy", "--line-2", "solid"], ["equity", "--line-1", "solid"]];
const REDRAW_MS_MIN = 1_000;
const FLAT_SPAN = 0.1; // of an account that never fell: the library shows 200 %
let points = [], drawn = null, due = 0, drawing = Promise.resolve();

export async function show(found) {
  points = found.map(({ equity, ...rest }) => ({ ...rest, equity: known(equity) ? Number(equity) : null }));
  tell();
  await bokeh.load();
  drawing = drawing.then(async () => {
    if (drawn) drawn.source.data = columns();
    else await draw();
  });
  await drawing;
}

/** Move the newest point, or add one, and draw again at most once a second. */
export function extend(session, equity, drawdown) {
  const last = points.at(-1);
  if (last === undefined) return;
  const now = { ...last, session, equity: Number(equity), drawdown };
  if (last.session === session) points[points.length - 1] = now;
  else if (session > last.session) points = [...points.slice(1), now];
  due ||= setTimeout(() => {
    due = 0;
    tell();
    if (drawn) drawn.source.data = columns();
  }, REDRAW_MS_MIN);
}

/** Draw anew in the colours of the other scheme; the old figures are let go of. */
export function restyle() {
  drawing = drawing.then(async () => {
    if (!drawn) return;
    drawn.view.remove();
    await draw();
  });
}

const pick = (name) => points.map((point) => (known(point[name]) ? point[name] : NaN));
const columns = () => ({
  x: points.map(({ session }) => Date.parse(session)), drawdown: pick("drawdown"),
  ...Object.fromEntries(LINES.map(([name]) => [name, pick(name)])),
});

function tell() {
  const held = points.filter(({ equity }) => equity !== null);
  const first = held[0], last = held.at(-1);
  if (!last) return;
  const grown = (name) => percent(last[name] / first[name] - 1);
  by("equity-said").textContent =
    `${money(last.equity)} · engine ${grown("equity")}, SPY ${grown("spy")}, equal weight ${grown("equal_weight")} ` +
    `over ${held.length} session${held.length > 1 ? "s" : ""} · drawdown ${percent(last.drawdown)}`;
  ribbon();
}

/** One cell a session, coloured by the regime its last decision saw. */
function ribbon() {
  const seen = points.filter(({ regime }) => regime);
  by("ribbon").replaceChildren(...points.map(({ session, regime }) =>
    made("span", { class: regime ?? "none", title: `${session} ${words(regime ?? "no decision")}` })));
  by("ribbon").setAttribute("aria-label", seen.length
    ? `Regime by session: ${seen.filter(({ regime }) => regime === "high_vol").length} of ${seen.length} sessions of high volatility`
    : "Regime by session: none recorded");
}

async function draw() {
  const source = new window.Bokeh.ColumnDataSource({ data: columns() });
  const top = bokeh.figure({ height: 260 });
  for (const [field, name, line_dash] of LINES) {
    top.line({ field: "x" }, { field }, { source, line_dash, line_color: bokeh.color(name), line_width: field === "equity" ? 2.5 : 1.5 });
    if (field === "equity") top.scatter({ field: "x" }, { field }, { source, size: points.length > 60 ? 0 : 4, fill_color: bokeh.color(name), line_color: null });
  }
  const bottom = bokeh.figure({ height: 110, x_range: top.x_range });
  bottom.varea({ field: "x" }, 0, { field: "drawdown" }, { source, fill_color: bokeh.color("--bad"), fill_alpha: 0.35 });
  bottom.line({ field: "x" }, { field: "drawdown" }, { source, line_color: bokeh.color("--bad") });
  bottom.y_range.default_span = FLAT_SPAN;
  bokeh.style(top, "$0,0");
  bokeh.style(bottom, "0.0%");
  drawn = { source, view: await bokeh.show([top, bottom], by("equity-chart")) };
  by("equity-chart").dataset.drawn = "yes";
  performance.mark("first-chart");
}
