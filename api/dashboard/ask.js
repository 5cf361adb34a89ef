// Asks the daemon; the token, if one is needed, lives in this tab only.

import { by } from "./dom.js";

/** Nobody answers: what the page shows is old. */
export class Unreachable extends Error {}

const KEPT = "trading-token";
let asking = null;

export const token = () => sessionStorage.getItem(KEPT) ?? "";

export async function ask(path, method = "GET", body = undefined) {
  const headers = token() ? { Authorization: `Bearer ${token()}` } : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) }).catch(() => {
    throw new Unreachable(`The daemon does not answer.${method === "GET" ? "" : " Whether it was done is not known: look at Orders and the log once it is back."}`);
  });
  if (answer.status === 401) {
    await askToken();
    return ask(path, method, body);
  }
  const said = await answer.json();
  if (!answer.ok) throw new Error([said.detail, said.hint].filter(Boolean).join(" "));
  return said;
}

function askToken() {
  asking ??= new Promise((resolve) => {
    by("token").showModal();
    by("token").onclose = () => {
      sessionStorage.setItem(KEPT, by("token-value").value);
      asking = null;
      resolve();
    };
  });
  return asking;
}
