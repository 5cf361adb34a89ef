// Keeps a file of the daemon's: asked for with the token, which a link cannot carry.

import { token } from "./ask.js";
import { made } from "./dom.js";

async function download(path, name) {
  const answer = await fetch(path, { headers: token() ? { Authorization: `Bearer ${token()}` } : {} });
  if (!answer.ok) throw new Error((await answer.json()).detail);
  const link = made("a", { href: URL.createObjectURL(await answer.blob()), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Make a button that keeps a file; `failed(error)` is called where there is none. */
export function downloadButton(text, path, name, failed) {
  return made("button", { class: "small", onclick: () => download(path, name).catch(failed) }, text);
}
