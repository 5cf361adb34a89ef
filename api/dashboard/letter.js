// The letter of a session: what was done, what it cost, what comes next.

import { ask, token } from "./ask.js";
import { by, fill, made } from "./dom.js";
import { downloadButton } from "./download.js";
import { moment, percent } from "./format.js";

/** Show the letter of `session`; empty is the newest. */
export async function load(failed, session) {
  const shown = (letter) => show(letter, failed);
  by("letter-day").onchange = () => {
    location.hash = `#/letter/${by("letter-day").value}`;
  };
  by("letter-write").onclick = () => ask("/letter", "POST").then(shown, refused);
  fill(by("letter"), made("p", { class: "empty" }, "Asking for the letter."));
  archive().catch(() => fill(by("letters"))); // where no letters are written, the letter itself says so
  await ask(session ? `/letter/${encodeURIComponent(session)}` : "/letter").then(shown, refused);
}

function show({ session, text, written_at, return_day }, failed) {
  by("letter-day").value = session;
  fill(by("letter"),
    made("h3", {}, `Session ${session}, ${percent(return_day, 2)}`),
    made("p", { class: "said" }, `Written ${moment(written_at)}`),
    made("pre", { class: "letter" }, text),
    made("p", {}, token() ? downloadButton("The whole letter, to print", `/letter/${session}/page`, `letter-${session}.html`, failed)
      : made("a", { href: `/letter/${session}/page`, target: "_blank", rel: "noopener" }, "The whole letter, to print")));
}

/** List the sessions that have a letter, newest first. */
async function archive() {
  const { sessions } = await ask("/letters");
  fill(by("letters"), sessions.length ? made("details", {}, made("summary", {}, `All letters (${sessions.length})`),
    made("ul", { class: "archive" }, ...sessions.map((session) => made("li", {}, made("a", { href: `#/letter/${session}` }, session))))) : null);
}

const refused = (error) => fill(by("letter"), made("p", { class: "empty" }, error.message));
