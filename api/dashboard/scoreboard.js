// The scoreboard: books and agents with intervals, and whether an edge is shown.

import { ask } from "./ask.js";
import { by, fill, made, table } from "./dom.js";
import { known, percent, signed } from "./format.js";

const TONES = { shown: "good", "shown to be worse": "bad" };

const between = (low, high, format) => (known(low) && known(high) ? made("small", {}, `${format(low)} to ${format(high)}`) : null);
const ranged = (name, format) => (row) => [format(row[name]), " ", between(row[`${name}_low`], row[`${name}_high`], format)].filter((part) => part !== null);

function evidence({ evidence: found }) {
  if (!found) return made("span", { class: "quiet" }, "the yardstick");
  return [made("b", { class: TONES[found.state] ?? "" }, found.state), " ",
    made("small", {}, `evidence for ${found.e_value.toFixed(2)}, against ${found.e_value_worse.toFixed(2)}, ${found.sessions} sessions`)];
}

const BOOKS = [
  ["Book", ({ name }) => name],
  ["Edge", evidence, "text"],
  ["Sessions", ({ sessions }) => sessions, "number"],
  ["Last session", ({ return_last }) => percent(return_last, 2), "number"],
  ["Total", ({ return_total }) => percent(return_total, 2), "number"],
  ["Excess a year", ranged("excess", percent), "number"],
  ["Sharpe", ranged("sharpe", signed), "number"],
  ["Worst drawdown", ({ drawdown_max }) => percent(drawdown_max), "number"],
  ["Sessions left", ({ sessions_left }) => sessions_left ?? "–", "number"],
];
const AGENTS = [
  ["Agent", ({ name }) => name],
  ["Edge", evidence, "text"],
  ["Weight", ({ weight, counts }) => `${weight.toFixed(2)}${counts ? "" : " (does not count)"}`, "number"],
  ["Excess a year", ranged("excess", percent), "number"],
];

export async function load() {
  const board = await ask("/scoreboard");
  const empty = made("p", { class: "empty" }, "Nothing is known yet: the first figures stand here after the first close with the jobs on.");
  fill(by("scoreboard"),
    made("p", { class: "said" }, board.session
      ? `After ${board.session}. Each is judged by ${board.yardstick}; an edge counts as shown from evidence ${board.shown_min} up.`
      : "No session has been closed yet."),
    ...board.notes.map((note) => made("p", { class: "said" }, note)),
    board.shadow_books.length ? table("Books; in small: 95 % intervals", BOOKS, board.shadow_books) : empty,
    board.agents.length ? table("Agents: long what each ranked high, short what it ranked low", AGENTS, board.agents) : null);
}
