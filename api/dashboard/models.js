// The models: versions, figures out of sample, drift; train, and go back to the version before.

import { ask } from "./ask.js";
import { by, facts, fill, made, table } from "./dom.js";
import { known, moment, words } from "./format.js";

const number = (value) => (Number.isInteger(value) ? String(value) : value.toFixed(3));
const span = (window) => (window ? [window.first, window.last].filter(Boolean).join(" to ") : null);
const TRAINED = ["quant_retrain", "train"];

/** Show them; `acts` are the questions of control.js. */
export async function load(acts) {
  const { models, jobs } = await ask("/status");
  fill(by("models-page"),
    made("p", { class: "filter" },
      made("button", { onclick: acts.retrain }, "Retrain the ranker"),
      made("button", { onclick: () => acts.rollback(), disabled: (models.quant?.versions ?? []).length < 2 && "disabled" }, "Roll the ranker back"),
      made("button", { onclick: acts.train }, "Train RL")),
    made("p", { class: "said" }, "A new ranker is put in use by itself where its figures out of sample are not worse than those of the one in use; each retrain below says what it did and why."),
    ...Object.entries(models).flatMap(([name, card]) => [model(name, card, acts), ...members(name, card, acts)]),
    runs(jobs.filter(({ kind }) => TRAINED.includes(kind))));
}

function model(name, card, acts) {
  return made("article", { class: "card" }, made("h3", {}, name, " ", made("small", {}, card.state ?? voting(card))),
    facts({ model: card.model_id, trained: span(card.window), samples: card.samples, age: known(card.age_days) ? `${card.age_days} days` : null, news: card.news, source: card.source, worth: card.worth }),
    figures(`${name}: out of sample`, card.out_of_sample), drift(name, card), versions(name, card.versions, acts));
}

const voting = ({ votes }) => (known(votes) ? (votes ? "votes" : "does not vote") : "");

/** What a model is made of, such as the RL ensemble of its members: each as a model of its own. */
const members = (name, card, acts) => Object.entries(card.members ?? {}).map(([member, own]) => model(`${name}: ${member}`, own, acts));

function figures(caption, found) {
  const rows = Object.entries(found ?? {}).filter(([, value]) => typeof value === "number");
  return rows.length ? table(caption, [["Figure", ([name]) => words(name)], ["Value", ([, value]) => number(value), "number"]], rows) : null;
}

function drift(name, { drift: found, model_id }) {
  if (!found) return model_id ? made("p", { class: "said" }, "Drift: not measured.") : null;
  const moved = Object.entries(found.psi ?? {}).sort((a, b) => b[1] - a[1]);
  return made("div", {},
    made("p", { class: found.alarms?.length ? "bad" : "said" }, `Drift: ${found.alarms?.length ? found.alarms.join(" ") : found.state === "judged" ? "no alarm" : found.state}`,
      known(found.live?.rank_ic) ? `; live rank IC ${found.live.rank_ic.toFixed(3)} over ${found.live.sessions} sessions` : ""),
    moved.length ? table(`${name}: how far each factor has moved since the training`, [["Factor", ([factor]) => words(factor)], ["Population stability index", ([, value]) => value.toFixed(3), "number"]], moved) : null);
}

function versions(name, found, acts) {
  if (!found?.length) return null;
  return table(`${name}: versions kept, newest first`, [
    ["Model", ({ model_id }) => model_id], ["Saved", ({ saved_at }) => moment(saved_at)], ["Labels end", ({ labels_end }) => labels_end.slice(0, 10)],
    ["Samples", ({ samples }) => samples.toLocaleString("en-US"), "number"], ["In use", ({ in_use, model_id }) => (in_use ? made("b", { class: "good" }, "in use") : made("button", { class: "small", "aria-label": `Use ${model_id}`, onclick: () => acts.rollback(model_id) }, "use"))],
  ], found);
}

function runs(found) {
  if (!found.length) return made("p", { class: "empty" }, "Nothing has been trained since the start.");
  return table("Trainings since the start", [
    ["Job", ({ kind, job_id }) => made("span", { title: job_id }, words(kind))],
    ["Status", ({ status }) => made("span", { class: status === "failed" ? "bad" : "" }, status)],
    ["Done", ({ progress }) => made("progress", { value: progress, max: 1, "aria-label": `${Math.round(100 * progress)} %` })],
    ["Outcome", ({ result, error, message }) => (error ?? "").split("\n")[0] || outcome(result) || message, "text"],
  ], found);
}

function outcome(result) {
  if (!known(result?.promoted)) return "";
  return `${result.new?.model_id ?? "the new one"} ${result.promoted ? "is in use" : "is not put in use"}: ${result.reason}`;
}
