// Why a ticker was decided on: votes, factors, headlines, checks.

import { acted, isHeld } from "./action.js";
import { bar, by, fill, made, table } from "./dom.js";
import { percent, signed, words } from "./format.js";

export function open(decision, ticker) {
  const one = decision.decisions.find((found) => found.ticker === ticker);
  const refusal = decision.refused.find((found) => found.ticker === ticker);
  by("why-title").textContent = `Why ${acted(one.action, isHeld(ticker))} ${ticker}`;
  fill(by("why-body"),
    list("Reasons", one.reasons),
    made("h3", {}, "Votes"), votes(one),
    made("h3", {}, "Factors"), factors(one),
    made("h3", {}, "Headlines"), headlines(one),
    made("h3", {}, "Checks"), checks(one, refusal),
    made("p", { class: "quiet" }, `Decision ${decision.decision_id}, bars until ${decision.data.bars_until}, source ${decision.data.source}`));
  by("why-close").onclick = () => by("why").close();
  by("why").showModal();
}

const list = (title, lines) =>
  made("div", {}, made("h3", {}, title), made("ul", {}, ...lines.map((line) => made("li", {}, line))));

function votes({ votes: given }) {
  if (!given.length) return made("p", { class: "empty" }, "A rule decided; nobody voted.");
  return table("Votes", [
    ["Agent", ({ agent }) => agent],
    ["Score", ({ score }) => [signed(score), bar(score)], "number"],
    ["Weight", ({ weight }) => weight.toFixed(2), "number"],
    ["Confidence", ({ confidence }) => confidence.toFixed(2), "number"],
    ["Reason", ({ reason }) => reason],
    ["Model", ({ model_id }) => model_id || "–"],
  ], given);
}

function factors({ contributions, factors: z, p_outperform }) {
  const pushed = Object.entries(contributions).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
  if (!pushed.length) return made("p", { class: "empty" }, "The ranker said nothing of it.");
  const reach = Math.abs(pushed[0][1]) || 1;
  return made("div", {}, made("p", {}, `Probability to end in the top quarter: ${percent(p_outperform).replace("+", "")}`),
    table("What each factor added, in log-odds", [
      ["Factor", ([name]) => words(name)],
      ["Pushed", ([, value]) => [signed(value, 3), bar(value, reach)], "number"],
      ["z-score", ([name]) => signed(z[name]), "number"],
    ], pushed));
}

function headlines({ votes: given }) {
  const said = given.find(({ agent }) => agent === "sentiment");
  return made("p", said ? {} : { class: "empty" }, said ? said.reason : "No news of it was weighed.");
}

function checks({ checks: made_ }, refusal) {
  const rows = [...made_, ...(refusal ? [{ ...refusal, passed: false }] : [])];
  if (!rows.length) return made("p", { class: "empty" }, "No order was wanted, so no limit was asked.");
  return table("Limits and what was observed", [
    ["Rule", ({ rule }) => words(rule)],
    ["Limit", ({ limit }) => limit],
    ["Observed", ({ observed }) => observed],
    ["Passed", ({ passed }) => made("span", { class: passed ? "good" : "bad" }, passed ? "yes" : "no")],
  ], rows);
}
