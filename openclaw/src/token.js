/** The engine's bearer token: one file of its owner's, never in a command line, an answer or a log. */

import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const TOKEN = /^[\x21-\x7e]{1,512}$/;

/** Give the token; null where there is no file. */
export function readToken(path) {
  let text;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
  if (!TOKEN.test(text)) throw new Error(`${path} does not hold a token: delete it and a new one is made.`);
  return text;
}

/** Give the token; draw one where there is no file. */
export function ensureToken(path) {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(path, `${randomBytes(32).toString("hex")}\n`, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    chmodSync(path, 0o600);
  }
  return readToken(path);
}
