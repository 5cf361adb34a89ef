// What is not set up and need not be: said quietly, with a button where one call does it.

import { by, fill, made } from "./dom.js";
import { sorted } from "./condition.js";

/** Show it; `train()` begins the training of the RL ensemble. */
export function show(status, train) {
  const { optional } = sorted(status);
  const training = status.jobs.some(({ kind, status: at }) => kind === "train" && at === "running");
  by("optional-card").classList.toggle("none", !optional.length);
  fill(by("optional"), ...optional.map((line) => made("p", { class: "said" }, line, " ",
    line.includes("POST /train") ? made("button", { class: "small", disabled: training && "disabled", onclick: train }, training ? "training" : "Train RL") : null)));
}
