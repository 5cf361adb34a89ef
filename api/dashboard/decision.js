// The last decision: every ticker with its votes, and what risk said.

import { acted, isHeld } from "./action.js";
import { ask } from "./ask.js";
import { bar, by, fill, made, table, tickerLink } from "./dom.js";
import { moment, percent, signed, words } from "./format.js";
import { open } from "./why.js";

export async function load(decisionId) {
  const decision = await found(decisionId);
  fill(by("decision"), ...whole(decision, isHeld));
  sectors(decision.market.sectors);
}

const found = (decisionId) => ask(`/decisions/${encodeURIComponent(decisionId)}`);

/** Say anew what is held and what is not, once that is known. */
export function restate() {
  for (const said of document.querySelectorAll("#decision [data-action]")) said.textContent = acted(said.dataset.action, isHeld(said.dataset.ticker));
}

/** Fill a place with a past decision; what was held then is not known. */
export async function loadPast(decisionId, place) {
  fill(place, ...whole(await found(decisionId), () => undefined));
}

function whole(decision, holds) {
  const refused = new Map(decision.refused.map((one) => [one.ticker, one]));
  const agents = [...new Set(decision.decisions.flatMap(({ votes }) => votes.map(({ agent }) => agent)))];
  const columns = [
    ["Ticker", ({ ticker }) => tickerLink(ticker)],
    ["Why", ({ ticker }) => made("button", { class: "small", "aria-label": `Why ${ticker}`, onclick: () => open(decision, ticker) }, "why")],
    ["Action", ({ action, ticker }) => made("span", { class: action === "enter" ? "good" : action === "exit" ? "bad" : "", "data-action": action, "data-ticker": ticker }, acted(action, holds(ticker)))],
    ["Score", ({ score }) => [signed(score), bar(score)], "number"],
    ...agents.map((agent) => [agent, (one) => vote(one, agent), "number"]),
    ["Outcome", (one) => outcome(one, refused.get(one.ticker))],
  ];
  const { market, decision_id, as_of, cycle } = decision;
  return [
    made("p", { class: "said", "data-id": decision_id },
      `${words(cycle)} at ${moment(as_of)} · ${decision.decisions.length} decided, ${decision.orders.length} approved, ${decision.refused.length} refused` +
      (market.regime ? ` · ${words(market.regime)} ${percent(market.probabilities[market.regime], 0).replace("+", "")}` : "")),
    decision.decisions.length
      ? table(`Votes by agent (score, and its weight in the vote), ${decision_id}`, columns, decision.decisions)
      : made("p", { class: "empty" }, "This step decided on nothing."),
    silent(decision.abstained), told(decision.alerts), told(decision.notes),
  ];
}

function vote({ votes }, name) {
  const found = votes.find(({ agent }) => agent === name);
  if (!found) return made("span", { class: "quiet", title: "abstained" }, "–");
  return [made("span", { title: found.reason }, `${signed(found.score)} `, made("small", {}, `× ${found.weight.toFixed(2)}`)), bar(found.score)];
}

function outcome({ outcome: end, size, rule }, refusal) {
  if (refusal) return made("span", { class: "bad" }, `refused: ${words(refusal.rule)} `, made("small", {}, `${refusal.observed}, limit ${refusal.limit}`));
  if (size) return made("span", { class: "good" }, `approved ${percent(size.weight).replace("+", "")} `, made("small", {}, words(rule)));
  return made("span", { class: "quiet" }, end);
}

function silent(abstained) {
  if (!abstained.length) return null;
  const whole = abstained.filter(({ ticker }) => ticker === "*");
  const rest = abstained.length - whole.length;
  return made("p", { class: "said" }, "Abstained: ",
    [...whole.map(({ agent, reason }) => `${agent} (${reason})`), rest ? `${rest} on single tickers` : ""].filter(Boolean).join("; "));
}

const told = (lines) => (lines.length ? made("ul", { class: "notes" }, ...lines.map((line) => made("li", {}, line))) : null);

function sectors(found) {
  if (!found?.length) return;
  const lookbacks = Object.keys(found[0].momentum);
  const heat = (value) => `heat ${value === null ? "" : value < 0 ? "cold" : "hot"}${Math.min(3, Math.ceil(Math.abs(value ?? 0) * 25))}`;
  fill(by("sectors"), table("Excess return over SPY by lookback", [
    ["Sector", ({ sector, hot }) => [sector, hot ? made("small", { class: "good" }, " hot") : ""]],
    ...lookbacks.map((name) => [name, ({ momentum }) => made("span", { class: heat(momentum[name]) }, percent(momentum[name])), "number"]),
    ["Picks", ({ picks }) => picks.slice(0, 5).join(" "), "text"],
  ], [...found].sort((a, b) => a.rank - b.rank)));
}
