// Halt, resume and flatten: each behind a confirmation.

import { ask } from "./ask.js";
import { by } from "./dom.js";

const ACTS = {
  halt: ["Halt trading?", "Nothing is sent from now on, not even inside a running step. Reads go on.", "Halt now"],
  resume: ["Resume trading?", "Orders are sent again. Losses are measured from here on.", "Resume trading"],
  flatten: ["Sell everything?", "Open buys are cancelled and every position is sold. Entries stay off until you resume.", "Sell everything"],
};

/** Bind the three buttons; `done` is called after an act, `failed(error)` when it was refused. */
export function prepare(done, failed) {
  by("confirm-no").onclick = () => by("confirm").close();
  for (const [name, [title, text, verb]] of Object.entries(ACTS)) {
    by(name).onclick = () => {
      by("confirm-title").textContent = title;
      by("confirm-text").textContent = text;
      by("confirm-yes").textContent = verb;
      by("confirm-yes").onclick = () => act(name, done, failed);
      by("confirm").showModal();
      by("confirm-no").focus();
    };
  }
}

async function act(name, done, failed) {
  by("confirm").close();
  try {
    await ask(`/${name}`, "POST", name === "halt" ? { reason: "halted from the dashboard" } : undefined);
    done();
  } catch (error) {
    failed(error);
  }
}

export function showState(state, reason) {
  by("state").textContent = state ?? "starting";
  by("state").className = `badge ${state === "active" ? "good" : state ? "bad" : "quiet"}`;
  by("state").title = reason ?? "";
  by("halt").disabled = state === "halted";
  by("resume").disabled = state === "active";
}
