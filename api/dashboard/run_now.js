// What each scheduled job does, done now: by the same calls that a person's curl makes.

import { ask } from "./ask.js";
import { made } from "./dom.js";
import { words } from "./format.js";

const decided = ({ orders, refused }) => `${orders.length} approved, ${refused.length} refused; Orders shows what became of them.`;
const begun = ({ job_id }) => `It runs as ${job_id}.`;

const NOW = {
  cron_regime: {
    text: () => "The regime is judged on the newest bars. No order is sent.",
    send: () => ask("/regime"), told: ({ regime }) => `The regime is ${words(regime)}.`,
  },
  cron_risk_check: {
    text: ({ route }) => `Every position is held against its stop and target, and what crossed one is sold. Orders go to ${route}.`,
    send: () => ask("/risk/check", "POST"), told: decided,
  },
  cron_decide: {
    text: ({ route }) => `The whole team decides, and what the limits approve is sent. Orders go to ${route}.`,
    send: () => ask("/decide/v3", "POST", { execute: true }), told: decided,
  },
  cron_weekly_retrain: {
    text: () => "The ranker is trained in a process beside trading. No order is sent.",
    send: () => ask("/quant/retrain?wait=false", "POST"), told: begun,
  },
  letter: {
    text: () => "The letter of the newest session is written with what is known by now. No order is sent.",
    send: () => ask("/letter", "POST"), told: ({ session }) => `The letter of ${session} is written.`,
  },
};

/** Make the button of a job; nothing for one that is not known here. */
export function runButton(name, confirm) {
  const act = NOW[name];
  return act ? made("button", { class: "small", "aria-label": `Run ${words(name)} now`, onclick: () => confirm({ title: `Run ${words(name)} now?`, verb: "Run now", ...act }) }, "run now") : "–";
}
