// Asks the daemon; the token, if one is needed, lives in this tab only.

import { by } from "./dom.js";

/** Nobody answers: what the page shows is old. */
export class Unreachable extends Error {}

const KEPT = "trading-token";
const ANSWER_MS_MAX = 60_000; // of a question; what changes something is waited for as long as it takes
let asking = null;

export const token = () => sessionStorage.getItem(KEPT) ?? "";

/** Ask, or send a command; `answerMsMax` is how long a question is waited for. */
export async function ask(path, method = "GET", body = undefined, answerMsMax = ANSWER_MS_MAX) {
  const used = token(), headers = used ? { Authorization: `Bearer ${used}` } : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const [answer, said] = await answered(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) }, answerMsMax);
  if (answer.status === 401) {
    if (used === token()) await askToken(); // else it was typed since this was asked
    return ask(path, method, body, answerMsMax);
  }
  if (said === null) throw new Error(`${path} was answered with ${answer.status} and no words of the daemon's; is another program on its port?`);
  if (!answer.ok) throw new Error([said.detail, said.hint].filter(Boolean).join(" "));
  return said;
}

/** The answer and its JSON, null where it is none. */
async function answered(path, request, msMax) {
  const reads = request.method === "GET", patience = new AbortController();
  const over = reads ? setTimeout(() => patience.abort(), msMax) : 0; // a frozen daemon holds its connections open
  try {
    const answer = await fetch(path, { ...request, signal: patience.signal });
    return [answer, parsed(await answer.text())];
  } catch {
    throw new Unreachable(`The daemon does not answer.${reads ? "" : " Whether it was done is not known: look at Orders and the log once it is back."}`);
  } finally {
    clearTimeout(over);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function askToken() {
  asking ??= new Promise((resolve) => {
    by("token-refused").textContent = token() ? "The engine refused this token. It has to be the value of TRADING_API_TOKEN that the engine was started with." : "";
    by("token-value").value = "";
    by("token").showModal();
    by("token").onclose = () => {
      sessionStorage.setItem(KEPT, by("token-value").value);
      asking = null;
      resolve();
    };
  });
  return asking;
}
